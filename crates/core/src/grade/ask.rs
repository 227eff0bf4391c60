//! What is to be asked in a phase, and how it is said.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "JSON values: only text is shown bare"
)]

use std::collections::BTreeMap;

use super::judge::judge_all;
use super::{Facts, Verdict};
use crate::probe::{Asked, Batch};
use crate::topology::{Check, Observer, Topology};

/// Everything to be asked in one phase: one batch an observer.
///
/// `facts` are those of the phases before it: a check whose need failed there is left out.
#[must_use]
pub fn batches(topology: &Topology, phase: &str, facts: &Facts) -> BTreeMap<Observer, Batch> {
    let judged = judge_all(topology, facts);
    let in_vain = |check: &&Check| {
        let result = judged.get(&check.id);
        result.is_some_and(|result| result.verdict == Verdict::NotAsked)
    };
    let mut batches: BTreeMap<Observer, Batch> = BTreeMap::new();
    let checks = topology.checks().filter(|check| check.phase == phase);
    for check in checks.filter(|check| !in_vain(check)) {
        let batch = batches
            .entry(check.observer.clone())
            .or_insert_with(|| Batch { questions: vec![] });
        batch.questions.push(Asked {
            id: check.id.clone(),
            question: check.expectation.question(),
            wants: check.expectation.wants(),
            timeout_ms: check.timeout.0,
        });
    }
    batches
}

/// What was asked, on one line: the kind and its asking fields; secrets left out.
pub(super) fn describe(check: &Check) -> String {
    let question = check.expectation.question();
    let mut words = vec![question.kind().to_owned()];
    let fields = serde_json::to_value(&question).unwrap_or_default();
    if let Some(fields) = fields
        .get(question.kind())
        .and_then(|fields| fields.as_object())
    {
        for (name, value) in fields {
            let shown = match value {
                serde_json::Value::String(text) => {
                    text.lines().next().unwrap_or_default().to_owned()
                }
                other => other.to_string(),
            };
            match name.as_str() {
                "password" | "key" => words.push(format!("{name}=…")),
                "path" | "name" | "url" | "host" | "number" | "to" | "interface" | "run" => {
                    words.push(shown)
                }
                _ => words.push(format!("{name}={shown}")),
            }
        }
    }
    words.join(" ")
}
