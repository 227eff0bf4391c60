//! Descriptors that a process is started with, which are known by their numbers.

use std::os::fd::{AsFd, FromRawFd, OwnedFd, RawFd};

use anyhow::Context;
use rustix::process::{Gid, Uid};
use rustix::thread::{
    LinkNameSpaceType, move_into_link_name_space, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

/// A copy of a descriptor that every program inherits which is started before it is dropped.
pub(crate) fn give(descriptor: impl AsFd) -> anyhow::Result<OwnedFd> {
    // Without the flag that closes it at the start of a program.
    rustix::io::dup(descriptor).context("cannot pass a descriptor on")
}

/// Takes a descriptor that whoever started this process opened for it and named by its number.
#[expect(
    unsafe_code,
    reason = "a descriptor that was inherited is known by its number only"
)]
pub(crate) fn take(number: RawFd) -> OwnedFd {
    // SAFETY: the observer opened this descriptor for this process, nothing else here owns it, and each
    // is taken once.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// Enters a namespace of a node, whose descriptor is closed then: none that leads elsewhere stays open.
pub(crate) fn enter(number: RawFd, kind: LinkNameSpaceType) -> anyhow::Result<()> {
    move_into_link_name_space(take(number).as_fd(), Some(kind))
        .with_context(|| format!("cannot enter the node's namespace ({kind:?})"))
}

/// Enters the user namespace of a node, and becomes its root: with all capabilities there, and none
/// beyond it. There must be one thread.
pub(crate) fn become_root_of(users: RawFd) -> anyhow::Result<()> {
    enter(users, LinkNameSpaceType::User)?;
    let (user, group) = (Uid::ROOT, Gid::ROOT);
    set_thread_groups(&[])
        .and_then(|()| set_thread_res_gid(group, group, group))
        .and_then(|()| set_thread_res_uid(user, user, user))
        .context("cannot become root of the node")
}
