//! Writes files of a node, inside its mount namespace.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use base64::Engine as _;
use plateau_core::wire::FilePart;
use rustix::fs::OFlags;

/// Writes a file or its next part. The first part replaces what exists, also a symbolic link.
pub(crate) fn write(part: &FilePart) -> io::Result<()> {
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
    fchown(&file, Some(part.uid), Some(part.gid))?;
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
    let no_link = i32::try_from(OFlags::NOFOLLOW.bits()).map_err(io::Error::other)?;
    OpenOptions::new()
        .append(true)
        .custom_flags(no_link)
        .open(path)
}
