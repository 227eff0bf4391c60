//! Which facts answer which questions.
//!
//! A fact answers a question where the same observer was asked the same, in the same condition of
//! the lab, for at least as long, about at least the attributes that are wanted.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Evidence, FactRecord, Gathering, preparation_hashes};
use crate::grade::{Facts, is_sent, sent};
use crate::observer::Observer;
use crate::question::Fact;
use crate::question::{Expectation, Question};
use crate::topology::{Check, Topology};

/// Facts for a scenario, and where they come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReusableFacts {
    /// The facts by check, as judging takes them.
    pub facts: Facts,
    /// By check.
    pub from: BTreeMap<String, ReusedFact>,
}

/// Origin of a check's fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReusedFact {
    /// Number of the gathering, from 0.
    pub gathering: u32,
    /// The check that it was asked for then, as `task/check`.
    pub check: String,
}

/// A question as a scenario has it.
struct QuestionKey {
    observer: Observer,
    way: String,
    question: Question,
    wants: BTreeSet<String>,
    timeout_ms: u64,
}

impl QuestionKey {
    /// Whether a record answers it. `ways` are those of the record's gathering.
    fn is_answered_by(&self, record: &FactRecord, ways: &BTreeMap<&str, &str>) -> bool {
        record.observer == self.observer
            && ways
                .get(record.phase.as_str())
                .is_some_and(|way| *way == self.way)
            && record.timeout_ms >= self.timeout_ms
            && self.wants.is_subset(&record.wants)
            && *record.question.without_markers() == self.question
    }
}

/// The facts that one gathering has for a check: both sides of a message, or one fact.
#[derive(Clone, Copy)]
struct MatchingFacts<'a> {
    own: &'a FactRecord,
    sent: Option<&'a FactRecord>,
}

impl MatchingFacts<'_> {
    fn is_seen(&self) -> bool {
        let seen = |record: &FactRecord| matches!(record.fact, Fact::Seen(_));
        seen(self.own) && self.sent.is_none_or(seen)
    }
}

/// The facts that answer a scenario's questions. Of several, the check's own comes first; a later
/// gathering comes before an earlier one, unless it could not look where the earlier one could.
#[must_use]
pub fn answering(topology: &Topology, evidence: &Evidence) -> ReusableFacts {
    let phases: Vec<&str> = topology.phase_names().collect();
    let ways = preparation_hashes(topology, &phases);
    let mut answers = ReusableFacts::default();
    for check in topology.checks() {
        let way = ways.get(check.phase.as_str()).cloned().unwrap_or_default();
        let (own, sending) = wanted(check, &way);
        let found = evidence.gatherings.iter().enumerate().rev();
        let found = found.filter_map(|(number, gathering)| {
            let found = find(gathering, check, &own, sending.as_ref())?;
            Some((number, found))
        });
        let found: Vec<(usize, MatchingFacts<'_>)> = found.collect();
        let seen = found.iter().find(|(_, found)| found.is_seen());
        let Some((number, found)) = seen.or(found.first()) else {
            continue;
        };
        answers
            .facts
            .insert(check.id.clone(), found.own.fact.clone());
        if let Some(record) = found.sent {
            answers.facts.insert(sent(&check.id), record.fact.clone());
        }
        let from = ReusedFact {
            gathering: u32::try_from(*number).unwrap_or(u32::MAX),
            check: found.own.check.clone(),
        };
        answers.from.insert(check.id.clone(), from);
    }
    answers
}

/// The questions of a check: for its observer, and for the sender of its message.
fn wanted(check: &Check, way: &str) -> (QuestionKey, Option<QuestionKey>) {
    let wanted = |observer: Observer, question: Question| QuestionKey {
        observer,
        way: way.to_owned(),
        question,
        wants: check.expectation.wants(),
        timeout_ms: check.timeout.0,
    };
    let own = wanted(check.observer.clone(), check.expectation.question());
    let Expectation::Syslog(syslog) = &check.expectation else {
        return (own, None);
    };
    let (sender, question) = syslog.sending();
    (own, Some(wanted(sender, Question::Syslog(question))))
}

fn find<'a>(
    gathering: &'a Gathering,
    check: &Check,
    own: &QuestionKey,
    sending: Option<&QuestionKey>,
) -> Option<MatchingFacts<'a>> {
    let phases = gathering.phases.iter();
    let ways: BTreeMap<&str, &str> = phases
        .map(|phase| (phase.name.as_str(), phase.way.as_str()))
        .collect();
    let records = gathering.facts.iter();
    let fitting =
        records.filter(|record| !is_sent(&record.check) && own.is_answered_by(record, &ways));
    let found = fitting.filter_map(|record| {
        let sent = match sending {
            None => None,
            Some(sending) => {
                // Both sides of one message: its marker was drawn for the two of them.
                let id = sent(&record.check);
                let sides = gathering.facts.iter().filter(|side| side.check == id);
                Some(
                    sides
                        .into_iter()
                        .find(|side| sending.is_answered_by(side, &ways))?,
                )
            }
        };
        Some(MatchingFacts { own: record, sent })
    });
    let found: Vec<MatchingFacts<'a>> = found.collect();
    let named = found.iter().find(|found| found.own.check == check.id);
    named.or(found.first()).copied()
}
