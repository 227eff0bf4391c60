//! What a grade and the words of a jury come to: points with rubrics, and what is proposed and
//! decided of each skill and block.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::open_points::open_points;
use super::{
    Award, Disagreement, Judgement, JudgementSubject, Jury, OpenPoint, Reconciliation, Statement,
    reconcile,
};
use crate::evidence::{Evidence, answering};
use crate::grade::{
    BlockGrade, Grade, ManualGrading, RubricMarks, Ruling, SkillGrade, Standing, Verdict, blocks,
    grade_judged, grade_phases,
};
use crate::localized::Localized;
use crate::referential::referentials;
use crate::topology::{Criterion, Task, Topology};

/// Outcome of an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Outcome {
    /// The grade of the facts alone, without judgements.
    pub machine: Grade,
    /// The grade with overrides, and with the points of rubrics.
    pub grade: Grade,
    /// The tasks, with their judgements.
    pub tasks: Vec<TaskOutcome>,
    /// Skill by skill.
    pub skills: Vec<SkillOutcome>,
    /// Block by block.
    pub blocks: Vec<BlockOutcome>,
    /// Disagreements of the jurors.
    pub differences: Vec<Disagreement>,
    /// What is missing before the session can be sealed.
    pub open_points: Vec<OpenPoint>,
}

/// A task with its judgements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskOutcome {
    /// Identifier.
    pub id: String,
    /// Comments on it.
    pub comments: Vec<JurorComment>,
    /// Its checks, in order.
    pub checks: Vec<CheckOutcome>,
    /// Its rubric, in order.
    pub criteria: Vec<CriterionOutcome>,
}

/// A check with its judgements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckOutcome {
    /// `task/check`.
    pub id: String,
    /// The verdict of the facts.
    pub machine: Verdict,
    /// The verdict that counts.
    pub verdict: Verdict,
    /// The override, if there is one.
    pub overridden: Option<Override>,
    /// Comments on it.
    pub comments: Vec<JurorComment>,
}

/// An override of a check's verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Override {
    /// What it counts as.
    pub ruling: Ruling,
    /// The reasons, as they were given.
    pub reasons: Vec<String>,
    /// The jurors who say so.
    pub jurors: BTreeSet<String>,
}

/// A comment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JurorComment {
    /// The author.
    pub juror: String,
    /// The text.
    pub text: String,
}

/// A criterion of the rubric, judged or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CriterionOutcome {
    /// Identifier.
    pub id: String,
    /// Title by language.
    pub title: Localized,
    /// The level's number, from 0 for the lowest; `None` where nobody judged it yet.
    pub level: Option<u32>,
    /// The level's label by language; empty where nobody judged it yet.
    pub label: Localized,
    /// Points given.
    pub points: u32,
    /// Most points that it gives.
    pub of: u32,
    /// The jurors who say so.
    pub jurors: BTreeSet<String>,
}

/// A skill, proposed and decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SkillOutcome {
    /// What is proposed, with the points that it follows from.
    pub proposal: SkillGrade,
    /// What the jury decided, where it did.
    pub decision: Option<Decision>,
    /// What counts: the decision, else the proposal.
    pub standing: Standing,
}

/// A block, proposed and decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockOutcome {
    /// What is proposed by what counts of its skills.
    pub proposal: BlockGrade,
    /// What the jury decided, where it did.
    pub decision: Option<Decision>,
    /// What counts: the decision, else the proposal.
    pub standing: Standing,
}

/// Decision of a jury.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Decision {
    /// Whether it is acquired.
    pub award: Award,
    /// The reasons, as they were given.
    pub reasons: Vec<String>,
    /// The jurors who say so.
    pub jurors: BTreeSet<String>,
}

