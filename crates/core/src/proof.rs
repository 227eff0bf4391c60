//! The proof that a scenario grades fairly: which labs to build, and what each must show.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::grade::{CheckResult, Grade, Tally, Verdict};
use crate::topology::Topology;

/// One lab of a proof: what is done to it before it is graded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ProofColumn {
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

/// Which columns the draws beyond the first consist of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FurtherDraws {
    /// All of them, as the first draw.
    #[default]
    All,
    /// The untouched and the solved lab. Such a proof is not complete.
    UntouchedAndSolved,
}

/// What the proof found wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProofFlaw {
    /// The lab it was found in.
    pub column: ProofColumn,
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
    /// Whether every draw was proven with all its columns. A session takes no scenario on the word
    /// of a proof that is not complete.
    pub complete: bool,
    /// Labs in order.
    pub columns: Vec<ProofColumn>,
    /// Check → verdict by lab, in the order of `columns`; `None` where the lab was not graded.
    pub verdicts: BTreeMap<String, Vec<Option<Verdict>>>,
    /// Checks in the order of the scenario: the rows.
    pub rows: Vec<String>,
    /// What is wrong.
    pub flaws: Vec<ProofFlaw>,
}

/// What became of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was graded.
    Graded(Grade),
    /// A solution's or mistake's script failed: its path, node, exit status and last output.
    ScriptFailed(String),
}

