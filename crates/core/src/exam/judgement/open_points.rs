//! What is missing before a session can be sealed.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Award, Decision, JudgementSubject, Outcome};
use crate::grade::{Standing, Verdict};

/// Something that is missing before a session can be sealed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum OpenPoint {
    /// Nobody could look at a check, and no person ruled on it.
    Unknown {
        /// `task/check`.
        check: String,
    },
    /// A criterion is not judged.
    Rubric {
        /// The task.
        task: String,
        /// The criterion.
        criterion: String,
    },
    /// The jurors disagree.
    Difference {
        /// The subject.
        subject: JudgementSubject,
    },
    /// A juror has not finished.
    AtWork {
        /// The juror.
        juror: String,
    },
    /// A skill is undecided by its points, and the jury has not decided it.
    Undecided {
        /// `referential/skill`.
        skill: String,
    },
    /// A decision contradicts the proposal without a reason.
    Reason {
        /// A skill or a block.
        subject: JudgementSubject,
    },
}

impl fmt::Display for OpenPoint {
    /// In words, such as `check web/answers is unknown`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { check } => write!(f, "check {check} is unknown"),
            Self::Rubric { task, criterion } => write!(f, "rubric {task}/{criterion} is empty"),
            Self::Difference { subject } => write!(f, "the jurors differ on {subject}"),
            Self::AtWork { juror } => write!(f, "juror {juror} is not done"),
            Self::Undecided { skill } => write!(f, "skill {skill} is undecided"),
            Self::Reason { subject } => write!(f, "{subject} lacks a reason"),
        }
    }
}

/// Whether a decision contradicts what is proposed; where nothing is, none does.
pub(super) fn departs(award: Award, proposal: Standing) -> bool {
    proposal != Standing::Undecided && Standing::from(award) != proposal
}

pub(super) fn open_points(outcome: &Outcome, at_work: &BTreeSet<String>) -> Vec<OpenPoint> {
    let mut open = Vec::new();
    for task in &outcome.tasks {
        let checks = task.checks.iter();
        let unknown = checks.filter(|check| check.verdict == Verdict::Unknown);
        open.extend(unknown.map(|check| OpenPoint::Unknown {
            check: check.id.clone(),
        }));
        let criteria = task.criteria.iter();
        let empty = criteria.filter(|criterion| criterion.level.is_none());
        open.extend(empty.map(|criterion| OpenPoint::Rubric {
            task: task.id.clone(),
            criterion: criterion.id.clone(),
        }));
    }
    open.extend(at_work.iter().map(|juror| OpenPoint::AtWork {
        juror: juror.clone(),
    }));
    let differences = outcome.differences.iter();
    open.extend(differences.map(|difference| OpenPoint::Difference {
        subject: difference.subject.clone(),
    }));
    let unreasoned = |decision: &Option<Decision>, proposal: Standing| {
        decision.as_ref().is_some_and(|decision| {
            departs(decision.award, proposal) && decision.reasons.is_empty()
        })
    };
    for skill in &outcome.skills {
        let id = skill.proposal.id.clone();
        if skill.standing == Standing::Undecided {
            open.push(OpenPoint::Undecided { skill: id });
        } else if unreasoned(&skill.decision, skill.proposal.standing) {
            let subject = JudgementSubject::Skill { skill: id };
            open.push(OpenPoint::Reason { subject });
        }
    }
    let blocks = outcome.blocks.iter();
    let unreasoned = blocks.filter(|block| unreasoned(&block.decision, block.proposal.standing));
    open.extend(unreasoned.map(|block| OpenPoint::Reason {
        subject: JudgementSubject::Block {
            block: block.proposal.id.clone(),
        },
    }));
    open
}
