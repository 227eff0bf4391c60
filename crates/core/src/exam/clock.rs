//! How much time an attempt has left: a function of what was granted and of what happened.
//!
//! All times are milliseconds. A moment is counted from the Unix epoch by a clock that never goes
//! back; how the daemon keeps one is its own affair.

use serde::{Deserialize, Serialize};

/// A factor is given in thousandths.
pub const WHOLE: u32 = 1000;

/// Largest factor that can be granted: four times the time.
pub const MOST: u32 = 4 * WHOLE;

/// Time granted to an attempt before it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TimeGrant {
    /// The scenario's duration in milliseconds.
    pub duration_ms: u64,
    /// Its factor, in thousandths: 1333 is a third more.
    pub factor: u32,
    /// How long all breaks together may take without costing time, in milliseconds.
    pub breaks_ms: u64,
}

impl TimeGrant {
    /// The time to work, before extensions, in milliseconds; a fraction is rounded up.
    #[must_use]
    pub fn work_ms(&self) -> u64 {
        let scaled = u128::from(self.duration_ms) * u128::from(self.factor);
        u64::try_from(scaled.div_ceil(u128::from(WHOLE))).unwrap_or(u64::MAX)
    }
}

/// Why a clock was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PauseKind {
    /// Something failed: all of the time is given back.
    Incident,
    /// The candidate rests: it is given back as far as breaks were granted.
    Break,
}

/// A change of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockEvent {
    /// It was started.
    Start,
    /// It was stopped.
    Pause(PauseKind),
    /// It was resumed.
    Resume,
    /// An extension was granted, in milliseconds.
    Extend(u64),
    /// Time lost by a failure is given back, in milliseconds.
    GiveBack(u64),
    /// It has ended.
    Stop,
}

/// Reading of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClockReading {
    /// Its state.
    pub state: ClockState,
    /// Time left to work, in milliseconds.
    pub remaining_ms: u64,
    /// All that was granted so far, in milliseconds: the time to work with its factor and extensions.
    pub granted_ms: u64,
    /// When it ends if nothing else happens (milliseconds since the epoch); `None` before the start,
    /// in a pause that costs nothing, and after the end.
    pub deadline_ms: Option<u64>,
    /// Time for breaks that is left, in milliseconds.
    pub breaks_ms: u64,
}

/// State of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ClockState {
    /// It was not started.
    Unstarted,
    /// It runs.
    Running,
    /// It is paused.
    Paused(PauseKind),
    /// It has ended.
    Stopped,
}

/// State that is carried from one tick to the next.
#[derive(Clone, Copy)]
struct ElapsedTime {
    state: ClockState,
    /// Since when.
    since: u64,
    used: u64,
    granted: u64,
    given_back: u64,
    breaks: u64,
}

impl ElapsedTime {
    /// Advances to a moment. An earlier moment than the last counts as the last: a clock does not go back.
    fn advance_to(&mut self, until: u64) {
        let passed = until.saturating_sub(self.since);
        self.since = self.since.max(until);
        match self.state {
            ClockState::Running => self.used = self.used.saturating_add(passed),
            ClockState::Paused(PauseKind::Break) => {
                let free = passed.min(self.breaks);
                self.breaks -= free;
                self.used = self.used.saturating_add(passed - free);
            }
            ClockState::Unstarted
            | ClockState::Paused(PauseKind::Incident)
            | ClockState::Stopped => {}
        }
    }

    /// Applies a tick. A tick that is not legal in the present state changes nothing.
    fn apply(&mut self, tick: ClockEvent) {
        match (tick, self.state) {
            (ClockEvent::Start, ClockState::Unstarted) => self.state = ClockState::Running,
            (ClockEvent::Pause(kind), ClockState::Running) => self.state = ClockState::Paused(kind),
            (ClockEvent::Resume, ClockState::Paused(_)) => self.state = ClockState::Running,
            (
                ClockEvent::Extend(more),
                ClockState::Unstarted | ClockState::Running | ClockState::Paused(_),
            ) => {
                self.granted = self.granted.saturating_add(more);
            }
            // Only what was used can be given back.
            (ClockEvent::GiveBack(lost), ClockState::Running | ClockState::Paused(_)) => {
                let back = lost.min(self.used - self.given_back);
                self.given_back += back;
            }
            (ClockEvent::Stop, ClockState::Running | ClockState::Paused(_)) => {
                self.state = ClockState::Stopped
            }
            (
                ClockEvent::Start
                | ClockEvent::Pause(_)
                | ClockEvent::Resume
                | ClockEvent::Extend(_)
                | ClockEvent::GiveBack(_)
                | ClockEvent::Stop,
                _,
            ) => {}
        }
    }

