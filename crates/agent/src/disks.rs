//! Measures what nodes have written, from outside.
//!
//! Runs in the wirer's container. A node's disk is a folder of the engine's, which is seen as the engine
//! sees it: through the root of this process's parent. Nothing of a node is opened but folders, no link
//! is followed, and counting has an end: files, depth and time are bounded.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::Context;
use plateau_core::wire::{
    DiskCut, DiskUse, DisksRequest, DisksResponse, FreeSpace, LargeFile, NodeDisk,
};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat, statvfs};
use rustix::io::Errno;

use crate::message;
use crate::wire::process::is_of_container;

mod nameless;

/// Folders in folders that are entered. No path that a program can name has as many.
const MOST_DEPTH: usize = 512;

/// Most that measuring one disk may take.
const MOST_TIME: Duration = Duration::from_secs(20);

/// Files that are named by their size.
const NAMED: usize = 20;

/// Size of a file from which on it may be named.
const LARGE: u64 = 16 << 20;

/// Answers every request, a line of standard input, with a line of standard output.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut requests = std::io::stdin().lock();
    loop {
        let line = message::read_line(&mut requests, "request")?;
        if line.is_empty() {
            return Ok(());
        }
        let request: DisksRequest =
            serde_json::from_slice(&line).context("cannot read the request")?;
        message::write_line(&answer(&request))?;
    }
}

fn answer(request: &DisksRequest) -> DisksResponse {
    let free = request.free_of.as_deref();
    DisksResponse {
        free: free.and_then(|folder| free_space(folder).ok()),
        disks: request
            .disks
            .iter()
            .map(|disk| measure(disk).map_err(|error| error.to_string()))
            .collect(),
    }
}

/// Where a folder of the engine's host is for this process.
///
/// Its parent is the engine's own process, which sees the folder under the name that the engine gave.
fn seen(folder: &str) -> io::Result<String> {
    let parent = rustix::process::getppid()
        .ok_or_else(|| io::Error::other("the process that started this one is not visible"))?;
    Ok(format!("/proc/{}/root{folder}", parent.as_raw_nonzero()))
}

fn free_space(folder: &str) -> io::Result<FreeSpace> {
    let about = statvfs(seen(folder)?)?;
    let bytes = |blocks: u64| blocks.saturating_mul(about.f_frsize);
    Ok(FreeSpace {
        bytes: bytes(about.f_bavail),
        of: bytes(about.f_blocks),
        files: (about.f_files > 0).then_some(about.f_favail),
    })
}

fn measure(disk: &NodeDisk) -> io::Result<DiskUse> {
    let root = openat(CWD, seen(&disk.folder)?, FOLDER, Mode::empty())?;
    let mut count = Count::new(disk.most_files, fstat(&root)?.st_dev);
    count.walk(root)?;
    let mut found = count.finish();
    // A node that has just ended holds nothing.
    if let Some(process) = disk.process
        && is_of_container(process, &disk.container)
    {
        let nameless = nameless::look(process).unwrap_or_default();
        found.bytes += nameless.bytes;
        if nameless.cut {
            found.cut = Some(DiskCut::Descriptors);
        }
    }
    Ok(found)
}

/// How a folder is opened: never through a link, never anything else.
const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// What has been counted of one disk.
struct Count {
    device: u64,
    most_files: u64,
    began: Instant,
    found: DiskUse,
    /// Files with more than one name, which are counted once.
    linked: BTreeSet<u64>,
    /// The largest so far, the smallest of them on top.
    largest: BinaryHeap<Reverse<(u64, Vec<u8>)>>,
    /// Names of the folders on the way to where counting is.
    path: Vec<u8>,
}

impl Count {
    fn new(most_files: u64, device: u64) -> Self {
        Self {
            device,
            most_files,
            began: Instant::now(),
            found: DiskUse::default(),
            linked: BTreeSet::new(),
            largest: BinaryHeap::new(),
            path: Vec::new(),
        }
    }

