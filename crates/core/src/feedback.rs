//! What a candidate may see of a grade: by the mode of the attempt, and by what the trainer chose to show.

use serde::{Deserialize, Serialize};

use crate::disclosure::{FeedbackDetail, FeedbackPolicy};
use crate::grade::{CheckResult, Grade, Reason, Standing, TaskGrade, Verdict};
use crate::localized::Localized;
use crate::matcher::Finding;

/// Mode of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum AssessmentMode {
    /// Training: hints are shown.
    Training,
    /// Exam.
    Exam,
}

/// The part of a grade that a candidate sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Feedback {
    /// The scenario's identifier.
    pub scenario: String,
    /// The mode of the attempt.
    pub mode: AssessmentMode,
    /// Tasks with visible checks, in order.
    pub tasks: Vec<TaskFeedback>,
}

/// The part of a task's grade that a candidate sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskFeedback {
    /// Identifier.
    pub id: String,
    /// Title by language.
    pub title: Localized,
    /// Points; only where every check of the task is shown.
    pub score: Option<Score>,
    /// The standing that the points give; only where every check of the task is shown.
    pub standing: Option<Standing>,
    /// Whether a deliverable or a rubric waits for an evaluator.
    pub for_evaluator: bool,
    /// Checks that are shown, in order.
    pub checks: Vec<CheckFeedback>,
}

/// Points earned, and to be earned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Score {
    /// Earned.
    pub points: u32,
    /// To be earned.
    pub of: u32,
}

/// The part of a check's result that a candidate sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckFeedback {
    /// `task/check`.
    pub id: String,
    /// Title by language; may be empty.
    pub title: Localized,
    /// The verdict.
    pub verdict: Verdict,
    /// Points; not where they would tell how a hidden check of its group went.
    pub score: Option<Score>,
    /// Question, expectations and findings, for [`FeedbackDetail::Everything`].
    pub details: Option<Details>,
    /// Hint by language: in training, for checks that do not pass.
    pub hint: Localized,
}

/// Question, expectations and findings of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Details {
    /// The phase.
    pub phase: String,
    /// The observer.
    pub observer: String,
    /// The question.
    pub asked: String,
    /// The findings, by attribute.
    pub findings: Vec<Finding>,
    /// Why there are no findings; absent where it would name a hidden check.
    pub reason: Option<Reason>,
}

/// The part of a grade that a candidate may see in this mode.
#[must_use]
pub fn feedback(grade: &Grade, mode: AssessmentMode) -> Feedback {
    let share = |check: &CheckResult| in_mode(check.shown, mode);
    let tasks = grade.tasks.iter().filter_map(|task| {
        let shown = task.checks.iter();
        let shown: Vec<&CheckResult> = shown
            .filter(|check| share(check) != FeedbackDetail::Nothing)
            .collect();
        if shown.is_empty() && !task.for_evaluator {
            return None;
        }
        let whole = shown.len() == task.checks.len() && !shown.is_empty();
        let see = |check: &&CheckResult| see(grade, task, check, mode);
        Some(TaskFeedback {
            id: task.id.clone(),
            title: task.title.clone(),
            score: whole.then_some(Score {
                points: task.points,
                of: task.of,
            }),
            standing: whole.then_some(task.standing),
            for_evaluator: task.for_evaluator,
            checks: shown.iter().map(see).collect(),
        })
    });
    Feedback {
        scenario: grade.scenario.clone(),
        mode,
        tasks: tasks.collect(),
    }
}

fn see(
    grade: &Grade,
    task: &TaskGrade,
    check: &CheckResult,
    mode: AssessmentMode,
) -> CheckFeedback {
    let hidden = |other: &CheckResult| in_mode(other.shown, mode) == FeedbackDetail::Nothing;
    let of_its_group = |other: &&CheckResult| other.group.is_some() && other.group == check.group;
    let tells = task.checks.iter().filter(of_its_group).any(hidden);
    // A name that is in the grade and not hidden is one the candidate sees anyway.
    let visible = |id: &String| {
        grade
            .checks()
            .any(|other| other.id == *id && !hidden(other))
    };
    let reason = check.reason.clone().filter(|reason| match reason {
        Reason::NeedFailed(need) | Reason::NeedUnknown(need) => visible(need),
        Reason::NoFact | Reason::CouldNotLook(_) | Reason::OtherAnswer => true,
    });
    let helps = mode == AssessmentMode::Training && check.verdict != Verdict::Pass;
    CheckFeedback {
        id: check.id.clone(),
        title: check.title.clone(),
        verdict: check.verdict,
        score: (!tells).then_some(Score {
            points: check.points,
            of: check.of,
        }),
        details: (in_mode(check.shown, mode) == FeedbackDetail::Everything).then(|| Details {
            phase: check.phase.clone(),
            observer: check.observer.clone(),
            asked: check.asked.clone(),
            findings: check.findings.clone(),
            reason,
        }),
        hint: if helps {
            check.hint.clone()
        } else {
            Localized::new()
        },
    }
}

