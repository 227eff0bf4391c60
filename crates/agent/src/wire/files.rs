//! Writes files of a node, inside its mount namespace.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, fchown};
use std::path::Path;

use base64::Engine as _;
use plateau_core::wire::FilePart;
use rustix::fs::{FileType, Mode, OFlags};

use super::users::Users;

/// Writes a file or its next part. The first part replaces what exists, also a symbolic link.
///
/// Folders that are missing belong to whoever this thread makes files as.
pub(crate) fn write(part: &FilePart, users: &Users) -> io::Result<()> {
    let (user, group) = users.outside(part.uid, part.gid)?;
    let content = base64::engine::general_purpose::STANDARD
        .decode(&part.content)
        .map_err(io::Error::other)?;
    let mut file = if part.append {
        append(&part.path)?
    } else {
        create(&part.path)?
    };
    file.write_all(&content)?;
    // The owner first, because a change of owner clears the set-user-ID bit.
    fchown(&file, Some(user), Some(group))?;
    file.set_permissions(Permissions::from_mode(part.mode.into()))
}

fn create(path: &str) -> io::Result<File> {
    if let Some(folder) = Path::new(path).parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(folder)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).open(path)
}

fn append(path: &str) -> io::Result<File> {
    open_regular(path, OFlags::WRONLY | OFlags::APPEND)
}

/// Opens a regular file that is there; root in the node may have put anything in its place.
///
/// A link is not followed. Anything else is looked at before it is opened, because opening a device
/// or a pipe can have effects; and once more afterwards, because it may have been replaced.
pub(crate) fn open_regular(path: &str, flags: OFlags) -> io::Result<File> {
    let is_regular = |mode| FileType::from_raw_mode(mode) == FileType::RegularFile;
    let refused = || io::Error::other("not a regular file");
    if !is_regular(rustix::fs::lstat(path)?.st_mode) {
        return Err(refused());
    }
    let safe = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags | safe, Mode::empty())?;
    if !is_regular(rustix::fs::fstat(&file)?.st_mode) {
        return Err(refused());
    }
    Ok(File::from(file))
}
