//! The daemon's clock: it shows the time of day and never goes back.
//!
//! While the host runs it follows the time since the host's boot, which cannot be set, so that a jump of
//! the wall clock does not move deadlines. It is stored regularly: the next daemon continues from the
//! stored time, and learns how long no daemon ran.

use std::sync::Arc;

use rustix::time::{ClockId, clock_gettime};

pub mod heartbeat;

/// A reading of the host's clocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostClock {
    /// Identifies the host's boot.
    pub boot: String,
    /// Time since that boot, the host's sleep included, in milliseconds.
    pub since_boot_ms: u64,
    /// The wall clock, in milliseconds since the epoch.
    pub wall_ms: u64,
}

/// A stored reading of the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockSample {
    /// Identifies the host's boot.
    pub boot: String,
    /// Time since that boot, in milliseconds.
    pub since_boot_ms: u64,
    /// What the clock showed, in milliseconds since the epoch.
    pub showed_ms: u64,
}

/// The clock. Clones show the same.
#[derive(Clone, Debug)]
pub struct Clock {
    anchor: Arc<ClockSample>,
}

/// The later of two stored readings; only those of one boot can be compared.
#[must_use]
pub fn later(kept: Option<ClockSample>, beaten: Option<ClockSample>) -> Option<ClockSample> {
    match (kept, beaten) {
        (Some(kept), Some(beaten))
            if kept.boot == beaten.boot && kept.since_boot_ms < beaten.since_boot_ms =>
        {
            Some(beaten)
        }
        // A heartbeat alone is another database's.
        (kept, _) => kept,
    }
}

/// The time of a clock on a host, given the last stored reading.
///
/// In the same boot it continues from the reading. After another boot it is the wall clock's time, or the
/// stored time if the wall clock is behind it.
#[must_use]
pub fn continue_clock(last: Option<&ClockSample>, host: &HostClock) -> u64 {
    match last {
        Some(last) if last.boot == host.boot => {
            let passed = host.since_boot_ms.saturating_sub(last.since_boot_ms);
            last.showed_ms.saturating_add(passed)
        }
        Some(last) => host.wall_ms.max(last.showed_ms),
        None => host.wall_ms,
    }
}

impl Clock {
    /// Goes on from what was written down last.
    #[must_use]
    pub fn start(last: Option<&ClockSample>) -> Self {
        let host = host();
        Self {
            anchor: Arc::new(ClockSample {
                showed_ms: continue_clock(last, &host),
                since_boot_ms: host.since_boot_ms,
                boot: host.boot,
            }),
        }
    }

    /// What it shows, in milliseconds since the epoch.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        let passed = since_boot_ms().saturating_sub(self.anchor.since_boot_ms);
        self.anchor.showed_ms.saturating_add(passed)
    }

    /// What there is to write down now.
    #[must_use]
    pub fn beat(&self) -> ClockSample {
        let since_boot_ms = since_boot_ms();
        let passed = since_boot_ms.saturating_sub(self.anchor.since_boot_ms);
        ClockSample {
            boot: self.anchor.boot.clone(),
            since_boot_ms,
            showed_ms: self.anchor.showed_ms.saturating_add(passed),
        }
    }
}

fn since_boot_ms() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds * 1000 + nanoseconds / 1_000_000
}

/// What the host says now. Where the kernel does not tell its boot, every start of the daemon
/// counts as one.
fn host() -> HostClock {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let boot = boot.unwrap_or_else(|_| uuid::Uuid::now_v7().to_string());
    let wall = jiff::Timestamp::now().as_millisecond();
    HostClock {
        boot: boot.trim().to_owned(),
        since_boot_ms: since_boot_ms(),
        wall_ms: u64::try_from(wall).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat() -> ClockSample {
        ClockSample {
            boot: "one".into(),
            since_boot_ms: 1_000,
            showed_ms: 500_000,
        }
    }

    fn host(boot: &str, since_boot_ms: u64, wall_ms: u64) -> HostClock {
        HostClock {
            boot: boot.into(),
            since_boot_ms,
            wall_ms,
        }
    }

    #[test]
    fn the_later_of_two_moments_of_one_boot_counts() {
        let beat = |boot: &str, at| ClockSample {
            boot: boot.into(),
            since_boot_ms: at,
            showed_ms: at,
        };
        let later = |kept: &ClockSample, beaten: &ClockSample| {
            later(Some(kept.clone()), Some(beaten.clone()))
        };
        assert_eq!(later(&beat("a", 1), &beat("a", 2)), Some(beat("a", 2)));
        assert_eq!(later(&beat("a", 2), &beat("a", 1)), Some(beat("a", 2)));
        assert_eq!(later(&beat("b", 1), &beat("a", 9)), Some(beat("b", 1)));
        assert_eq!(super::later(None, Some(beat("a", 9))), None);
    }

    #[test]
    fn a_wall_clock_that_jumps_moves_nothing() {
        for wall in [0, 500_000, 9_999_999_999] {
            assert_eq!(
                continue_clock(Some(&beat()), &host("one", 4_000, wall)),
                503_000
            );
        }
    }

    #[test]
    fn after_another_boot_the_wall_clock_counts_but_never_backwards() {
        assert_eq!(
            continue_clock(Some(&beat()), &host("two", 10, 600_000)),
            600_000
        );
        assert_eq!(
            continue_clock(Some(&beat()), &host("two", 10, 400_000)),
            500_000
        );
        assert_eq!(continue_clock(None, &host("two", 10, 400_000)), 400_000);
    }

    #[test]
    fn it_goes_on_while_it_is_looked_at() {
        let clock = Clock::start(None);
        let first = clock.now_ms();
        let next = Clock::start(Some(&clock.beat())).now_ms();
        assert!(next >= first && next - first < 60_000, "{first} {next}");
    }
}
