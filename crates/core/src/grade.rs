//! From facts to verdicts to a grade. Pure, so that a grade can be recomputed from stored facts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::disclosure::FeedbackPolicy;
use crate::localized::Localized;
use crate::matcher::Finding;
use crate::observer::Observer;
use crate::question::Fact;
use crate::referential::referentials;
use crate::topology::{Task, Topology};

pub use ask::{batches, check_of, mark};
#[cfg(feature = "evidence")]
pub(crate) use ask::{is_sent, sent};
pub use judge::judge;
#[cfg(feature = "exam")]
pub(crate) use standing::blocks;
pub use standing::{BlockGrade, SkillGrade, Standing};
pub(crate) use tally::Tally;

mod ask;
mod judge;
mod standing;
mod tally;

/// Result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// What was seen is as expected.
    Pass,
    /// What was seen is not as expected.
    Fail,
    /// A check that it needs did not pass, so it was not asked or its answer not looked at.
    NotAsked,
    /// Nobody could look, at it or at what it needs; never counts against a candidate.
    Unknown,
}

/// Why a check has no findings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// There is no fact: its phase was not graded.
    NoFact,
    /// Nobody could look: why, in English, for the trainer and the evaluator.
    CouldNotLook(String),
    /// The answer belongs to another kind of question.
    OtherAnswer,
    /// This check, which it needs, did not pass.
    NeedFailed(String),
    /// Nobody could look at this check, which it needs.
    NeedUnknown(String),
}

/// One check, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckResult {
    /// `task/check`.
    pub id: String,
    /// Title by language; may be empty.
    pub title: Localized,
    /// The phase.
    pub phase: String,
    /// The observer: a node's name, or `examiner@network`.
    pub observer: String,
    /// The question, such as `http http://www.atelier.lan/`.
    pub asked: String,
    /// Checks that it needs, as `task/check`.
    pub needs: Vec<String>,
    /// The group of its task that earns its points only as a whole.
    pub group: Option<String>,
    /// Whether its points only make up for others lost in its task.
    pub bonus: bool,
    /// Whether its skill is not acquired without it.
    pub critical: bool,
    /// The verdict.
    pub verdict: Verdict,
    /// Points earned: none where its group is not whole, whatever its own verdict.
    pub points: u32,
    /// Points to be earned.
    pub of: u32,
    /// What was expected and seen of each attribute; for [`Verdict::Pass`] and [`Verdict::Fail`].
    pub findings: Vec<Finding>,
    /// Why there are no findings, for [`Verdict::Unknown`] and [`Verdict::NotAsked`].
    pub reason: Option<Reason>,
    /// Hint in training, by language; may be empty.
    pub hint: Localized,
    /// How much of it a candidate is shown.
    pub shown: FeedbackPolicy,
}

/// A group of checks that earns its points only as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GroupGrade {
    /// Its name, unique in its task.
    pub id: String,
    /// Title by language; may be empty.
    pub title: Localized,
    /// [`Verdict::Pass`] where all of its checks pass, [`Verdict::Fail`] where one of them does not,
    /// else [`Verdict::Unknown`].
    pub verdict: Verdict,
    /// Points earned.
    pub points: u32,
    /// Points to be earned.
    pub of: u32,
}

/// One task, graded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskGrade {
    /// Identifier.
    pub id: String,
    /// `referential/skill`.
    pub skill: String,
    /// Title by language.
    pub title: Localized,
    /// Points earned; a bonus never raises them above those of the checks.
    pub points: u32,
    /// Points to be earned by checks, a bonus not counted, and by a rubric once people judge.
    pub of: u32,
    /// Points that a bonus may make up for.
    pub bonus: u32,
    /// Whether a deliverable or a rubric waits for an evaluator.
    pub for_evaluator: bool,
    /// The standing that it would give if it were the whole of its skill.
    pub standing: Standing,
    /// All-or-nothing groups.
    pub groups: Vec<GroupGrade>,
    /// Checks in order.
    pub checks: Vec<CheckResult>,
}

/// A lab, graded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Grade {
    /// The scenario's identifier.
    pub scenario: String,
    /// BLAKE3 of the scenario's folder.
    pub hash: String,
    /// The seed that the parameters were drawn from.
    pub seed: String,
    /// Points earned.
    pub points: u32,
    /// Points to be earned by checks, a bonus not counted.
    pub of: u32,
    /// Checks that nobody could look at; the grade is final only where there are none.
    pub unknown: u32,
    /// Tasks in order.
    pub tasks: Vec<TaskGrade>,
    /// Skills that the tasks serve, in order of their names.
    pub skills: Vec<SkillGrade>,
    /// Blocks that hold at least one of these skills.
    pub blocks: Vec<BlockGrade>,
}

