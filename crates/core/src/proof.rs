//! The proof that a scenario grades fairly: which labs to build, and what each must show.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::grade::{CheckResult, Grade, Verdict};
use crate::topology::Topology;

/// One lab of a proof: what is done to it before it is graded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Column {
    /// Nothing.
    Untouched {
        /// Number of the draw, from 0.
        draw: u32,
    },
    /// Every solution.
    Solved {
        /// Number of the draw, from 0.
        draw: u32,
    },
    /// Every solution but this task's.
    Without {
        /// The task.
        task: String,
        /// Number of the draw, from 0.
        draw: u32,
    },
    /// Every solution, and then this mistake.
    Mistake {
        /// The mistake.
        mistake: String,
        /// Number of the draw, from 0.
        draw: u32,
    },
}

/// What the proof found wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Flaw {
    /// The lab it was found in.
    pub column: Column,
    /// Short code: `vacuous`, `does-not-hold-from-start`, `unsatisfiable`, `task-survives`,
    /// `mistake-keeps`, `mistake-loses-more`, `unknown`, `script-failed`.
    pub code: String,
    /// What is wrong, one sentence.
    pub message: String,
    /// The check as it was judged there, where one is concerned.
    pub check: Option<CheckResult>,
}

/// A scenario's proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Proof {
    /// The scenario's identifier.
    pub scenario: String,
    /// BLAKE3 of the scenario's folder.
    pub hash: String,
    /// Whether nothing is wrong.
    pub holds: bool,
    /// Labs in order.
    pub columns: Vec<Column>,
    /// Check → verdict by lab, in the order of `columns`; `None` where the lab was not graded.
    pub verdicts: BTreeMap<String, Vec<Option<Verdict>>>,
    /// Checks in the order of the scenario: the rows.
    pub rows: Vec<String>,
    /// What is wrong.
    pub flaws: Vec<Flaw>,
}

/// What became of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was graded.
    Graded(Grade),
    /// A solution's or mistake's script failed: its path, node, exit status and last output.
    ScriptFailed(String),
}

impl Column {
    /// In words, as the head of a column.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Untouched { draw } => format!("untouched #{draw}"),
            Self::Solved { draw } => format!("solved #{draw}"),
            Self::Without { task, draw } => format!("without {task} #{draw}"),
            Self::Mistake { mistake, draw } => format!("mistake {mistake} #{draw}"),
        }
    }

    /// Number of the draw of the parameters, from 0.
    #[must_use]
    pub fn draw(&self) -> u32 {
        match self {
            Self::Untouched { draw }
            | Self::Solved { draw }
            | Self::Without { draw, .. }
            | Self::Mistake { draw, .. } => *draw,
        }
    }

    /// Tasks whose solutions are applied, in order, and the mistake made after them.
    #[must_use]
    pub fn work<'a>(&'a self, topology: &'a Topology) -> (Vec<&'a str>, Option<&'a str>) {
        let all_but = |left_out: Option<&str>| {
            let tasks = topology.tasks.iter().map(|task| task.id.as_str());
            tasks.filter(|task| Some(*task) != left_out).collect()
        };
        match self {
            Self::Untouched { .. } => (vec![], None),
            Self::Solved { .. } => (all_but(None), None),
            Self::Without { task, .. } => (all_but(Some(task)), None),
            Self::Mistake { mistake, .. } => {
                let known = topology.mistakes.iter().find(|known| known.id == *mistake);
                (
                    all_but(known.and_then(|known| known.instead_of.as_deref())),
                    Some(mistake),
                )
            }
        }
    }
}

/// The labs of a proof: everything for every draw.
#[must_use]
pub fn columns(topology: &Topology, draws: u32) -> Vec<Column> {
    let mut columns = Vec::new();
    for draw in 0..=draws {
        columns.push(Column::Untouched { draw });
        columns.push(Column::Solved { draw });
        let graded = topology.tasks.iter().filter(|task| !task.checks.is_empty());
        columns.extend(graded.map(|task| Column::Without {
            task: task.id.clone(),
            draw,
        }));
        let mistakes = topology.mistakes.iter();
        columns.extend(mistakes.map(|mistake| Column::Mistake {
            mistake: mistake.id.clone(),
            draw,
        }));
    }
    columns
}

