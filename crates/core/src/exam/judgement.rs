//! What people judge: rubrics, overrides, comments, and whether a skill or a block is acquired.
//!
//! Nothing is averaged and nothing is changed in place: a later word on the same subject takes the
//! place of an earlier one, which stays. Jurors who work apart do not see one another's words until
//! all of them are done; where they differ then, they agree on one word with all their names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::grade::{Ruling, Standing};

pub use admission::{JudgementError, admit};
pub use outcome::{
    BlockOutcome, CheckOutcome, CriterionOutcome, Decision, OpenPoint, Outcome, Override, Remark,
    SkillOutcome, TaskOutcome, outcome,
};

mod admission;
mod outcome;

/// Most characters of a reason or a comment.
pub const TEXT_LIMIT: usize = 4000;

/// Something that was said, by whom and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Judgement {
    /// Its number among all that was said on its subject, from 1.
    pub version: u32,
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// What, and by whom.
    #[serde(flatten)]
    pub word: Word,
}

/// Something that is said, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Word {
    /// Who enters it: an account's name.
    pub juror: String,
    /// The other jurors who agree, where it is a common word.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub agreed_with: BTreeSet<String>,
    /// What.
    pub says: Statement,
}

/// What a juror can say.
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
    /// That a check is to count otherwise than it was judged.
    Override {
        /// The check, as `task/check`.
        check: String,
        /// What it is to count as.
        ruling: Ruling,
        /// Why.
        reason: String,
    },
    /// A remark, which decides nothing.
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
    /// That nothing is to be taken for said on a subject.
    Withdrawal {
        /// The subject.
        subject: Subject,
    },
    /// That the juror has said all there is to say.
    Done {},
}

/// What is said of a skill or a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Award {
    /// It is acquired.
    Acquired,
    /// It is not.
    NotAcquired,
}

/// What something is said of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Subject {
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

impl fmt::Display for Subject {
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

/// What two words have to have in common to be no difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Position {
    Level(u32),
    Ruling(Ruling),
    Award(Award),
}

impl Statement {
    /// What it is said of.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Self::Level {
                task, criterion, ..
            } => Subject::Criterion {
                task: task.clone(),
                criterion: criterion.clone(),
            },
            Self::Override { check, .. } => Subject::Check {
                check: check.clone(),
            },
            Self::Comment { on, .. } => Subject::Comment { on: on.clone() },
            Self::Skill { skill, .. } => Subject::Skill {
                skill: skill.clone(),
            },
            Self::Block { block, .. } => Subject::Block {
                block: block.clone(),
            },
            Self::Withdrawal { subject } => subject.clone(),
            Self::Done {} => Subject::Work {},
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

/// How jurors work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Jury {
    /// Together, or one alone: the last word counts, whoever says it.
    #[default]
    Together,
    /// Apart, until all are done.
    Apart(Panel),
}

/// At least two jurors who work apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panel(BTreeSet<String>);

impl Panel {
    /// A panel of these; `None` where they are not two.
    pub fn of<N: Into<String>>(jurors: impl IntoIterator<Item = N>) -> Option<Self> {
        let jurors: BTreeSet<String> = jurors.into_iter().map(Into::into).collect();
        (jurors.len() >= 2).then_some(Self(jurors))
    }

    /// Their names.
    #[must_use]
    pub fn jurors(&self) -> &BTreeSet<String> {
        &self.0
    }

    /// Those who have not said yet that they are done.
    #[must_use]
    pub fn at_work(&self, judgements: &[Judgement]) -> BTreeSet<String> {
        let done = |juror: &&String| {
            let own = judgements.iter().filter(|said| {
                said.word.juror == **juror && said.word.says.subject() == Subject::Work {}
            });
            let last = own.max_by_key(|said| said.version);
            last.is_some_and(|said| said.word.says == Statement::Done {})
        };
        let jurors = self.0.iter();
        jurors.filter(|juror| !done(juror)).cloned().collect()
    }
}

impl Jury {
    /// A jury of these: apart where they are at least two, else together.
    pub fn of<N: Into<String>>(jurors: impl IntoIterator<Item = N>) -> Self {
        Panel::of(jurors).map_or(Self::Together, Self::Apart)
    }

    /// Whether somebody still works where nobody else may look.
    #[must_use]
    pub fn is_apart(&self, judgements: &[Judgement]) -> bool {
        match self {
            Self::Together => false,
            Self::Apart(panel) => !panel.at_work(judgements).is_empty(),
        }
    }

