//! The entrypoint of nodes: waits until the node is wired, then becomes the node's real init.
//!
//! A restart of a container destroys its links, and a real machine has its interfaces before its
//! first program runs. So the boot is held until the wirer has been here.

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

/// What `init` is asked to do.
#[derive(clap::Args)]
pub(crate) struct Init {
    /// The real init and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// Lists the interfaces that the node must have, with commas.
const INTERFACES: &str = "PLATEAU_INTERFACES";

/// What is said to this program alone is not passed on.
const PREFIX: &str = "PLATEAU_";

/// What is mounted at every start and the wirer takes away.
const HELD_BY: [&str; 4] = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", HOLD];

/// `SIGRTMIN+3`, by which an engine stops a systemd.
const HALT: i32 = 37;

/// Waits, then becomes the real init. Comes back only when it was told to end while it waited.
pub(crate) fn run(init: &Init) -> anyhow::Result<()> {
    let wanted = std::env::var(INTERFACES).unwrap_or_default();
    let wanted: Vec<&str> = wanted
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    if !wait(&wanted)? {
        return Ok(());
    }
    let [program, arguments @ ..] = init.command.as_slice() else {
        anyhow::bail!("no program to become");
    };
    let mut command = Command::new(program);
    command.args(arguments);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            command.env_remove(name);
        }
    }
    Err(command.exec()).with_context(|| format!("become `{}`", program.display()))
}

/// Waits for as long as it takes; false when told to end.
fn wait(wanted: &[&str]) -> anyhow::Result<bool> {
    // The signals first: the kernel drops one that PID 1 has no handler for.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start")?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        let mut halt = signal(SignalKind::from_raw(HALT)).context("listen for SIGRTMIN+3")?;
        let probe = socket_with(
            AddressFamily::INET,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .context("open a socket")?;
        let began = Instant::now();
        say(&format!(
            "plateau: waiting for interfaces {}",
            wanted.join(" ")
        ));
        let mut pause = Duration::from_millis(5);
        while !(is_wired(&probe, wanted) && is_released()?) {
            tokio::select! {
                _ = terminate.recv() => return Ok(false),
                _ = halt.recv() => return Ok(false),
                () = tokio::time::sleep(pause) => {}
            }
            // Quick while a lab is being built; nearly no work in one that nobody builds.
            if began.elapsed() > Duration::from_secs(2) {
                pause = (pause * 2).min(Duration::from_millis(50));
            }
        }
        let waited = began.elapsed().as_millis();
        say(&format!("plateau: interfaces ready after {waited} ms"));
        Ok(true)
    })
}

/// Whether all interfaces are there; asks the kernel rather than sysfs, which may be another namespace's.
fn is_wired(probe: &OwnedFd, wanted: &[&str]) -> bool {
    wanted
        .iter()
        .all(|name| netdevice::name_to_index(probe, name).is_ok())
}

/// Whether the engine's mounts and the hold are gone.
fn is_released() -> anyhow::Result<bool> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").context("read the mounts")?;
    Ok(!mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .any(|place| HELD_BY.contains(&place)))
}

/// Writes a line to the container's log, which may have nobody to read it.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
