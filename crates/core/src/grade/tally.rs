//! The sum: points that are earned, and points that still can be.

use std::collections::BTreeMap;

use super::{CheckResult, GroupGrade, RubricMarks, Standing, Verdict};
use crate::localized::Localized;

/// The sums of a task, or of a skill's tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Points earned, with the bonus, and no more than `of`.
    pub(crate) points: u32,
    /// Points to be earned, the bonus not counted.
    pub(crate) of: u32,
    /// Points of the bonus to be earned.
    pub(crate) bonus: u32,
    /// Points earned if everything unknown passed.
    pub(crate) within_reach: u32,
    /// Whether a critical check did not pass.
    pub(super) critical_lost: bool,
    /// Whether nobody could look at a critical check.
    pub(super) critical_unknown: bool,
    /// Whether an evaluator has a word to say.
    pub(super) for_evaluator: bool,
}

impl Tally {
    /// Sums of one task's checks.
    pub(crate) fn of(checks: &[CheckResult], for_evaluator: bool) -> Self {
        let sum = |points: &dyn Fn(&CheckResult) -> u32| {
            let each = checks.iter().map(points);
            each.fold(0, u32::saturating_add)
        };
        let of = sum(&|check| if check.bonus { 0 } else { check.of });
        let group = |check: &CheckResult| group_verdict(checks, check.group.as_deref());
        let verdicts = |verdict: Verdict| match verdict {
            Verdict::Fail | Verdict::NotAsked => (true, false),
            Verdict::Unknown => (false, true),
            Verdict::Pass => (false, false),
        };
        let critical = checks.iter().filter(|check| check.critical);
        let (lost, unknown): (Vec<bool>, Vec<bool>) =
            critical.map(|check| verdicts(check.verdict)).unzip();
        Self {
            points: of.min(sum(&|check| worth(check, group(check), false))),
            of,
            bonus: sum(&|check| if check.bonus { check.of } else { 0 }),
            within_reach: of.min(sum(&|check| worth(check, group(check), true))),
            critical_lost: lost.contains(&true),
            critical_unknown: unknown.contains(&true),
            for_evaluator,
        }
    }

    /// The tally with the points of a rubric, if there are any.
    pub(super) fn marked(self, marks: Option<&RubricMarks>) -> Self {
        let Some(marks) = marks else {
            return self;
        };
        Self {
            points: self.points.saturating_add(marks.points),
            of: self.of.saturating_add(marks.of),
            within_reach: self.within_reach.saturating_add(marks.within_reach),
            for_evaluator: marks.open,
            ..self
        }
    }

    /// The sum of both.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            points: self.points.saturating_add(other.points),
            of: self.of.saturating_add(other.of),
            bonus: self.bonus.saturating_add(other.bonus),
            within_reach: self.within_reach.saturating_add(other.within_reach),
            critical_lost: self.critical_lost || other.critical_lost,
            critical_unknown: self.critical_unknown || other.critical_unknown,
            for_evaluator: self.for_evaluator || other.for_evaluator,
        }
    }

    /// The standing where this share of the points, in percent, is required.
    pub(super) fn standing(&self, threshold: u8) -> Standing {
        let reaches =
            |points: u32| u64::from(points) * 100 >= u64::from(threshold) * u64::from(self.of);
        if self.critical_lost {
            Standing::NotAcquired
        } else if self.for_evaluator || self.of == 0 {
            Standing::Undecided
        } else if !reaches(self.within_reach) {
            Standing::NotAcquired
        } else if reaches(self.points) && !self.critical_unknown {
            Standing::Acquired
        } else {
            Standing::Undecided
        }
    }
}

/// Points that a check earns, or could earn, as a member of a group with this verdict.
fn worth(check: &CheckResult, group: Verdict, hoping: bool) -> u32 {
    let good = |verdict: Verdict| match verdict {
        Verdict::Pass => true,
        Verdict::Unknown => hoping,
        Verdict::Fail | Verdict::NotAsked => false,
    };
    if good(check.verdict) && good(group) {
        check.of
    } else {
        0
    }
}

/// The verdict of a group of these checks; what stands in no group is not in anybody's way.
fn group_verdict(checks: &[CheckResult], group: Option<&str>) -> Verdict {
    let Some(group) = group else {
        return Verdict::Pass;
    };
    let members = checks
        .iter()
        .filter(|check| check.group.as_deref() == Some(group));
    let verdict = |so_far: Verdict, check: &CheckResult| match (so_far, check.verdict) {
        (Verdict::Fail, _) | (_, Verdict::Fail | Verdict::NotAsked) => Verdict::Fail,
        (_, Verdict::Unknown) => Verdict::Unknown,
        (other, Verdict::Pass) => other,
    };
    members.fold(Verdict::Pass, verdict)
}

/// Takes the points away from members of groups that are not whole.
pub(super) fn withhold(mut checks: Vec<CheckResult>) -> Vec<CheckResult> {
    let points: Vec<u32> = checks
        .iter()
        .map(|check| worth(check, group_verdict(&checks, check.group.as_deref()), false))
        .collect();
    for (check, points) in checks.iter_mut().zip(points) {
        check.points = points;
    }
    checks
}

/// The groups of a task's checks that were asked.
pub(super) fn groups(
    titles: &BTreeMap<String, Localized>,
    checks: &[CheckResult],
) -> Vec<GroupGrade> {
    let members = |id: &str| {
        let id = id.to_owned();
        let in_it = move |check: &&CheckResult| check.group.as_ref() == Some(&id);
        checks.iter().filter(in_it)
    };
    let asked = titles.iter().filter(|(id, _)| members(id).next().is_some());
    asked
        .map(|(id, title)| GroupGrade {
            id: id.clone(),
            title: title.clone(),
            verdict: group_verdict(checks, Some(id)),
            points: members(id).fold(0, |sum, check| sum.saturating_add(check.points)),
            of: members(id).fold(0, |sum, check| sum.saturating_add(check.of)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_follows_from_what_is_earned_and_what_still_can_be() {
        let sure = |points| Tally {
            points,
            within_reach: points,
            of: 10,
            ..Tally::default()
        };
        let open = Tally {
            within_reach: 8,
            ..sure(6)
        };
        let lost = |tally| Tally {
            critical_lost: true,
            ..tally
        };
        let unknown = |tally| Tally {
            critical_unknown: true,
            ..tally
        };
        let waiting = |tally| Tally {
            for_evaluator: true,
            ..tally
        };
        for (tally, standing) in [
            (sure(7), Standing::Acquired),
            (sure(6), Standing::NotAcquired),
            (open, Standing::Undecided),
            (lost(sure(10)), Standing::NotAcquired),
            (lost(waiting(sure(10))), Standing::NotAcquired),
            (unknown(sure(7)), Standing::Undecided),
            (unknown(sure(6)), Standing::NotAcquired),
            (waiting(sure(10)), Standing::Undecided),
            (waiting(sure(0)), Standing::Undecided),
            (Tally::default(), Standing::Undecided),
        ] {
            assert_eq!(tally.standing(70), standing, "{tally:?}");
        }
        assert_eq!(sure(10).standing(100), Standing::Acquired);
        assert_eq!(sure(9).standing(100), Standing::NotAcquired);
    }
}
