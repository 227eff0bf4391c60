//! Rehearsals: what a session's labs took of the machine when all of them ran at once, and how many
//! more it would bear.

use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// The part of the resources that must stay free: a tenth.
const RESERVE: u64 = 10;

/// Memory and disk of the engine's host, in bytes; `None` where it does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostResources {
    /// Memory.
    pub memory: Option<u64>,
    /// Disk that the engine keeps its containers on.
    pub disk: Option<u64>,
}

/// Resources that the labs of one scenario needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScenarioRehearsal {
    /// The scenario's identifier.
    pub scenario: String,
    /// BLAKE3 of its frozen folder.
    pub hash: String,
    /// Nodes of one lab.
    pub nodes: u32,
    /// Labs that were asked for.
    pub labs: u32,
    /// Those that could be built.
    pub built: u32,
    /// How long it took to build them all, in milliseconds.
    pub building_ms: u64,
    /// How long the slowest of them took, in milliseconds.
    pub slowest_ms: u64,
    /// How long it took to grade them all, in milliseconds.
    pub grading_ms: u64,
    /// What one lab took while it ran, in bytes.
    pub each: HostResources,
    /// Checks (`task/check`) that passed in a lab although nobody had worked in it, and that are not
    /// marked to hold from the start.
    pub passed: Vec<String>,
    /// Checks that nobody could look at.
    pub unknown: Vec<String>,
}

/// A rehearsal of a session on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rehearsal {
    /// Identifier (UUID version 7).
    pub id: String,
    /// Who had it done.
    pub actor: String,
    /// When it began, in milliseconds since the epoch.
    pub begun_ms: u64,
    /// How long it took, the removal included, in milliseconds.
    pub took_ms: u64,
    /// Seats whose labs were started.
    pub seats: u32,
    /// By scenario, in the session's order.
    pub scenarios: Vec<ScenarioRehearsal>,
    /// What was left of the machine before.
    pub before: HostResources,
    /// The least that was left of it meanwhile.
    pub least: HostResources,
    /// What went wrong, each with its candidate number.
    pub problems: Vec<String>,
    /// The conclusion.
    pub verdict: CapacityVerdict,
}

/// Conclusion of a rehearsal: whether the host can run a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CapacityVerdict {
    /// Whether all its labs were built and could be graded, and a tenth of the machine stayed free.
    pub holds: bool,
    /// Seats that it bears at most, as far as memory and disk tell.
    pub seats: Option<u32>,
    /// The resource that is exhausted first.
    pub limit: Option<Limit>,
}

/// The resource that is exhausted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// Memory.
    Memory,
    /// Disk.
    Disk,
}

/// Progress of a rehearsal: a line of the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RehearsalEvent {
    /// A lab was built, or could not be.
    Built {
        /// How many so far.
        done: u32,
        /// Of how many.
        of: u32,
    },
    /// A lab was graded.
    Graded {
        /// How many so far.
        done: u32,
        /// Of how many.
        of: u32,
    },
    /// The labs are being removed.
    Removing {},
    /// It is over.
    Rehearsed {
        /// What came of it.
        rehearsal: Box<Rehearsal>,
    },
    /// It could not be brought to its end; its labs are gone.
    Failed {
        /// Why.
        error: ApiError,
    },
}

impl HostResources {
    /// What is gone of it since; `None` where either is not known, or nothing is.
    #[must_use]
    pub fn consumed_since(&self, now: &Self) -> Self {
        let gone = |before: Option<u64>, now: Option<u64>| {
            before
                .zip(now)
                .map(|(before, now)| before.saturating_sub(now))
                .filter(|gone| *gone > 0)
        };
        Self {
            memory: gone(self.memory, now.memory),
            disk: gone(self.disk, now.disk),
        }
    }

    /// The lesser of each.
    #[must_use]
    pub fn minimum(&self, other: &Self) -> Self {
        let least = |one: Option<u64>, other: Option<u64>| one.into_iter().chain(other).min();
        Self {
            memory: least(self.memory, other.memory),
            disk: least(self.disk, other.disk),
        }
    }

