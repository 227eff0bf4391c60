//! What was asked, expected and seen for a check.

use plateau_core::grade::{CheckResult, Reason, Verdict};
use plateau_core::matcher::Finding;
use plateau_core::messages::Messages;

use crate::style::{GOOD, HEAD, UNSURE, WRONG, styled};

/// What was asked, expected and seen for a check.
pub(crate) fn reason(check: &CheckResult, messages: &Messages) -> String {
    let mut text = format!(
        "{} {} ({})\n",
        mark(check.verdict),
        styled(HEAD, &check.id),
        check.phase,
    );
    text.push_str(&details(
        (&check.asked, &check.observer),
        shown(&check.findings, check.verdict),
        check.reason.as_ref(),
        messages,
    ));
    text
}

/// Findings that explain a verdict: those that do not hold. Where a check passes and must not, what
/// made it pass is what counts.
pub(crate) fn shown(findings: &[Finding], verdict: Verdict) -> Vec<&Finding> {
    let tells = |finding: &&Finding| !finding.holds || verdict == Verdict::Pass;
    findings.iter().filter(tells).collect()
}

/// The lines below a check's name.
pub(crate) fn details(
    (asked, observer): (&str, &str),
    findings: Vec<&Finding>,
    reason: Option<&Reason>,
    messages: &Messages,
) -> String {
    let texts = messages.texts();
    let question = texts.asked_from(one_line(asked), observer);
    let mut rows = vec![(texts.label_asked(), question)];
    for finding in findings {
        let expected = messages.expected(&finding.expected);
        let expected = format!("{} {}", finding.attribute, one_line(&expected));
        rows.push((texts.label_expected(), expected));
        rows.push((texts.label_seen(), one_line(&messages.seen(finding))));
    }
    if let Some(reason) = reason {
        rows.push((texts.label_reason(), one_line(&messages.reason(reason))));
    }
    let line = |(label, text): (String, String)| format!("  {label:<9} {text}\n");
    rows.into_iter().map(line).collect()
}

/// A verdict in one character.
pub(crate) fn mark(verdict: Verdict) -> String {
    match verdict {
        Verdict::Pass => styled(GOOD, "✓"),
        Verdict::Fail => styled(WRONG, "✗"),
        Verdict::NotAsked => styled(UNSURE, "–"),
        Verdict::Unknown => styled(UNSURE, "?"),
    }
}

/// Whether a character changes the direction of the text behind it (Unicode Standard Annex 9).
fn turns_text(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What was seen comes from a candidate's machine: nothing in it may steer the terminal.
pub(crate) fn one_line(text: &str) -> String {
    let shown: String = text
        .chars()
        .map(|c| match c {
            '\n' => '⏎',
            c if c.is_control() || turns_text(c) => '\u{fffd}',
            c => c,
        })
        .collect();
    shown
}
