//! The observer of an engine: one stream, with many calls in flight.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use plateau_core::probe::{FRAME_LIMIT, ObserverAction, ObserverRequest, ObserverResponse};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

use super::AgentError;
use crate::runtime::Attached;

/// Why an observer gave no answer.
#[derive(Debug, Error)]
pub enum ObserverError {
    /// There is no observer.
    #[error("cannot reach the observer")]
    Unreachable(#[source] AgentError),
    /// It ended, or the stream to it broke.
    #[error("the observer ended before it answered")]
    Ended,
    /// It took too long.
    #[error("no answer within {limit:?}")]
    Late {
        /// How long it was waited for.
        limit: Duration,
    },
    /// Its worker could not look.
    #[error("{reason}")]
    Failed {
        /// Why, in words.
        reason: String,
    },
}

/// What a call came to.
type Answer = Result<Vec<u8>, String>;

/// Callers that wait for an answer, by the numbers of their calls; `None` once the stream has ended.
type Callers = Option<BTreeMap<u64, oneshot::Sender<Answer>>>;

/// A stream to an observer, which ends when this and all calls are dropped.
pub(super) struct Observer {
    requests: mpsc::UnboundedSender<ObserverRequest>,
    callers: Arc<Mutex<Callers>>,
    last: AtomicU64,
}

impl Observer {
    /// Speaks with an observer that was just started.
    pub(super) fn new(attached: Attached) -> Self {
        let codec = LengthDelimitedCodec::builder()
            .max_frame_length(FRAME_LIMIT)
            .new_codec();
        let mut input = FramedWrite::new(attached.input, codec.clone());
        let mut output = FramedRead::new(attached.output, codec);
        let callers = Arc::new(Mutex::new(Some(BTreeMap::new())));
        let (requests, mut wanted) = mpsc::unbounded_channel::<ObserverRequest>();
        tokio::spawn(async move {
            while let Some(request) = wanted.recv().await {
                // Whoever reads notices as well.
                if input.send(Bytes::from(request.encode())).await.is_err() {
                    break;
                }
            }
        });
        let waiting = Arc::clone(&callers);
        tokio::spawn(async move {
            while let Some(Ok(frame)) = output.next().await {
                let Ok(response) = ObserverResponse::decode(&frame) else {
                    break;
                };
                if let Some(caller) = take_caller(&waiting, response.call) {
                    // Whoever asked may have gone.
                    let _ = caller.send(response.answer);
                }
            }
            // Everybody who waits learns that nothing will come.
            lock(&waiting).take();
        });
        Self {
            requests,
            callers,
            last: AtomicU64::new(0),
        }
    }

    /// Whether the stream has ended.
    pub(super) fn has_ended(&self) -> bool {
        lock(&self.callers).is_none()
    }

    /// Begins a call: a worker enters the node whose first process has this number in the host's pid
    /// namespace, and takes the batch, a `ProbeRequest` as JSON.
    ///
    /// # Errors
    /// The observer has ended.
    pub(super) fn call(
        &self,
        pid: u32,
        container: String,
        batch: Vec<u8>,
    ) -> Result<ObserverCall, ObserverError> {
        let call = self.last.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        lock(&self.callers)
            .as_mut()
            .ok_or(ObserverError::Ended)?
            .insert(call, sender);
        let begun = ObserverCall {
            call,
            answer,
            requests: self.requests.clone(),
            callers: Arc::clone(&self.callers),
        };
        begun.send(ObserverAction::Look {
            pid,
            container,
            batch,
        })?;
        Ok(begun)
    }
}

fn lock(callers: &Mutex<Callers>) -> MutexGuard<'_, Callers> {
    callers.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take_caller(callers: &Mutex<Callers>, call: u64) -> Option<oneshot::Sender<Answer>> {
    lock(callers).as_mut()?.remove(&call)
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").finish_non_exhaustive()
    }
}

/// A call that is under way. Dropping it kills its worker.
pub struct ObserverCall {
    call: u64,
    answer: oneshot::Receiver<Answer>,
    requests: mpsc::UnboundedSender<ObserverRequest>,
    callers: Arc<Mutex<Callers>>,
}

impl ObserverCall {
    /// Ends a watch: what was seen is answered.
    ///
    /// # Errors
    /// The observer has ended.
    pub fn finish(&self) -> Result<(), ObserverError> {
        self.send(ObserverAction::Finish)
    }

    /// The answer: a `ProbeResponse` as JSON, as the worker wrote it.
    ///
    /// # Errors
    /// The observer has ended, the answer takes longer than `limit`, or the worker could not look.
    pub async fn answer(mut self, limit: Duration) -> Result<Vec<u8>, ObserverError> {
        match tokio::time::timeout(limit, &mut self.answer).await {
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(reason))) => Err(ObserverError::Failed { reason }),
            Ok(Err(_)) => Err(ObserverError::Ended),
            Err(_) => Err(ObserverError::Late { limit }),
        }
    }

    fn send(&self, action: ObserverAction) -> Result<(), ObserverError> {
        let request = ObserverRequest {
            call: self.call,
            action,
        };
        self.requests
            .send(request)
            .map_err(|_| ObserverError::Ended)
    }
}

impl Drop for ObserverCall {
    fn drop(&mut self) {
        if take_caller(&self.callers, self.call).is_some() {
            // An observer that has ended has no worker left.
            let _ = self.send(ObserverAction::Cancel);
        }
    }
}

impl fmt::Debug for ObserverCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObserverCall")
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}
