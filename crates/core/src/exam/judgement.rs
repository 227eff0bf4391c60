//! What people judge: rubrics, overrides, comments, and whether a skill or a block is acquired.
//!
//! Nothing is averaged and nothing is changed in place: a later word on the same subject takes the
//! place of an earlier one, which stays. Jurors who work apart do not see one another's words until
//! all of them are done; where they differ then, they agree on one word with all their names.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::grade::{Ruling, Standing};

pub use admission::{JudgementError, admit};
pub use jury::{Jury, Panel};
pub use open_points::OpenPoint;
pub use outcome::{
    BlockOutcome, CheckOutcome, CriterionOutcome, Decision, JurorComment, Outcome, Override,
    SkillOutcome, TaskOutcome, outcome,
};
pub use reconciliation::{Disagreement, Reconciliation, reconcile};

mod admission;
mod jury;
mod open_points;
mod outcome;
mod reconciliation;

/// Most characters of a reason or a comment.
pub const TEXT_LIMIT: usize = 4000;

/// A judgement as it is kept, with its author and its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Judgement {
    /// Its number among all that was said on its subject, from 1.
    pub version: u32,
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// What, and by whom.
    #[serde(flatten)]
    pub word: JurorStatement,
}

/// A judgement, with its author.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JurorStatement {
    /// Who enters it: an account's name.
    pub juror: String,
    /// The other jurors who agree, where it is a common word.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub agreed_with: BTreeSet<String>,
    /// What.
    pub says: Statement,
}

/// Kinds of judgements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Statement {
    /// Which level a criterion of a task's rubric has reached.
    Level {
        /// The task.
        task: String,
        /// The criterion.
        criterion: String,
        /// The level's number, from 0 for the lowest.
        level: u32,
    },
    /// Overrides the verdict of a check.
    Override {
        /// The check, as `task/check`.
        check: String,
        /// What it is to count as.
        ruling: Ruling,
        /// Why.
        reason: String,
    },
    /// A comment, which does not affect the grade.
    Comment {
        /// The task, or the check as `task/check`.
        on: String,
        /// The text.
        text: String,
    },
    /// Whether a skill is acquired.
    Skill {
        /// `referential/skill`.
        skill: String,
        /// Whether it is.
        award: Award,
        /// Why; needed where it is not as proposed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Whether a block is acquired.
    Block {
        /// `referential/block`.
        block: String,
        /// Whether it is.
        award: Award,
        /// Why; needed where it is not as proposed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Withdraws what was said on a subject.
    Withdrawal {
        /// The subject.
        subject: JudgementSubject,
    },
    /// The juror has finished.
    Done {},
}

/// Decision on a skill or a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Award {
    /// It is acquired.
    Acquired,
    /// It is not.
    NotAcquired,
}

/// Subject of a judgement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum JudgementSubject {
    /// A criterion of a task's rubric.
    Criterion {
        /// The task.
        task: String,
        /// The criterion.
        criterion: String,
    },
    /// A check's verdict.
    Check {
        /// As `task/check`.
        check: String,
    },
    /// A remark on a task or a check.
    Comment {
        /// The task, or the check as `task/check`.
        on: String,
    },
    /// A skill.
    Skill {
        /// `referential/skill`.
        skill: String,
    },
    /// A block.
    Block {
        /// `referential/block`.
        block: String,
    },
    /// A juror's own work.
    Work {},
}

impl fmt::Display for JudgementSubject {
    /// In words, such as `override web/answers`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Criterion { task, criterion } => write!(f, "rubric {task}/{criterion}"),
            Self::Check { check } => write!(f, "override {check}"),
            Self::Comment { on } => write!(f, "comment {on}"),
            Self::Skill { skill } => write!(f, "skill {skill}"),
            Self::Block { block } => write!(f, "block {block}"),
            Self::Work {} => f.write_str("done"),
        }
    }
}

impl From<Award> for Standing {
    fn from(award: Award) -> Self {
        match award {
            Award::Acquired => Self::Acquired,
            Award::NotAcquired => Self::NotAcquired,
        }
    }
}

/// What two statements must have in common not to differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Position {
    Level(u32),
    Ruling(Ruling),
    Award(Award),
}

impl Statement {
    /// What it is said of.
    #[must_use]
    pub fn subject(&self) -> JudgementSubject {
        match self {
            Self::Level {
                task, criterion, ..
            } => JudgementSubject::Criterion {
                task: task.clone(),
                criterion: criterion.clone(),
            },
            Self::Override { check, .. } => JudgementSubject::Check {
                check: check.clone(),
            },
            Self::Comment { on, .. } => JudgementSubject::Comment { on: on.clone() },
            Self::Skill { skill, .. } => JudgementSubject::Skill {
                skill: skill.clone(),
            },
            Self::Block { block, .. } => JudgementSubject::Block {
                block: block.clone(),
            },
            Self::Withdrawal { subject } => subject.clone(),
            Self::Done {} => JudgementSubject::Work {},
        }
    }

    /// Why, where it is said.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Override { reason, .. } => Some(reason),
            Self::Skill { reason, .. } | Self::Block { reason, .. } => reason.as_deref(),
            Self::Level { .. } | Self::Comment { .. } | Self::Withdrawal { .. } | Self::Done {} => {
                None
            }
        }
    }

    fn position(&self) -> Option<Position> {
        match self {
            Self::Level { level, .. } => Some(Position::Level(*level)),
            Self::Override { ruling, .. } => Some(Position::Ruling(*ruling)),
            Self::Skill { award, .. } | Self::Block { award, .. } => Some(Position::Award(*award)),
            Self::Comment { .. } | Self::Withdrawal { .. } | Self::Done {} => None,
        }
    }
}

impl Judgement {
    /// BLAKE3 of it as JSON, which the log names.
    #[must_use]
    pub fn digest(&self) -> String {
        // Texts and numbers, which always become JSON.
        let json = serde_json::to_vec(self).unwrap_or_default();
        blake3::hash(&json).to_hex().to_string()
    }
}

#[cfg(test)]
mod tests;