impl ProofColumn {
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

/// The labs of a proof: everything for the first draw, and for the `draws` after it what `further`
/// says.
#[must_use]
pub fn columns(topology: &Topology, draws: u32, further: FurtherDraws) -> Vec<ProofColumn> {
    let mut columns = Vec::new();
    for draw in 0..=draws {
        columns.push(ProofColumn::Untouched { draw });
        columns.push(ProofColumn::Solved { draw });
        if draw > 0 && further == FurtherDraws::UntouchedAndSolved {
            continue;
        }
        let graded = topology.tasks.iter().filter(|task| !task.checks.is_empty());
        columns.extend(graded.map(|task| ProofColumn::Without {
            task: task.id.clone(),
            draw,
        }));
        let mistakes = topology.mistakes.iter();
        columns.extend(mistakes.map(|mistake| ProofColumn::Mistake {
            mistake: mistake.id.clone(),
            draw,
        }));
    }
    columns
}

/// Judges the labs of a proof.
#[must_use]
pub fn prove(topology: &Topology, outcomes: &[(ProofColumn, Outcome)]) -> Proof {
    let rows: Vec<String> = topology.checks().map(|check| check.id.clone()).collect();
    let mut flaws = Vec::new();
    let mut verdicts: BTreeMap<String, Vec<Option<Verdict>>> = rows
        .iter()
        .map(|row| (row.clone(), vec![None; outcomes.len()]))
        .collect();
    for (index, (column, outcome)) in outcomes.iter().enumerate() {
        match outcome {
            Outcome::ScriptFailed(message) => flaws.push(ProofFlaw {
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
                flaws.extend(find_flaws(topology, column, grade));
            }
        }
    }
    Proof {
        scenario: topology.scenario.clone(),
        hash: topology.hash.clone(),
        holds: flaws.is_empty() && !outcomes.is_empty(),
        complete: is_complete(topology, outcomes),
        columns: outcomes.iter().map(|(column, _)| column.clone()).collect(),
        verdicts,
        rows,
        flaws,
    }
}

/// Whether all columns of every draw up to the last are there.
fn is_complete(topology: &Topology, outcomes: &[(ProofColumn, Outcome)]) -> bool {
    let draws = outcomes.iter().map(|(column, _)| column.draw());
    let Some(last) = draws.max() else {
        return false;
    };
    let mut wanted = columns(topology, last, FurtherDraws::All).into_iter();
    wanted.all(|wanted| outcomes.iter().any(|(column, _)| *column == wanted))
}

fn find_flaws(topology: &Topology, column: &ProofColumn, grade: &Grade) -> Vec<ProofFlaw> {
    let mut flaws = Vec::new();
    let mut flaw = |code: &str, message: String, check: Option<&CheckResult>| {
        flaws.push(ProofFlaw {
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
            ProofColumn::Untouched { .. } if passes && !from_start => {
                flaw(
                    "vacuous",
                    format!("`{id}` passes in an untouched lab"),
                    Some(check),
                );
            }
            ProofColumn::Untouched { .. } if !passes && from_start => flaw(
                "does-not-hold-from-start",
                format!(
                    "`{id}` is marked `holds_from_start` and does not pass in an untouched lab"
                ),
                Some(check),
            ),
            ProofColumn::Solved { .. } if !passes => {
                flaw(
                    "unsatisfiable",
                    format!("`{id}` does not pass although everything is solved"),
                    Some(check),
                );
            }
            ProofColumn::Mistake { mistake, .. } => {
                let loses = topology
                    .mistakes
                    .iter()
                    .any(|known| known.id == *mistake && known.loses.contains(id));
                // What was not asked goes back to a check that failed, which has to be declared.
                let failed = check.verdict == Verdict::Fail;
                if passes && loses {
                    flaw(
                        "mistake-keeps",
                        format!("mistake `{mistake}` must lose `{id}` and keeps it"),
                        Some(check),
                    );
                } else if failed && !loses {
                    flaw(
                        "mistake-loses-more",
                        format!("mistake `{mistake}` loses `{id}`, which it does not declare"),
                        Some(check),
                    );
                }
            }
            ProofColumn::Untouched { .. }
            | ProofColumn::Solved { .. }
            | ProofColumn::Without { .. } => {}
        }
    }
    if let ProofColumn::Without { task, .. } = column {
        let graded = grade.tasks.iter().find(|graded| graded.id == *task);
        // A bonus that makes up for everything would be as bad as losing nothing.
        let whole = |tally: Tally| tally.within_reach == tally.of;
        if graded.is_none_or(|graded| whole(Tally::of(&graded.checks, false))) {
            let message = format!("task `{task}` loses no point although its solution is left out");
            flaw("task-survives", message, None);
        }
    }
    flaws
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grade::TaskGrade;
    use crate::topology::Mistake;

    /// Two tasks with two checks each, `a/guard` from the start, and a mistake that loses `b/y`.
    fn topology() -> Topology {
        let task = |id: &str, checks: [(&str, bool); 2]| {
            let rows: String = checks
                .iter()
                .map(|(check, from_start)| {
                    format!("      - {{ id: {check}, on: n, that: {{ file: {{ path: /x }} }}, points: 1, holds_from_start: {from_start} }}\n")
                })
                .collect();
            format!(
                "  - id: {id}\n    skill: tsgeri/1.2\n    title: {{ en: T }}\n    solution: [{{ on: n, run: s.sh }}]\n    checks:\n{rows}"
            )
        };
        let document = format!(
            "plateau: 1\nid: p\ntitle: {{ en: P }}\nduration: 1m\nbrief: {{ en: b.md }}\nnodes: {{ n: {{ image: debian-server }} }}\ntasks:\n{}{}mistakes: [{{ id: m, run: [{{ on: n, run: s.sh }}], loses: [b/y] }}]\n",
            task("a", [("guard", true), ("x", false)]),
            task("b", [("y", false), ("z", false)]),
        );
        let files = [
            ("scenario.yaml", document.as_str()),
            ("b.md", ""),
            ("s.sh", ""),
        ];
        let files = files
            .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
            .into();
        let scenario = crate::scenario::Scenario::read(crate::folder::Folder(files));
        scenario.expect("it is good").draw("x").expect("it is good")
    }

    /// A grade in which these checks fail, `?` before those that nobody could look at, `-` before
    /// those that were not asked.
    fn graded(topology: &Topology, failing: &[&str]) -> Outcome {
        let mut grade = crate::grade::grade(topology, &BTreeMap::new());
        let judged = |task: &mut TaskGrade| {
            for check in &mut task.checks {
                check.verdict = match () {
                    () if failing.contains(&check.id.as_str()) => Verdict::Fail,
                    () if failing.contains(&format!("?{}", check.id).as_str()) => Verdict::Unknown,
                    () if failing.contains(&format!("-{}", check.id).as_str()) => Verdict::NotAsked,
                    () => Verdict::Pass,
                };
            }
        };
        grade.tasks.iter_mut().for_each(judged);
        Outcome::Graded(grade)
    }

    fn codes(column: ProofColumn, failing: &[&str]) -> Vec<String> {
        let topology = topology();
        let proof = prove(&topology, &[(column.clone(), graded(&topology, failing))]);
        assert_eq!(proof.holds, proof.flaws.is_empty());
        proof
            .flaws
            .into_iter()
            .map(|flaw| match flaw.check {
                Some(check) => format!("{} {}", flaw.code, check.id),
                None => flaw.code,
            })
            .collect()
    }

    #[test]
    fn each_flaw_is_found_and_nothing_else() {
        let untouched = || ProofColumn::Untouched { draw: 0 };
        let solved = || ProofColumn::Solved { draw: 0 };
        let without = |task: &str| ProofColumn::Without {
            task: task.to_owned(),
            draw: 0,
        };
        let mistake = || ProofColumn::Mistake {
            mistake: "m".to_owned(),
            draw: 0,
        };
        let rows: Vec<(ProofColumn, &[&str], &[&str])> = vec![
            (untouched(), &["a/x", "b/y", "b/z"], &[]),
            (untouched(), &["a/x", "b/y"], &["vacuous b/z"]),
            (
                untouched(),
                &["a/guard", "a/x", "b/y", "b/z"],
                &["does-not-hold-from-start a/guard"],
            ),
            (solved(), &[], &[]),
            (solved(), &["b/z"], &["unsatisfiable b/z"]),
            (solved(), &["?b/z"], &["unknown b/z"]),
            (without("a"), &["a/x"], &[]),
            // Another task may stand on this one, so losing more is not a flaw.
            (without("a"), &["a/x", "b/y"], &[]),
            (without("a"), &["b/y"], &["task-survives"]),
            (mistake(), &["b/y"], &[]),
            (mistake(), &[], &["mistake-keeps b/y"]),
            (
                mistake(),
                &["b/y", "a/guard"],
                &["mistake-loses-more a/guard"],
            ),
            // What is not asked is lost as well, and goes back to a check that fails.
            (untouched(), &["a/x", "b/y", "-b/z"], &[]),
            (
                untouched(),
                &["-a/guard", "a/x", "b/y", "b/z"],
                &["does-not-hold-from-start a/guard"],
            ),
            (solved(), &["-b/z"], &["unsatisfiable b/z"]),
            (without("a"), &["-a/x"], &[]),
            (mistake(), &["b/y", "-b/z"], &[]),
            (mistake(), &["-b/y"], &[]),
            (mistake(), &["-b/y", "a/x"], &["mistake-loses-more a/x"]),
        ];
        for (column, failing, expected) in rows {
            assert_eq!(
                codes(column.clone(), failing),
                expected,
                "{} {failing:?}",
                column.label()
            );
        }
    }

    #[test]
    fn a_bonus_that_makes_up_for_a_whole_task_lets_it_survive() {
        let topology = topology();
        let column = ProofColumn::Without {
            task: "a".to_owned(),
            draw: 0,
        };
        let with_bonus = |bonus: bool| {
            let Outcome::Graded(mut grade) = graded(&topology, &["a/x"]) else {
                panic!("it is graded");
            };
            grade.tasks[0].checks[0].bonus = bonus;
            let proof = prove(&topology, &[(column.clone(), Outcome::Graded(grade))]);
            let codes = proof.flaws.into_iter().map(|flaw| flaw.code);
            codes.collect::<Vec<_>>()
        };
        assert_eq!(with_bonus(false), Vec::<String>::new());
        assert_eq!(with_bonus(true), ["task-survives"]);
    }

    #[test]
    fn every_draw_has_all_its_labs_and_each_its_work() {
        let topology = topology();
        let columns = columns(&topology, 1, FurtherDraws::All);
        assert_eq!(columns.len(), 2 * (2 + 2 + 1));
        assert_eq!(columns[0].work(&topology), (vec![], None));
        assert_eq!(columns[1].work(&topology), (vec!["a", "b"], None));
        assert_eq!(columns[2].work(&topology), (vec!["b"], None));
        assert_eq!(columns[4].work(&topology), (vec!["a", "b"], Some("m")));
        assert!(columns[5..].iter().all(|column| column.draw() == 1));
    }

    #[test]
    fn further_draws_may_be_untouched_and_solved_alone_which_is_not_a_complete_proof() {
        let topology = topology();
        let outcomes = |further| -> Vec<_> {
            let columns = columns(&topology, 2, further).into_iter();
            let graded = |column| (column, graded(&topology, &[]));
            columns.map(graded).collect()
        };
        let reduced = outcomes(FurtherDraws::UntouchedAndSolved);
        assert_eq!(reduced.len(), 5 + 2 + 2);
        assert_eq!(reduced[7].0, ProofColumn::Untouched { draw: 2 });
        assert!(!prove(&topology, &reduced).complete);
        assert!(prove(&topology, &reduced[..5]).complete);
        assert!(!prove(&topology, &reduced[..4]).complete);
        assert!(prove(&topology, &outcomes(FurtherDraws::All)).complete);
        assert!(!prove(&topology, &[]).complete);
    }

    #[test]
    fn a_mistake_instead_of_a_task_leaves_its_solution_out() {
        let mut topology = topology();
        let mistake = Mistake {
            instead_of: Some("a".to_owned()),
            ..topology.mistakes[0].clone()
        };
        topology.mistakes = vec![mistake];
        let column = ProofColumn::Mistake {
            mistake: "m".to_owned(),
            draw: 0,
        };
        assert_eq!(column.work(&topology), (vec!["b"], Some("m")));
    }

    #[test]
    fn no_lab_or_a_failed_script_is_no_proof() {
        let topology = topology();
        assert!(!prove(&topology, &[]).holds);
        let failed = Outcome::ScriptFailed("s.sh ended with 1".to_owned());
        let proof = prove(&topology, &[(ProofColumn::Solved { draw: 0 }, failed)]);
        assert_eq!(
            (proof.holds, proof.flaws[0].code.as_str()),
            (false, "script-failed")
        );
        assert!(proof.verdicts.values().all(|row| row == &[None]));
    }
}
