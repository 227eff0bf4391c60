//! What can go wrong with the agent on an engine.

use thiserror::Error;

use crate::runtime::RuntimeError;
use crate::store::StoreError;

/// The agent could not be installed, or the wirer did not do its work.
#[derive(Debug, Error)]
pub enum AgentError {
    /// The executable could not be read.
    #[error(transparent)]
    Executable(#[from] StoreError),
    /// The engine failed.
    #[error("{doing}")]
    Engine {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: RuntimeError,
    },
    /// The wirer failed.
    #[error("could not {doing}: {reason}")]
    Wire {
        /// What it was doing.
        doing: String,
        /// The kernel's answer, or what was wrong with the wirer's.
        reason: String,
    },
}

impl AgentError {
    /// Says what the engine was asked to do when it failed.
    pub(super) fn engine(doing: &'static str) -> impl FnOnce(RuntimeError) -> Self {
        move |source| Self::Engine { doing, source }
    }
}
