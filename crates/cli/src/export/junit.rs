//! JUnit XML: a suite a task, a case a check.
//!
//! A failure is a fail, an error is what nobody could look at, skipped is what was not asked.

use std::error::Error;
use std::time::Duration;

use plateau_core::api::LabGradeView;
use plateau_core::grade::{CheckResult, TaskGrade, Verdict};
use plateau_core::messages::Messages;
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::word;
use crate::show::reason::one_line;

/// The whole report.
pub(super) fn junit(
    view: &LabGradeView,
    messages: &Messages,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    let grade = &view.grade;
    let mut report = Report::new(grade.scenario.as_str());
    report.set_time(Duration::from_millis(view.took_ms.values().sum()));
    for task in &grade.tasks {
        let mut suite = TestSuite::new(task.id.as_str());
        suite.add_properties(properties(task, &grade.seed, &grade.hash));
        let cases = task.checks.iter();
        suite.add_test_cases(cases.map(|check| case(check, &grade.scenario, messages)));
        report.add_test_suite(suite);
    }
    Ok(report.to_string()?)
}

fn properties(task: &TaskGrade, seed: &str, hash: &str) -> Vec<Property> {
    vec![
        Property::new("skill", task.skill.as_str()),
        Property::new("points", task.points.to_string()),
        Property::new("of", task.of.to_string()),
        Property::new("seed", seed),
        Property::new("hash", hash),
    ]
}

fn case(check: &CheckResult, scenario: &str, messages: &Messages) -> TestCase {
    let said = messages.explanation(check);
    let said: Vec<String> = said.iter().map(|sentence| one_line(sentence)).collect();
    let question = one_line(&check.asked);
    let question = messages.texts().asked_from(question, &check.observer);
    let mut status = match check.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Unknown => TestCaseStatus::non_success(NonSuccessKind::Error),
        Verdict::NotAsked => TestCaseStatus::skipped(),
    };
    if check.verdict != Verdict::Pass {
        status
            .set_message(said.join("; "))
            .set_type(word(check.verdict))
            .set_description(format!("{question}\n{}", said.join("\n")));
    }
    let (task, name) = check.id.split_once('/').unwrap_or(("", &check.id));
    let mut case = TestCase::new(name, status);
    case.set_classname(format!("{scenario}.{task}.{}", check.phase));
    case
}

#[cfg(test)]
mod tests {
    use super::super::tests::in_english;
    use super::*;
    use crate::args::Shape;

    #[test]
    fn a_report_is_read_back_as_it_was_written() {
        let xml = in_english(Shape::Junit);
        insta::assert_snapshot!(xml);
        let report = Report::deserialize_from_str(&xml).expect("a report");
        let counts = (report.tests, report.failures, report.errors, report.skipped);
        assert_eq!(counts, (4, 1, 1, 1));
        let cases = &report.test_suites[0].test_cases;
        assert_eq!(cases[0].status, TestCaseStatus::success());
        assert_eq!(
            cases[1].classname.as_ref().map(|c| c.as_str()),
            Some("small.web.as-left")
        );
    }
}
