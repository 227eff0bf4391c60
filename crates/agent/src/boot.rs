//! Waits until the node has booted.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;

use crate::probe::systemd::system_state;

/// What `await-boot` is asked to do.
#[derive(clap::Args)]
pub(crate) struct AwaitBoot {
    /// Most that it may take, in milliseconds
    #[arg(long, default_value_t = 60_000)]
    timeout_ms: u64,
}

/// System states of systemd in which its boot is still under way, see systemctl(1).
const UNDER_WAY: [&str; 2] = ["initializing", "starting"];

/// Between two looks: short beside a boot, long beside a look.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits, and says on standard output what the system is doing then.
pub(crate) fn run(boot: &AwaitBoot) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    let limit = Duration::from_millis(boot.timeout_ms);
    let state = runtime.block_on(async {
        let mut last = String::new();
        tokio::time::timeout(limit, booted(&mut last))
            .await
            .map_err(|_| anyhow::anyhow!("not booted within {} s: {last}", limit.as_secs()))
    })?;
    writeln!(std::io::stdout(), "{state}").context("cannot answer")
}

/// The first state in which the boot is over; `last` has what was seen before.
async fn booted(last: &mut String) -> String {
    loop {
        match system_state().await {
            Ok(state) if !UNDER_WAY.contains(&state.as_str()) => return state,
            Ok(state) => *last = state,
            Err(error) => *last = format!("{error:#}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
