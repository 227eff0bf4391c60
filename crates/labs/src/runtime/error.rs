//! Errors of a container engine, with hints.

use std::time::Duration;

use plateau_core::api::ApiError;
use plateau_core::error::ErrorCode;

use crate::error::chain;

/// The error of the engine's client.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A call to an engine that failed.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// Nobody listens.
    #[error("cannot reach the container engine")]
    EngineUnreachable(#[source] Cause),
    /// Somebody listens and will not talk to us.
    #[error("the container engine's socket refuses us")]
    PermissionDenied(#[source] Cause),
    /// The engine does not have the image.
    #[error("no image named `{image}`")]
    ImageMissing {
        /// Its tag.
        image: String,
    },
    /// The engine does not have the container.
    #[error("no container named `{container}`")]
    NoSuchContainer {
        /// Its name or identifier.
        container: String,
    },
    /// The container does not run.
    #[error("container `{container}` does not run")]
    NotRunning {
        /// Its name or identifier.
        container: String,
    },
    /// The name is taken, or the thing is in use.
    #[error("conflict: {message}")]
    Conflict {
        /// The engine's words.
        message: String,
    },
    /// The disk is full.
    #[error("no space left on the engine's disk: {message}")]
    NoSpace {
        /// The engine's words.
        message: String,
    },
    /// It took too long.
    #[error("{doing} took longer than {limit:?}")]
    Timeout {
        /// What was being done.
        doing: String,
        /// How long it might have taken.
        limit: Duration,
    },
    /// An image could not be built.
    #[error("building failed: {message}")]
    Build {
        /// The engine's words.
        message: String,
    },
    /// The engine answered with another error.
    #[error("the container engine answered {status}: {message}")]
    Engine {
        /// HTTP status.
        status: u16,
        /// The engine's words.
        message: String,
    },
    /// The engine's answer was not understood, or the connection broke.
    #[error("the container engine's answer could not be read")]
    Transport(#[source] Cause),
    /// The fake was told to fail.
    #[error("call {call} was told to fail: {doing}")]
    Injected {
        /// Number of the call, from 1.
        call: usize,
        /// What was being done.
        doing: String,
    },
}

impl RuntimeError {
    /// What it is in the API.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::EngineUnreachable(_) => ErrorCode::EngineUnreachable,
            Self::PermissionDenied(_) => ErrorCode::EnginePermissionDenied,
            Self::ImageMissing { .. } => ErrorCode::ImageMissing,
            Self::NoSuchContainer { .. } => ErrorCode::ContainerMissing,
            Self::NotRunning { .. } => ErrorCode::ContainerNotRunning,
            Self::Conflict { .. } => ErrorCode::EngineConflict,
            Self::NoSpace { .. } => ErrorCode::NoSpace,
            Self::Timeout { .. } => ErrorCode::Timeout,
            Self::Build { .. } => ErrorCode::ImageBuildFailed,
            Self::Engine { .. } => ErrorCode::EngineError,
            Self::Transport(_) => ErrorCode::EngineTransport,
            Self::Injected { .. } => ErrorCode::Injected,
        }
    }

    /// As the API answers it.
    #[must_use]
    pub fn api(&self) -> ApiError {
        ApiError::new(self.code(), chain(self))
    }
}
