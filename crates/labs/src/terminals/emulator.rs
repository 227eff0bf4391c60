//! A terminal's screen, worked on beside the runtime and within a budget of processor time.
//!
//! What output costs to draw does not follow from its length: three bytes may clear a whole screen. So
//! time is measured, a slice of output at a time. A terminal that takes more than its share waits; a lab
//! works on one slice at once, and all labs together on half of the processors.

use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::WindowSize;
use super::screen::Screen;

/// Processor time of a slice.
const SLICE: Duration = Duration::from_millis(5);

/// A terminal may take one part in so many of one processor.
const SHARE: u32 = 10;

/// Processor time that a terminal which was idle may take at once.
const CREDIT: Duration = Duration::from_millis(100);

/// Places to work on screens. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Workplaces {
    of_lab: Arc<Semaphore>,
    of_all: Arc<Semaphore>,
}

impl Workplaces {
    /// Half of the processors, for all labs.
    pub(super) fn of_all() -> Arc<Semaphore> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Arc::new(Semaphore::new((cores / 2).max(1)))
    }

    /// The place of a lab among them.
    pub(super) fn of_lab(of_all: &Arc<Semaphore>) -> Self {
        Self {
            of_lab: Arc::new(Semaphore::new(1)),
            of_all: Arc::clone(of_all),
        }
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        // Neither is ever closed.
        let of_lab = Arc::clone(&self.of_lab).acquire_owned().await;
        let of_all = Arc::clone(&self.of_all).acquire_owned().await;
        let worked = tokio::task::spawn_blocking(move || {
            let _places = (of_lab, of_all);
            work()
        });
        match worked.await.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(done) => done,
            Err(Ok(panic)) => resume_unwind(panic),
            // The runtime ends, and with it whoever waits.
            Err(Err(_)) => std::future::pending().await,
        }
    }
}

/// What draws a screen for a viewer.
#[derive(Debug)]
pub(super) struct Drawing {
    /// Its size.
    pub(super) size: WindowSize,
    /// What draws it.
    pub(super) text: String,
    /// What comes after the text for who is sent bytes.
    pub(super) rest: Vec<u8>,
}

/// A screen that works within its budget.
pub(super) struct Emulator {
    screen: Arc<Mutex<Screen>>,
    size: WindowSize,
    budget: Budget,
    places: Workplaces,
}

impl Emulator {
    /// An empty screen.
    pub(super) fn new(size: WindowSize, places: Workplaces) -> Self {
        let size = size.bounded();
        Self {
            screen: Arc::new(Mutex::new(Screen::new(size))),
            size,
            budget: Budget::new(),
            places,
        }
    }

    /// The screen's size.
    pub(super) fn size(&self) -> WindowSize {
        self.size
    }

    /// When it may work again.
    pub(super) fn free_at(&self) -> Instant {
        self.budget.free_at
    }

    /// Shows a slice of output. Returns how many bytes it has, which are some where there are any, and
    /// its text.
    pub(super) async fn show(&mut self, bytes: Bytes) -> (usize, String) {
        self.work(move |screen| {
            let end = processor_time() + SLICE;
            screen.show_while(&bytes, || processor_time() < end)
        })
        .await
    }

    /// What draws the screen.
    pub(super) async fn draw(&mut self) -> Drawing {
        self.work(|screen| Drawing {
            size: screen.size(),
            text: screen.redraw_sequence(),
            rest: screen.rest().to_vec(),
        })
        .await
    }

    /// Gives the screen another size.
    pub(super) async fn resize(&mut self, size: WindowSize) {
        self.size = size.bounded();
        self.work(move |screen| screen.resize(size)).await;
    }

    /// Begins with an empty screen.
    pub(super) async fn clear(&mut self, size: WindowSize) {
        self.size = size.bounded();
        self.work(move |screen| *screen = Screen::new(size)).await;
    }

    async fn work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Screen) -> T + Send + 'static,
    ) -> T {
        let screen = Arc::clone(&self.screen);
        let (done, took) = self
            .places
            .work(move || {
                let begun = processor_time();
                // Work that was given up holds it to its end.
                let mut screen = screen.lock().unwrap_or_else(PoisonError::into_inner);
                let done = work(&mut screen);
                (done, processor_time().saturating_sub(begun))
            })
            .await;
        self.budget.charge(Instant::now(), took);
        done
    }
}

/// Processor time that the thread has taken: what others take on a busy machine is not the terminal's.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// How much processor time may be taken.
#[derive(Debug)]
struct Budget {
    free_at: Instant,
}

impl Budget {
    fn new() -> Self {
        Self {
            free_at: Instant::now(),
        }
    }

    /// Charges time that was taken until now.
    fn charge(&mut self, now: Instant, took: Duration) {
        let earliest = now.checked_sub(CREDIT * SHARE).unwrap_or(now);
        self.free_at = self.free_at.max(earliest) + took * SHARE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emulator() -> Emulator {
        let places = Workplaces::of_lab(&Workplaces::of_all());
        Emulator::new(WindowSize::LARGEST, places)
    }

    #[test]
    fn who_takes_too_much_waits_and_who_was_idle_has_credit() {
        let mut budget = Budget::new();
        let later = Instant::now() + Duration::from_secs(60);
        budget.charge(later, CREDIT);
        assert!(budget.free_at <= later);
        budget.charge(later, Duration::from_millis(30));
        assert_eq!(budget.free_at, later + Duration::from_millis(300));
    }

    #[tokio::test]
    async fn what_is_dear_is_shown_in_slices_and_charged() {
        let mut emulator = emulator();
        let mut pending = Bytes::from(b"\x1b[2J\x1b#8".repeat(10_000));
        let (count, _) = emulator.show(pending.clone()).await;
        assert!((1..pending.len()).contains(&count), "{count}");
        let _ = pending.split_to(count);
        while emulator.free_at() <= Instant::now() {
            let (count, _) = emulator.show(pending.clone()).await;
            let _ = pending.split_to(count);
        }
        assert!(!pending.is_empty());
        // So is a drawing of it.
        let before = emulator.free_at();
        emulator.draw().await;
        assert!(emulator.free_at() > before);
    }
}
