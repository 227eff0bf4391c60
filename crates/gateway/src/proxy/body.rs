//! Forwarded bodies: streams without a size limit, with an idle timeout.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use thiserror::Error;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

type Boxed = Box<dyn std::error::Error + Send + Sync>;

/// The idle timeout of a body.
#[derive(Debug, Error)]
#[error("not a byte for {} s", .0.as_secs())]
pub(super) struct IdleTimeout(Duration);

/// When the last byte of a request or its answer came. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct ActivityMonitor {
    last: Arc<Mutex<Instant>>,
    patience: Duration,
}

impl ActivityMonitor {
    /// One that beats now.
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            last: Arc::new(Mutex::new(Instant::now())),
            patience,
        }
    }

    fn beat(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn end(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) + self.patience
    }

    /// Waits until it has been quiet for too long.
    pub(super) async fn quiet(self) -> IdleTimeout {
        loop {
            let end = self.end();
            if end <= Instant::now() {
                return IdleTimeout(self.patience);
            }
            tokio::time::sleep_until(end).await;
        }
    }
}

/// A body whose bytes are heard.
pub(super) struct MonitoredBody<B> {
    body: B,
    pulse: ActivityMonitor,
    /// Ends it; absent where somebody else listens for that.
    quiet: Option<Pin<Box<dyn Future<Output = IdleTimeout> + Send>>>,
    /// One of those at the same time, until it ends.
    _place: Option<OwnedSemaphorePermit>,
}

impl<B> MonitoredBody<B> {
    /// A request's, while whose answer is waited for.
    pub(super) fn request(body: B, pulse: ActivityMonitor) -> Self {
        Self {
            body,
            pulse,
            quiet: None,
            _place: None,
        }
    }

    /// An answer's.
    pub(super) fn answer(body: B, pulse: ActivityMonitor, place: OwnedSemaphorePermit) -> Self {
        Self {
            body,
            quiet: Some(Box::pin(pulse.clone().quiet())),
            pulse,
            _place: Some(place),
        }
    }
}

impl<B: Body<Data = Bytes, Error: Into<Boxed>> + Unpin> Body for MonitoredBody<B> {
    type Data = Bytes;
    type Error = Boxed;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Boxed>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.pulse.beat();
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let Some(quiet) = &mut this.quiet else {
            return Poll::Pending;
        };
        let quiet = ready!(quiet.as_mut().poll(context));
        // Asked again, it is over.
        this.quiet = None;
        Poll::Ready(Some(Err(quiet.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body as AnyBody;
    use futures_util::StreamExt as _;
    use tokio::sync::{Semaphore, mpsc};
    use tokio_stream::wrappers::ReceiverStream;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(60);

    #[tokio::test]
    async fn a_body_ends_when_no_byte_comes_and_gives_its_place_back() {
        let places = Arc::new(Semaphore::new(1));
        let place = Arc::clone(&places).try_acquire_owned().unwrap();
        let (sender, receiver) = mpsc::channel::<Result<Bytes, Boxed>>(1);
        let body = AnyBody::from_stream(ReceiverStream::new(receiver));
        let heard = MonitoredBody::answer(body, ActivityMonitor::new(PATIENCE), place);
        let mut heard = AnyBody::new(heard).into_data_stream();
        sender.send(Ok(Bytes::from_static(b"one"))).await.unwrap();
        assert_eq!(heard.next().await.unwrap().unwrap(), "one");
        let begun = Instant::now();
        let error = heard.next().await.unwrap().unwrap_err();
        assert!(format!("{error:?}").contains("IdleTimeout"), "{error:?}");
        assert!(begun.elapsed() >= PATIENCE / 2);
        assert_eq!(places.available_permits(), 0);
        drop(heard);
        assert_eq!(places.available_permits(), 1);
    }

    #[tokio::test]
    async fn whoever_is_heard_has_their_time_anew() {
        let pulse = ActivityMonitor::new(PATIENCE);
        let body = AnyBody::from("x");
        let mut heard =
            AnyBody::new(MonitoredBody::request(body, pulse.clone())).into_data_stream();
        let before = pulse.end();
        heard.next().await.unwrap().unwrap();
        assert!(pulse.end() > before);
    }
}
