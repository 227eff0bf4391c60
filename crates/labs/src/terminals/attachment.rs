//! The one attachment of a terminal to the agent in its node.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use plateau_core::api::LabState;
use plateau_core::terminal::{FRAME_LIMIT, Frame};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

use super::{TerminalError, TerminalId, WindowSize};
use crate::lab::LabError;
use crate::labs::Labs;

/// Most that the agent may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// An exec of the agent that is attached to the terminal, and has answered.
pub(super) struct Attachment {
    /// What it said first.
    pub(super) first: Frame,
    pub(super) shown: OutputFrames,
    pub(super) typed: InputFrames,
}

/// What the terminal shows.
pub(super) struct OutputFrames(FramedRead<Pin<Box<dyn AsyncRead + Send>>, LengthDelimitedCodec>);

/// What is typed in it.
pub(super) struct InputFrames(FramedWrite<Pin<Box<dyn AsyncWrite + Send>>, LengthDelimitedCodec>);

impl Attachment {
    /// Attaches, and waits for the answer: an exec may begin in a node that is just going away.
    pub(super) async fn open(labs: &Labs, place: &TerminalId) -> Result<Self, TerminalError> {
        let TerminalId {
            lab,
            node,
            name,
            user,
        } = place;
        let attached = labs.terminal(lab, node, name, user).await?;
        let mut shown = OutputFrames(FramedRead::new(attached.output, codec()));
        match tokio::time::timeout(PATIENCE, shown.next()).await {
            Ok(Some(first)) => Ok(Self {
                first,
                shown,
                typed: InputFrames(FramedWrite::new(attached.input, codec())),
            }),
            Ok(None) | Err(_) => Err(TerminalError::Silent { node: node.clone() }),
        }
    }
}

impl OutputFrames {
    /// The next frame; `None` when the attachment is broken.
    pub(super) async fn next(&mut self) -> Option<Frame> {
        let frame = self.0.next().await?.ok()?;
        Frame::decode(&frame).ok()
    }
}

impl InputFrames {
    /// Passes on what is typed and how large the window is; comes back when the attachment is broken.
    /// What was passed on is told, where somebody wants to know.
    pub(super) async fn follow(
        &mut self,
        keys: &mut mpsc::Receiver<Bytes>,
        size: &mut watch::Receiver<Option<WindowSize>>,
        tell: Option<mpsc::Sender<Bytes>>,
    ) -> io::Result<()> {
        size.mark_changed();
        loop {
            let frame = tokio::select! {
                Ok(()) = size.changed() => match *size.borrow_and_update() {
                    Some(WindowSize { cols, rows }) => Frame::Resize { cols, rows },
                    None => continue,
                },
                Some(bytes) = keys.recv() => {
                    if let Some(tell) = &tell {
                        // Who listens is slower than who types only where a disk fails.
                        let _ = tell.try_send(bytes.clone());
                    }
                    Frame::Data(bytes.into())
                }
                else => return Ok(()),
            };
            self.0.send(Bytes::from(frame.encode())).await?;
        }
    }
}

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder()
        .max_frame_length(FRAME_LIMIT)
        .new_codec()
}

/// Whether a node that has no terminal now may have one again.
pub(super) fn may_come_back(error: &TerminalError) -> bool {
    match error {
        TerminalError::Silent { .. } => true,
        TerminalError::Lab(LabError::NotReady { state, .. }) => match state {
            LabState::Building | LabState::Ready | LabState::Recovering => true,
            LabState::Failed | LabState::Removing | LabState::Removed => false,
        },
        TerminalError::Lab(LabError::NoSuchLab { .. } | LabError::NoSuchNode { .. }) => false,
        TerminalError::Lab(LabError::GivenUp { .. }) => false,
        // The node is off, or the engine cannot be reached.
        TerminalError::Lab(_) => true,
        TerminalError::Ended { .. }
        | TerminalError::Closed { .. }
        | TerminalError::TooMany { .. }
        | TerminalError::NoRecording { .. }
        | TerminalError::Read { .. } => false,
    }
}
