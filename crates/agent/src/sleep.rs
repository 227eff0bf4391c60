//! PID 1 of containers that only hold a namespace: fabric, wirer, examiner.

use anyhow::Context;
use rustix::process::WaitOptions;
use tokio::signal::unix::{SignalKind, signal};

use crate::runtime;

/// Sleeps until a signal ends it, and reaps orphans, which execs may leave behind.
pub(crate) fn run() -> anyhow::Result<()> {
    runtime::single_threaded()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let mut child = signal(SignalKind::child()).context("cannot listen for SIGCHLD")?;
        loop {
            tokio::select! {
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                _ = child.recv() => reap(),
            }
        }
    })
}

/// Reaps all ended children: one signal may stand for several.
fn reap() {
    while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
}
