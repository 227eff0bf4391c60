//! Fact to verdict to grade: pure, so that a grade can be recomputed from stored facts.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "JSON values: only text is shown bare"
)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::matcher::Finding;
use crate::probe::{Asked, Batch, Fact};
use crate::topology::{Check, Localized, Observer, Task, Topology};

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is as expected.
    Pass,
    /// It is not.
    Fail,
    /// Nobody could look; never counts against a candidate.
    Unknown,
}

/// One check, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckResult {
    /// `task/check`.
    pub id: String,
    /// Title by language; may be empty.
    pub title: Localized,
    /// In which phase.
    pub phase: String,
    /// Who looked: a node's name, or `examiner@network`.
    pub observer: String,
    /// What was asked, such as `http http://www.atelier.lan/`.
    pub asked: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Points earned.
    pub points: u32,
    /// Points to be earned.
    pub of: u32,
    /// Attribute by attribute, what was expected and seen; empty for [`Verdict::Unknown`].
    pub findings: Vec<Finding>,
    /// Why nobody could look, for [`Verdict::Unknown`].
    pub reason: Option<String>,
}

/// One task, graded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskGrade {
    /// Identifier.
    pub id: String,
    /// `referential/skill`.
    pub skill: String,
    /// Title by language.
    pub title: Localized,
    /// Points earned.
    pub points: u32,
    /// Points to be earned by checks.
    pub of: u32,
    /// Whether a deliverable or a rubric waits for an evaluator.
    pub for_evaluator: bool,
    /// Checks in order.
    pub checks: Vec<CheckResult>,
}

/// A lab, graded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Grade {
    /// The scenario's identifier.
    pub scenario: String,
    /// BLAKE3 of the scenario's folder.
    pub hash: String,
    /// The seed that the parameters were drawn from.
    pub seed: String,
    /// Points earned.
    pub points: u32,
    /// Points to be earned by checks.
    pub of: u32,
    /// Checks that nobody could look at; the grade is final only where there are none.
    pub unknown: u32,
    /// Tasks in order.
    pub tasks: Vec<TaskGrade>,
}

/// The facts of one grading, by check.
pub type Facts = BTreeMap<String, Fact>;

impl Observer {
    /// As it is shown: a node's name, or `examiner@network`.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Node(name) => name.clone(),
            Self::Examiner { network, .. } => format!("examiner@{network}"),
        }
    }
}

/// Everything to be asked in one phase: one batch an observer.
#[must_use]
pub fn batches(topology: &Topology, phase: &str) -> BTreeMap<Observer, Batch> {
    let mut batches: BTreeMap<Observer, Batch> = BTreeMap::new();
    for check in topology.checks().filter(|check| check.phase == phase) {
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

/// Judges one check. No fact at all is [`Verdict::Unknown`] as well.
#[must_use]
pub fn judge(check: &Check, fact: Option<&Fact>) -> CheckResult {
    let unknown = |reason: String| (Verdict::Unknown, vec![], Some(reason));
    let (verdict, findings, reason) = match fact {
        None => unknown("was not asked".to_owned()),
        Some(Fact::CouldNotLook { reason }) => unknown(reason.clone()),
        Some(Fact::Seen(observation)) => match check.expectation.judge(observation) {
            None => unknown("the agent answered another question".to_owned()),
            Some(findings) if findings.iter().all(|finding| finding.holds) => {
                (Verdict::Pass, findings, None)
            }
            Some(findings) => (Verdict::Fail, findings, None),
        },
    };
    CheckResult {
        id: check.id.clone(),
        title: check.title.clone(),
        phase: check.phase.clone(),
        observer: check.observer.label(),
        asked: describe(check),
        verdict,
        points: if verdict == Verdict::Pass {
            check.points
        } else {
            0
        },
        of: check.points,
        findings,
        reason,
    }
}

/// Grades a lab from its facts.
#[must_use]
pub fn grade(topology: &Topology, facts: &Facts) -> Grade {
    let tasks: Vec<TaskGrade> = topology
        .tasks
        .iter()
        .map(|task| grade_task(task, facts))
        .collect();
    let unknown = tasks
        .iter()
        .flat_map(|task| &task.checks)
        .filter(|check| check.verdict == Verdict::Unknown)
        .count();
    Grade {
        scenario: topology.scenario.clone(),
        hash: topology.hash.clone(),
        seed: topology.seed.clone(),
        points: tasks.iter().map(|task| task.points).sum(),
        of: tasks.iter().map(|task| task.of).sum(),
        unknown: u32::try_from(unknown).unwrap_or(u32::MAX),
        tasks,
    }
}

fn grade_task(task: &Task, facts: &Facts) -> TaskGrade {
    let checks: Vec<CheckResult> = task
        .checks
        .iter()
        .map(|check| judge(check, facts.get(&check.id)))
        .collect();
    TaskGrade {
        id: task.id.clone(),
        skill: task.skill.clone(),
        title: task.title.clone(),
        points: checks.iter().map(|check| check.points).sum(),
        of: checks.iter().map(|check| check.of).sum(),
        for_evaluator: task.for_evaluator,
        checks,
    }
}

impl Grade {
    /// All checks in order.
    pub fn checks(&self) -> impl Iterator<Item = &CheckResult> {
        self.tasks.iter().flat_map(|task| &task.checks)
    }
}

/// What was asked, on one line: the kind and its asking fields; secrets left out.
fn describe(check: &Check) -> String {
    let question = check.expectation.question();
    let mut words = vec![question.kind().to_owned()];
    let fields = serde_json::to_value(&question).unwrap_or_default();
    if let Some(fields) = fields
        .get(question.kind())
        .and_then(|fields| fields.as_object())
    {
        for (name, value) in fields {
            let shown = shown(value);
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

/// A field's value on one line, secrets left out.
fn shown(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.lines().next().unwrap_or_default().to_owned(),
        serde_json::Value::Object(fields) => {
            let field = |(name, value): (&String, &serde_json::Value)| match name.as_str() {
                "password" | "key" => format!("{name}=…"),
                _ => format!("{name}={}", shown(value)),
            };
            let fields: Vec<String> = fields.iter().map(field).collect();
            format!("({})", fields.join(" "))
        }
        other => other.to_string(),
    }
}