    fn remaining(&self) -> u64 {
        self.granted.saturating_sub(self.used - self.given_back)
    }
}

/// What the clock of an attempt shows at a moment, after these ticks in the order in which they
/// were written down, each with its moment.
///
/// Time that is left is never negative and never more than was granted. A moment before the last
/// tick shows what that tick left.
#[must_use]
pub fn read(grant: &TimeGrant, ticks: &[(u64, ClockEvent)], now: u64) -> ClockReading {
    let mut run = ElapsedTime {
        state: ClockState::Unstarted,
        since: 0,
        used: 0,
        granted: grant.work_ms(),
        given_back: 0,
        breaks: grant.breaks_ms,
    };
    for (at, tick) in ticks {
        run.advance_to(*at);
        run.apply(*tick);
    }
    run.advance_to(now);
    let remaining = run.remaining();
    let ahead = match run.state {
        ClockState::Running => Some(remaining),
        ClockState::Paused(PauseKind::Break) => Some(remaining.saturating_add(run.breaks)),
        ClockState::Unstarted | ClockState::Paused(PauseKind::Incident) | ClockState::Stopped => {
            None
        }
    };
    ClockReading {
        state: run.state,
        remaining_ms: remaining,
        granted_ms: run.granted,
        deadline_ms: ahead.map(|ahead| run.since.saturating_add(ahead)),
        breaks_ms: run.breaks,
    }
}

