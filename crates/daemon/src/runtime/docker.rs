//! The runtime that is Docker.

use super::{Result, Runtime};
use std::sync::Arc;

/// Connects to the engine at `DOCKER_HOST`, or at the usual socket.
///
/// # Errors
/// Nobody listens there, or will not talk to us.
pub async fn connect() -> Result<Arc<dyn Runtime>> {
    unimplemented!()
}
