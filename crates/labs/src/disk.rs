//! Free space on the disk of the state folder, and what is given up when it is low.
//!
//! When free space is low, the daemon warns, and builds no more labs. When the disk is nearly full,
//! recordings pause, and a reserve file is removed, so that hand-ins and evidence can still be
//! written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use tokio::sync::watch;

/// File of the state folder that is given up when the disk is full.
pub const RESERVE: &str = "reserve";

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Bytes below which little is free; on a small disk, its twentieth part.
const LOW: u64 = 1 << 30;

/// Bytes of the reserve; on a small disk, its sixty-fourth part.
const KEPT: u64 = 16 << 20;

/// Level of free space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskSpace {
    /// Enough.
    Ample,
    /// So little that nothing new should be begun.
    Low,
    /// So little that the reserve was given up.
    Full,
}

/// Usage of the disk at its last check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskUsage {
    /// Free bytes, without the reserve.
    pub free: u64,
    /// Threshold in bytes below which `room` is not ample.
    pub low: u64,
    /// Level of free space.
    pub room: DiskSpace,
}

/// Monitor of the state folder's disk. Clones share the last result.
#[derive(Clone, Debug)]
pub struct Disk {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: PathBuf,
    reserve: Mutex<Reserve>,
    seen: watch::Sender<DiskUsage>,
}

/// What became of the file that is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reserve {
    /// It is there.
    Kept,
    /// It was given up, or could not be made for lack of space.
    Given,
    /// It cannot be made here.
    None,
}

impl Disk {
    /// Checks the disk of a state folder, removes or creates the reserve, and keeps checking until
    /// the last clone is dropped.
    ///
    /// # Errors
    /// The free space cannot be read.
    pub fn open(state: &Path) -> io::Result<Self> {
        let disk = Self {
            inner: Arc::new(Inner::begin(state)?),
        };
        tokio::spawn(poll_disk(Arc::downgrade(&disk.inner)));
        Ok(disk)
    }

    /// What was seen last.
    #[must_use]
    pub fn seen(&self) -> DiskUsage {
        *self.inner.seen.borrow()
    }

    /// Checks the disk now.
    pub fn look(&self) -> DiskUsage {
        self.inner.look();
        self.seen()
    }

    /// What is seen from now on.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<DiskUsage> {
        self.inner.seen.subscribe()
    }
}

/// Checks the disk once, before anything that writes is opened: removes the reserve if necessary.
///
/// # Errors
/// The free space cannot be read.
pub fn make_room(state: &Path) -> io::Result<()> {
    Inner::begin(state).map(drop)
}

async fn poll_disk(disk: Weak<Inner>) {
    let mut tick = tokio::time::interval(LOOK);
    loop {
        tick.tick().await;
        let Some(disk) = disk.upgrade() else { return };
        disk.look();
    }
}

impl Inner {
    /// Looks for the first time.
    fn begin(state: &Path) -> io::Result<Self> {
        let (free, total) = measure(state)?;
        let there = fs::metadata(state.join(RESERVE)).is_ok_and(|file| file.len() == kept(total));
        let seen = DiskUsage {
            free,
            low: low(total),
            room: DiskSpace::Ample,
        };
        let inner = Self {
            state: state.to_owned(),
            reserve: Mutex::new(match there {
                true => Reserve::Kept,
                false => Reserve::Given,
            }),
            seen: watch::Sender::new(seen),
        };
        inner.look();
        Ok(inner)
    }

    fn look(&self) {
        let reserve = self.reserve.lock();
        let mut reserve = reserve.unwrap_or_else(PoisonError::into_inner);
        let seen = match measure(&self.state) {
            Ok((free, total)) => self.assess_space(&mut reserve, free, total),
            Err(error) => {
                tracing::debug!(%error, "the disk does not say how much of it is free");
                return;
            }
        };
        let before = self.seen.borrow().room;
        self.seen.send_if_modified(|last| {
            let moved = last.room != seen.room;
            *last = seen;
            moved
        });
        let (path, free) = (self.state.display(), seen.free);
        match (before, seen.room) {
            (DiskSpace::Ample, DiskSpace::Ample)
            | (DiskSpace::Low, DiskSpace::Low)
            | (DiskSpace::Full, DiskSpace::Full) => {}
            (_, DiskSpace::Ample) => tracing::info!(%path, free, "the disk has room again"),
            (_, DiskSpace::Low) => {
                tracing::error!(%path, free, "the disk is nearly full: no lab is built any longer");
            }
            (_, DiskSpace::Full) => tracing::error!(
                %path,
                free,
                "the disk is FULL: the reserve is given up, terminals are not recorded any longer"
            ),
        }
    }