/// Remaining times at which candidates are warned, in milliseconds: 30, 10 and 2 minutes.
pub const WARNINGS_MS: [u64; 3] = [30 * 60_000, 10 * 60_000, 2 * 60_000];

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const MINUTE: u64 = 60_000;

    fn grant(minutes: u64) -> TimeGrant {
        TimeGrant {
            duration_ms: minutes * MINUTE,
            factor: WHOLE,
            breaks_ms: 0,
        }
    }

    #[test]
    fn a_third_more_of_ninety_minutes_is_two_hours() {
        let grant = TimeGrant {
            factor: 1333,
            ..grant(90)
        };
        assert_eq!(grant.work_ms(), 7_198_200);
        let reading = read(&grant, &[(5, ClockEvent::Start)], 5);
        assert_eq!(reading.deadline_ms, Some(5 + 7_198_200));
    }

    #[test]
    fn a_pause_for_an_incident_gives_all_its_time_back() {
        let ticks = [
            (0, ClockEvent::Start),
            (10 * MINUTE, ClockEvent::Pause(PauseKind::Incident)),
            (40 * MINUTE, ClockEvent::Resume),
        ];
        let paused = read(&grant(60), &ticks[..2], 35 * MINUTE);
        assert_eq!(
            (paused.remaining_ms, paused.deadline_ms),
            (50 * MINUTE, None)
        );
        let resumed = read(&grant(60), &ticks, 41 * MINUTE);
        assert_eq!(resumed.remaining_ms, 49 * MINUTE);
        assert_eq!(resumed.deadline_ms, Some(90 * MINUTE));
    }

    #[test]
    fn a_break_costs_what_it_takes_beyond_what_was_granted() {
        let grant = TimeGrant {
            breaks_ms: 10 * MINUTE,
            ..grant(60)
        };
        let ticks = [
            (0, ClockEvent::Start),
            (5 * MINUTE, ClockEvent::Pause(PauseKind::Break)),
        ];
        let within = read(&grant, &ticks, 12 * MINUTE);
        assert_eq!(within.remaining_ms, 55 * MINUTE);
        assert_eq!(within.deadline_ms, Some(70 * MINUTE));
        let beyond = read(&grant, &ticks, 20 * MINUTE);
        assert_eq!(beyond.remaining_ms, 50 * MINUTE);
        assert_eq!(beyond.breaks_ms, 0);
    }

    #[test]
    fn extensions_and_what_was_lost_come_on_top() {
        let ticks = [
            (0, ClockEvent::Start),
            (20 * MINUTE, ClockEvent::Extend(15 * MINUTE)),
            (30 * MINUTE, ClockEvent::GiveBack(5 * MINUTE)),
        ];
        let reading = read(&grant(60), &ticks, 30 * MINUTE);
        assert_eq!(reading.remaining_ms, 50 * MINUTE);
        assert_eq!(reading.granted_ms, 75 * MINUTE);
    }

    fn tick() -> impl Strategy<Value = ClockEvent> {
        prop_oneof![
            Just(ClockEvent::Start),
            Just(ClockEvent::Pause(PauseKind::Incident)),
            Just(ClockEvent::Pause(PauseKind::Break)),
            Just(ClockEvent::Resume),
            (0..10_000_u64).prop_map(ClockEvent::Extend),
            (0..10_000_u64).prop_map(ClockEvent::GiveBack),
            Just(ClockEvent::Stop),
        ]
    }

    /// Ticks in the order of their moments, and a moment after them.
    fn life() -> impl Strategy<Value = (TimeGrant, Vec<(u64, ClockEvent)>, u64)> {
        let grant = (0..100_000_u64, WHOLE..MOST, 0..20_000_u64).prop_map(
            |(duration_ms, factor, breaks_ms)| TimeGrant {
                duration_ms,
                factor,
                breaks_ms,
            },
        );
        (grant, vec((0..20_000_u64, tick()), 0..20), 0..20_000_u64).prop_map(
            |(grant, steps, after)| {
                let mut now = 0;
                let ticks = steps.into_iter().map(|(step, tick)| {
                    now += step;
                    (now, tick)
                });
                let ticks: Vec<_> = ticks.collect();
                (grant, ticks, now + after)
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_left_is_never_more_than_was_granted((grant, ticks, now) in life()) {
            let reading = read(&grant, &ticks, now);
            let extended = ticks.iter().filter_map(|(_, tick)| {
                if let ClockEvent::Extend(more) = tick { Some(*more) } else { None }
            });
            let extended: u64 = extended.sum();
            prop_assert!(reading.remaining_ms <= reading.granted_ms);
            prop_assert!(reading.granted_ms <= grant.work_ms() + extended);
        }

        #[test]
        fn time_that_passes_takes_away_at_most_itself((grant, ticks, now) in life(), later in 0..50_000_u64) {
            let before = read(&grant, &ticks, now).remaining_ms;
            let after = read(&grant, &ticks, now + later).remaining_ms;
            prop_assert!(after <= before);
            prop_assert!(before - after <= later);
        }

        #[test]
        fn the_deadline_is_when_nothing_is_left((grant, ticks, now) in life()) {
            let reading = read(&grant, &ticks, now);
            if let Some(deadline) = reading.deadline_ms {
                prop_assert_eq!(read(&grant, &ticks, deadline).remaining_ms, 0);
                if reading.remaining_ms > 0 && deadline > now {
                    prop_assert!(read(&grant, &ticks, deadline - 1).remaining_ms > 0);
                }
            }
        }

        #[test]
        fn an_incident_costs_nothing((grant, ticks, now) in life(), long in 0..1_000_000_u64) {
            let running = read(&grant, &ticks, now);
            if running.state == ClockState::Running {
                let mut paused = ticks.clone();
                paused.push((now, ClockEvent::Pause(PauseKind::Incident)));
                paused.push((now + long, ClockEvent::Resume));
                prop_assert_eq!(read(&grant, &paused, now + long).remaining_ms, running.remaining_ms);
            }
        }

        #[test]
        fn a_moment_before_the_last_tick_loses_nothing((grant, ticks, now) in life(), back in 0..100_000_u64) {
            // A clock that was set back, or a restart that reads an older moment.
            if let Some((last, _)) = ticks.last() {
                let early = read(&grant, &ticks, last.saturating_sub(back));
                prop_assert_eq!(early.remaining_ms, read(&grant, &ticks, *last).remaining_ms);
                prop_assert!(early.remaining_ms >= read(&grant, &ticks, now).remaining_ms);
            }
        }
    }
}
