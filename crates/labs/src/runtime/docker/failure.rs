//! What the engine's client says, in our words.

use std::io::ErrorKind;
use std::time::Duration;

use bollard::errors::Error;

use crate::runtime::{Result, RuntimeError};

/// The engine's client waits this long for the head of an answer.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(120);

/// A failed call that concerns nothing in particular.
pub(super) fn failed(error: Error) -> RuntimeError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the client's enum grows")]
    match error {
        Error::DockerResponseServerError {
            status_code,
            message,
        } => answered(status_code, message),
        Error::DockerStreamError { error } => answered(500, error),
        Error::RequestTimeoutError => RuntimeError::Timeout {
            doing: "a call of the engine".to_owned(),
            limit: CLIENT_TIMEOUT,
        },
        Error::SocketNotFoundError(_) => RuntimeError::EngineUnreachable(Box::new(error)),
        other => transport(other),
    }
}

/// A failed call that concerns a container.
pub(super) fn of_container(container: &str) -> impl FnOnce(Error) -> RuntimeError {
    move |error| {
        let error = failed(error);
        let container = container.to_owned();
        if matches!(error, RuntimeError::Engine { status: 404, .. }) {
            RuntimeError::NoSuchContainer { container }
        } else if matches!(&error, RuntimeError::Conflict { message } if message.contains("is not running"))
        {
            RuntimeError::NotRunning { container }
        } else {
            error
        }
    }
}

/// A failed call that concerns an image.
pub(super) fn of_image(image: &str) -> impl FnOnce(Error) -> RuntimeError {
    move |error| {
        let error = failed(error);
        if matches!(error, RuntimeError::Engine { status: 404, .. }) {
            let image = image.to_owned();
            return RuntimeError::ImageMissing { image };
        }
        error
    }
}

/// Removing what is not there has succeeded.
pub(super) fn unless_missing(result: Result<()>) -> Result<()> {
    match result {
        Err(RuntimeError::NoSuchContainer { .. } | RuntimeError::ImageMissing { .. }) => Ok(()),
        other => other,
    }
}

fn answered(status: u16, message: String) -> RuntimeError {
    if message.contains("no space left on device") {
        RuntimeError::NoSpace { message }
    } else if status == 409 || message.contains("that name is already in use") {
        RuntimeError::Conflict { message }
    } else {
        RuntimeError::Engine { status, message }
    }
}

/// Looks down the chain of causes for what the operating system said.
fn transport(error: Error) -> RuntimeError {
    let mut kind = None;
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            kind = Some(io.kind());
        }
        cause = inner.source();
    }
    match kind {
        Some(ErrorKind::PermissionDenied) => RuntimeError::PermissionDenied(Box::new(error)),
        Some(ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            RuntimeError::EngineUnreachable(Box::new(error))
        }
        _ => RuntimeError::Transport(Box::new(error)),
    }
}