/// The outcome of evidence and judgements. The order of the judgements does not matter; their
/// versions do.
#[must_use]
pub fn outcome(
    topology: &Topology,
    evidence: &Evidence,
    judgements: &[Judgement],
    jury: &Jury,
) -> Outcome {
    let reconciled = reconcile(jury, judgements);
    let facts = answering(topology, evidence).facts;
    let phases = evidence.phases_of(topology);
    let machine = grade_phases(topology, &facts, &phases);
    let tasks: Vec<TaskOutcome> = topology
        .tasks
        .iter()
        .map(|task| task_outcome(task, &reconciled))
        .collect();
    let by_people = judged(topology, &reconciled, &tasks);
    let grade = grade_judged(topology, &facts, &phases, &by_people);
    let tasks = with_verdicts(tasks, &machine, &grade);
    let skills: Vec<SkillOutcome> = (grade.skills.iter())
        .map(|skill| skill_outcome(skill, &reconciled))
        .collect();
    let standing = skills.iter().map(|skill| SkillGrade {
        standing: skill.standing,
        ..skill.proposal.clone()
    });
    let proposed = blocks(referentials(), &standing.collect::<Vec<_>>());
    let blocks: Vec<BlockOutcome> = proposed
        .iter()
        .map(|block| block_outcome(block, &reconciled))
        .collect();
    let mut outcome = Outcome {
        machine,
        grade,
        tasks,
        skills,
        blocks,
        differences: reconciled.differences,
        open_points: Vec::new(),
    };
    outcome.open_points = open_points(&outcome, &reconciled.at_work);
    outcome
}

fn task_outcome(task: &Task, reconciled: &Reconciliation) -> TaskOutcome {
    let checks = task.checks.iter().map(|check| CheckOutcome {
        id: check.id.clone(),
        machine: Verdict::Unknown,
        verdict: Verdict::Unknown,
        overridden: overriding(&check.id, reconciled),
        comments: remarks(&check.id, reconciled),
    });
    let criteria = task.rubric.iter();
    TaskOutcome {
        id: task.id.clone(),
        comments: remarks(&task.id, reconciled),
        checks: checks.collect(),
        criteria: criteria
            .map(|criterion| criterion_outcome(task, criterion, reconciled))
            .collect(),
    }
}

/// The rulings and marks that follow from what is settled.
fn judged(
    topology: &Topology,
    reconciled: &Reconciliation,
    tasks: &[TaskOutcome],
) -> ManualGrading {
    let mut judged = ManualGrading::default();
    for check in topology.checks() {
        if let Some(overridden) = overriding(&check.id, reconciled) {
            judged.rulings.insert(check.id.clone(), overridden.ruling);
        }
    }
    for task in tasks.iter().filter(|task| !task.criteria.is_empty()) {
        let mut marks = RubricMarks::default();
        for criterion in &task.criteria {
            let filled = criterion.level.is_some();
            let reach = if filled {
                criterion.points
            } else {
                criterion.of
            };
            marks.points = marks.points.saturating_add(criterion.points);
            marks.of = marks.of.saturating_add(criterion.of);
            marks.within_reach = marks.within_reach.saturating_add(reach);
            marks.open |= !filled;
        }
        judged.marks.insert(task.id.clone(), marks);
    }
    judged
}

/// Puts the verdicts in; a check whose phase was not graded is left out, as it is of the grade.
fn with_verdicts(mut tasks: Vec<TaskOutcome>, machine: &Grade, grade: &Grade) -> Vec<TaskOutcome> {
    let verdicts = |grade: &Grade| -> BTreeMap<String, Verdict> {
        let checks = grade.checks();
        checks
            .map(|check| (check.id.clone(), check.verdict))
            .collect()
    };
    let (before, after) = (verdicts(machine), verdicts(grade));
    for task in &mut tasks {
        task.checks.retain(|check| after.contains_key(&check.id));
        for check in &mut task.checks {
            let verdict = |of: &BTreeMap<String, Verdict>| of.get(&check.id).copied();
            let (machine, counts) = (verdict(&before), verdict(&after));
            check.machine = machine.unwrap_or(Verdict::Unknown);
            check.verdict = counts.unwrap_or(Verdict::Unknown);
        }
    }
    tasks
}

fn overriding(check: &str, reconciled: &Reconciliation) -> Option<Override> {
    let check = check.to_owned();
    let said = reconciled.settled.get(&JudgementSubject::Check { check })?;
    let ruling = said.iter().find_map(|said| match &said.word.says {
        Statement::Override { ruling, .. } => Some(*ruling),
        Statement::Level { .. }
        | Statement::Comment { .. }
        | Statement::Skill { .. }
        | Statement::Block { .. }
        | Statement::Withdrawal { .. }
        | Statement::Done {} => None,
    })?;
    Some(Override {
        ruling,
        reasons: reasons(said),
        jurors: jurors(said),
    })
}

