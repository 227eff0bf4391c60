//! Gives the files of an image's layer the owners that its container showed.
//!
//! Runs in a container of its own, which has nothing but these. An engine that maps the users of a container on mounts keeps in an
//! image the numbers that they have on the host. The layer is an engine's own: nobody changes it.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, RawMode, Stat, XattrFlags, chmodat, chownat, fgetxattr,
    fsetxattr, openat, statat,
};
use rustix::process::{Gid, Uid};

/// As many users as a node has.
const RANGE: u32 = 65536;

/// The extended attribute that gives a program capabilities.
const CAPABILITIES: &str = "security.capability";

/// Bits of a mode that the kernel takes away with a change of owner.
const SET_IDS: RawMode = 0o6000;

/// Which layer.
#[derive(Args)]
pub(crate) struct LayerArgs {
    /// A file that belongs to the container's root
    #[arg(long)]
    like: PathBuf,
    /// The layer's folder
    folder: PathBuf,
}

/// Numbers of the host's that are those of a container's users.
struct Range {
    user: u32,
    group: u32,
}

/// Changes the owners of all files; those that have been changed already stay.
pub(crate) fn run(args: &LayerArgs) -> anyhow::Result<()> {
    let like = rustix::fs::stat(&args.like).context("cannot look at the container's root")?;
    let range = Range {
        user: like.st_uid,
        group: like.st_gid,
    };
    // Without a range of its own nothing is to be translated.
    if range.user < RANGE || range.group < RANGE {
        return Ok(());
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(&args.folder, flags, Mode::empty());
    let folder = folder.context("cannot open the layer")?;
    range.translate(&folder, c".")?;
    range.translate_below(folder)
}

impl Range {
    /// Walks with one folder open at a time, since a layer may be deeper than a process may open.
    fn translate_below(&self, folder: OwnedFd) -> anyhow::Result<()> {
        let mut levels = vec![self.translate_all(&folder)?];
        let mut here = folder;
        while let Some(level) = levels.last_mut() {
            match level.pop() {
                Some(name) => {
                    here = enter(&here, &name)?;
                    levels.push(self.translate_all(&here)?);
                }
                None => {
                    levels.pop();
                    if !levels.is_empty() {
                        here = enter(&here, c"..")?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Everything in a folder; returns the folders in it.
    fn translate_all(&self, folder: &OwnedFd) -> anyhow::Result<Vec<CString>> {
        let mut folders = Vec::new();
        for entry in Dir::read_from(folder).context("cannot read a folder")? {
            let name = entry
                .context("cannot read a folder")?
                .file_name()
                .to_owned();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if self.translate(folder, &name)? == FileType::Directory {
                folders.push(name);
            }
        }
        Ok(folders)
    }

    fn translate(&self, folder: &OwnedFd, name: &CStr) -> anyhow::Result<FileType> {
        let seen =
            statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).context("cannot look at a file")?;
        let kind = FileType::from_raw_mode(seen.st_mode);
        let user = inside(seen.st_uid, self.user);
        let group = inside(seen.st_gid, self.group);
        if user.is_none() && group.is_none() {
            return Ok(kind);
        }
        self.change(folder, name, &seen, user, group)
            .with_context(|| format!("cannot change the owner of `{}`", name.to_string_lossy()))?;
        Ok(kind)
    }

    fn change(
        &self,
        folder: &OwnedFd,
        name: &CStr,
        seen: &Stat,
        user: Option<u32>,
        group: Option<u32>,
    ) -> rustix::io::Result<()> {
        let kind = FileType::from_raw_mode(seen.st_mode);
        let file = if kind == FileType::RegularFile {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            Some(openat(folder, name, flags, Mode::empty())?)
        } else {
            None
        };
        let capabilities = file.as_ref().and_then(|file| self.capabilities(file));
        let (user, group) = (user.map(Uid::from_raw), group.map(Gid::from_raw));
        chownat(folder, name, user, group, AtFlags::SYMLINK_NOFOLLOW)?;
        if kind != FileType::Symlink && seen.st_mode & SET_IDS != 0 {
            let mode = Mode::from_raw_mode(seen.st_mode & 0o7777);
            chmodat(folder, name, mode, AtFlags::empty())?;
        }
        match file.zip(capabilities) {
            Some((file, value)) => fsetxattr(file, CAPABILITIES, &value, XattrFlags::empty()),
            None => Ok(()),
        }
    }

    /// The capabilities of a program as whoever is root of the container gave them.
    fn capabilities(&self, file: impl AsFd) -> Option<Vec<u8>> {
        let mut value = vec![0_u8; 64];
        let length = fgetxattr(file, CAPABILITIES, &mut value).ok()?;
        value.truncate(length);
        Some(capabilities_inside(value, self.user))
    }
}

/// A number inside of a container, where it is one of its range outside.
fn inside(id: u32, first: u32) -> Option<u32> {
    id.checked_sub(first).filter(|id| *id < RANGE)
}

/// In revision 3 of the attribute stands at the end for which root it counts, in revision 2 it counts
/// for that of the mount.
fn capabilities_inside(mut value: Vec<u8>, root: u32) -> Vec<u8> {
    const REVISIONS: [u8; 2] = [3, 2];
    let of_root = value
        .get(20..24)
        .is_some_and(|bytes| bytes == root.to_le_bytes());
    if of_root && value.get(3) == Some(&REVISIONS[0]) {
        value.truncate(20);
        value[3] = REVISIONS[1];
    }
    value
}

fn enter(folder: &OwnedFd, name: &CStr) -> anyhow::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty()).context("cannot open a folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_range_are_translated_and_others_stay() {
        assert_eq!(inside(10_000_000, 10_000_000), Some(0));
        assert_eq!(inside(10_065_535, 10_000_000), Some(65535));
        for other in [0, 33, 9_999_999, 10_065_536] {
            assert_eq!(inside(other, 10_000_000), None);
        }
    }

    #[test]
    fn capabilities_that_count_for_the_containers_root_count_for_that_of_the_mount() {
        let mut third = vec![1, 0, 0, 3];
        third.extend([0; 16]);
        let mut second = third.clone();
        second[3] = 2;
        third.extend(10_000_000_u32.to_le_bytes());
        assert_eq!(capabilities_inside(third.clone(), 10_000_000), second);
        assert_eq!(capabilities_inside(third.clone(), 10_065_536), third);
        assert_eq!(capabilities_inside(second.clone(), 10_000_000), second);
    }
}
