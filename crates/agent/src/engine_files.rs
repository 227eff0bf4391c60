//! Reads, from outside, the files of a node that its engine makes anew in every container.
//!
//! Runs in the wirer's container. A node that is frozen runs no program, so nothing in it is asked: this
//! process enters its mount namespace and opens the files there.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, bail};
use base64::Engine as _;
use clap::Args;
use plateau_core::wire::{ENGINE_FILES, ENGINE_FILES_LIMIT, EngineFiles, FilePart};
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::bounded::{is_not_found, open_regular, read_first};
use crate::wire::process::Process;
use crate::wire::users::Users;
use crate::{message, own_proc};

/// Whose files are read.
#[derive(Args)]
pub(crate) struct EngineFilesArgs {
    /// Process of the node, in the host's pid namespace
    #[arg(value_parser = clap::value_parser!(u32).range(2..))]
    node: u32,
    /// Identifier of the container that this process has to belong to
    container: String,
}

/// Writes an [`EngineFiles`] to standard output.
pub(crate) fn run(args: &EngineFilesArgs) -> anyhow::Result<()> {
    let node = Process::open(args.node, Some(&args.container))?;
    let users = node.users()?;
    own_proc::bring().context("cannot make a `/proc`")?;
    // This process has one thread, as the kernel requires.
    move_into_link_name_space(node.mounts.as_fd(), Some(LinkNameSpaceType::Mount))
        .with_context(|| format!("cannot enter process {}", args.node))?;
    let read = match read_all(args.node, &users) {
        Ok(files) => EngineFiles::Read(files),
        Err(error) => EngineFiles::Unreadable(format!("{error:#}")),
    };
    message::write_line(&read)
}

/// The files that are there. What is not a file, such as a pipe in its place, is left out.
fn read_all(node: u32, users: &Users) -> anyhow::Result<Vec<FilePart>> {
    let mut files = Vec::new();
    let mut left = ENGINE_FILES_LIMIT;
    for path in ENGINE_FILES {
        let found =
            read(node, path, left, users).with_context(|| format!("cannot read `{path}`"))?;
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

fn read(
    node: u32,
    path: &str,
    limit: u64,
    users: &Users,
) -> anyhow::Result<Option<(FilePart, u64)>> {
    let file = match open_regular(Path::new(path)) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(None),
        Err(error) if leads_nowhere(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let seen = file.metadata()?;
    let content = read_first(file, limit + 1)?;
    let bytes = content.len() as u64;
    if bytes > limit {
        bail!("these files are larger than {ENGINE_FILES_LIMIT} bytes");
    }
    let (uid, gid) = users.inside(seen.uid(), seen.gid());
    let part = FilePart {
        node,
        path: path.to_owned(),
        mode: u16::try_from(seen.mode() & 0o7777).unwrap_or(0o644),
        uid,
        gid,
        append: false,
        content: base64::engine::general_purpose::STANDARD.encode(content),
    };
    Ok(Some((part, bytes)))
}

/// Whether there is no file at a path, whatever links stand in its place.
fn leads_nowhere(error: &io::Error) -> bool {
    let number = Errno::from_io_error(error);
    is_not_found(error) || matches!(number, Some(Errno::LOOP | Errno::NAMETOOLONG))
}
