//! From fact to verdict.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::ask::{describe, sent};
use super::{CheckResult, Facts, Reason, Ruling, Verdict};
use crate::matcher::Finding;
use crate::question::Expectation;
use crate::question::Fact;
use crate::topology::{Check, Topology};

/// Result of judging a check: verdict, findings, and why there are none.
type CheckJudgement = (Verdict, Vec<Finding>, Option<Reason>);

/// Judges one check by its own fact, whatever it needs. No fact at all is [`Verdict::Unknown`].
#[must_use]
pub fn judge(check: &Check, fact: Option<&Fact>) -> CheckResult {
    let unknown = |reason: Reason| (Verdict::Unknown, vec![], Some(reason));
    let judged = match fact {
        None => unknown(Reason::NoFact),
        Some(Fact::CouldNotLook { reason }) => unknown(Reason::CouldNotLook(reason.clone())),
        Some(Fact::Seen(observation)) => match check.expectation.judge(observation) {
            None => unknown(Reason::OtherAnswer),
            Some(_) if let Some(reason) = check.expectation.undecided(observation) => {
                unknown(Reason::CouldNotLook(reason))
            }
            Some(findings) if findings.iter().all(|finding| finding.holds) => {
                (Verdict::Pass, findings, None)
            }
            Some(findings) => (Verdict::Fail, findings, None),
        },
    };
    result(check, judged)
}

fn result(check: &Check, (verdict, findings, reason): CheckJudgement) -> CheckResult {
    CheckResult {
        id: check.id.clone(),
        title: check.title.clone(),
        phase: check.phase.clone(),
        observer: check.observer.label(),
        asked: describe(check),
        needs: check.needs.clone(),
        group: check.group.clone(),
        bonus: check.bonus,
        critical: check.critical,
        verdict,
        points: match verdict {
            Verdict::Pass => check.points,
            Verdict::Fail | Verdict::NotAsked | Verdict::Unknown => 0,
        },
        of: check.points,
        findings,
        reason,
        hint: check.hint.clone(),
        shown: check.shown,
    }
}

/// Judges all checks, each after those that it needs.
///
/// A scenario's needs lead nowhere in a circle; should they all the same, or should a need not be
/// there, nobody can tell, and it is unknown.
pub(super) fn judge_all(
    topology: &Topology,
    facts: &Facts,
    rulings: &BTreeMap<String, Ruling>,
) -> BTreeMap<String, CheckResult> {
    let judge_one = |check: &Check, judged: &BTreeMap<String, CheckResult>| {
        let ruling = rulings.get(&check.id);
        match ruling {
            Some(ruling) => ruled(check, facts, *ruling),
            None => judge_with_needs(check, facts, judged),
        }
    };
    let mut judged: BTreeMap<String, CheckResult> = BTreeMap::new();
    let mut left: Vec<&Check> = topology.checks().collect();
    while !left.is_empty() {
        let before = left.len();
        left.retain(|check| {
            let ready = check.needs.iter().all(|need| judged.contains_key(need));
            if ready {
                let result = judge_one(check, &judged);
                judged.insert(check.id.clone(), result);
            }
            !ready
        });
        if left.len() == before {
            break;
        }
    }
    for check in left {
        let result = judge_one(check, &judged);
        judged.insert(check.id.clone(), result);
    }
    judged
}

/// A check as people ruled, with what was seen of it.
fn ruled(check: &Check, facts: &Facts, ruling: Ruling) -> CheckResult {
    let seen = judge(check, known(check, facts).as_deref());
    result(check, (ruling.into(), seen.findings, None))
}

/// Judges a check whose needs are judged.
fn judge_with_needs(
    check: &Check,
    facts: &Facts,
    judged: &BTreeMap<String, CheckResult>,
) -> CheckResult {
    let verdict = |need: &String| judged.get(need).map(|result| result.verdict);
    let lost = |need: &&String| match verdict(need) {
        Some(Verdict::Fail | Verdict::NotAsked) => true,
        Some(Verdict::Pass | Verdict::Unknown) | None => false,
    };
    let open = |need: &&String| matches!(verdict(need), Some(Verdict::Unknown) | None);
    if let Some(need) = check.needs.iter().find(lost) {
        let reason = Reason::NeedFailed(need.clone());
        return result(check, (Verdict::NotAsked, vec![], Some(reason)));
    }
    if let Some(need) = check.needs.iter().find(open) {
        let reason = Reason::NeedUnknown(need.clone());
        return result(check, (Verdict::Unknown, vec![], Some(reason)));
    }
    judge(check, known(check, facts).as_deref())
}

/// The fact of a check: its own, or that of two observers combined.
fn known<'a>(check: &Check, facts: &'a Facts) -> Option<Cow<'a, Fact>> {
    let own = facts.get(&check.id);
    if let Expectation::Syslog(syslog) = &check.expectation {
        let sender = facts.get(&sent(&check.id));
        return syslog.arrival(sender, own).map(Cow::Owned);
    }
    own.map(Cow::Borrowed)
}
