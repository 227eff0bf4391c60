//! What a candidate may see of a grade: by the mode he works in, and by what the trainer chose to show.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::grade::{CheckResult, Grade, Reason, Standing, TaskGrade, Verdict};
use crate::matcher::Finding;
use crate::spec::ShownSpec;
use crate::topology::Localized;

/// What a candidate works for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// To learn: hints are shown.
    Training,
    /// To be judged.
    Exam,
}

/// How much a candidate is shown of a check.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Share {
    /// Not even that it is there.
    Nothing,
    /// Its title, and whether it passes.
    Title,
    /// What was asked, expected and seen as well.
    Everything,
}

/// How much a candidate is shown of a check, by mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Shown {
    /// In training.
    pub training: Share,
    /// In an exam.
    pub exam: Share,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            training: Share::Everything,
            exam: Share::Nothing,
        }
    }
}

impl Shown {
    /// The same, but for what a trainer wrote.
    #[must_use]
    pub(crate) fn with(self, spec: Option<ShownSpec>) -> Self {
        Self {
            training: spec.and_then(|s| s.training).unwrap_or(self.training),
            exam: spec.and_then(|s| s.exam).unwrap_or(self.exam),
        }
    }

    /// Whether it is what is shown where nobody chose.
    #[must_use]
    pub(crate) fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    fn in_mode(self, mode: Mode) -> Share {
        match mode {
            Mode::Training => self.training,
            Mode::Exam => self.exam,
        }
    }
}

/// What a candidate sees of a grade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Feedback {
    /// The scenario's identifier.
    pub scenario: String,
    /// What he works for.
    pub mode: Mode,
    /// Tasks of which something is shown, in order.
    pub tasks: Vec<TaskFeedback>,
}

/// What a candidate sees of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskFeedback {
    /// Identifier.
    pub id: String,
    /// Title by language.
    pub title: Localized,
    /// Points; only where every check of the task is shown.
    pub score: Option<Score>,
    /// What the points are worth; only where every check of the task is shown.
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

/// What a candidate sees of a check.
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
    /// What was asked, expected and seen, for [`Share::Everything`].
    pub details: Option<Details>,
    /// What helps, by language: in training, for what does not pass.
    pub hint: Localized,
}

/// What was asked, expected and seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Details {
    /// In which phase.
    pub phase: String,
    /// Who looked.
    pub observer: String,
    /// What was asked.
    pub asked: String,
    /// Attribute by attribute.
    pub findings: Vec<Finding>,
    /// Why there are none; not where it would name a hidden check.
    pub reason: Option<Reason>,
}

/// What a candidate may see of a grade in this mode.
#[must_use]
pub fn feedback(grade: &Grade, mode: Mode) -> Feedback {
    let share = |check: &CheckResult| check.shown.in_mode(mode);
    let tasks = grade.tasks.iter().filter_map(|task| {
        let shown = task.checks.iter();
        let shown: Vec<&CheckResult> = shown
            .filter(|check| share(check) != Share::Nothing)
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

fn see(grade: &Grade, task: &TaskGrade, check: &CheckResult, mode: Mode) -> CheckFeedback {
    let hidden = |other: &CheckResult| other.shown.in_mode(mode) == Share::Nothing;
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
    let helps = mode == Mode::Training && check.verdict != Verdict::Pass;
    CheckFeedback {
        id: check.id.clone(),
        title: check.title.clone(),
        verdict: check.verdict,
        score: (!tells).then_some(Score {
            points: check.points,
            of: check.of,
        }),
        details: (check.shown.in_mode(mode) == Share::Everything).then(|| Details {
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
