//! Observes a file, folder, link, socket, pipe or device.

use std::fs::Metadata;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use anyhow::Context;
use plateau_core::matcher::Mode;
use plateau_core::question::file::{FileQuestion, FileSeen};
use sha2::{Digest, Sha256};

use super::context::ProbeContext;
use crate::accounts;
use crate::bounded::{is_not_found, open_regular, read_first};

const CONTENT_LIMIT: u64 = 256 << 10;
const DIGEST_LIMIT: u64 = 64 << 20;

pub(super) fn observe(question: &FileQuestion, context: &ProbeContext) -> anyhow::Result<FileSeen> {
    let path = Path::new(&question.path);
    anyhow::ensure!(
        path.is_absolute(),
        "`{}` is not an absolute path",
        question.path
    );
    let found = match std::fs::symlink_metadata(path) {
        Err(error) if is_not_found(&error) => {
            return Ok(FileSeen {
                exists: Some(false),
                ..FileSeen::default()
            });
        }
        found => found.context("cannot look at the file")?,
    };
    let mut seen = FileSeen {
        exists: Some(true),
        kind: Some(file_type(&found).to_owned()),
        mode: Some(Mode((found.mode() & 0o7777) as u16)),
        size: i64::try_from(found.size()).ok(),
        ..FileSeen::default()
    };
    if context.wants("owner") {
        seen.owner = Some(accounts::user_name(&accounts::read_passwd()?, found.uid()));
    }
    if context.wants("group") {
        seen.group = Some(accounts::group_name(&accounts::read_group()?, found.gid()));
    }
    if found.is_symlink() {
        let target = std::fs::read_link(path).context("cannot read the link")?;
        seen.target = Some(target.to_string_lossy().into_owned());
    }
    let reads = context.wants("content") || context.wants("sha256") || context.wants("size");
    if reads && (found.is_file() || found.is_symlink()) {
        observe_content(path, context, &mut seen)?;
    }
    Ok(seen)
}

/// Attributes of regular files, also behind a link; a link to anything else has none of them.
fn observe_content(path: &Path, context: &ProbeContext, seen: &mut FileSeen) -> anyhow::Result<()> {
    let open = || match open_regular(path) {
        Err(error) if is_not_found(&error) => Ok(None),
        opened => opened.context("cannot open the file"),
    };
    let Some(mut file) = open()? else {
        return Ok(());
    };
    seen.size = i64::try_from(file.metadata().context("cannot look at the file")?.size()).ok();
    if context.wants("content") {
        let bytes = read_first(&mut file, CONTENT_LIMIT).context("cannot read the file")?;
        seen.content = Some(String::from_utf8_lossy(&bytes).into_owned());
    }
    if context.wants("sha256") {
        // Opened again rather than rewound, because some files of `/proc` cannot seek.
        if let Some(file) = open()? {
            seen.sha256 = Some(sha256_hex(file).context("cannot read the file")?);
        }
    }
    Ok(())
}

fn sha256_hex(file: std::fs::File) -> std::io::Result<String> {
    let mut digest = Sha256::new();
    let mut file = file.take(DIGEST_LIMIT);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        digest.update(&buffer[..length]);
    }
    Ok(hex::encode(digest.finalize()))
}

fn file_type(found: &Metadata) -> &'static str {
    let kind = found.file_type();
    if kind.is_file() {
        "file"
    } else if kind.is_dir() {
        "directory"
    } else if kind.is_symlink() {
        "link"
    } else if kind.is_socket() {
        "socket"
    } else if kind.is_fifo() {
        "pipe"
    } else {
        "device"
    }
}
