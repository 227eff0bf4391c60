//! File attributes of SFTP: read from files and applied to them.

use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

use russh_sftp::protocol::FileAttributes;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

/// The attributes of a file; the protocol has times as seconds in 32 bits.
pub(super) fn from_metadata(metadata: &Metadata) -> FileAttributes {
    let seconds = |time: i64| u32::try_from(time).unwrap_or(0);
    FileAttributes {
        size: Some(metadata.len()),
        uid: Some(metadata.uid()),
        user: None,
        gid: Some(metadata.gid()),
        group: None,
        permissions: Some(metadata.mode()),
        atime: Some(seconds(metadata.atime())),
        mtime: Some(seconds(metadata.mtime())),
    }
}

/// The bits of a mode that can be changed.
pub(super) fn mode(attributes: &FileAttributes) -> Option<u32> {
    attributes.permissions.map(|mode| mode & 0o7777)
}

/// Applies the given attributes to an open file.
pub(super) fn apply(file: &File, attributes: &FileAttributes) -> io::Result<()> {
    if let Some(size) = attributes.size {
        file.set_len(size)?;
    }
    if attributes.uid.is_some() || attributes.gid.is_some() {
        fchown(file, attributes.uid, attributes.gid)?;
    }
    // After the owner, because a change of owner clears the set-user-ID and set-group-ID bits.
    if let Some(mode) = mode(attributes) {
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    if let Some(times) = timestamps(attributes) {
        rustix::fs::futimens(file.as_fd(), &times)?;
    }
    Ok(())
}

/// Applies the given attributes to a path.
pub(super) fn apply_to_path(path: &str, attributes: &FileAttributes) -> io::Result<()> {
    if let Some(size) = attributes.size {
        File::options().write(true).open(path)?.set_len(size)?;
    }
    if attributes.uid.is_some() || attributes.gid.is_some() {
        std::os::unix::fs::chown(path, attributes.uid, attributes.gid)?;
    }
    if let Some(mode) = mode(attributes) {
        std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    if let Some(times) = timestamps(attributes) {
        rustix::fs::utimensat(CWD, path, &times, AtFlags::empty())?;
    }
    Ok(())
}

fn timestamps(attributes: &FileAttributes) -> Option<Timestamps> {
    let at = |seconds: u32| Timespec {
        tv_sec: i64::from(seconds),
        tv_nsec: 0,
    };
    Some(Timestamps {
        last_access: at(attributes.atime?),
        last_modification: at(attributes.mtime?),
    })
}
