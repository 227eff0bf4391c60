//! Reads files that a candidate may have created: never more than a limit, and never from a pipe.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context;
use rustix::fs::{Mode, OFlags};

use crate::own_proc;

/// Opens a file for reading if it, or the target of its link, is a regular file.
///
/// The path is resolved once and checked before the file is opened, so that a pipe, a device or a
/// replaced file can neither block nor trigger anything.
pub(crate) fn open_regular(path: &Path) -> io::Result<Option<File>> {
    let pinned = File::from(rustix::fs::open(
        path,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
    )?);
    if !pinned.metadata()?.is_file() {
        return Ok(None);
    }
    let through = format!("fd/{}", std::os::fd::AsRawFd::as_raw_fd(&pinned));
    own_proc::open(&through).map(Some)
}

/// The first `limit` bytes.
pub(crate) fn read_first(file: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a configuration file; `None` if it does not exist, an error if it is too large.
pub(crate) fn read_text(path: impl AsRef<Path>, limit: u64) -> anyhow::Result<Option<String>> {
    let path = path.as_ref();
    let cannot_read = || format!("cannot read `{}`", path.display());
    let file = match open_regular(path) {
        Err(error) if is_not_found(&error) => return Ok(None),
        opened => opened.with_context(cannot_read)?,
    };
    let file = file.with_context(|| format!("`{}` is not a regular file", path.display()))?;
    let bytes = read_first(file, limit + 1).with_context(cannot_read)?;
    anyhow::ensure!(
        bytes.len() as u64 <= limit,
        "`{}` is larger than {limit} bytes",
        path.display()
    );
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Whether an error means that the path does not exist.
pub(crate) fn is_not_found(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// At most `limit` bytes of a text, cut between two characters.
pub(crate) fn truncated(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
    }
    text
}

/// The output of a program as text, without its last line feed.
pub(crate) fn output_text(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    String::from_utf8_lossy(bytes).into_owned()
}
