//! Errors of the state on disk.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk;

/// A file of the state folder that could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It could not be read or written.
    #[error("could not {doing} `{path}`")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A path of a scenario leads out of its folder.
    #[error("file `{path}` of the scenario cannot be used: it leads out of the scenario's folder")]
    Outside {
        /// The path.
        path: String,
    },
}

impl StoreError {
    /// Says what was being done to which file when it failed.
    pub fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }

    /// Whether no space was left to write to.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if disk::is_full(source))
    }
}
