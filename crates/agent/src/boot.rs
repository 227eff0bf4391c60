//! Waits until the node has booted.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;

use crate::probe::systemd::system_state;
use crate::runtime;

/// Arguments of `await-boot`.
#[derive(clap::Args)]
pub(crate) struct AwaitBootArgs {
    /// Time limit in milliseconds
    #[arg(long, default_value_t = 60_000)]
    timeout_ms: u64,
}

/// States of systemd while the node still boots, see systemctl(1).
const BOOTING_STATES: [&str; 2] = ["initializing", "starting"];

/// Short compared with a boot, long compared with one request to systemd.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Waits, and writes the final state of systemd to standard output.
pub(crate) fn run(arguments: &AwaitBootArgs) -> anyhow::Result<()> {
    let runtime = runtime::single_threaded()?;
    let limit = Duration::from_millis(arguments.timeout_ms);
    let state = runtime.block_on(async {
        let mut last = String::new();
        tokio::time::timeout(limit, wait_for_boot(&mut last))
            .await
            .map_err(|_| anyhow::anyhow!("not booted within {} s: {last}", limit.as_secs()))
    })?;
    writeln!(std::io::stdout(), "{state}").context("cannot write the answer")
}

/// Returns the first state after the boot; `last` has the latest state or error before it.
async fn wait_for_boot(last: &mut String) -> String {
    loop {
        match system_state().await {
            Ok(state) if !BOOTING_STATES.contains(&state.as_str()) => return state,
            Ok(state) => *last = state,
            Err(error) => *last = format!("{error:#}"),
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