    /// An equal part of it for each of so many.
    #[must_use]
    pub fn divided_among(&self, by: u32) -> Self {
        let by = u64::from(by.max(1));
        Self {
            memory: self.memory.map(|all| all.div_ceil(by)),
            disk: self.disk.map(|all| all.div_ceil(by)),
        }
    }
}

/// How much has to stay free of what was there before, in bytes.
#[must_use]
pub fn reserve(before: u64) -> u64 {
    before / RESERVE
}

/// The conclusion of a rehearsal. Each seat takes the same part of what was used at the
/// worst moment, grading included.
#[must_use]
pub fn judge(
    seats: u32,
    before: &HostResources,
    least: &HostResources,
    scenarios: &[ScenarioRehearsal],
    problems: &[String],
) -> CapacityVerdict {
    let all_built = scenarios.iter().all(|one| one.built == one.labs);
    let all_seen = scenarios.iter().all(|one| one.unknown.is_empty());
    let each = before.consumed_since(least).divided_among(seats);
    let bears = |before: Option<u64>, each: Option<u64>, limit| {
        let (before, each) = before.zip(each)?;
        let seats = before.saturating_sub(reserve(before)) / each.max(1);
        Some((u32::try_from(seats).unwrap_or(u32::MAX), limit))
    };
    let bears = [
        bears(before.memory, each.memory, Limit::Memory),
        bears(before.disk, each.disk, Limit::Disk),
    ];
    let least_of = bears.into_iter().flatten().min_by_key(|(seats, _)| *seats);
    let fits = least_of.is_none_or(|(bears, _)| bears >= seats);
    CapacityVerdict {
        holds: all_built && all_seen && problems.is_empty() && fits && seats > 0,
        seats: least_of.map(|(seats, _)| seats),
        limit: least_of.map(|(_, limit)| limit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn room(memory: u64, disk: u64) -> HostResources {
        HostResources {
            memory: Some(memory * GIB),
            disk: Some(disk * GIB),
        }
    }

    fn rehearsed(labs: u32, built: u32) -> ScenarioRehearsal {
        ScenarioRehearsal {
            scenario: "s".into(),
            hash: "h".into(),
            nodes: 4,
            labs,
            built,
            building_ms: 1,
            slowest_ms: 1,
            grading_ms: 1,
            each: HostResources::default(),
            passed: vec![],
            unknown: vec![],
        }
    }

    #[test]
    fn what_ends_first_says_how_many_seats_a_room_bears() {
        let (before, least) = (room(20, 100), room(10, 95));
        let verdict = judge(10, &before, &least, &[rehearsed(10, 10)], &[]);
        // A seat takes 1 GiB of memory, and 2 of 20 stay free.
        assert_eq!(
            verdict,
            CapacityVerdict {
                holds: true,
                seats: Some(18),
                limit: Some(Limit::Memory)
            }
        );
        let full = judge(10, &room(20, 5), &room(19, 0), &[rehearsed(10, 10)], &[]);
        assert_eq!((full.holds, full.limit), (false, Some(Limit::Disk)));
        assert_eq!(full.seats, Some(9));
    }

    #[test]
    fn a_lab_that_is_missing_or_cannot_be_graded_does_not_hold() {
        let (before, least) = (room(20, 100), room(19, 99));
        let missing = judge(10, &before, &least, &[rehearsed(10, 9)], &[]);
        assert!(!missing.holds);
        let mut unseen = rehearsed(10, 10);
        unseen.unknown.push("t/c".into());
        assert!(!judge(10, &before, &least, &[unseen], &[]).holds);
        let problem = ["`7`: it fell over".to_owned()];
        assert!(!judge(10, &before, &least, &[rehearsed(10, 10)], &problem).holds);
    }

    #[test]
    fn a_host_that_does_not_tell_sets_no_limit() {
        let silent = HostResources::default();
        let verdict = judge(3, &silent, &silent, &[rehearsed(3, 3)], &[]);
        assert_eq!(
            (verdict.holds, verdict.seats, verdict.limit),
            (true, None, None)
        );
    }
}
