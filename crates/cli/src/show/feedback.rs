//! What a candidate sees of a grade.

use plateau_core::feedback::{CheckFeedback, Feedback, Score};
use plateau_core::grade::Verdict;
use plateau_core::messages::Messages;

use super::grade::standing;
use super::reason::{details, mark, one_line, shown};
use super::{lines, table, verdict};
use crate::style::{HEAD, UNSURE, styled};

/// Checks that are shown, then what helps with those that did not pass.
pub(crate) fn feedback(feedback: &Feedback, messages: &Messages) -> String {
    let texts = messages.texts();
    if feedback.tasks.is_empty() {
        return format!("{}\n", texts.nothing_shown());
    }
    let heads = [
        texts.head_check(),
        texts.head_verdict(),
        texts.head_points(),
    ];
    let mut table = table(heads);
    for task in &feedback.tasks {
        let word = match task.standing {
            Some(worth) => standing(worth, messages),
            None if task.for_evaluator => styled(UNSURE, texts.for_evaluator()),
            None => String::new(),
        };
        let title = styled(HEAD, messages.of(&task.title));
        table.add_row([title, word, score(task.score)]);
        for check in &task.checks {
            let name = format!("  {}", name(check, messages));
            let word = verdict(check.verdict, messages);
            table.add_row([name, word, score(check.score)]);
        }
    }
    let mut text = lines(&table);
    let checks = feedback.tasks.iter().flat_map(|task| &task.checks);
    for check in checks.filter(|check| check.verdict != Verdict::Pass) {
        let help = help(check, messages);
        if !help.is_empty() {
            let name = styled(HEAD, name(check, messages));
            text.push_str(&format!("\n{} {name}\n{help}", mark(check.verdict)));
        }
    }
    text
}

fn name<'c>(check: &'c CheckFeedback, messages: &Messages) -> &'c str {
    match messages.of(&check.title) {
        "" => &check.id,
        title => title,
    }
}

fn score(score: Option<Score>) -> String {
    score.map_or_else(String::new, |score| {
        format!("{}/{}", score.points, score.of)
    })
}

fn help(check: &CheckFeedback, messages: &Messages) -> String {
    let mut text = String::new();
    if let Some(seen) = &check.details {
        text.push_str(&details(
            (&seen.asked, &seen.observer),
            shown(&seen.findings, check.verdict),
            seen.reason.as_ref(),
            messages,
        ));
    }
    let hint = messages.of(&check.hint);
    if !hint.is_empty() {
        let label = messages.texts().label_hint();
        text.push_str(&format!("  {label:<9} {}\n", one_line(hint)));
    }
    text
}
