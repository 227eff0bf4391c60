//! The failures of making a PDF, and the exit code of each.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why there is no PDF.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// Standard input broke off.
    #[error("read standard input")]
    Read(#[source] io::Error),
    /// There is more JSON than any document has.
    #[error("the JSON is longer than {} MiB", limit >> 20)]
    TooLong {
        /// Most bytes.
        limit: u64,
    },
    /// It is not valid JSON, or not that of the document. The cause says line and column.
    #[error("the JSON is not that of this document")]
    Json(#[source] serde_json::Error),
    /// The folder of fonts is not there.
    #[error("`{}` is not a folder of fonts", path.display())]
    Fonts {
        /// The folder.
        path: PathBuf,
    },
    /// The typesetter refused, which no JSON should bring it to.
    #[error("set the document: {said}")]
    Typeset {
        /// What it said.
        said: String,
    },
    /// Standard output is gone.
    #[error("write standard output")]
    Write(#[source] io::Error),
}

impl Failure {
    /// The process's exit code, as the `plateau` command has them.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::TooLong { .. } | Self::Json(_) | Self::Fonts { .. } => 2,
            Self::Read(_) | Self::Typeset { .. } | Self::Write(_) => 3,
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Typeset { .. } => Some("this is a mistake of plateau-report; please report it"),
            Self::Read(_)
            | Self::TooLong { .. }
            | Self::Json(_)
            | Self::Fonts { .. }
            | Self::Write(_) => None,
        }
    }

    /// The failure and its cause on one line.
    pub(crate) fn chain(&self) -> String {
        match std::error::Error::source(self) {
            Some(cause) => format!("{self}: {cause}"),
            None => self.to_string(),
        }
    }
}
