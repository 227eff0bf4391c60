//! Reads, from outside, the files of a node that its engine makes anew in every container.
//!
//! Runs in the wirer's container. A node that is frozen runs no program, so nothing in it is asked: this
//! process enters its mount namespace and opens the files there.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

use anyhow::{Context, bail};
use base64::Engine as _;
use clap::Args;
use plateau_core::wire::{ENGINE_FILES, ENGINE_FILES_LIMIT, EngineFiles, FilePart};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::message;
use crate::wire::process::Process;

/// Whose files are read.
#[derive(Args)]
pub(crate) struct EngineFilesArgs {
    /// Process of the node, in the host's pid namespace
    #[arg(value_parser = clap::value_parser!(u32).range(2..))]
    node: u32,
}

/// Writes an [`EngineFiles`] to standard output.
pub(crate) fn run(args: &EngineFilesArgs) -> anyhow::Result<()> {
    let node = Process::open(args.node)?;
    // This process has one thread, as the kernel requires.
    move_into_link_name_space(node.mounts.as_fd(), Some(LinkNameSpaceType::Mount))
        .with_context(|| format!("cannot enter process {}", args.node))?;
    let read = match read_all(args.node) {
        Ok(files) => EngineFiles::Read(files),
        Err(error) => EngineFiles::Unreadable(format!("{error:#}")),
    };
    message::write_line(&read)
}

/// The files that are there. What is not a file, such as a pipe in its place, is left out.
fn read_all(node: u32) -> anyhow::Result<Vec<FilePart>> {
    let mut files = Vec::new();
    let mut left = ENGINE_FILES_LIMIT;
    for path in ENGINE_FILES {
        let found = read(node, path, left).with_context(|| format!("cannot read `{path}`"))?;
        let Some((file, bytes)) = found else {
            continue;
        };
        left = left.saturating_sub(bytes);
        files.push(file);
    }
    if files.is_empty() {
        bail!("none of them is a file");
    }
    Ok(files)
}

fn read(node: u32, path: &str, limit: u64) -> anyhow::Result<Option<(FilePart, u64)>> {
    // Looked at before it is opened: opening alone may do something where it is not a file.
    let place = match rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
        Ok(place) => place,
        Err(_) => return Ok(None),
    };
    let seen = rustix::fs::fstat(&place).map_err(io::Error::from)?;
    if FileType::from_raw_mode(seen.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from)?;
    let opened = rustix::fs::fstat(&file).map_err(io::Error::from)?;
    if (opened.st_dev, opened.st_ino) != (seen.st_dev, seen.st_ino) {
        bail!("it was replaced meanwhile");
    }
    let mut content = Vec::new();
    let bytes = File::from(file).take(limit + 1).read_to_end(&mut content)? as u64;
    if bytes > limit {
        bail!("these files are larger than {ENGINE_FILES_LIMIT} bytes");
    }
    let part = FilePart {
        node,
        path: path.to_owned(),
        mode: u16::try_from(opened.st_mode & 0o7777).unwrap_or(0o644),
        uid: opened.st_uid,
        gid: opened.st_gid,
        append: false,
        content: base64::engine::general_purpose::STANDARD.encode(content),
    };
    Ok(Some((part, bytes)))
}