/// How much of a check is shown to a candidate in this mode.
fn in_mode(shown: FeedbackPolicy, mode: AssessmentMode) -> FeedbackDetail {
    match mode {
        AssessmentMode::Training => shown.training,
        AssessmentMode::Exam => shown.exam,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::folder::Folder;
    use crate::grade::{Facts, grade};
    use crate::question::Fact;
    use crate::scenario::Scenario;

    /// A task whose checks are shown in an exam as their names say; only `nothing` fails, which
    /// `needs-hidden` needs and `in-hidden-group` shares a group with.
    fn graded() -> Grade {
        let document = r#"
plateau: 1
id: f
title: { en: F }
duration: 1m
brief: { en: b.md }
nodes: { n: { image: debian-server } }
shown: { exam: title }
tasks:
  - id: a
    skill: tsgeri/1.2
    title: { en: A }
    solution: [{ on: n, run: s.sh }]
    groups: { g: {} }
    checks:
      - { id: title, on: n, that: { file: { path: /a } }, points: 1 }
      - { id: everything, on: n, that: { file: { path: /b } }, points: 1, shown: { exam: everything } }
      - { id: nothing, on: n, that: { file: { path: /c } }, points: 1, group: g, shown: { exam: nothing }, hint: { en: Look at c } }
      - { id: needs-hidden, on: n, that: { file: { path: /d } }, points: 1, needs: [nothing], shown: { exam: everything } }
      - { id: in-hidden-group, on: n, that: { file: { path: /e } }, points: 1, group: g }
  - id: b
    skill: tsgeri/1.2
    title: { en: B }
    solution: [{ on: n, run: s.sh }]
    checks:
      - { id: hidden, on: n, that: { file: { path: /f } }, points: 1, shown: { exam: nothing } }
  - id: c
    skill: tsgeri/1.2
    title: { en: C }
    solution: [{ on: n, run: s.sh }]
    checks:
      - { id: open, on: n, that: { file: { path: /g } }, points: 1 }
"#;
        let files = [("scenario.yaml", document), ("b.md", ""), ("s.sh", "")];
        let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        let scenario = Scenario::read(Folder(files.into())).expect("it is good");
        let topology = scenario.draw("x").expect("it is good");
        let fact = |id: &str| {
            let seen = json!({ "file": { "exists": id != "a/nothing" } });
            Fact::Seen(serde_json::from_value(seen).expect("an observation"))
        };
        let checks = topology.checks();
        let facts: Facts = checks
            .map(|check| (check.id.clone(), fact(&check.id)))
            .collect();
        grade(&topology, &facts)
    }

    #[test]
    fn an_exam_shows_what_the_trainer_chose_and_gives_nothing_hidden_away() {
        let seen = feedback(&graded(), AssessmentMode::Exam);
        let tasks: Vec<&str> = seen.tasks.iter().map(|task| &*task.id).collect();
        assert_eq!(tasks, ["a", "c"], "a task of hidden checks alone is hidden");
        let task = &seen.tasks[0];
        assert_eq!((task.score, task.standing), (None, None));
        let names: Vec<&str> = task.checks.iter().map(|check| &*check.id).collect();
        assert_eq!(
            names,
            [
                "a/title",
                "a/everything",
                "a/needs-hidden",
                "a/in-hidden-group"
            ]
        );
        assert!(task.checks[0].details.is_none() && task.checks[1].details.is_some());
        assert_eq!(task.checks[2].verdict, Verdict::NotAsked);
        let details = task.checks[2].details.as_ref().expect("everything");
        assert_eq!(details.reason, None, "it would name a hidden check");
        assert_eq!(
            task.checks[3].score, None,
            "it would tell of a hidden check"
        );
        let text = serde_json::to_string(&seen).expect("JSON");
        for hidden in ["a/nothing", "/c", "b/hidden", "Look at c"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
        assert_eq!(seen.tasks[1].score, Some(Score { points: 1, of: 1 }));
    }

    #[test]
    fn training_shows_everything_with_hints_for_what_does_not_pass() {
        let seen = feedback(&graded(), AssessmentMode::Training);
        let checks: Vec<_> = seen.tasks.iter().flat_map(|task| &task.checks).collect();
        assert_eq!(checks.len(), 7);
        assert!(checks.iter().all(|check| check.details.is_some()));
        assert_eq!(checks[2].hint["en"], "Look at c");
        assert!(checks.iter().filter(|check| !check.hint.is_empty()).count() == 1);
        assert_eq!(seen.tasks[0].standing, Some(Standing::NotAcquired));
    }
}
