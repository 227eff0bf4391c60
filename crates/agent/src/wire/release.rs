//! Removes the engine's mounts from nodes, so that they behave like real machines.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::fd::AsFd;

use plateau_core::wire::{ENGINE_FILES, FilePart, HOLD, WireRequest};
use rustix::fs::{OFlags, StatVfsMountFlags, statvfs};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount_bind, mount_remount, unmount};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use super::error::WireError;
use super::files;
use super::process::{Process, Processes};
use super::users::Users;
use crate::namespaces;

/// The settings of the node's network namespace.
const NET_SETTINGS: &str = "/proc/sys/net";

/// Settings below it that are the host's, in whichever namespace they are written.
const HOST_SETTINGS: [&str; 1] = ["netfilter/nf_hooks_lwtunnel"];

/// What engines mount over files by which they mark containers as theirs.
const ENGINE_MARKS: [&str; 1] = ["/run/.containerenv"];

/// The node's own pseudo terminals.
const TERMINALS: &str = "/dev/pts";

/// Most of them at a time; all nodes of a host together have some 4096.
const TERMINAL_OPTIONS: &str = "mode=0620,ptmxmode=0666,max=64";

/// The group to which terminals belong.
const TERMINAL_GROUP: u32 = 5;

/// Writes files into nodes and releases some nodes, each on a thread of its own.
pub(crate) fn release(processes: &Processes, request: &WireRequest) -> Result<(), WireError> {
    let mut nodes: BTreeMap<u32, (Vec<&FilePart>, bool)> = BTreeMap::new();
    for file in &request.files {
        nodes.entry(file.node).or_default().0.push(file);
    }
    for pid in &request.release {
        nodes.entry(*pid).or_default().1 = true;
    }
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for (pid, (files, may_boot)) in nodes {
            let process = processes.get(pid)?;
            threads.push((
                pid,
                scope.spawn(move || release_node(process, &files, may_boot)),
            ));
        }
        for (pid, thread) in threads {
            thread.join().unwrap_or_else(|_| {
                Err(WireError::Release {
                    process: pid,
                    step: "run".to_owned(),
                    source: io::Error::other("the thread panicked"),
                })
            })?;
        }
        Ok(())
    })
}

/// Must run on a thread of its own, because the thread stays in the node's namespaces.
///
/// With `may_boot` the node boots afterwards: its hold is removed last.
fn release_node(process: &Process, files: &[&FilePart], may_boot: bool) -> Result<(), WireError> {
    let failed = |step: &str| {
        let step = step.to_owned();
        move |error: Errno| WireError::Release {
            process: process.pid,
            step,
            source: error.into(),
        }
    };
    let hierarchy = match may_boot {
        // Read before it is entered: there is no `/proc` of ours in there.
        true => Some(process.own_hierarchy()?),
        false => None,
    };
    let users = process.users()?;
    if may_boot && let Some(namespace) = process.user_namespace()? {
        // Before this thread is where no program of ours is.
        namespaces::bound(&namespace).map_err(|source| WireError::Release {
            process: process.pid,
            step: "bound its namespaces".to_owned(),
            source,
        })?;
    }
    let foreign = foreign_terminals();
    enter_namespaces(process).map_err(failed("enter its namespaces"))?;
    users.become_root().map_err(|source| WireError::Release {
        process: process.pid,
        step: "write as its root".to_owned(),
        source,
    })?;
    // Of these `sed -i` and `mv` fail while they are mount points.
    for path in ENGINE_FILES.iter().chain(&ENGINE_MARKS) {
        unmount_all(path).map_err(failed(&format!("unmount `{path}`")))?;
    }
    for file in files {
        files::write(file, &users).map_err(|source| WireError::File {
            process: process.pid,
            path: file.path.clone(),
            source,
        })?;
    }
    let Some(hierarchy) = hierarchy else {
        return Ok(());
    };
    hierarchy
        .give(&users)
        .map_err(|source| WireError::Release {
            process: process.pid,
            step: "give it its control groups".to_owned(),
            source,
        })?;
    let fresh = make_net_settings_writable();
    if fresh.map_err(failed(&format!("make `{NET_SETTINGS}` writable")))? {
        // Only then: settings that the node changed since its boot stay when it is wired again.
        reset_net_settings();
    }
    bound_terminals(&foreign, &users).map_err(failed(&format!("bound `{TERMINALS}`")))?;
    set_hostname(process).map_err(failed("set the host name"))?;
    unmount_all(HOLD).map_err(failed("let it boot"))?;
    // Succeeds only if the folder is empty: it stays if the candidate put something into it.
    let _ = std::fs::remove_dir(HOLD);
    Ok(())
}