    /// What one of them may see: all, or nothing but his own while somebody still works apart.
    #[must_use]
    pub fn shown_to<'a>(&self, viewer: &str, judgements: &'a [Judgement]) -> Vec<&'a Judgement> {
        let apart = self.is_apart(judgements);
        let own = |said: &&Judgement| !apart || said.word.juror == viewer;
        judgements.iter().filter(own).collect()
    }
}

/// Where jurors differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Difference {
    /// What it is about.
    pub subject: Subject,
    /// Juror → his word.
    pub words: BTreeMap<String, Statement>,
    /// Who says nothing, which leaves it as it was graded or proposed.
    pub silent: BTreeSet<String>,
}

/// What was said, put together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// What counts, subject by subject: one word, or the same by each juror.
    pub settled: BTreeMap<Subject, Vec<Judgement>>,
    /// What does not yet.
    pub differences: Vec<Difference>,
    /// The last remark of each juror on each subject, in the order of the jurors.
    pub comments: BTreeMap<String, Vec<Judgement>>,
    /// Who still works apart; while somebody does, nothing of what they say alone is settled.
    pub at_work: BTreeSet<String>,
}

/// Puts together what was said: subject by subject what counts, and where jurors differ.
#[must_use]
pub fn reconcile(jury: &Jury, judgements: &[Judgement]) -> Reconciled {
    let mut subjects: BTreeMap<Subject, Vec<&Judgement>> = BTreeMap::new();
    for said in judgements {
        let subject = said.word.says.subject();
        subjects.entry(subject).or_default().push(said);
    }
    let mut reconciled = Reconciled::default();
    if let Jury::Apart(panel) = jury {
        reconciled.at_work = panel.at_work(judgements);
    }
    for (subject, mut said) in subjects {
        said.sort_by_key(|said| said.version);
        match &subject {
            Subject::Work {} => {}
            Subject::Comment { on } => {
                let remarks = last_of_each(&said).into_values();
                let kept = remarks.filter(|said| !is_withdrawal(said)).cloned();
                let kept: Vec<Judgement> = kept.collect();
                if !kept.is_empty() {
                    reconciled.comments.insert(on.clone(), kept);
                }
            }
            Subject::Criterion { .. }
            | Subject::Check { .. }
            | Subject::Skill { .. }
            | Subject::Block { .. } => reconciled.settle(jury, &subject, &said),
        }
    }
    reconciled
}

impl Reconciled {
    fn settle(&mut self, jury: &Jury, subject: &Subject, said: &[&Judgement]) {
        let common = |said: &&&Judgement| match jury {
            Jury::Together => true,
            Jury::Apart(_) => !said.word.agreed_with.is_empty(),
        };
        if let Some(last) = said.iter().rfind(common) {
            if !is_withdrawal(last) {
                self.settled.insert(subject.clone(), vec![(*last).clone()]);
            }
            return;
        }
        let Jury::Apart(panel) = jury else {
            return;
        };
        if !self.at_work.is_empty() {
            return;
        }
        let own = last_of_each(said);
        let word = |juror: &String| own.get(juror.as_str()).filter(|said| !is_withdrawal(said));
        let words: BTreeMap<String, Option<&&Judgement>> = panel
            .jurors()
            .iter()
            .map(|juror| (juror.clone(), word(juror)))
            .collect();
        let positions: BTreeSet<Option<Position>> = words
            .values()
            .map(|said| said.and_then(|said| said.word.says.position()))
            .collect();
        if positions.len() > 1 {
            let (mut said, mut silent) = (BTreeMap::new(), BTreeSet::new());
            for (juror, word) in words {
                match word {
                    Some(word) => drop(said.insert(juror, word.word.says.clone())),
                    None => drop(silent.insert(juror)),
                }
            }
            self.differences.push(Difference {
                subject: subject.clone(),
                words: said,
                silent,
            });
            return;
        }
        let same: Vec<Judgement> = words
            .into_values()
            .flatten()
            .map(|said| (*said).clone())
            .collect();
        if !same.is_empty() {
            self.settled.insert(subject.clone(), same);
        }
    }
}

/// The last word of each juror, of words in their order.
fn last_of_each<'a>(said: &[&'a Judgement]) -> BTreeMap<&'a str, &'a Judgement> {
    let words = said.iter();
    words
        .map(|said| (said.word.juror.as_str(), *said))
        .collect()
}

fn is_withdrawal(said: &Judgement) -> bool {
    matches!(said.word.says, Statement::Withdrawal { .. })
}

#[cfg(test)]
mod tests;
