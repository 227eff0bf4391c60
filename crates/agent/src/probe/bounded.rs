//! Reading files that a candidate made: never more than a bound, and never waiting for a pipe.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context;
use rustix::fs::{Mode, OFlags};

/// Opens a file for reading if it, or what it links to, is a regular file.
///
/// What stands there is pinned before it is opened, so that neither a pipe, a device nor a swap
/// between two looks can hold up or trigger anything.
pub(super) fn open_regular(path: &Path) -> io::Result<Option<File>> {
    let pinned = File::from(rustix::fs::open(
        path,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
    )?);
    if !pinned.metadata()?.is_file() {
        return Ok(None);
    }
    let through = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&pinned));
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    Ok(Some(File::from(rustix::fs::open(
        through,
        flags,
        Mode::empty(),
    )?)))
}

/// The first `limit` bytes.
pub(super) fn first_bytes(file: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a configuration file, `None` where it does not exist; too large a file is an error.
pub(super) fn text_of(path: impl AsRef<Path>, limit: u64) -> anyhow::Result<Option<String>> {
    let path = path.as_ref();
    let named = || format!("cannot read `{}`", path.display());
    let file = match open_regular(path) {
        Err(error) if is_absent(&error) => return Ok(None),
        opened => opened.with_context(named)?,
    };
    let file = file.with_context(|| format!("`{}` is not a regular file", path.display()))?;
    let bytes = first_bytes(file, limit + 1).with_context(named)?;
    anyhow::ensure!(
        bytes.len() as u64 <= limit,
        "`{}` is larger than {limit} bytes",
        path.display()
    );
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Whether an error says that nothing stands at a path.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// At most `limit` bytes of a text, cut between two characters.
pub(super) fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
    }
    text
}

/// Output of a program as text, without its last line feed.
pub(super) fn output(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    String::from_utf8_lossy(bytes).into_owned()
}