fn criterion_outcome(
    task: &Task,
    criterion: &Criterion,
    reconciled: &Reconciliation,
) -> CriterionOutcome {
    let subject = JudgementSubject::Criterion {
        task: task.id.clone(),
        criterion: criterion.id.clone(),
    };
    let said = reconciled.settled.get(&subject);
    let number = said.and_then(|said| {
        said.iter().find_map(|said| match &said.word.says {
            Statement::Level { level, .. } => Some(*level),
            Statement::Override { .. }
            | Statement::Comment { .. }
            | Statement::Skill { .. }
            | Statement::Block { .. }
            | Statement::Withdrawal { .. }
            | Statement::Done {} => None,
        })
    });
    // A mended scenario may have fewer levels: then it is to be judged anew.
    let level = number.and_then(|number| {
        let index = usize::try_from(number).ok()?;
        Some((number, criterion.levels.get(index)?))
    });
    CriterionOutcome {
        id: criterion.id.clone(),
        title: criterion.title.clone(),
        level: level.map(|(number, _)| number),
        label: level
            .map(|(_, level)| level.label.clone())
            .unwrap_or_default(),
        points: level.map_or(0, |(_, level)| level.points),
        of: criterion.of(),
        jurors: said.map(|said| jurors(said)).unwrap_or_default(),
    }
}

fn remarks(on: &str, reconciled: &Reconciliation) -> Vec<JurorComment> {
    let said = reconciled.comments.get(on).into_iter().flatten();
    let remark = |said: &Judgement| match &said.word.says {
        Statement::Comment { text, .. } => Some(JurorComment {
            juror: said.word.juror.clone(),
            text: text.clone(),
        }),
        Statement::Level { .. }
        | Statement::Override { .. }
        | Statement::Skill { .. }
        | Statement::Block { .. }
        | Statement::Withdrawal { .. }
        | Statement::Done {} => None,
    };
    said.filter_map(remark).collect()
}

fn skill_outcome(proposal: &SkillGrade, reconciled: &Reconciliation) -> SkillOutcome {
    let skill = proposal.id.clone();
    let decision = decision(&JudgementSubject::Skill { skill }, reconciled);
    SkillOutcome {
        proposal: proposal.clone(),
        standing: counts(decision.as_ref(), proposal.standing),
        decision,
    }
}

fn block_outcome(proposal: &BlockGrade, reconciled: &Reconciliation) -> BlockOutcome {
    let block = proposal.id.clone();
    let decision = decision(&JudgementSubject::Block { block }, reconciled);
    BlockOutcome {
        proposal: proposal.clone(),
        standing: counts(decision.as_ref(), proposal.standing),
        decision,
    }
}

fn counts(decision: Option<&Decision>, proposal: Standing) -> Standing {
    decision.map_or(proposal, |decision| decision.award.into())
}

fn decision(subject: &JudgementSubject, reconciled: &Reconciliation) -> Option<Decision> {
    let said = reconciled.settled.get(subject)?;
    let award = said.iter().find_map(|said| match &said.word.says {
        Statement::Skill { award, .. } | Statement::Block { award, .. } => Some(*award),
        Statement::Level { .. }
        | Statement::Override { .. }
        | Statement::Comment { .. }
        | Statement::Withdrawal { .. }
        | Statement::Done {} => None,
    })?;
    Some(Decision {
        award,
        reasons: reasons(said),
        jurors: jurors(said),
    })
}

fn reasons(said: &[Judgement]) -> Vec<String> {
    let reasons = said.iter().filter_map(|said| said.word.says.reason());
    reasons.map(str::to_owned).collect()
}

fn jurors(said: &[Judgement]) -> BTreeSet<String> {
    let names = said.iter().flat_map(|said| {
        let word = &said.word;
        std::iter::once(&word.juror).chain(&word.agreed_with)
    });
    names.cloned().collect()
}
