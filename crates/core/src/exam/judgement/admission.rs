//! Which judgements are accepted: from whom, on what, and with which reason.

use thiserror::Error;

use super::open_points::departs;
use super::{
    Award, Judgement, JudgementSubject, JurorStatement, Jury, Outcome, Panel, Statement, TEXT_LIMIT,
};
use crate::grade::Standing;
use crate::topology::Topology;

/// Why a judgement is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JudgementError {
    /// The named thing does not exist.
    #[error("no {what} named `{name}` in this attempt")]
    NoSuch {
        /// Kind of the thing, such as `check`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The criterion has fewer levels.
    #[error("criterion `{criterion}` has {levels} levels, numbered from 0: no level {level}")]
    NoSuchLevel {
        /// The criterion.
        criterion: String,
        /// The level that was asked for.
        level: u32,
        /// How many there are.
        levels: usize,
    },
    /// A reason is required.
    #[error("{subject}: a reason is needed")]
    NoReason {
        /// The subject.
        subject: JudgementSubject,
    },
    /// The text is empty.
    #[error("{subject}: the text is empty")]
    Empty {
        /// The subject.
        subject: JudgementSubject,
    },
    /// The text is too long.
    #[error("{subject}: a text has at most {TEXT_LIMIT} characters")]
    TooLong {
        /// The subject.
        subject: JudgementSubject,
    },
    /// The name of a juror is empty.
    #[error("a juror needs a name")]
    Nameless,
    /// Somebody is not one of the jurors.
    #[error("`{juror}` is not of this jury")]
    Stranger {
        /// The juror.
        juror: String,
    },
    /// The juror has said that they are done.
    #[error("`{juror}` has said that they are done; that can be withdrawn while others still work")]
    IsDone {
        /// The juror.
        juror: String,
    },
    /// All have said that they are done.
    #[error("all jurors are done: what is said now has to be agreed by all of them")]
    AllDone,
    /// A juror has not finished.
    #[error("`{juror}` still works apart: nothing can be agreed yet")]
    AtWork {
        /// The juror.
        juror: String,
    },
    /// A joint statement needs the names of all jurors.
    #[error("`{juror}` has to agree as well")]
    NotAgreed {
        /// The juror.
        juror: String,
    },
}

/// Checks whether a judgement is accepted, given those before it and their outcome.
///
/// # Errors
/// Why it is refused.
pub fn admit(
    topology: &Topology,
    jury: &Jury,
    before: &[Judgement],
    so_far: &Outcome,
    word: &JurorStatement,
) -> Result<(), JudgementError> {
    let names = std::iter::once(&word.juror).chain(&word.agreed_with);
    if names.into_iter().any(|name| name.trim().is_empty()) {
        return Err(JudgementError::Nameless);
    }
    if let Jury::Apart(panel) = jury {
        check_turn(panel, before, word)?;
    }
    check_subject(topology, so_far, &word.says)?;
    check_texts(&word.says)
}

/// Checks that a panel's jurors judge independently until all have finished, and jointly from then on.
fn check_turn(
    panel: &Panel,
    before: &[Judgement],
    word: &JurorStatement,
) -> Result<(), JudgementError> {
    let mut names = std::iter::once(&word.juror).chain(&word.agreed_with);
    if let Some(juror) = names.find(|name| !panel.jurors().contains(*name)) {
        let juror = juror.clone();
        return Err(JudgementError::Stranger { juror });
    }
    let at_work = panel.at_work(before);
    let common = word.agreed_with.iter().any(|name| *name != word.juror);
    let comment = matches!(word.says.subject(), JudgementSubject::Comment { .. });
    if common {
        if let Some(juror) = at_work.first().cloned() {
            return Err(JudgementError::AtWork { juror });
        }
        let silent = panel
            .jurors()
            .iter()
            .find(|name| **name != word.juror && !word.agreed_with.contains(*name));
        return match silent {
            Some(juror) => Err(JudgementError::NotAgreed {
                juror: juror.clone(),
            }),
            None => Ok(()),
        };
    }
    if at_work.is_empty() && !comment {
        return Err(JudgementError::AllDone);
    }
    let own_work = word.says.subject() == JudgementSubject::Work {};
    if !at_work.contains(&word.juror) && !own_work && !comment {
        let juror = word.juror.clone();
        return Err(JudgementError::IsDone { juror });
    }
    Ok(())
}

