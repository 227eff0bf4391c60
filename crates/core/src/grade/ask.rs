//! The questions of a phase, and their description in words.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "JSON values: only text is shown bare"
)]

use std::collections::BTreeMap;

use super::judge::judge_all;
use super::{Facts, Verdict};
use crate::observer::Observer;
use crate::probe::{ProbeQuestion, ProbeRequest};
use crate::question::{Expectation, Question};
use crate::topology::{Check, Topology};

/// Everything to be asked in one phase: one batch an observer.
///
/// `facts` are those of the phases before it: a check whose need failed there is left out.
#[must_use]
pub fn batches(
    topology: &Topology,
    phase: &str,
    facts: &Facts,
) -> BTreeMap<Observer, ProbeRequest> {
    let judged = judge_all(topology, facts, &BTreeMap::new());
    let in_vain = |check: &&Check| {
        let result = judged.get(&check.id);
        result.is_some_and(|result| result.verdict == Verdict::NotAsked)
    };
    let mut batches: BTreeMap<Observer, ProbeRequest> = BTreeMap::new();
    let checks = topology.checks().filter(|check| check.phase == phase);
    for check in checks.filter(|check| !in_vain(check)) {
        let batch = batches
            .entry(check.observer.clone())
            .or_insert_with(|| ProbeRequest { questions: vec![] });
        batch.questions.push(ProbeQuestion {
            id: check.id.clone(),
            question: check.expectation.question(),
            wants: check.expectation.wants(),
            timeout_ms: check.timeout.0,
        });
        if let Expectation::Syslog(syslog) = &check.expectation {
            let (sender, question) = syslog.sending();
            let batch = batches
                .entry(sender)
                .or_insert_with(|| ProbeRequest { questions: vec![] });
            batch.questions.push(ProbeQuestion {
                id: sent(&check.id),
                question: Question::Syslog(question),
                wants: check.expectation.wants(),
                timeout_ms: check.timeout.0,
            });
        }
    }
    batches
}

/// Suffix of the check's identifier for the question to the sender of its message.
const SENT: &str = "+sent";

/// Identifier of the question to the sender of a check's message.
pub(crate) fn sent(check: &str) -> String {
    format!("{check}{SENT}")
}

/// The check that a question is asked for.
#[must_use]
pub fn check_of(asked: &str) -> &str {
    asked.strip_suffix(SENT).unwrap_or(asked)
}

/// Whether it is the sender's side of a check.
#[cfg(feature = "evidence")]
pub(crate) fn is_sent(asked: &str) -> bool {
    asked.ends_with(SENT)
}

/// Draws the markers of messages that one observer sends and another looks for. The nonce must be
/// new for each grading, and beyond guessing.
pub fn mark(batches: &mut BTreeMap<Observer, ProbeRequest>, nonce: &str) {
    let asked = batches.values_mut().flat_map(|batch| &mut batch.questions);
    for asked in asked {
        if let Question::Syslog(question) = &mut asked.question {
            question.mark(nonce, check_of(&asked.id));
        }
    }
}

/// The question on one line: its kind and its fields, without secrets.
pub(super) fn describe(check: &Check) -> String {
    describe_fields(&check.expectation.question())
}

fn describe_fields(question: &Question) -> String {
    if let Question::Availability(watched) = question {
        return format!(
            "availability every {} of {}",
            watched.every,
            describe_fields(&watched.of)
        );
    }
    let mut words = vec![question.kind().to_owned()];
    let fields = serde_json::to_value(question).unwrap_or_default();
    if let Some(fields) = fields
        .get(question.kind())
        .and_then(|fields| fields.as_object())
    {
        for (name, value) in fields {
            let shown = shown(value);
            match name.as_str() {
                // A kernel parameter's name is not a secret key.
                "key" if question.kind() == "sysctl" => words.push(shown),
                _ if is_secret(name) => words.push(format!("{name}=…")),
                "path" | "name" | "url" | "host" | "number" | "to" | "interface" | "run" => {
                    words.push(shown)
                }
                _ => words.push(format!("{name}={shown}")),
            }
        }
    }
    words.join(" ")
}

/// A field's value on one line, secrets left out.
fn shown(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.lines().next().unwrap_or_default().to_owned(),
        serde_json::Value::Object(fields) => {
            let field = |(name, value): (&String, &serde_json::Value)| match is_secret(name) {
                true => format!("{name}=…"),
                false => format!("{name}={}", shown(value)),
            };
            let fields: Vec<String> = fields.iter().map(field).collect();
            format!("({})", fields.join(" "))
        }
        other => other.to_string(),
    }
}

fn is_secret(field: &str) -> bool {
    matches!(field, "key" | "community") || field.ends_with("password")
}
