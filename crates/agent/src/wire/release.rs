//! Takes the engine's mounts away from nodes, so that they behave like real machines.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::fd::AsFd;

use plateau_core::wire::{FilePart, HOLD, WireRequest};
use rustix::fs::{FileType, Mode, OFlags, StatVfsMountFlags, statvfs};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount_bind, mount_remount, unmount};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use super::{Process, Processes, WireError, files};

/// What the engine mounts over a node's own files; `sed -i` and `mv` fail on a mount point.
const ENGINE_FILES: [&str; 3] = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

/// The settings of the node's own network namespace, and of nothing else.
const NET_SETTINGS: &str = "/proc/sys/net";

/// Puts files into nodes and releases some of them, each on a thread that lives for this alone.
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
        for (pid, (files, whole)) in nodes {
            let process = processes.get(pid)?;
            threads.push((
                pid,
                scope.spawn(move || release_one(process, &files, whole)),
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

/// Must run on a thread of its own: it leaves the thread in the node's namespaces.
///
/// The node may boot when it is released `whole`: its hold goes last.
fn release_one(process: &Process, files: &[&FilePart], whole: bool) -> Result<(), WireError> {
    let failed = |step: &str| {
        let step = step.to_owned();
        move |error: Errno| WireError::Release {
            process: process.pid,
            step,
            source: error.into(),
        }
    };
    enter(process).map_err(failed("enter its namespaces"))?;
    for path in ENGINE_FILES {
        unmount_all(path).map_err(failed(&format!("unmount `{path}`")))?;
    }
    for file in files {
        files::write(file).map_err(|source| WireError::File {
            process: process.pid,
            path: file.path.clone(),
            source,
        })?;
    }
    if !whole {
        return Ok(());
    }
    let fresh = open_net_settings();
    if fresh.map_err(failed(&format!("make `{NET_SETTINGS}` writable")))? {
        // What the node has set itself since it booted stays when it is wired again.
        as_installed();
    }
    name_host(process).map_err(failed("name the host"))?;
    unmount_all(HOLD).map_err(failed("let it boot"))?;
    // An empty folder; where the candidate put something into it, it is his.
    let _ = std::fs::remove_dir(HOLD);
    Ok(())
}

/// Settings as of a machine that was just installed: the engine switches IPv6 off in namespaces
/// without a network of its own, and a namespace begins with the forwarding of the host's. A kernel
/// without IPv6 has no such settings.
fn as_installed() {
    for (setting, value) in [
        ("ipv6/conf/all/disable_ipv6", "0"),
        ("ipv6/conf/default/disable_ipv6", "0"),
        ("ipv4/ip_forward", "0"),
        ("ipv6/conf/all/forwarding", "0"),
    ] {
        let _ = std::fs::write(format!("{NET_SETTINGS}/{setting}"), value);
    }
}

/// Gives the node the name that its own file says, as every boot of a real machine does.
///
/// The engine gives it the name that it was created with, and root in the node may not change it.
fn name_host(process: &Process) -> Result<(), Errno> {
    let Some(name) = written_name() else {
        return Ok(());
    };
    move_into_link_name_space(
        process.names.as_fd(),
        Some(LinkNameSpaceType::HostNameAndNISDomainName),
    )?;
    match rustix::system::sethostname(name.as_bytes()) {
        // What is no name leaves the one that the node has.
        Ok(()) | Err(Errno::INVAL) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The name in `/etc/hostname`, where a regular file has one; root in the node may have put anything there.
fn written_name() -> Option<String> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open("/etc/hostname", flags, Mode::empty()).ok()?;
    let is_file =
        FileType::from_raw_mode(rustix::fs::fstat(&file).ok()?.st_mode) == FileType::RegularFile;
    let mut text = String::new();
    if is_file {
        std::fs::File::from(file)
            .take(4096)
            .read_to_string(&mut text)
            .ok()?;
    }
    let mut lines = text.lines().map(str::trim);
    lines
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
}

/// Moves this thread into the node's mount and network namespaces.
///
/// The network one too, since `/proc/sys/net` shows that of whoever looks.
fn enter(process: &Process) -> Result<(), Errno> {
    leave_shared_directory()?;
    move_into_link_name_space(process.net.as_fd(), Some(LinkNameSpaceType::Network))?;
    move_into_link_name_space(process.mounts.as_fd(), Some(LinkNameSpaceType::Mount))
}

/// Gives this thread a root and working directory of its own; the kernel lets no thread that
/// shares them change its mount namespace.
#[allow(unsafe_code)]
fn leave_shared_directory() -> Result<(), Errno> {
    // SAFETY: unsafe for the sake of `UnshareFlags::FILES` alone, which could take descriptors away
    // from under their owners. `FS` touches no descriptor.
    unsafe { unshare_unsafe(UnshareFlags::FS) }
}

/// Unmounts everything that is mounted on the path, which may be nothing.
fn unmount_all(path: &str) -> Result<(), Errno> {
    loop {
        match unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
            Ok(()) => {}
            // No mount point, or not there at all: what was wanted.
            Err(Errno::INVAL | Errno::NOENT | Errno::NOTDIR) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Makes the network settings writable by a mount of their own, and says whether that was needed.
///
/// The engine mounts all of `/proc/sys` read-only. The rest of it must stay so: whoever may write
/// `kernel.core_pattern` runs programs on the host.
fn open_net_settings() -> Result<bool, Errno> {
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
        // A second mount for nothing would hide the first; the error that counts is the first one.
        let _ = unmount(NET_SETTINGS, UnmountFlags::DETACH);
    })?;
    Ok(true)
}