/// Checks that the subject exists, and that a reason is given where one is required.
fn check_subject(
    topology: &Topology,
    so_far: &Outcome,
    says: &Statement,
) -> Result<(), JudgementError> {
    check_exists(topology, so_far, &says.subject())?;
    let unreasoned = says.reason().is_none_or(|reason| reason.trim().is_empty());
    match says {
        Statement::Level {
            task,
            criterion,
            level,
        } => check_level_exists(topology, task, criterion, *level),
        Statement::Override { .. } if unreasoned => Err(JudgementError::NoReason {
            subject: says.subject(),
        }),
        Statement::Skill { award, .. } | Statement::Block { award, .. }
            if unreasoned && departs_from(so_far, &says.subject(), *award) =>
        {
            Err(JudgementError::NoReason {
                subject: says.subject(),
            })
        }
        Statement::Override { .. }
        | Statement::Comment { .. }
        | Statement::Skill { .. }
        | Statement::Block { .. }
        | Statement::Withdrawal { .. }
        | Statement::Done {} => Ok(()),
    }
}

fn check_exists(
    topology: &Topology,
    so_far: &Outcome,
    subject: &JudgementSubject,
) -> Result<(), JudgementError> {
    let is_check = |name: &str| so_far.machine.checks().any(|check| check.id == name);
    let task = |name: &str| topology.tasks.iter().find(|task| task.id == name);
    let (what, name, there) = match subject {
        JudgementSubject::Criterion {
            task: of,
            criterion,
        } => {
            let known = task(of);
            let known = known.is_some_and(|task| task.rubric.iter().any(|c| c.id == *criterion));
            ("criterion", format!("{of}/{criterion}"), known)
        }
        JudgementSubject::Check { check } => ("check", check.clone(), is_check(check)),
        JudgementSubject::Comment { on } => {
            let known = is_check(on) || task(on).is_some();
            ("task or check", on.clone(), known)
        }
        JudgementSubject::Skill { skill } => {
            let known = so_far
                .skills
                .iter()
                .any(|known| known.proposal.id == *skill);
            ("skill", skill.clone(), known)
        }
        JudgementSubject::Block { block } => {
            let known = so_far
                .blocks
                .iter()
                .any(|known| known.proposal.id == *block);
            ("block", block.clone(), known)
        }
        JudgementSubject::Work {} => return Ok(()),
    };
    if there {
        return Ok(());
    }
    Err(JudgementError::NoSuch { what, name })
}

fn check_level_exists(
    topology: &Topology,
    task: &str,
    criterion: &str,
    level: u32,
) -> Result<(), JudgementError> {
    let tasks = topology.tasks.iter().filter(|known| known.id == task);
    let mut criteria = tasks.flat_map(|task| &task.rubric);
    let levels = criteria
        .find(|known| known.id == criterion)
        .map_or(0, |criterion| criterion.levels.len());
    if usize::try_from(level).is_ok_and(|level| level < levels) {
        return Ok(());
    }
    Err(JudgementError::NoSuchLevel {
        criterion: format!("{task}/{criterion}"),
        level,
        levels,
    })
}

fn departs_from(so_far: &Outcome, subject: &JudgementSubject, award: Award) -> bool {
    let skills = so_far.skills.iter().map(|skill| {
        let skill = &skill.proposal;
        (
            JudgementSubject::Skill {
                skill: skill.id.clone(),
            },
            skill.standing,
        )
    });
    let blocks = so_far.blocks.iter().map(|block| {
        let block = &block.proposal;
        (
            JudgementSubject::Block {
                block: block.id.clone(),
            },
            block.standing,
        )
    });
    let mut proposals = skills.chain(blocks);
    let proposal: Option<Standing> = proposals
        .find(|(known, _)| known == subject)
        .map(|(_, standing)| standing);
    proposal.is_some_and(|proposal| departs(award, proposal))
}

/// Checks that texts are not empty and not too long.
fn check_texts(says: &Statement) -> Result<(), JudgementError> {
    let subject = says.subject();
    let text = match says {
        Statement::Comment { text, .. } => Some(text.as_str()),
        Statement::Level { .. }
        | Statement::Override { .. }
        | Statement::Skill { .. }
        | Statement::Block { .. }
        | Statement::Withdrawal { .. }
        | Statement::Done {} => says.reason(),
    };
    match text {
        Some(text) if text.chars().count() > TEXT_LIMIT => Err(JudgementError::TooLong { subject }),
        Some(text) if text.trim().is_empty() => Err(JudgementError::Empty { subject }),
        Some(_) | None => Ok(()),
    }
}
