//! The sleeping PID 1 of containers that only hold a namespace: fabric, wirer, examiner.

use anyhow::Context;
use rustix::process::WaitOptions;
use tokio::signal::unix::{SignalKind, signal};

/// Sleeps until it is told to end, and takes leave of orphans, which execs may leave behind.
pub(crate) fn run() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("start")?
        .block_on(async {
            let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
            let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
            let mut child = signal(SignalKind::child()).context("listen for SIGCHLD")?;
            loop {
                tokio::select! {
                    _ = terminate.recv() => return Ok(()),
                    _ = interrupt.recv() => return Ok(()),
                    _ = child.recv() => reap(),
                }
            }
        })
}

/// One signal may stand for many children.
fn reap() {
    while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
}
