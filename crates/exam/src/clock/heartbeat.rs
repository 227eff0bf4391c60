//! The heartbeat: when the daemon was last alive, to some hundredths of a second.
//!
//! It is written to the database twice a second, which survives a power cut. In between it is written to a
//! small file without a sync, which survives a kill of the daemon. A separate thread writes it, so that
//! nothing else waits for the disk.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Clock, ClockSample};

/// The file in the state folder that says when the daemon was last alive.
pub(crate) const FILE: &str = "heartbeat";

/// How often it beats while somebody works; so much is given back too much after a kill.
const EVERY: Duration = Duration::from_millis(10);

/// Bytes of the file; a beat is filled up with blanks.
const WIDTH: usize = 160;

/// Writes down that the daemon lives, for as long as somebody works.
#[derive(Debug)]
pub struct Heartbeat {
    works: Arc<AtomicBool>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    /// Begins, in a file that is made where it is not there.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn begin(clock: Clock, path: &Path) -> io::Result<Self> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        let (works, ends) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (beats, stops) = (Arc::clone(&works), Arc::clone(&ends));
        let thread = thread::Builder::new()
            .name("heartbeat".to_owned())
            .spawn(move || beat(&clock, &file, &beats, &stops))?;
        Ok(Self {
            works,
            ends,
            thread: Some(thread),
        })
    }

    /// Says whether somebody works.
    pub fn set(&self, works: bool) {
        if self.works.swap(works, Ordering::Relaxed) != works
            && let Some(thread) = &self.thread
        {
            thread.thread().unpark();
        }
    }

    /// The last beat that is in a file, if there is one.
    #[must_use]
    pub fn last(path: &Path) -> Option<ClockSample> {
        let text = std::fs::read_to_string(path).ok()?;
        let mut words = text.split_whitespace();
        Some(ClockSample {
            boot: words.next()?.to_owned(),
            since_boot_ms: words.next()?.parse().ok()?,
            showed_ms: words.next()?.parse().ok()?,
        })
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It ends at its next look; one that panicked has ended.
            let _ = thread.join();
        }
    }
}

fn beat(clock: &Clock, file: &File, works: &AtomicBool, ends: &AtomicBool) {
    let mut told = false;
    while !ends.load(Ordering::Relaxed) {
        if !works.load(Ordering::Relaxed) {
            thread::park();
            continue;
        }
        if let Err(error) = write(file, &clock.beat())
            && !std::mem::replace(&mut told, true)
        {
            tracing::warn!(%error, "the heartbeat cannot be written");
        }
        thread::park_timeout(EVERY);
    }
}

fn write(file: &File, beat: &ClockSample) -> io::Result<()> {
    let line = format!("{} {} {}", beat.boot, beat.since_boot_ms, beat.showed_ms);
    file.write_all_at(format!("{line:<WIDTH$}\n").as_bytes(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_beat_is_a_hundredth_of_a_second_old_while_somebody_works() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heartbeat");
        let clock = Clock::start(None);
        let heartbeat = Heartbeat::begin(clock.clone(), &path).unwrap();
        assert_eq!(Heartbeat::last(&path), None, "nobody works");
        heartbeat.set(true);
        let begun = clock.now_ms();
        // It goes on by itself, and nothing but the file's content tells.
        while Heartbeat::last(&path).is_none_or(|last| last.showed_ms < begun + 200) {
            assert!(clock.now_ms() < begun + 20_000, "it does not beat");
            thread::yield_now();
        }
        heartbeat.set(false);
        drop(heartbeat);
        let last = Heartbeat::last(&path).unwrap();
        assert_eq!(last.boot, clock.beat().boot);
    }
}
