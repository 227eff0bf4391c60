//! The Test Anything Protocol, version 14: a test point a check, with diagnostics in YAML.
//!
//! What nobody could look at is `not ok`, since it has not been shown to be; its diagnostics say
//! `unknown`. What was not asked is skipped: the check that it needs is `not ok` already.

use std::error::Error;

use plateau_core::grade::{CheckResult, Grade, Verdict};
use plateau_core::messages::Messages;
use serde::Serialize;

use super::word;
use crate::show::reason::one_line;

/// What stands below a test point.
#[derive(Debug, Serialize)]
struct Diagnostics<'a> {
    verdict: &'static str,
    phase: &'a str,
    asked: String,
    from: &'a str,
    points: u32,
    of: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    why: Vec<String>,
}

/// All test points.
pub(super) fn tap(
    grade: &Grade,
    messages: &Messages,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    let mut text = format!(
        "TAP version 14\n1..{}\n# scenario {}, seed {}, hash {}, {}/{} points\n",
        grade.checks().count(),
        grade.scenario,
        one_line(&grade.seed),
        grade.hash,
        grade.points,
        grade.of,
    );
    for (index, check) in grade.checks().enumerate() {
        text.push_str(&point(index + 1, check, messages));
        let yaml = serde_saphyr::to_string(&diagnostics(check, messages))?;
        text.push_str("  ---\n");
        for line in yaml.lines() {
            text.push_str(&format!("  {line}\n"));
        }
        text.push_str("  ...\n");
    }
    Ok(text)
}

fn point(number: usize, check: &CheckResult, messages: &Messages) -> String {
    let id = escaped(&check.id);
    match check.verdict {
        Verdict::Pass => format!("ok {number} - {id}\n"),
        Verdict::Fail | Verdict::Unknown => format!("not ok {number} - {id}\n"),
        Verdict::NotAsked => {
            let why = escaped(&messages.explanation(check).join("; "));
            format!("ok {number} - {id} # SKIP {why}\n")
        }
    }
}

fn diagnostics<'a>(check: &'a CheckResult, messages: &Messages) -> Diagnostics<'a> {
    let said = messages.explanation(check);
    Diagnostics {
        verdict: word(check.verdict),
        phase: &check.phase,
        asked: one_line(&check.asked),
        from: &check.observer,
        points: check.points,
        of: check.of,
        notes: messages.notes(check),
        why: said.iter().map(|sentence| one_line(sentence)).collect(),
    }
}

/// On one line, and without what begins a directive.
fn escaped(text: &str) -> String {
    one_line(text).replace('\\', "\\\\").replace('#', "\\#")
}

#[cfg(test)]
mod tests {
    use super::super::tests::in_english;
    use crate::args::Shape;

    #[test]
    fn every_check_is_one_test_point_with_diagnostics() {
        let tap = in_english(Shape::Tap);
        insta::assert_snapshot!(tap);
        let points = tap
            .lines()
            .filter(|line| line.starts_with("ok ") || line.starts_with("not ok "));
        assert_eq!(points.count(), 4, "what a node says makes no test point");
        for diagnostics in tap.split("  ---\n").skip(1) {
            let yaml = diagnostics.split("\n  ...").next().expect("its end");
            let read: serde_json::Value = serde_saphyr::from_str(yaml).expect("YAML");
            assert!(
                read["verdict"].is_string() && read["of"].is_number(),
                "{yaml}"
            );
        }
    }
}
