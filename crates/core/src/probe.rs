//! Messages between daemon and agent for grading: a batch of questions in, a batch of facts out.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::question::Question;

pub use crate::question::Fact;

/// Largest batch or answer in bytes; both sides refuse more.
pub const MESSAGE_LIMIT: u64 = 32 << 20;

/// All questions for one node in one phase: the standard input of `plateau-agent probe`, as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeRequest {
    /// The questions, asked at the same time; the answers come in the same order.
    pub questions: Vec<ProbeQuestion>,
}

/// One question of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeQuestion {
    /// Identifier given back with the answer.
    pub id: String,
    /// Where to look.
    pub question: Question,
    /// Attributes to look at, by their names in the scenario language; others may be left out.
    pub wants: BTreeSet<String>,
    /// Most that the answer may take, in milliseconds.
    pub timeout_ms: u64,
}

/// The standard output of `plateau-agent probe`, as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeResponse {
    /// The agent's version.
    pub agent: String,
    /// One answer a question, in the order of the batch.
    pub answers: Vec<ProbeAnswer>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeAnswer {
    /// The question's identifier.
    pub id: String,
    /// What was seen.
    pub fact: Fact,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// Largest frame between daemon and observer, in bytes, without its length.
pub const FRAME_LIMIT: usize = MESSAGE_LIMIT as usize + FRAME_HEAD + LOOK_HEAD;

/// Bytes before the content of a frame: eight of the call's number, big-endian, and one of the kind.
const FRAME_HEAD: usize = 9;

/// Bytes of a call before its batch: the process, and the container with its length.
const LOOK_HEAD: usize = 4 + 1 + u8::MAX as usize;

/// What the daemon tells an engine's observer: a frame of the standard input of `plateau-grader observe`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObserverRequest {
    /// Number of the call, which the answer carries too.
    pub call: u64,
    /// What is to be done.
    pub action: ObserverAction,
}

/// What an observer is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObserverAction {
    /// Have a worker enter a node and answer a batch.
    Look {
        /// The node's first process, in the host's pid namespace.
        pid: u32,
        /// Identifier of the container that this process has to belong to, at most 255 bytes.
        container: String,
        /// A [`ProbeRequest`] as JSON.
        batch: Vec<u8>,
    },
    /// End a watch: what was seen is answered.
    Finish,
    /// Forget a call: its worker is killed, and nothing is answered.
    Cancel,
}

/// What an observer answers: a frame of the standard output of `plateau-grader observe`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObserverResponse {
    /// Number of the call.
    pub call: u64,
    /// A [`ProbeResponse`] as JSON, as the worker wrote it; or why there is none, in words.
    pub answer: Result<Vec<u8>, String>,
}

/// A frame that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a frame of {length} bytes makes no sense")]
pub struct ObserverFrameError {
    /// Length of the frame in bytes.
    pub length: usize,
}

const LOOK: u8 = 0;
const FINISH: u8 = 1;
const CANCEL: u8 = 2;
const ANSWERED: u8 = 3;
const FAILED: u8 = 4;

fn frame(call: u64, kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut frame = call.to_be_bytes().to_vec();
    frame.push(kind);
    frame.extend(parts.concat());
    frame
}

/// Number of the call, kind and content of a frame.
fn split_frame(frame: &[u8]) -> Result<(u64, u8, &[u8]), ObserverFrameError> {
    let error = ObserverFrameError {
        length: frame.len(),
    };
    let (call, rest) = frame.split_first_chunk().ok_or(error)?;
    let (kind, content) = rest.split_first().ok_or(error)?;
    Ok((u64::from_be_bytes(*call), *kind, content))
}

impl ObserverRequest {
    /// The frame, without its length.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match &self.action {
            ObserverAction::Look {
                pid,
                container,
                batch,
            } => {
                let container = container.as_bytes();
                let container = &container[..container.len().min(usize::from(u8::MAX))];
                let length = u8::try_from(container.len()).unwrap_or(u8::MAX);
                let parts = [&pid.to_be_bytes()[..], &[length], container, batch];
                frame(self.call, LOOK, &parts)
            }
            ObserverAction::Finish => frame(self.call, FINISH, &[]),
            ObserverAction::Cancel => frame(self.call, CANCEL, &[]),
        }
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// It is not a request.
    pub fn decode(frame: &[u8]) -> Result<Self, ObserverFrameError> {
        let error = ObserverFrameError {
            length: frame.len(),
        };
        let (call, kind, content) = split_frame(frame)?;
        let action = match (kind, content) {
            (LOOK, content) => {
                let (pid, rest) = content.split_first_chunk().ok_or(error)?;
                let (length, rest) = rest.split_first().ok_or(error)?;
                let parts = rest.split_at_checked(usize::from(*length));
                let (container, batch) = parts.ok_or(error)?;
                let container = str::from_utf8(container).map_err(|_| error)?;
                ObserverAction::Look {
                    pid: u32::from_be_bytes(*pid),
                    container: container.to_owned(),
                    batch: batch.to_vec(),
                }
            }
            (FINISH, []) => ObserverAction::Finish,
            (CANCEL, []) => ObserverAction::Cancel,
            _ => return Err(error),
        };
        Ok(Self { call, action })
    }
}

impl ObserverResponse {
    /// The frame, without its length.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match &self.answer {
            Ok(answer) => frame(self.call, ANSWERED, &[answer]),
            Err(reason) => frame(self.call, FAILED, &[reason.as_bytes()]),
        }
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// It is not a response.
    pub fn decode(frame: &[u8]) -> Result<Self, ObserverFrameError> {
        let (call, kind, content) = split_frame(frame)?;
        let answer = match kind {
            ANSWERED => Ok(content.to_vec()),
            FAILED => Err(String::from_utf8_lossy(content).into_owned()),
            _ => {
                return Err(ObserverFrameError {
                    length: frame.len(),
                });
            }
        };
        Ok(Self { call, answer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn requests_are_read_as_they_were_written(call: u64, pid: u32, container in "[0-9a-f]{0,255}", batch: Vec<u8>) {
            let look = ObserverAction::Look { pid, container, batch };
            for action in [look, ObserverAction::Finish, ObserverAction::Cancel] {
                let request = ObserverRequest { call, action };
                prop_assert_eq!(ObserverRequest::decode(&request.encode()), Ok(request));
            }
        }

        #[test]
        fn responses_are_read_as_they_were_written(call: u64, answer: Vec<u8>, reason: String) {
            for answer in [Ok(answer), Err(reason)] {
                let response = ObserverResponse { call, answer };
                prop_assert_eq!(ObserverResponse::decode(&response.encode()), Ok(response));
            }
        }

        #[test]
        fn what_is_not_a_frame_is_an_error_and_no_panic(bytes: Vec<u8>) {
            let _ = ObserverRequest::decode(&bytes);
            let _ = ObserverResponse::decode(&bytes);
        }
    }
}
