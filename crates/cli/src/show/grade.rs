//! Grades, and what became of a check that did not pass.

use std::collections::BTreeSet;

use plateau_core::api::CheckResultView;
use plateau_core::grade::{CheckResult, Grade, TaskGrade, Verdict};

use super::{count, in_our_language, lines, seconds, table, verdict};
use crate::screen::{FAINT, GOOD, HEAD, UNSURE, WRONG, styled};

/// A grade: task by task, check by check, then the reasons, then the sum.
pub(crate) fn result(view: &CheckResultView, phases: &[String]) -> String {
    let grade = &view.grade;
    let shown = |check: &&CheckResult| phases.is_empty() || phases.contains(&check.phase);
    let mut text = tasks(grade, phases);
    let reasons: Vec<String> = grade
        .checks()
        .filter(shown)
        .filter(|check| check.verdict != Verdict::Pass)
        .map(reason)
        .collect();
    if !reasons.is_empty() {
        text.push('\n');
        text.push_str(&reasons.join(""));
    }
    let graded: BTreeSet<&str> = grade
        .checks()
        .filter(shown)
        .map(|check| check.phase.as_str())
        .collect();
    let times: Vec<String> = view
        .took_ms
        .iter()
        .filter(|(phase, _)| graded.contains(phase.as_str()))
        .map(|(phase, took)| format!("{phase} {}", seconds(*took)))
        .collect();
    text.push_str(&format!("\n{}", sum(grade, phases)));
    if !times.is_empty() {
        text.push_str(&styled(FAINT, format!("  ({})", times.join(", "))));
    }
    text.push('\n');
    text
}

/// Whether everything that was graded passes.
pub(crate) fn is_full(grade: &Grade, phases: &[String]) -> bool {
    grade
        .checks()
        .filter(|check| phases.is_empty() || phases.contains(&check.phase))
        .all(|check| check.verdict == Verdict::Pass)
}

fn tasks(grade: &Grade, phases: &[String]) -> String {
    let mut table = table(["CHECK", "PHASE", "BY", "VERDICT", "POINTS", "ASKED"]);
    for task in &grade.tasks {
        table.add_row([
            styled(HEAD, &task.id),
            String::new(),
            String::new(),
            evaluator(task),
            styled(HEAD, format!("{}/{}", task.points, task.of)),
            styled(HEAD, in_our_language(&task.title)),
        ]);
        for check in &task.checks {
            if !phases.is_empty() && !phases.contains(&check.phase) {
                continue;
            }
            table.add_row([
                format!("  {}", check.id),
                check.phase.clone(),
                check.observer.clone(),
                verdict(check.verdict),
                format!("{}/{}", check.points, check.of),
                shortened(&check.asked),
            ]);
        }
    }
    lines(&table)
}

/// What is asked, in the width of a table; the reasons below it have it whole.
fn shortened(asked: &str) -> String {
    const WIDTH: usize = 60;
    let whole = one_line(asked);
    if whole.chars().count() <= WIDTH {
        return whole;
    }
    let kept: String = whole.chars().take(WIDTH - 1).collect();
    kept + "…"
}

fn evaluator(task: &TaskGrade) -> String {
    if task.for_evaluator {
        styled(UNSURE, "for an evaluator")
    } else {
        String::new()
    }
}

/// What was asked, expected and seen for a check.
pub(crate) fn reason(check: &CheckResult) -> String {
    let mut text = format!(
        "{} {} ({})\n  asked     {} from {}\n",
        mark(check.verdict),
        styled(HEAD, &check.id),
        check.phase,
        one_line(&check.asked),
        check.observer,
    );
    for finding in check.findings.iter().filter(|finding| !finding.holds) {
        let seen = finding.seen.as_deref().unwrap_or("nothing of the kind");
        text.push_str(&format!(
            "  expected  {} {}\n  seen      {}\n",
            finding.attribute,
            one_line(&finding.expected),
            one_line(seen),
        ));
    }
    if let Some(reason) = &check.reason {
        text.push_str(&format!("  unknown   {}\n", one_line(reason)));
    }
    // A check that passes where it must not: what made it pass is what counts.
    if check.verdict == Verdict::Pass {
        for finding in &check.findings {
            let seen = finding.seen.as_deref().unwrap_or("nothing of the kind");
            text.push_str(&format!(
                "  expected  {} {}\n  seen      {}\n",
                finding.attribute,
                one_line(&finding.expected),
                one_line(seen),
            ));
        }
    }
    text
}

/// A verdict in one character.
pub(crate) fn mark(verdict: Verdict) -> String {
    match verdict {
        Verdict::Pass => styled(GOOD, "✓"),
        Verdict::Fail => styled(WRONG, "✗"),
        Verdict::Unknown => styled(UNSURE, "?"),
    }
}

fn sum(grade: &Grade, phases: &[String]) -> String {
    let checks = || {
        grade
            .checks()
            .filter(|check| phases.is_empty() || phases.contains(&check.phase))
    };
    let passed = checks().filter(|c| c.verdict == Verdict::Pass).count();
    let unknown = checks().filter(|c| c.verdict == Verdict::Unknown).count();
    let points: u32 = checks().map(|check| check.points).sum();
    let of: u32 = checks().map(|check| check.of).sum();
    let mut text = format!(
        "{} points; {passed} of {} pass",
        styled(HEAD, format!("{points} of {of}")),
        count(checks().count(), "check"),
    );
    if unknown > 0 {
        let unsure = format!("; {unknown} unknown, so it is not final");
        text.push_str(&styled(UNSURE, unsure));
    }
    let waiting = grade.tasks.iter().filter(|task| task.for_evaluator).count();
    if waiting > 0 {
        text.push_str(&format!("; {} for an evaluator", count(waiting, "task")));
    }
    text
}

/// What was seen comes from a candidate's machine: nothing in it may steer the terminal.
fn one_line(text: &str) -> String {
    let shown: String = text
        .chars()
        .map(|c| match c {
            '\n' => '⏎',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect();
    shown
}
