//! Bounds the user namespace of a node: nobody in it makes another one.
//!
//! In a namespace of their own making, root in a node would have every capability, and with them much
//! of the kernel that nodes are kept from. Docker's filter of system calls forbids it, Podman's does not.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use clap::Args;
use rustix::fs::{Mode, OFlags, openat};

use crate::{inherited, own_proc};

/// The kernel's limit, which each user namespace has for itself.
const LIMIT: &str = "sys/user/max_user_namespaces";

/// Held while a program is started, so that no other one inherits its descriptors.
static STARTING: Mutex<()> = Mutex::new(());

/// Which namespace.
#[derive(Args)]
pub(crate) struct BoundArgs {
    /// Descriptor of the user namespace
    #[arg(long)]
    users: RawFd,
}

/// Has a process of its own enter a user namespace and bound it, since a process of many threads cannot
/// enter one.
///
/// # Errors
/// The process fails.
pub(crate) fn bound(users: impl AsFd) -> io::Result<()> {
    let mut child = {
        let _alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        let users = inherited::give(users).map_err(io::Error::other)?;
        Command::new("/proc/self/exe")
            .args(["bound-namespaces", "--users"])
            .arg(users.as_raw_fd().to_string())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?
    };
    let status = child.wait()?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("it ended with {status}")))
}

/// Enters the namespace and bounds it.
pub(crate) fn run(arguments: &BoundArgs) -> anyhow::Result<()> {
    // The container's own `/proc/sys` is read-only.
    let proc = own_proc::make().context("cannot make a `/proc`")?;
    inherited::become_root_of(arguments.users)?;
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let limit = openat(&proc, LIMIT, flags, Mode::empty()).context("cannot open the limit")?;
    rustix::io::write(&limit, b"0").context("cannot write the limit")?;
    Ok(())
}