/// The facts of one grading, by check.
pub type Facts = BTreeMap<String, Fact>;

/// Verdict of jurors on a check, instead of the verdict from its fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Ruling {
    /// The check passes.
    Pass,
    /// The check fails.
    Fail,
}

impl From<Ruling> for Verdict {
    fn from(ruling: Ruling) -> Self {
        match ruling {
            Ruling::Pass => Self::Pass,
            Ruling::Fail => Self::Fail,
        }
    }
}

/// Points of a task's rubric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RubricMarks {
    /// Points given.
    pub points: u32,
    /// Points to be given.
    pub of: u32,
    /// Points if each criterion that is not judged yet reaches its best level.
    pub within_reach: u32,
    /// Whether something is not judged yet.
    pub open: bool,
}

/// Judgements of jurors: check → ruling, task → marks. A task without marks is as the scenario has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManualGrading {
    /// By check, as `task/check`.
    pub rulings: BTreeMap<String, Ruling>,
    /// By task.
    pub marks: BTreeMap<String, RubricMarks>,
}

impl Observer {
    /// As it is shown: a node's name, or `examiner@network`.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Node(name) => name.clone(),
            Self::Examiner { network, .. } => format!("examiner@{network}"),
        }
    }
}

/// Grades a lab from its facts.
#[must_use]
pub fn grade(topology: &Topology, facts: &Facts) -> Grade {
    let phases: Vec<&str> = topology.phase_names().collect();
    grade_phases(topology, facts, &phases)
}

/// Grades a lab of which only some phases were asked. Checks of the others are left out, and stay
/// unknown where a skill is decided by them.
#[must_use]
pub fn grade_phases<S: AsRef<str>>(topology: &Topology, facts: &Facts, phases: &[S]) -> Grade {
    grade_judged(topology, facts, phases, &ManualGrading::default())
}

/// The same, with what people judged. A ruling counts as if it had been seen: what needs its check
/// is judged by it. Marks are added to the points of the checks.
#[must_use]
pub fn grade_judged<S: AsRef<str>>(
    topology: &Topology,
    facts: &Facts,
    phases: &[S],
    by_people: &ManualGrading,
) -> Grade {
    let judged = judge::judge_all(topology, facts, &by_people.rulings);
    let (mut tasks, mut tallies) = (Vec::new(), Vec::new());
    for task in &topology.tasks {
        let marks = by_people.marks.get(&task.id);
        let checks = task.checks.iter().filter_map(|check| judged.get(&check.id));
        let checks = tally::withhold(checks.cloned().collect());
        let tally = Tally::of(&checks, task.for_evaluator).marked(marks);
        let asked = checks
            .into_iter()
            .filter(|check| phases.iter().any(|phase| phase.as_ref() == check.phase));
        tasks.push(grade_task(task, asked.collect(), &tally, marks));
        tallies.push((task.skill.as_str(), tally));
    }
    let checks = tasks.iter().flat_map(|task| &task.checks);
    let unknown = checks.filter(|check| check.verdict == Verdict::Unknown);
    let unknown = u32::try_from(unknown.count()).unwrap_or(u32::MAX);
    let sum = |points: fn(&TaskGrade) -> u32| {
        let each = tasks.iter().map(points);
        each.fold(0, u32::saturating_add)
    };
    let skills = standing::skills(referentials(), &tallies);
    Grade {
        scenario: topology.scenario.clone(),
        hash: topology.hash.clone(),
        seed: topology.seed.clone(),
        points: sum(|task| task.points),
        of: sum(|task| task.of),
        unknown,
        blocks: standing::blocks(referentials(), &skills),
        skills,
        tasks,
    }
}

/// The task with the checks that were asked; its standing is that of all of them.
fn grade_task(
    task: &Task,
    asked: Vec<CheckResult>,
    whole: &Tally,
    marks: Option<&RubricMarks>,
) -> TaskGrade {
    let shown = Tally::of(&asked, task.for_evaluator);
    let points = asked.iter().map(|check| check.points);
    let given = marks.copied().unwrap_or_default();
    TaskGrade {
        id: task.id.clone(),
        skill: task.skill.clone(),
        title: task.title.clone(),
        points: (shown.of)
            .min(points.fold(0, u32::saturating_add))
            .saturating_add(given.points),
        of: shown.of.saturating_add(given.of),
        bonus: shown.bonus,
        for_evaluator: whole.for_evaluator,
        standing: whole.standing(standing::threshold(referentials(), &task.skill)),
        groups: tally::groups(&task.groups, &asked),
        checks: asked,
    }
}

impl Grade {
    /// All checks in order.
    pub fn checks(&self) -> impl Iterator<Item = &CheckResult> {
        self.tasks.iter().flat_map(|task| &task.checks)
    }
}
