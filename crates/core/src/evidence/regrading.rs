//! Regrading by a corrected scenario, and what that changes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Evidence, ReusedFact, answering};
use crate::grade::{CheckResult, Grade, Standing, Verdict, grade_phases};
use crate::question::Fact;
use crate::topology::Topology;

/// Result of judging evidence by another scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Regrading {
    /// The grade by the facts that there are.
    pub grade: Grade,
    /// Check → where its fact comes from.
    pub reused: BTreeMap<String, ReusedFact>,
    /// Checks that are to be asked, since no fact answers their question.
    pub unanswered: Vec<String>,
    /// Checks whose question was asked, but nobody could look; to ask again may help.
    pub unobserved: Vec<String>,
    /// Checks of the old scenario that the new one does not have.
    pub removed_checks: Vec<String>,
    /// Parameters whose values differ or that only one of them has: the lab was built with the old ones, so that questions with
    /// the new ones may ask for what the candidate was never told.
    pub changed_parameters: Vec<String>,
}

/// Comparison of two gradings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Comparison {
    /// Points earned before and after.
    pub points: (u32, u32),
    /// Points to be earned before and after.
    pub of: (u32, u32),
    /// Checks that nobody could look at, before and after.
    pub unknown: (u32, u32),
    /// The checks, in the order of the new grade; those that no longer exist come last.
    pub checks: Vec<CheckChange>,
    /// Skill by skill.
    pub skills: Vec<StandingChange>,
    /// Block by block.
    pub blocks: Vec<StandingChange>,
}

/// One check before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckChange {
    /// `task/check`.
    pub id: String,
    /// Before; `None` where there was no such check.
    pub old: Option<CheckWorth>,
    /// After; `None` where there is no such check any longer.
    pub new: Option<CheckWorth>,
}

/// Result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckWorth {
    /// The verdict.
    pub verdict: Verdict,
    /// Points earned.
    pub points: u32,
    /// Points to be earned.
    pub of: u32,
}

/// A skill or block before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StandingChange {
    /// `referential/skill` or `referential/block`.
    pub id: String,
    /// Before; `None` where it was not examined.
    pub old: Option<Standing>,
    /// After; `None` where it is not examined any longer.
    pub new: Option<Standing>,
}

impl CheckChange {
    /// Whether it is any different.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.old != self.new
    }
}

impl Comparison {
    /// Whether anything at all is different.
    #[must_use]
    pub fn is_change(&self) -> bool {
        let standings = self.skills.iter().chain(&self.blocks);
        self.points.0 != self.points.1
            || self.of.0 != self.of.1
            || self.checks.iter().any(CheckChange::is_change)
            || standings.into_iter().any(|change| change.old != change.new)
    }
}

/// Judges evidence by another scenario. `old` is the one that the lab was graded by last, `new` the
/// corrected one, drawn from the same seed.
#[must_use]
pub fn regrade(old: &Topology, new: &Topology, evidence: &Evidence) -> Regrading {
    let answers = answering(new, evidence);
    let phases = evidence.phases_of(new);
    let grade = grade_phases(new, &answers.facts, &phases);
    let open = |check: &&CheckResult| {
        !answers.facts.contains_key(&check.id) && check.verdict != Verdict::NotAsked
    };
    let blind = |check: &&CheckResult| {
        let fact = answers.facts.get(&check.id);
        check.verdict == Verdict::Unknown && matches!(fact, Some(Fact::CouldNotLook { .. }))
    };
    let named = |of: &dyn Fn(&&CheckResult) -> bool| -> Vec<String> {
        let checks = grade.checks().filter(of);
        checks.map(|check| check.id.clone()).collect()
    };
    let known: BTreeSet<&str> = new.checks().map(|check| check.id.as_str()).collect();
    let gone = old.checks().filter(|check| !known.contains(&*check.id));
    let (drawn, wanted) = (&evidence.parameters, &new.parameters);
    let names: BTreeSet<&String> = drawn.keys().chain(wanted.keys()).collect();
    let redrawn = names
        .into_iter()
        .filter(|name| drawn.get(*name) != wanted.get(*name));
    Regrading {
        unanswered: named(&open),
        unobserved: named(&blind),
        removed_checks: gone.map(|check| check.id.clone()).collect(),
        changed_parameters: redrawn.cloned().collect(),
        reused: answers.from,
        grade,
    }
}

/// Compares two gradings.
#[must_use]
pub fn compare(old: &Grade, new: &Grade) -> Comparison {
    let worths = |grade: &Grade| -> BTreeMap<String, CheckWorth> {
        let checks = grade.checks();
        checks
            .map(|check| (check.id.clone(), worth(check)))
            .collect()
    };
    let (before, after) = (worths(old), worths(new));
    let here = new.checks().map(|check| &check.id);
    let gone = old.checks().map(|check| &check.id);
    let gone = gone.filter(|id| !after.contains_key(*id));
    let checks = here.chain(gone).map(|id| CheckChange {
        id: id.clone(),
        old: before.get(id).copied(),
        new: after.get(id).copied(),
    });
    let skills = |grade: &Grade| -> BTreeMap<String, Standing> {
        let skills = grade.skills.iter();
        skills
            .map(|skill| (skill.id.clone(), skill.standing))
            .collect()
    };
    let blocks = |grade: &Grade| -> BTreeMap<String, Standing> {
        let blocks = grade.blocks.iter();
        blocks
            .map(|block| (block.id.clone(), block.standing))
            .collect()
    };
    Comparison {
        points: (old.points, new.points),
        of: (old.of, new.of),
        unknown: (old.unknown, new.unknown),
        checks: checks.collect(),
        skills: standings(&skills(old), &skills(new)),
        blocks: standings(&blocks(old), &blocks(new)),
    }
}

fn worth(check: &CheckResult) -> CheckWorth {
    CheckWorth {
        verdict: check.verdict,
        points: check.points,
        of: check.of,
    }
}

fn standings(
    old: &BTreeMap<String, Standing>,
    new: &BTreeMap<String, Standing>,
) -> Vec<StandingChange> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changes = names.into_iter().map(|id| StandingChange {
        id: id.clone(),
        old: old.get(id).copied(),
        new: new.get(id).copied(),
    });
    changes.collect()
}