/// Settings as on a newly installed machine. The engine disables IPv6 in namespaces without one of
/// its networks, and a new namespace inherits the host's forwarding. A kernel without IPv6 lacks
/// some of these settings.
fn reset_net_settings() {
    for (setting, value) in [
        ("ipv6/conf/all/disable_ipv6", "0"),
        ("ipv6/conf/default/disable_ipv6", "0"),
        ("ipv4/ip_forward", "0"),
        ("ipv6/conf/all/forwarding", "0"),
    ] {
        let _ = std::fs::write(format!("{NET_SETTINGS}/{setting}"), value);
    }
}

/// The pseudo terminals of the host and of the wirer, whose bound must not be changed.
fn foreign_terminals() -> Vec<u64> {
    ["/proc/1/root/dev/pts", TERMINALS]
        .iter()
        .filter_map(|path| rustix::fs::stat(*path).ok())
        .map(|found| found.st_dev)
        .collect()
}

/// Gives the node's pseudo terminals a bound of their own, so that it cannot use up the host's.
///
/// The options replace those that the engine mounted it with, which are the same but for the bound.
fn bound_terminals(foreign: &[u64], users: &Users) -> Result<(), Errno> {
    match rustix::fs::stat(TERMINALS) {
        Ok(found) if foreign.contains(&found.st_dev) => return Ok(()),
        Ok(_) => {}
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error),
    }
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    // Numbers of groups in options are those of this thread's user namespace.
    let Ok((_, group)) = users.outside(0, TERMINAL_GROUP) else {
        return Err(Errno::INVAL);
    };
    let options = format!("{TERMINAL_OPTIONS},gid={group}");
    match mount_remount(TERMINALS, flags, options) {
        // Not a mount, where there is no engine.
        Err(Errno::INVAL) => Ok(()),
        done => done,
    }
}

/// Sets the host name that the node's own file has, as every boot of a real machine does.
///
/// The engine sets the name of the container's creation, and root in the node may not change it.
fn set_hostname(process: &Process) -> Result<(), Errno> {
    let Some(name) = configured_hostname() else {
        return Ok(());
    };
    move_into_link_name_space(
        process.uts.as_fd(),
        Some(LinkNameSpaceType::HostNameAndNISDomainName),
    )?;
    match rustix::system::sethostname(name.as_bytes()) {
        // An invalid name leaves the current one.
        Ok(()) | Err(Errno::INVAL) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The name in `/etc/hostname`, if that is a regular file; root in the node may have put anything
/// there.
fn configured_hostname() -> Option<String> {
    let mut text = String::new();
    files::open_regular("/etc/hostname", OFlags::RDONLY)
        .and_then(|file| file.take(4096).read_to_string(&mut text))
        .ok()?;
    let mut lines = text.lines().map(str::trim);
    lines
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
}

/// Moves this thread into the node's mount and network namespaces.
///
/// The network namespace too, because `/proc/sys/net` shows that of the reading thread.
fn enter_namespaces(process: &Process) -> Result<(), Errno> {
    unshare_directory()?;
    move_into_link_name_space(process.net.as_fd(), Some(LinkNameSpaceType::Network))?;
    move_into_link_name_space(process.mounts.as_fd(), Some(LinkNameSpaceType::Mount))
}

/// Gives this thread its own root and working directory. The kernel requires that before a thread
/// changes its mount namespace.
#[expect(unsafe_code, reason = "no safe interface unshares these alone")]
fn unshare_directory() -> Result<(), Errno> {
    // SAFETY: the function is unsafe only because `UnshareFlags::FILES` could invalidate descriptors
    // that others own. `FS` does not affect descriptors.
    unsafe { unshare_unsafe(UnshareFlags::FS) }
}

/// Unmounts everything that is mounted on the path, if anything is.
fn unmount_all(path: &str) -> Result<(), Errno> {
    loop {
        match unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
            Ok(()) => {}
            // Not a mount point, or not there at all.
            Err(Errno::INVAL | Errno::NOENT | Errno::NOTDIR) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Makes the network settings writable by a separate mount; returns whether that was necessary.
///
/// The engine mounts all of `/proc/sys` read-only. The rest must stay so: a process that can write
/// `kernel.core_pattern` can run programs on the host.
fn make_net_settings_writable() -> Result<bool, Errno> {
    let found = match statvfs(NET_SETTINGS) {
        Ok(found) => found,
        Err(Errno::NOENT) => return Ok(false),
        Err(error) => return Err(error),
    };
    if !found.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Ok(false);
    }
    mount_bind(NET_SETTINGS, NET_SETTINGS)?;
    let flags = MountFlags::BIND | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount_remount(NET_SETTINGS, flags, "").inspect_err(|_| {
        // Otherwise the useless mount would hide the settings. The first error is the one to report.
        let _ = unmount(NET_SETTINGS, UnmountFlags::DETACH);
    })?;
    for setting in HOST_SETTINGS {
        let setting = format!("{NET_SETTINGS}/{setting}");
        match mount_bind(&setting, &setting) {
            Ok(()) => mount_remount(&setting, flags | MountFlags::RDONLY, "")?,
            // Not every kernel has it.
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
