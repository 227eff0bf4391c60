//! Grades: checks, skills and blocks, and the reasons of checks that did not pass.

use plateau_core::api::LabGradeView;
use plateau_core::grade::{
    BlockGrade, CheckResult, Grade, SkillGrade, Standing, TaskGrade, Verdict,
};
use plateau_core::messages::Messages;

use super::reason::{one_line, reason};
use super::{lines, seconds, table, verdict};
use crate::style::{FAINT, GOOD, HEAD, UNSURE, WRONG, styled};

/// A grade: task by task, check by check, then the skills and blocks, then the reasons, then the sum.
pub(crate) fn result(view: &LabGradeView, messages: &Messages) -> String {
    let grade = &view.grade;
    let mut text = tasks(grade, messages);
    if !grade.skills.is_empty() {
        text.push_str(&format!("\n{}", skills(&grade.skills, messages)));
    }
    if !grade.blocks.is_empty() {
        text.push_str(&format!("\n{}", blocks(&grade.blocks, messages)));
    }
    let lost = grade
        .checks()
        .filter(|check| check.verdict != Verdict::Pass);
    let reasons: Vec<String> = lost.map(|check| reason(check, messages)).collect();
    if !reasons.is_empty() {
        text.push_str(&format!("\n{}", reasons.join("")));
    }
    let times = view.took_ms.iter();
    let times: Vec<String> = times
        .map(|(phase, took)| format!("{phase} {}", seconds(*took)))
        .collect();
    text.push_str(&format!("\n{}", sum(grade, messages)));
    if !times.is_empty() {
        text.push_str(&styled(FAINT, format!("  ({})", times.join(", "))));
    }
    text.push('\n');
    text
}

/// Whether everything that counts passes; a bonus may be missed.
pub(crate) fn is_full(grade: &Grade) -> bool {
    let counts = grade.checks().filter(|check| !check.bonus);
    counts
        .map(|check| check.verdict)
        .all(|verdict| verdict == Verdict::Pass)
}

/// The table of tasks and checks. Notes have a column only where there are any.
fn tasks(grade: &Grade, messages: &Messages) -> String {
    let noted = grade
        .checks()
        .any(|check| !messages.notes(check).is_empty());
    let texts = messages.texts();
    let mut table = if noted {
        table([
            texts.head_check(),
            texts.head_phase(),
            texts.head_by(),
            texts.head_verdict(),
            texts.head_points(),
            texts.head_notes(),
            texts.head_asked(),
        ])
    } else {
        table([
            texts.head_check(),
            texts.head_phase(),
            texts.head_by(),
            texts.head_verdict(),
            texts.head_points(),
            texts.head_asked(),
        ])
    };
    let mut row = |cells: [String; 5], notes: String, last: String| {
        let notes = noted.then_some(notes);
        table.add_row(cells.into_iter().chain(notes).chain([last]));
    };
    for task in &grade.tasks {
        let cells = [
            styled(HEAD, &task.id),
            String::new(),
            String::new(),
            task_standing(task, messages),
            styled(HEAD, format!("{}/{}", task.points, task.of)),
        ];
        row(cells, String::new(), styled(HEAD, messages.of(&task.title)));
        for check in &task.checks {
            let notes = messages.notes(check).join(", ");
            row(cells_of(check, messages), notes, shortened(&check.asked));
        }
        for group in &task.groups {
            let cells = [
                format!("  {}", texts.note_group(&group.id)),
                String::new(),
                String::new(),
                verdict(group.verdict, messages),
                format!("{}/{}", group.points, group.of),
            ];
            row(cells, String::new(), messages.of(&group.title).to_owned());
        }
    }
    lines(&table)
}

fn cells_of(check: &CheckResult, messages: &Messages) -> [String; 5] {
    [
        format!("  {}", check.id),
        check.phase.clone(),
        check.observer.clone(),
        verdict(check.verdict, messages),
        format!("{}/{}", check.points, check.of),
    ]
}

fn skills(skills: &[SkillGrade], messages: &Messages) -> String {
    let texts = messages.texts();
    let mut table = table([
        texts.head_skill(),
        texts.head_points(),
        texts.head_needed(),
        texts.head_verdict(),
        texts.head_title(),
    ]);
    for skill in skills {
        table.add_row([
            skill.id.clone(),
            format!("{}/{}", skill.points, skill.of),
            texts.percent(skill.threshold.to_string()),
            standing(skill.standing, messages),
            messages.of(&skill.title).to_owned(),
        ]);
    }
    lines(&table)
}

fn blocks(blocks: &[BlockGrade], messages: &Messages) -> String {
    let texts = messages.texts();
    let mut table = table([
        texts.head_block(),
        texts.head_acquired(),
        texts.head_verdict(),
        texts.head_title(),
    ]);
    for block in blocks {
        let share = texts.block_share(block.acquired.to_string(), block.of.to_string());
        let missing = block.of.saturating_sub(block.examined);
        let missing = if missing > 0 {
            texts.not_examined(missing)
        } else {
            String::new()
        };
        table.add_row([
            block.id.clone(),
            share + &missing,
            standing(block.standing, messages),
            messages.of(&block.title).to_owned(),
        ]);
    }
    lines(&table)
}

/// A standing in words.
pub(crate) fn standing(standing: Standing, messages: &Messages) -> String {
    let word = messages.standing(standing);
    match standing {
        Standing::Acquired => styled(GOOD, word),
        Standing::NotAcquired => styled(WRONG, word),
        Standing::Undecided => styled(UNSURE, word),
    }
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

/// A critical check may have decided what an evaluator would else.
fn task_standing(task: &TaskGrade, messages: &Messages) -> String {
    if task.for_evaluator && task.standing == Standing::Undecided {
        styled(UNSURE, messages.texts().for_evaluator())
    } else {
        standing(task.standing, messages)
    }
}

fn sum(grade: &Grade, messages: &Messages) -> String {
    let texts = messages.texts();
    let with = |verdict: Verdict| {
        let checks = grade.checks().filter(|check| check.verdict == verdict);
        checks.count()
    };
    let points = texts.sum_points(grade.points.to_string(), grade.of.to_string());
    let passed = with(Verdict::Pass).to_string();
    let mut parts = vec![
        styled(HEAD, points),
        texts.sum_passed(grade.checks().count(), passed),
    ];
    let (not_asked, unknown) = (with(Verdict::NotAsked), with(Verdict::Unknown));
    if not_asked > 0 {
        parts.push(texts.sum_not_asked(not_asked));
    }
    if unknown > 0 {
        parts.push(styled(UNSURE, texts.sum_unknown(unknown)));
    }
    let waiting = grade.tasks.iter().filter(|task| task.for_evaluator).count();
    if waiting > 0 {
        parts.push(texts.sum_for_evaluator(waiting));
    }
    parts.join(", ")
}
