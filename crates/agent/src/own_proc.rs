//! This process's own entry in `/proc`.
//!
//! A worker that looks at a node from outside has the node's `/proc`, in which it has no entry. It
//! brings a `/proc` of its own PID namespace with it, which is mounted nowhere and shows only itself.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

/// The `/proc` that was brought, in a process that has entered a node.
static BROUGHT: OnceLock<OwnedFd> = OnceLock::new();

/// Makes a `/proc` of this process's PID namespace, which [`open`] uses from now on.
///
/// # Errors
/// The process lacks CAP_SYS_ADMIN, or the kernel is older than 5.2.
pub(crate) fn bring() -> io::Result<()> {
    // Nothing is brought twice.
    let _ = BROUGHT.set(make()?);
    Ok(())
}

/// A `/proc` of this process's PID namespace, which is mounted nowhere.
///
/// # Errors
/// The process lacks CAP_SYS_ADMIN, or the kernel is older than 5.2.
pub(crate) fn make() -> io::Result<OwnedFd> {
    let context = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&context)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    Ok(fsmount(
        &context,
        FsMountFlags::FSMOUNT_CLOEXEC,
        attributes,
    )?)
}

/// Opens a file of this process's own entry for reading, such as `fd/3` or `net/tcp`.
///
/// # Errors
/// The file does not exist, or what stands behind it cannot be opened.
pub(crate) fn open(path: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let opened = match BROUGHT.get() {
        Some(proc) => openat(proc, format!("self/{path}"), flags, Mode::empty()),
        None => openat(CWD, format!("/proc/self/{path}"), flags, Mode::empty()),
    };
    Ok(File::from(opened?))
}
