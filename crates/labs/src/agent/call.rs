//! A call of the wirer that stays open.

use std::fmt;
use std::pin::Pin;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{FramedRead, FramedWrite, LinesCodec, LinesCodecError};

use crate::runtime::Attached;

/// Most bytes of the wirer's answer.
const ANSWER_LIMIT: usize = 1 << 20;

/// A running program of the wirer, which answers one request after the other.
pub(super) struct Call {
    requests: FramedWrite<Pin<Box<dyn AsyncWrite + Send>>, LinesCodec>,
    answers: FramedRead<Pin<Box<dyn AsyncRead + Send>>, LinesCodec>,
}

impl Call {
    pub(super) fn new(attached: Attached) -> Self {
        Self {
            requests: FramedWrite::new(attached.input, LinesCodec::new()),
            answers: FramedRead::new(
                attached.output,
                LinesCodec::new_with_max_length(ANSWER_LIMIT),
            ),
        }
    }

    pub(super) async fn ask(&mut self, request: &str) -> Result<String, LinesCodecError> {
        self.requests.send(request).await?;
        let answer = self.answers.next().await;
        answer.unwrap_or_else(|| {
            let ended = std::io::Error::other("the wirer ended without an answer");
            Err(LinesCodecError::Io(ended))
        })
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}
