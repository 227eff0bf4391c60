//! What SFTP says of files, and what it has done to them.

use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

use russh_sftp::protocol::FileAttributes;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

/// As the protocol has them: seconds in 32 bits.
pub(super) fn of(metadata: &Metadata) -> FileAttributes {
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

/// The bits of a mode that can be set.
pub(super) fn mode(attributes: &FileAttributes) -> Option<u32> {
    attributes.permissions.map(|mode| mode & 0o7777)
}

/// Sets what is given of an open file.
pub(super) fn set(file: &File, attributes: &FileAttributes) -> io::Result<()> {
    if let Some(size) = attributes.size {
        file.set_len(size)?;
    }
    if attributes.uid.is_some() || attributes.gid.is_some() {
        fchown(file, attributes.uid, attributes.gid)?;
    }
    // After the owner, whose change takes the bits away that make a program another user's.
    if let Some(mode) = mode(attributes) {
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    if let Some(times) = times(attributes) {
        rustix::fs::futimens(file.as_fd(), &times)?;
    }
    Ok(())
}

/// Sets what is given of a file by its path.
pub(super) fn set_at(path: &str, attributes: &FileAttributes) -> io::Result<()> {
    if let Some(size) = attributes.size {
        File::options().write(true).open(path)?.set_len(size)?;
    }
    if attributes.uid.is_some() || attributes.gid.is_some() {
        std::os::unix::fs::chown(path, attributes.uid, attributes.gid)?;
    }
    if let Some(mode) = mode(attributes) {
        std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    if let Some(times) = times(attributes) {
        rustix::fs::utimensat(CWD, path, &times, AtFlags::empty())?;
    }
    Ok(())
}

fn times(attributes: &FileAttributes) -> Option<Timestamps> {
    let at = |seconds: u32| Timespec {
        tv_sec: i64::from(seconds),
        tv_nsec: 0,
    };
    Some(Timestamps {
        last_access: at(attributes.atime?),
        last_modification: at(attributes.mtime?),
    })
}
