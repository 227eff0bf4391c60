//! Gradings of attempts, and what changes by a corrected scenario.

use plateau_core::api::{ApiError, GradingView, RegradingProposal};
use plateau_core::evidence::CheckWorth;
use plateau_core::grade::{Standing, Verdict};
use serde::Serialize;

use super::{lines, moment, table};
use crate::style::{FAINT, GOOD, UNSURE, WRONG, styled};

/// The gradings of one attempt.
#[derive(Debug, Serialize)]
pub(crate) struct AttemptGradings {
    /// Candidate number.
    pub(crate) seat: String,
    /// The scenario's identifier.
    pub(crate) scenario: String,
    /// In the order in which they were done.
    pub(crate) gradings: Vec<GradingView>,
}

/// What became of grading one attempt again.
#[derive(Debug, Serialize)]
pub(crate) struct RegradedAttempt {
    /// Candidate number.
    pub(crate) seat: String,
    /// The attempt.
    pub(crate) attempt: String,
    /// Old against new, where it was graded.
    pub(crate) proposal: Option<RegradingProposal>,
    /// Why it was not.
    pub(crate) problem: Option<ApiError>,
}

/// All gradings, one a line; the ones that count are marked.
pub(crate) fn gradings(all: &[AttemptGradings]) -> String {
    let mut table = table([
        "NUMBER", "SCENARIO", "GRADING", "DONE", "BY", "POINTS", "UNKNOWN", "", "WHY",
    ]);
    for one in all {
        for grading in &one.gradings {
            table.add_row([
                one.seat.clone(),
                one.scenario.clone(),
                grading.id.clone(),
                moment(grading.at_ms),
                grading.actor.clone(),
                format!("{}/{}", grading.points, grading.of),
                grading.unknown.to_string(),
                match grading.accepted {
                    true => styled(GOOD, "counts"),
                    false => String::new(),
                },
                grading.reason.clone().unwrap_or_default(),
            ]);
        }
    }
    lines(&table)
}

/// Old against new, seat by seat: the sums, and every check, skill and block that is another.
pub(crate) fn regraded(all: &[RegradedAttempt]) -> String {
    let mut table = table(["NUMBER", "WHAT", "BEFORE", "AFTER"]);
    let mut notes = String::new();
    for one in all {
        match (&one.proposal, &one.problem) {
            (Some(proposal), _) => {
                for [what, before, after] in changes(proposal) {
                    table.add_row([one.seat.clone(), what, before, after]);
                }
                for note in remarks(proposal) {
                    notes.push_str(&format!("{}: {note}\n", one.seat));
                }
            }
            (None, Some(problem)) => {
                let said = format!("{}: not graded again: {}", one.seat, problem.message);
                notes.push_str(&format!("{}\n", styled(WRONG, said)));
            }
            (None, None) => {}
        }
    }
    lines(&table) + &notes
}

/// What is shown of one attempt: its sum, and what is another.
fn changes(proposal: &RegradingProposal) -> Vec<[String; 3]> {
    let compared = &proposal.comparison;
    let sum = |points: u32, of: u32, unknown: u32| match unknown {
        0 => format!("{points}/{of}"),
        _ => styled(UNSURE, format!("{points}/{of}, {unknown} unknown")),
    };
    let ((old, new), (old_of, new_of)) = (compared.points, compared.of);
    let (old_unknown, new_unknown) = compared.unknown;
    let mut rows = vec![[
        "points".to_owned(),
        sum(old, old_of, old_unknown),
        sum(new, new_of, new_unknown),
    ]];
    let checks = compared.checks.iter().filter(|change| change.is_change());
    rows.extend(checks.map(|change| {
        let id = change.id.clone();
        [id, worth(change.old), worth(change.new)]
    }));
    let standings = compared.skills.iter().chain(&compared.blocks);
    let standings = standings.filter(|change| change.old != change.new);
    rows.extend(standings.map(|change| {
        let id = change.id.clone();
        [id, standing(change.old), standing(change.new)]
    }));
    rows
}

/// What has to be known before it is accepted.
fn remarks(proposal: &RegradingProposal) -> Vec<String> {
    let told = [
        ("asked of the lab for this", &proposal.asked, FAINT),
        ("new and not asked", &proposal.unanswered, UNSURE),
        ("nobody could look at", &proposal.unobserved, UNSURE),
        (
            "not in the scenario any longer",
            &proposal.removed_checks,
            UNSURE,
        ),
        (
            "drawn otherwise than what the candidate was told",
            &proposal.changed_parameters,
            WRONG,
        ),
    ];
    let told = told.into_iter().filter(|(_, which, _)| !which.is_empty());
    told.map(|(what, which, style)| styled(style, format!("{what}: {}", which.join(", "))))
        .collect()
}

fn worth(worth: Option<CheckWorth>) -> String {
    let Some(worth) = worth else {
        return styled(FAINT, "-");
    };
    let (word, style) = match worth.verdict {
        Verdict::Pass => ("pass", GOOD),
        Verdict::Fail => ("fail", WRONG),
        Verdict::NotAsked => ("not asked", UNSURE),
        Verdict::Unknown => ("unknown", UNSURE),
    };
    styled(style, format!("{word} {}/{}", worth.points, worth.of))
}

fn standing(standing: Option<Standing>) -> String {
    match standing {
        None => styled(FAINT, "-"),
        Some(Standing::Acquired) => styled(GOOD, "acquired"),
        Some(Standing::NotAcquired) => styled(WRONG, "not acquired"),
        Some(Standing::Undecided) => styled(UNSURE, "undecided"),
    }
}
