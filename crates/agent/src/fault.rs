//! Injects a fault into this node, without the node's own programs.
//!
//! A node's disk is the engine's disk, which all labs share. So only a file system in memory with a
//! limited size is ever filled. The daemon has checked that before; it is checked again here, on the
//! opened folder, because the candidate can change what a path leads to.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;

use anyhow::{Context, bail, ensure};
use plateau_core::fault::{FaultRequest, FaultResponse};
use plateau_core::probe::MESSAGE_LIMIT;
use procfs::process::all_processes;
use rustix::fs::{
    AtFlags, FallocateFlags, Mode, OFlags, fallocate, fstatfs, open, openat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::message;
use crate::probe::process::{has_exited, match_program};

/// `TMPFS_MAGIC` of linux/magic.h.
const TMPFS: u64 = 0x0102_1994;

/// Bytes to allocate at once.
const CHUNK: u64 = 1 << 20;

/// How often processes are looked for again: a supervisor may restart them faster than that.
const ROUNDS: usize = 3;

/// Reads a request from standard input and writes the answer to standard output.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut text = Vec::new();
    std::io::stdin()
        .take(MESSAGE_LIMIT)
        .read_to_end(&mut text)
        .context("cannot read the request")?;
    let request: FaultRequest = serde_json::from_slice(&text).context("cannot read the request")?;
    let done = match &request {
        FaultRequest::Fill { path, file, leave } => fill(path, file, *leave),
        FaultRequest::Empty { path, file } => empty(path, file),
        FaultRequest::Kill { process } => kill(process),
    };
    let answer = match done {
        Ok(count) => FaultResponse::Done { count },
        Err(error) => FaultResponse::Failed {
            reason: format!("{error:#}"),
        },
    };
    message::write_line(&answer)
}

fn open_folder(path: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    open(path, flags, Mode::empty())
}

/// Allocates all free space but `leave` bytes. An existing file grows.
fn fill(path: &str, name: &str, leave: u64) -> anyhow::Result<u64> {
    ensure!(is_file_name(name), "`{name}` is not a valid file name");
    let folder = open_folder(path).with_context(|| format!("cannot open `{path}`"))?;
    let about = fstatfs(&folder).with_context(|| format!("cannot inspect `{path}`"))?;
    let in_memory = u64::try_from(about.f_type).is_ok_and(|kind| kind == TMPFS);
    if !in_memory || about.f_blocks == 0 {
        bail!("the file system of `{path}` is not in memory, or its size is not limited");
    }
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(&folder, name, flags, Mode::RUSR | Mode::WUSR)
        .with_context(|| format!("cannot create `{path}/{name}`"))?;
    let file = File::from(file);
    let initial_size = file.metadata().context("cannot inspect the file")?.len();
    let mut size = initial_size;
    loop {
        let about = fstatfs(&folder).with_context(|| format!("cannot inspect `{path}`"))?;
        let block = u64::try_from(about.f_bsize).unwrap_or(4096).max(1);
        let free = about.f_bavail.saturating_mul(block);
        let wanted = free.saturating_sub(leave).min(CHUNK) / block * block;
        if wanted == 0 {
            return Ok(size - initial_size);
        }
        match fallocate(&file, FallocateFlags::empty(), size, wanted) {
            Ok(()) => size += wanted,
            // Another process took the rest, so the file system is full.
            Err(Errno::NOSPC) => return Ok(size - initial_size),
            Err(error) => return Err(error).with_context(|| format!("cannot fill `{path}`")),
        }
    }
}

fn empty(path: &str, name: &str) -> anyhow::Result<u64> {
    ensure!(is_file_name(name), "`{name}` is not a valid file name");
    let folder = match open_folder(path) {
        Ok(folder) => folder,
        // The folder is gone, and the file with it.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(0),
        Err(error) => return Err(error).with_context(|| format!("cannot open `{path}`")),
    };
    match unlinkat(&folder, name, AtFlags::empty()) {
        Ok(()) => Ok(1),
        Err(Errno::NOENT) => Ok(0),
        Err(error) => Err(error).with_context(|| format!("cannot remove `{path}/{name}`")),
    }
}

fn is_file_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains('/')
}

/// Kills all processes that run a program, and looks again for those that started meanwhile.
fn kill(name: &str) -> anyhow::Result<u64> {
    let mut killed = 0;
    for _ in 0..ROUNDS {
        let found = kill_once(name)?;
        killed += found;
        if found == 0 {
            break;
        }
    }
    Ok(killed)
}

fn kill_once(name: &str) -> anyhow::Result<u64> {
    let myself = i32::try_from(std::process::id()).unwrap_or(0);
    let mut killed = 0;
    for process in all_processes().context("cannot read `/proc`")? {
        let process = match process {
            Err(ref error) if has_exited(error) => continue,
            process => process.context("cannot inspect a process")?,
        };
        // The first process of a node is never killed: that would stop the node.
        let Some(pid) = Pid::from_raw(process.pid).filter(|_| process.pid > 1) else {
            continue;
        };
        if process.pid == myself {
            continue;
        }
        // Opened before the program is matched, so that the signal reaches the same process.
        let handle = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => handle,
            Err(Errno::SRCH) => continue,
            Err(error) => return Err(error).context("cannot open a process"),
        };
        match match_program(&process, name) {
            Ok(Some(_)) => {}
            Ok(None) => continue,
            Err(ref error) if has_exited(error) => continue,
            Err(error) => return Err(error).context("cannot inspect a process"),
        }
        match pidfd_send_signal(&handle, Signal::KILL) {
            Ok(()) => killed += 1,
            Err(Errno::SRCH) => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot kill process {}", process.pid));
            }
        }
    }
    Ok(killed)
}