    /// Walks down from a folder, with one descriptor for each folder on the way.
    fn walk(&mut self, root: OwnedFd) -> io::Result<()> {
        let mut folders = vec![(Dir::new(root)?, 0)];
        loop {
            let depth = folders.len();
            let Some((folder, _)) = folders.last_mut() else {
                return Ok(());
            };
            let Some(entry) = folder.next() else {
                let length = folders.pop().map_or(0, |(_, length)| length);
                self.path.truncate(length);
                continue;
            };
            // A folder that is removed meanwhile has nothing more.
            let Ok(entry) = entry else { continue };
            let name = entry.file_name();
            if [&b"."[..], b".."].contains(&name.to_bytes()) {
                continue;
            }
            let parent = folder.fd()?;
            let Ok(about) = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            self.add(&about, name.to_bytes());
            if self.is_over() {
                return Ok(());
            }
            if FileType::from_raw_mode(about.st_mode) != FileType::Directory
                || about.st_dev != self.device
            {
                continue;
            }
            if depth == MOST_DEPTH {
                self.found.cut = Some(DiskCut::Depth);
                return Ok(());
            }
            match open_folder(parent, name) {
                Ok(inner) => {
                    folders.push((inner, self.path.len()));
                    self.path.push(b'/');
                    self.path.extend_from_slice(name.to_bytes());
                }
                // Removed or replaced meanwhile.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn add(&mut self, about: &Stat, name: &[u8]) {
        self.found.files += 1;
        let is_file = FileType::from_raw_mode(about.st_mode) == FileType::RegularFile;
        if is_file && about.st_nlink > 1 && !self.linked.insert(about.st_ino) {
            return;
        }
        self.found.bytes += u64::try_from(about.st_blocks).unwrap_or(0) * 512;
        if !is_file {
            return;
        }
        let size = u64::try_from(about.st_size).unwrap_or(0);
        self.found.apparent = self.found.apparent.saturating_add(size);
        if size < LARGE {
            return;
        }
        let path = [self.path.as_slice(), name].join(&b'/');
        self.largest.push(Reverse((size, path)));
        if self.largest.len() > NAMED {
            self.largest.pop();
        }
    }

    /// Whether counting ends here.
    fn is_over(&mut self) -> bool {
        if self.found.files > self.most_files {
            self.found.cut = Some(DiskCut::Files);
        } else if self.found.files.is_multiple_of(256) && self.began.elapsed() > MOST_TIME {
            self.found.cut = Some(DiskCut::Time);
        }
        self.found.cut.is_some()
    }

    fn finish(self) -> DiskUse {
        let largest = self.largest.into_sorted_vec().into_iter();
        let largest = largest.map(|Reverse((size, path))| LargeFile {
            path: String::from_utf8_lossy(&path).into_owned(),
            size,
        });
        DiskUse {
            largest: largest.collect(),
            ..self.found
        }
    }
}

fn open_folder(parent: impl AsFd, name: &std::ffi::CStr) -> rustix::io::Result<Dir> {
    Dir::new(openat(parent, name, FOLDER, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;

    fn count(folder: &Path, most_files: u64) -> DiskUse {
        let root = openat(CWD, folder, FOLDER, Mode::empty()).unwrap();
        let mut count = Count::new(most_files, fstat(&root).unwrap().st_dev);
        count.walk(root).unwrap();
        count.finish()
    }

    #[test]
    fn holes_are_seen_and_links_count_once_and_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("srv")).unwrap();
        fs::write(root.join("srv/full"), vec![1; 1 << 20]).unwrap();
        fs::hard_link(root.join("srv/full"), root.join("again")).unwrap();
        let hole = File::create(root.join("srv/hole")).unwrap();
        hole.set_len(200 << 30).unwrap();
        symlink("/", root.join("srv/root")).unwrap();
        let found = count(root, 1000);
        assert_eq!(found.files, 5);
        assert!((1 << 20..2 << 20).contains(&found.bytes), "{found:?}");
        assert_eq!(found.apparent, (1 << 20) + (200 << 30));
        assert_eq!(
            found.largest,
            [LargeFile {
                path: "/srv/hole".to_owned(),
                size: 200 << 30
            }]
        );
        assert_eq!(found.cut, None);
    }

    #[test]
    fn the_largest_are_named_and_the_largest_of_them_first() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..30_u64 {
            let file = File::create(folder.path().join(format!("{number}"))).unwrap();
            file.set_len(LARGE + number).unwrap();
        }
        let found = count(folder.path(), 1000);
        let sizes: Vec<u64> = found.largest.iter().map(|file| file.size - LARGE).collect();
        assert_eq!(sizes, (10..30).rev().collect::<Vec<u64>>());
    }

    #[test]
    fn many_files_and_deep_folders_end_the_counting() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..20 {
            fs::write(folder.path().join(format!("{number}")), "").unwrap();
        }
        let found = count(folder.path(), 10);
        assert_eq!((found.files, found.cut), (11, Some(DiskCut::Files)));
        let mut path = folder.path().join("deep");
        for _ in 0..MOST_DEPTH {
            fs::create_dir(&path).unwrap();
            path.push("d");
        }
        let found = count(folder.path(), 1000);
        assert_eq!(found.cut, Some(DiskCut::Depth));
    }
}
