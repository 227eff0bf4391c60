//! Files that a node's processes hold although they have no name any more: they take space, and no
//! folder shows them.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, openat, readlinkat, statat};

/// Descriptors of one node that are looked at.
const MOST_DESCRIPTORS: usize = 1 << 18;

/// How the kernel marks the target of a descriptor whose file has no name.
const MARK: &[u8] = b" (deleted)";

/// Bytes that such files of a node's disk take.
///
/// # Errors
/// The node's first process has ended.
pub(super) fn bytes(first: u32) -> io::Result<u64> {
    let about = |path: String| statat(CWD, path, AtFlags::empty());
    let namespace = about(format!("/proc/{first}/ns/pid"))?;
    let disk = about(format!("/proc/{first}/root"))?.st_dev;
    let mut seen = BTreeSet::new();
    let (mut bytes, mut left) = (0, MOST_DESCRIPTORS);
    for process in folder(CWD, c"/proc")?.flatten() {
        let name = process.file_name();
        if !name.to_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        let number = name.to_string_lossy();
        // One that ends meanwhile, or that may not be looked at, is left out.
        let Ok(its) = about(format!("/proc/{number}/ns/pid")) else {
            continue;
        };
        if (its.st_dev, its.st_ino) != (namespace.st_dev, namespace.st_ino) {
            continue;
        }
        let Ok(held) = open(CWD, format!("/proc/{number}/fd")) else {
            continue;
        };
        for descriptor in Dir::read_from(&held)?.flatten() {
            if left == 0 {
                return Ok(bytes);
            }
            left -= 1;
            let name = descriptor.file_name();
            let target = readlinkat(&held, name, Vec::new());
            if !target.is_ok_and(|target| target.as_bytes().ends_with(MARK)) {
                continue;
            }
            let Ok(file) = statat(&held, name, AtFlags::empty()) else {
                continue;
            };
            if file.st_nlink == 0 && file.st_dev == disk && seen.insert(file.st_ino) {
                bytes += u64::try_from(file.st_blocks).unwrap_or(0) * 512;
            }
        }
    }
    Ok(bytes)
}

fn folder(parent: impl AsFd, name: &CStr) -> rustix::io::Result<Dir> {
    Dir::new(open(parent, name)?)
}

fn open(parent: impl AsFd, name: impl rustix::path::Arg) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}
