//! A grade in the formats of other programs. Names in them stay English; what is said in sentences
//! is said in the language of the screen.

use plateau_core::api::LabGradeView;
use plateau_core::grade::Verdict;
use plateau_core::messages::Messages;

use crate::args::Shape;
use crate::failure::Failure;

mod junit;
mod sheet;
mod tap;

/// The result in this shape, with its last line feed.
pub(crate) fn export(
    view: &LabGradeView,
    shape: Shape,
    messages: &Messages,
) -> Result<String, Failure> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| Failure::Export(source);
    match shape {
        Shape::Junit => junit::junit(view, messages).map_err(failed),
        Shape::Tap => tap::tap(&view.grade, messages).map_err(failed),
        Shape::Csv => sheet::sheet(&view.grade, messages).map_err(failed),
        Shape::Json => serde_json::to_string_pretty(view)
            .map(|json| json + "\n")
            .map_err(|error| failed(error.into())),
    }
}

/// A verdict as it stands in the API.
fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::NotAsked => "not-asked",
        Verdict::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use plateau_core::disclosure::FeedbackPolicy;
    use plateau_core::grade::{CheckResult, Grade, GroupGrade, Reason, Standing, TaskGrade};
    use plateau_core::matcher::{Expected, Finding};
    use plateau_core::messages::Language;
    use plateau_core::topology::Localized;

    use super::*;

    fn text(text: &str) -> Localized {
        BTreeMap::from([("en".to_owned(), text.to_owned())])
    }

    fn check(id: &str, verdict: Verdict, findings: Vec<Finding>) -> CheckResult {
        CheckResult {
            id: format!("web/{id}"),
            title: Localized::new(),
            phase: "as-left".to_owned(),
            observer: "client".to_owned(),
            asked: "http http://www.lan/ # \\".to_owned(),
            needs: vec![],
            group: None,
            bonus: false,
            critical: false,
            verdict,
            points: u32::from(verdict == Verdict::Pass),
            of: 1,
            findings,
            reason: None,
            hint: Localized::new(),
            shown: FeedbackPolicy::default(),
        }
    }

    /// One check of every verdict, and what a candidate's machine might say to steer other programs.
    pub(super) fn view() -> LabGradeView {
        let finding = |seen: &str| Finding {
            attribute: "body".to_owned(),
            holds: false,
            expected: Expected::Contains("\"<a> & b\"".to_owned()),
            seen: Some(seen.to_owned()),
        };
        let mut checks = vec![
            check("answers", Verdict::Pass, vec![]),
            check(
                "body",
                Verdict::Fail,
                vec![finding("=1+1\u{1b}[31m ]]>\n...\nok 9 - forged")],
            ),
            check("after", Verdict::NotAsked, vec![]),
            check("far", Verdict::Unknown, vec![]),
        ];
        checks[0].title = text("=HYPERLINK(\"x\")");
        checks[0].critical = true;
        checks[1].group = Some("whole".to_owned());
        checks[2].needs = vec!["web/body".to_owned()];
        checks[2].reason = Some(Reason::NeedFailed("web/body".to_owned()));
        checks[3].bonus = true;
        checks[3].reason = Some(Reason::CouldNotLook("@node is off".to_owned()));
        let task = TaskGrade {
            id: "web".to_owned(),
            skill: "tsgeri/1.2".to_owned(),
            title: text("Web"),
            points: 1,
            of: 3,
            bonus: 1,
            for_evaluator: false,
            standing: Standing::NotAcquired,
            groups: vec![GroupGrade {
                id: "whole".to_owned(),
                title: Localized::new(),
                verdict: Verdict::Fail,
                points: 0,
                of: 1,
            }],
            checks,
        };
        LabGradeView {
            grade: Grade {
                scenario: "small".to_owned(),
                hash: "00".to_owned(),
                seed: "7".to_owned(),
                points: 1,
                of: 3,
                unknown: 1,
                tasks: vec![task],
                skills: vec![],
                blocks: vec![],
            },
            took_ms: BTreeMap::from([("as-left".to_owned(), 1500)]),
        }
    }

    pub(super) fn in_english(shape: Shape) -> String {
        export(&view(), shape, &Messages::new(Language::En)).expect("an export")
    }

    #[test]
    fn json_is_what_the_api_says() {
        let read: LabGradeView = serde_json::from_str(&in_english(Shape::Json)).expect("a result");
        assert_eq!(read, view());
    }
}
