//! The engine that everything talks to, where it is not the one that `DOCKER_HOST` names or the host's.

use std::path::PathBuf;
use std::sync::OnceLock;

/// The socket of the engine that was chosen for all that follows.
static CHOSEN: OnceLock<PathBuf> = OnceLock::new();

/// From now on this engine is talked to, by us and by whatever we start.
pub(crate) fn choose(socket: PathBuf) {
    // Chosen once a run.
    let _ = CHOSEN.set(socket);
}

/// What `DOCKER_HOST` has to be for whatever we start; `None` where it is right as it is.
pub(crate) fn docker_host() -> Option<String> {
    Some(format!("unix://{}", chosen()?.display()))
}

/// The socket of the engine that was chosen, where one was.
pub(crate) fn chosen() -> Option<PathBuf> {
    CHOSEN.get().cloned()
}
