//! Makes a fault in this node, without the node's own programs.
//!
//! A disk of a node is the disk of its engine, which serves everybody. So only a file system in
//! memory whose size is limited is ever filled, and that is looked at once more here, on the folder
//! that was opened: what a path leads to is the candidate's to change.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use anyhow::{Context, bail, ensure};
use plateau_core::fault::{FaultAnswer, FaultRequest};
use plateau_core::probe::MESSAGE_LIMIT;
use procfs::process::all_processes;
use rustix::fs::{
    AtFlags, FallocateFlags, Mode, OFlags, fallocate, fstatfs, open, openat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::probe::process::{has_gone, matching};

/// `TMPFS_MAGIC` of linux/magic.h.
const TMPFS: u64 = 0x0102_1994;

/// How much is taken at once.
const CHUNK: u64 = 1 << 20;

/// Processes that come again as fast as they are killed are a supervisor's, and not waited out.
const ROUNDS: usize = 3;

/// Reads a request from standard input and writes the answer to standard output.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut text = Vec::new();
    std::io::stdin()
        .take(MESSAGE_LIMIT)
        .read_to_end(&mut text)
        .context("read the request")?;
    let request: FaultRequest = serde_json::from_slice(&text).context("read the request")?;
    let done = match &request {
        FaultRequest::Fill { path, file, leave } => fill(path, file, *leave),
        FaultRequest::Empty { path, file } => empty(path, file),
        FaultRequest::Kill { process } => kill(process),
    };
    let answer = match done {
        Ok(count) => FaultAnswer::Done { count },
        Err(error) => FaultAnswer::Failed {
            reason: format!("{error:#}"),
        },
    };
    let mut line = serde_json::to_vec(&answer).context("write the answer")?;
    line.push(b'\n');
    std::io::stdout()
        .write_all(&line)
        .context("write the answer")
}

fn folder(path: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    open(path, flags, Mode::empty())
}

/// Takes what is free, but for what is to be left. A file that is there grows.
fn fill(path: &str, name: &str, leave: u64) -> anyhow::Result<u64> {
    ensure!(is_plain(name), "`{name}` is not the name of a file");
    let folder = folder(path).with_context(|| format!("open `{path}`"))?;
    let about = fstatfs(&folder).with_context(|| format!("look at `{path}`"))?;
    let in_memory = u64::try_from(about.f_type).is_ok_and(|kind| kind == TMPFS);
    if !in_memory || about.f_blocks == 0 {
        bail!("the file system of `{path}` is not in memory, or its size is not limited");
    }
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(&folder, name, flags, Mode::RUSR | Mode::WUSR)
        .with_context(|| format!("make `{path}/{name}`"))?;
    let file = File::from(file);
    let begun = file.metadata().context("look at the file")?.len();
    let mut size = begun;
    loop {
        let about = fstatfs(&folder).with_context(|| format!("look at `{path}`"))?;
        let block = u64::try_from(about.f_bsize).unwrap_or(4096).max(1);
        let free = about.f_bavail.saturating_mul(block);
        let wanted = free.saturating_sub(leave).min(CHUNK) / block * block;
        if wanted == 0 {
            return Ok(size - begun);
        }
        match fallocate(&file, FallocateFlags::empty(), size, wanted) {
            Ok(()) => size += wanted,
            // Somebody else was faster, which is as full as it gets.
            Err(Errno::NOSPC) => return Ok(size - begun),
            Err(error) => return Err(error).with_context(|| format!("fill `{path}`")),
        }
    }
}

fn empty(path: &str, name: &str) -> anyhow::Result<u64> {
    ensure!(is_plain(name), "`{name}` is not the name of a file");
    let folder = match folder(path) {
        Ok(folder) => folder,
        // Gone with all that was in it.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(0),
        Err(error) => return Err(error).with_context(|| format!("open `{path}`")),
    };
    match unlinkat(&folder, name, AtFlags::empty()) {
        Ok(()) => Ok(1),
        Err(Errno::NOENT) => Ok(0),
        Err(error) => Err(error).with_context(|| format!("remove `{path}/{name}`")),
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains('/')
}

/// Kills all processes that run a program, and looks again for those that came meanwhile.
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
    for process in all_processes().context("read `/proc`")? {
        let process = match process {
            Err(ref error) if has_gone(error) => continue,
            process => process.context("look at a process")?,
        };
        // Nobody kills a node's first process; it would only be stopped.
        let Some(pid) = Pid::from_raw(process.pid).filter(|_| process.pid > 1) else {
            continue;
        };
        if process.pid == myself {
            continue;
        }
        // Held before it is looked at, so that it is the one that was looked at.
        let handle = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => handle,
            Err(Errno::SRCH) => continue,
            Err(error) => return Err(error).context("hold a process"),
        };
        match matching(&process, name) {
            Ok(Some(_)) => {}
            Ok(None) => continue,
            Err(ref error) if has_gone(error) => continue,
            Err(error) => return Err(error).context("look at a process"),
        }
        match pidfd_send_signal(&handle, Signal::KILL) {
            Ok(()) => killed += 1,
            Err(Errno::SRCH) => {}
            Err(error) => {
                return Err(error).with_context(|| format!("kill process {}", process.pid));
            }
        }
    }
    Ok(killed)
}
