//! What can go wrong with a terminal.

use std::path::PathBuf;

use plateau_core::api::{ApiError, Fault};
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
    #[error("there is no recording `{name}`")]
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
    /// As clients are told.
    #[must_use]
    pub fn api(&self) -> ApiError {
        let (code, fault) = match self {
            Self::Lab(error) => return error.api(),
            Self::Silent { .. } => ("terminal-silent", Fault::Outside),
            Self::Ended { .. } => ("terminal-ended", Fault::Outside),
            Self::Closed { .. } => ("terminals-closed", Fault::Input),
            Self::TooMany { .. } => ("too-many-terminals", Fault::Input),
            Self::NoRecording { .. } => ("recording-not-found", Fault::Input),
            Self::Read { .. } => ("state-unusable", Fault::Outside),
        };
        ApiError {
            code: code.to_owned(),
            fault,
            message: chain(self),
            hint: None,
            problems: vec![],
        }
    }
}
