//! Whether something could be reached during all of a phase's steps.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Expectation, Fact, Observation, Question};
use crate::matcher::{Finding, Matcher};
use crate::quantity::Span;

/// Time between two attempts where a check says nothing.
const EVERY: Span = Span(500);

/// How well something could be reached while a phase was brought about: another question is asked
/// again and again, from before the phase's first step until all else of the phase has been asked.
/// For phases with steps alone.
///
/// An attempt begins every so often, whether or not those before it have ended, and counts by
/// when it began. It has as long as the time between two attempts to be answered, and 1.5 seconds
/// at least, so that one that waits through a silence does not hide it. One that could not be made counts as if it had held and as if it had not: where
/// that makes a difference, nobody could look.
///
/// Without an attribute: `share: 100`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AvailabilityCheck {
    /// What is asked each time and has to hold: any question across the network but this one.
    pub of: Box<Expectation>,
    /// Time between two attempts, from `100ms` to `1m`; `500ms` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// The longest time in which no attempt held, from the first that did not to the next that
    /// did, in whole seconds rounded down; 0 where all held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_silence: Option<Matcher<i64>>,
    /// How many attempts in a hundred held, rounded down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Matcher<i64>>,
}

/// What is asked again and again for an [`AvailabilityCheck`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AvailabilityQuestion {
    /// The question of each attempt.
    pub of: Box<Question>,
    /// The attributes to look at each time.
    pub wants: BTreeSet<String>,
    /// Time between the beginnings of two attempts.
    pub every: Span,
}

/// What the attempts saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AvailabilitySeen {
    /// How long attempts were made, in milliseconds.
    pub lasted_ms: u64,
    /// The attempts in the order of their beginnings.
    pub runs: Vec<AttemptRun>,
}

/// Attempts one after the other that all saw the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptRun {
    /// When the first of them began, in milliseconds since the watch began.
    pub from_ms: u64,
    /// When the last of them began, likewise.
    pub to_ms: u64,
    /// How many they are.
    pub attempts: u32,
    /// What each saw.
    pub fact: Fact,
}

/// What became of the attempts of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AttemptOutcome {
    Yes,
    No,
    Unknown,
}

impl AvailabilityCheck {
    /// A check of this kind, as a trainer writes it under `that:`.
    pub const EXAMPLE: &'static str = r#"availability: { of: { http: { url: "http://www.atelier.lan/", status: 200 } }, longest_silence: { at_most: 5 } }"#;

    /// The question without its expected values.
    #[must_use]
    pub fn question(&self) -> AvailabilityQuestion {
        AvailabilityQuestion {
            of: Box::new(self.of.question()),
            wants: self.of.wants(),
            every: self.every.unwrap_or(EVERY),
        }
    }

    /// Attributes that have a matcher, by their names in the scenario.
    #[must_use]
    pub fn wants(&self) -> BTreeSet<String> {
        let silence = self.longest_silence.is_some().then_some("longest_silence");
        let share = (self.share.is_some() || silence.is_none()).then_some("share");
        silence.into_iter().chain(share).map(str::to_owned).collect()
    }

    /// Compares with what was seen, as if every attempt that could not be made had held.
    #[must_use]
    pub fn judge(&self, seen: &AvailabilitySeen) -> Vec<Finding> {
        self.judge_as(seen, true)
    }

    fn judge_as(&self, seen: &AvailabilitySeen, unknown_holds: bool) -> Vec<Finding> {
        let held = |run: &AttemptRun| match self.held(&run.fact) {
            AttemptOutcome::Yes => true,
            AttemptOutcome::No => false,
            AttemptOutcome::Unknown => unknown_holds,
        };
        let runs: Vec<(&AttemptRun, bool)> = seen.runs.iter().map(|run| (run, held(run))).collect();
        let (silence, share) = (longest_silence(&runs, seen.lasted_ms), share(&runs));
        let all = Matcher::Is(100);
        let expected_share = match (&self.share, &self.longest_silence) {
            (None, None) => Some(&all),
            (share, _) => share.as_ref(),
        };
        let rows = [
            ("longest_silence", self.longest_silence.as_ref(), silence),
            ("share", expected_share, share),
        ];
        let rows = rows.iter();
        rows.filter_map(|(name, matcher, seen)| Some((*matcher)?.find(name, seen.as_ref())))
            .collect()
    }

    fn held(&self, fact: &Fact) -> AttemptOutcome {
        match fact {
            Fact::CouldNotLook { .. } => AttemptOutcome::Unknown,
            Fact::Seen(observation) => match self.of.judge(observation) {
                None => AttemptOutcome::Unknown,
                Some(findings) if findings.iter().all(|finding| finding.holds) => AttemptOutcome::Yes,
                Some(_) => AttemptOutcome::No,
            },
        }
    }

    /// Why the attempts do not decide, where they do not.
    fn undecided(&self, seen: &AvailabilitySeen) -> Option<String> {
        let made: u64 = seen.runs.iter().map(|run| u64::from(run.attempts)).sum();
        if made == 0 {
            return Some("no attempt was made".to_owned());
        }
        let passes = |unknown_holds| {
            let findings = self.judge_as(seen, unknown_holds);
            findings.iter().all(|finding| finding.holds)
        };
        if passes(true) == passes(false) {
            return None;
        }
        let blind = seen.runs.iter().filter(|run| self.held(&run.fact) == AttemptOutcome::Unknown);
        let count: u64 = blind.clone().map(|run| u64::from(run.attempts)).sum();
        let reasons = blind.map(|run| match &run.fact {
            Fact::CouldNotLook { reason } => reason.as_str(),
            Fact::Seen(_) => "the agent answered another question",
        });
        let reason = reasons.into_iter().next().unwrap_or_default();
        Some(format!("{count} of {made} attempts could not be made: {reason}"))
    }
}

impl Expectation {
    /// Why an observation decides nothing, where it does not.
    #[must_use]
    pub fn undecided(&self, seen: &Observation) -> Option<String> {
        let (Self::Availability(check), Observation::Availability(seen)) = (self, seen) else {
            return None;
        };
        check.undecided(seen)
    }
}

/// In whole seconds; `None` without any attempt.
fn longest_silence(runs: &[(&AttemptRun, bool)], lasted_ms: u64) -> Option<i64> {
    let mut longest = 0;
    let mut since = None;
    for (run, held) in runs.iter().filter(|(run, _)| run.attempts > 0) {
        let begun = *since.get_or_insert(run.from_ms);
        if *held {
            longest = longest.max(run.from_ms.saturating_sub(begun));
            since = None;
        }
    }
    if let Some(begun) = since {
        longest = longest.max(lasted_ms.saturating_sub(begun));
    }
    let any = runs.iter().any(|(run, _)| run.attempts > 0);
    any.then(|| i64::try_from(longest / 1000).unwrap_or(i64::MAX))
}

/// In whole percent; `None` without any attempt.
fn share(runs: &[(&AttemptRun, bool)]) -> Option<i64> {
    let count = |of: &dyn Fn(bool) -> bool| -> u64 {
        let counted = runs.iter().filter(|(_, held)| of(*held));
        counted.map(|(run, _)| u64::from(run.attempts)).sum()
    };
    let (held, all) = (count(&|held| held), count(&|_| true));
    let percent = (held * 100).checked_div(all)?;
    i64::try_from(percent).ok()
}

#[cfg(test)]
mod tests;