    /// What so many free bytes mean, after the reserve was given up or made anew.
    fn assess_space(&self, reserve: &mut Reserve, mut free: u64, total: u64) -> DiskUsage {
        let (low, kept) = (low(total), kept(total));
        match *reserve {
            Reserve::Kept if free < kept => {
                match fs::remove_file(self.state.join(RESERVE)) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        tracing::error!(%error, "the reserve cannot be given up");
                    }
                    Ok(()) | Err(_) => *reserve = Reserve::Given,
                }
                free = measure(&self.state).map_or(free, |(free, _)| free);
            }
            // Twice as much stays free, so that it is not given up again at once.
            Reserve::Given if free >= 3 * kept => {
                *reserve = match allocate_reserve(&self.state.join(RESERVE), kept) {
                    Ok(()) => Reserve::Kept,
                    Err(error) if is_full(&error) => Reserve::Given,
                    Err(error) => {
                        tracing::warn!(%error, "cannot reserve space for a full disk");
                        Reserve::None
                    }
                };
                free = measure(&self.state).map_or(free, |(free, _)| free);
            }
            Reserve::Kept | Reserve::Given | Reserve::None => {}
        }
        let is_full = match *reserve {
            Reserve::Kept => false,
            Reserve::Given => true,
            Reserve::None => free < kept,
        };
        let room = match (is_full, free < low) {
            (true, _) => DiskSpace::Full,
            (false, true) => DiskSpace::Low,
            (false, false) => DiskSpace::Ample,
        };
        DiskUsage { free, low, room }
    }
}

/// Bytes that the daemon can write yet, and bytes in all.
fn measure(state: &Path) -> io::Result<(u64, u64)> {
    let disk = statvfs(state)?;
    let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
    Ok((bytes(disk.f_bavail), bytes(disk.f_blocks)))
}

fn low(total: u64) -> u64 {
    LOW.min(total / 20)
}

fn kept(total: u64) -> u64 {
    KEPT.min(total / 64)
}

/// Makes a file that really takes its bytes.
fn allocate_reserve(path: &Path, bytes: u64) -> io::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    let made = fallocate(&file, FallocateFlags::empty(), 0, bytes)
        .map_err(io::Error::from)
        .and_then(|()| File::sync_all(&file));
    if made.is_err() {
        let _ = fs::remove_file(path);
    }
    made
}

/// A number of bytes in a readable unit.
#[must_use]
pub fn shown(bytes: u64) -> String {
    let mebibytes = bytes >> 20;
    match mebibytes {
        0 => format!("{} KiB", bytes >> 10),
        1..1024 => format!("{mebibytes} MiB"),
        _ => format!(
            "{}.{} GiB",
            bytes >> 30,
            (bytes % (1 << 30)) / ((1 << 30) / 10)
        ),
    }
}

/// Whether the error means that no space is left.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(state: &Path, reserve: Reserve) -> Inner {
        let seen = DiskUsage {
            free: 0,
            low: 0,
            room: DiskSpace::Ample,
        };
        Inner {
            state: state.to_owned(),
            reserve: Mutex::new(reserve),
            seen: watch::Sender::new(seen),
        }
    }

    #[test]
    fn the_reserve_is_given_up_when_nearly_nothing_is_left_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let disk = disk(folder.path(), Reserve::Kept);
        let path = folder.path().join(RESERVE);
        fs::write(&path, "").unwrap();
        let total = 100 << 30;
        for (free, room) in [
            (2 << 30, DiskSpace::Ample),
            (LOW - 1, DiskSpace::Low),
            (KEPT, DiskSpace::Low),
        ] {
            let mut reserve = Reserve::Kept;
            assert_eq!(
                disk.assess_space(&mut reserve, free, total).room,
                room,
                "{free}"
            );
            assert!(path.exists());
        }
        let mut reserve = Reserve::Kept;
        assert_eq!(
            disk.assess_space(&mut reserve, KEPT - 1, total).room,
            DiskSpace::Full
        );
        assert_eq!(reserve, Reserve::Given);
        assert!(!path.exists());
        // It is not taken again as long as it would have to be given up at once.
        assert_eq!(
            disk.assess_space(&mut reserve, 3 * KEPT - 1, total).room,
            DiskSpace::Full
        );
        assert!(!path.exists());
        disk.assess_space(&mut reserve, 3 * KEPT, total);
        assert_eq!(reserve, Reserve::Kept);
        assert_eq!(fs::metadata(&path).unwrap().len(), KEPT);
    }

    #[test]
    fn a_small_disk_has_small_limits() {
        assert_eq!((low(1 << 40), kept(1 << 40)), (LOW, KEPT));
        assert_eq!((low(64 << 20), kept(64 << 20)), (3_355_443, 1 << 20));
    }
}
