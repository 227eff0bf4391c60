//! The async runtime of every role: one thread.

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};

/// A runtime that runs on the calling thread.
pub(crate) fn single_threaded() -> anyhow::Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")
}
