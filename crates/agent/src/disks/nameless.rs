//! Files that a node's processes hold although they have no name any more: they take space, and no
//! folder shows them.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, openat, statat, statfs};

/// Descriptors of one node that are looked at, those of each thread.
const MOST_DESCRIPTORS: usize = 1 << 20;

/// Overlay file systems, by which engines give containers their disks (statfs(2)).
const OVERLAY: i64 = 0x794c_7630;

/// What such files of a node take.
#[derive(Debug, Default)]
pub(super) struct Nameless {
    /// Bytes.
    pub(super) bytes: u64,
    /// Whether there are more descriptors than can be looked at.
    pub(super) cut: bool,
}

/// Looks at the descriptors of all threads of a node.
///
/// Which disk a file is on says its file system, and not where the node's root is: any process can give
/// itself another root, and any thread another table of descriptors.
///
/// # Errors
/// The node's first process has ended.
pub(super) fn look(first: u32) -> io::Result<Nameless> {
    let about = |path: String| statat(CWD, path, AtFlags::empty());
    let namespace = about(format!("/proc/{first}/ns/pid"))?;
    let disk = about(format!("/proc/{first}/root"))?.st_dev;
    let mut seen = BTreeSet::new();
    let (mut found, mut left) = (Nameless::default(), MOST_DESCRIPTORS);
    for process in numbers(folder(CWD, c"/proc")?) {
        // One that ends meanwhile, or that may not be looked at, is left out.
        let Ok(its) = about(format!("/proc/{process}/ns/pid")) else {
            continue;
        };
        if (its.st_dev, its.st_ino) != (namespace.st_dev, namespace.st_ino) {
            continue;
        }
        let Ok(threads) = open(CWD, format!("/proc/{process}/task")).and_then(Dir::new) else {
            continue;
        };
        for thread in numbers(threads) {
            let Ok(held) = open(CWD, format!("/proc/{process}/task/{thread}/fd")) else {
                continue;
            };
            for descriptor in Dir::read_from(&held)?.flatten() {
                if left == 0 {
                    found.cut = true;
                    return Ok(found);
                }
                left -= 1;
                let name = descriptor.file_name();
                let Ok(file) = statat(&held, name, AtFlags::empty()) else {
                    continue;
                };
                if file.st_nlink > 0 || !seen.insert((file.st_dev, file.st_ino)) {
                    continue;
                }
                let name = name.to_string_lossy();
                let path = format!("/proc/{process}/task/{thread}/fd/{name}");
                let is_overlay = statfs(path).is_ok_and(|system| system.f_type == OVERLAY);
                if is_overlay || file.st_dev == disk {
                    found.bytes += u64::try_from(file.st_blocks).unwrap_or(0) * 512;
                }
            }
        }
    }
    Ok(found)
}

/// The entries of a folder of `/proc` that are numbers.
fn numbers(folder: Dir) -> impl Iterator<Item = String> {
    folder.flatten().filter_map(|entry| {
        let name = entry.file_name().to_str().ok()?;
        name.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| name.to_owned())
    })
}

fn folder(parent: impl AsFd, name: &CStr) -> rustix::io::Result<Dir> {
    Dir::new(open(parent, name)?)
}

fn open(parent: impl AsFd, name: impl rustix::path::Arg) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}