/// Judges the labs of a proof.
#[must_use]
pub fn prove(topology: &Topology, outcomes: &[(Column, Outcome)]) -> Proof {
    let rows: Vec<String> = topology.checks().map(|check| check.id.clone()).collect();
    let mut flaws = Vec::new();
    let mut verdicts: BTreeMap<String, Vec<Option<Verdict>>> = rows
        .iter()
        .map(|row| (row.clone(), vec![None; outcomes.len()]))
        .collect();
    for (index, (column, outcome)) in outcomes.iter().enumerate() {
        match outcome {
            Outcome::ScriptFailed(message) => flaws.push(Flaw {
                column: column.clone(),
                code: "script-failed".to_owned(),
                message: message.clone(),
                check: None,
            }),
            Outcome::Graded(grade) => {
                for check in grade.checks() {
                    if let Some(row) = verdicts.get_mut(&check.id) {
                        row[index] = Some(check.verdict);
                    }
                }
                flaws.extend(flaws_of(topology, column, grade));
            }
        }
    }
    Proof {
        scenario: topology.scenario.clone(),
        hash: topology.hash.clone(),
        holds: flaws.is_empty() && !outcomes.is_empty(),
        columns: outcomes.iter().map(|(column, _)| column.clone()).collect(),
        verdicts,
        rows,
        flaws,
    }
}

fn flaws_of(topology: &Topology, column: &Column, grade: &Grade) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let mut flaw = |code: &str, message: String, check: Option<&CheckResult>| {
        flaws.push(Flaw {
            column: column.clone(),
            code: code.to_owned(),
            message,
            check: check.cloned(),
        });
    };
    for check in grade.checks() {
        let id = &check.id;
        if check.verdict == Verdict::Unknown {
            flaw(
                "unknown",
                format!("nobody could look at `{id}`"),
                Some(check),
            );
            continue;
        }
        let passes = check.verdict == Verdict::Pass;
        let from_start = topology
            .checks()
            .any(|known| known.id == *id && known.holds_from_start);
        match column {
            Column::Untouched { .. } if passes && !from_start => {
                flaw(
                    "vacuous",
                    format!("`{id}` passes in an untouched lab"),
                    Some(check),
                );
            }
            Column::Untouched { .. } if !passes && from_start => flaw(
                "does-not-hold-from-start",
                format!("`{id}` is marked `holds_from_start` and fails in an untouched lab"),
                Some(check),
            ),
            Column::Solved { .. } if !passes => {
                flaw(
                    "unsatisfiable",
                    format!("`{id}` fails although everything is solved"),
                    Some(check),
                );
            }
            Column::Mistake { mistake, .. } => {
                let loses = topology
                    .mistakes
                    .iter()
                    .any(|known| known.id == *mistake && known.loses.contains(id));
                if passes && loses {
                    flaw(
                        "mistake-keeps",
                        format!("mistake `{mistake}` must lose `{id}` and keeps it"),
                        Some(check),
                    );
                } else if !passes && !loses {
                    flaw(
                        "mistake-loses-more",
                        format!("mistake `{mistake}` loses `{id}`, which it does not declare"),
                        Some(check),
                    );
                }
            }
            Column::Untouched { .. } | Column::Solved { .. } | Column::Without { .. } => {}
        }
    }
    if let Column::Without { task, .. } = column {
        let graded = grade.tasks.iter().find(|graded| graded.id == *task);
        let failed =
            graded.is_some_and(|graded| graded.checks.iter().any(|c| c.verdict == Verdict::Fail));
        if !failed {
            let message = format!("task `{task}` fails no check although its solution is left out");
            flaw("task-survives", message, None);
        }
    }
    flaws
}
