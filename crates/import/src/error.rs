//! Why an import can fail.

use std::io;
use std::path::PathBuf;

use plateau_core::problem::Problem;

/// Why nothing could be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file or folder cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The material has problems.
    #[error("nothing was imported")]
    Problems(Vec<Problem>),
    /// The YAML writer failed.
    #[error("cannot write scenario.yaml")]
    Layout(#[source] Box<dyn std::error::Error + Send + Sync>),
}
