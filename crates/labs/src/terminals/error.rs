//! Errors of terminals.

use std::path::PathBuf;

use plateau_core::api::ApiError;
use plateau_core::error::ErrorCode;
use thiserror::Error;

use crate::error::chain;
use crate::lab::LabError;

/// Why there is no terminal, or no recording of one.
#[derive(Debug, Error)]
pub enum TerminalError {
    /// The lab has none to give.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The agent did not say anything.
    #[error("the terminal of node `{node}` does not answer")]
    Silent {
        /// The node.
        node: String,
    },
    /// Its shell ends as soon as it begins.
    #[error("the terminal of node `{node}` ended")]
    Ended {
        /// The node.
        node: String,
    },
    /// What was done in it has been handed in.
    #[error("the terminals of lab `{lab}` are closed")]
    Closed {
        /// The lab.
        lab: String,
    },
    /// There are too many already.
    #[error("lab `{lab}` has {most} terminals open, and may not have more")]
    TooMany {
        /// The lab.
        lab: String,
        /// How many it may have.
        most: usize,
    },
    /// There is no such recording.
    #[error("no recording named `{name}`")]
    NoRecording {
        /// What was asked for.
        name: String,
    },
    /// The recordings cannot be read.
    #[error("could not read `{}`", path.display())]
    Read {
        /// The file or the folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl TerminalError {
    /// What it is in the API.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Lab(error) => error.code(),
            Self::Silent { .. } => ErrorCode::TerminalSilent,
            Self::Ended { .. } => ErrorCode::TerminalEnded,
            Self::Closed { .. } => ErrorCode::TerminalsClosed,
            Self::TooMany { .. } => ErrorCode::TooManyTerminals,
            Self::NoRecording { .. } => ErrorCode::RecordingNotFound,
            Self::Read { .. } => ErrorCode::StateUnusable,
        }
    }

    /// As clients are told.
    #[must_use]
    pub fn api(&self) -> ApiError {
        if let Self::Lab(error) = self {
            return error.api();
        }
        ApiError::new(self.code(), chain(self))
    }
}
