//! The entrypoint of nodes: waits until the node is wired, then becomes the node's real init.
//!
//! A restart of a container destroys its links, but a real machine has its interfaces before its
//! first program runs. So the boot waits until the wirer has connected the node.

use std::ffi::OsString;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use plateau_core::wire::HOLD;
use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice, socket_with};
use tokio::signal::unix::{SignalKind, signal};

use crate::runtime;

/// Arguments of `init`.
#[derive(clap::Args)]
pub(crate) struct InitArgs {
    /// The real init and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// The interfaces that the node must have, with commas between them.
const INTERFACES: &str = "PLATEAU_INTERFACES";

/// Variables for this program, which the real init does not get.
const OWN_PREFIX: &str = "PLATEAU_";

/// Mounts of every start, which the wirer removes when the node may boot.
const HOLDING_MOUNTS: [&str; 4] = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", HOLD];

/// `SIGRTMIN+3`, with which an engine stops systemd.
const SIGRTMIN_PLUS_3: i32 = 37;

/// Waits, then becomes the real init. Returns only if a signal ends the wait.
pub(crate) fn run(arguments: &InitArgs) -> anyhow::Result<()> {
    let wanted = std::env::var(INTERFACES).unwrap_or_default();
    let wanted: Vec<&str> = wanted
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    if !wait_until_wired(&wanted)? {
        return Ok(());
    }
    let [program, arguments @ ..] = arguments.command.as_slice() else {
        anyhow::bail!("no program to run");
    };
    let mut command = Command::new(program);
    command.args(arguments);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(OWN_PREFIX.as_bytes()) {
            command.env_remove(name);
        }
    }
    Err(command.exec()).with_context(|| format!("cannot run `{}`", program.display()))
}

/// Waits without a time limit; false if a signal ends the wait.
fn wait_until_wired(wanted: &[&str]) -> anyhow::Result<bool> {
    // Before all else: the kernel drops a signal for which PID 1 has no handler.
    let runtime = runtime::single_threaded()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut halt = signal(SignalKind::from_raw(SIGRTMIN_PLUS_3))
            .context("cannot listen for SIGRTMIN+3")?;
        let probe = socket_with(
            AddressFamily::INET,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .context("cannot open a socket")?;
        let began = Instant::now();
        log(&format!(
            "plateau: waiting for interfaces {}",
            wanted.join(" ")
        ));
        let mut pause = Duration::from_millis(5);
        while !(has_interfaces(&probe, wanted) && is_released()?) {
            tokio::select! {
                _ = terminate.recv() => return Ok(false),
                _ = halt.recv() => return Ok(false),
                () = tokio::time::sleep(pause) => {}
            }
            // Short while a lab is being built, and little work if nobody builds it.
            if began.elapsed() > Duration::from_secs(2) {
                pause = (pause * 2).min(Duration::from_millis(50));
            }
        }
        let waited = began.elapsed().as_millis();
        log(&format!("plateau: interfaces ready after {waited} ms"));
        Ok(true)
    })
}

/// Whether all interfaces exist; asks the kernel, because sysfs may show another namespace.
fn has_interfaces(probe: &OwnedFd, wanted: &[&str]) -> bool {
    wanted
        .iter()
        .all(|name| netdevice::name_to_index(probe, name).is_ok())
}

/// Whether the mounts of the engine and the hold are gone.
fn is_released() -> anyhow::Result<bool> {
    let mounts =
        std::fs::read_to_string("/proc/self/mountinfo").context("cannot read the mounts")?;
    Ok(!mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .any(|path| HOLDING_MOUNTS.contains(&path)))
}

/// Writes a line to the container's log; nothing depends on whether that works.
fn log(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
