//! What can go wrong with judging.

use plateau_core::api::{ApiError, Fault};
use plateau_core::exam::bundle::{BundleError, KeyError};
use plateau_core::exam::judgement::JudgementError;
use plateau_core::problem::Problem;
use plateau_labs::error::chain;
use plateau_labs::lab::LabError;
use thiserror::Error;

use crate::store::DatabaseError;

/// Something asked of an attempt's judging that failed.
#[derive(Debug, Error)]
pub enum JudgingError {
    /// No attempt has this identifier.
    #[error("there is no attempt `{attempt}`")]
    NoSuchAttempt {
        /// What was asked for.
        attempt: String,
    },
    /// The attempt has no such grading.
    #[error("attempt `{attempt}` has no grading `{grading}`")]
    NoSuchGrading {
        /// The attempt.
        attempt: String,
        /// What was asked for.
        grading: String,
    },
    /// There is nothing to judge yet.
    #[error("attempt `{attempt}` is not graded yet")]
    NotGraded {
        /// The attempt.
        attempt: String,
    },
    /// Nothing of the session changes any more.
    #[error("session `{session}` is sealed")]
    Sealed {
        /// The session.
        session: String,
    },
    /// It has to be said why.
    #[error("{doing}: a reason is needed")]
    NoReason {
        /// What was to be done.
        doing: &'static str,
    },
    /// The scenario that is to be graded by has problems.
    #[error("the scenario has problems")]
    Scenario(Vec<Problem>),
    /// The scenario that is to be graded by is another.
    #[error("the attempt is at `{attempted}`, and the folder is of `{given}`")]
    OtherScenario {
        /// The scenario of the attempt.
        attempted: String,
        /// That of the folder.
        given: String,
    },
    /// The frozen scenario cannot be read any longer.
    #[error("scenario {hash}, as it is kept, cannot be read")]
    Frozen {
        /// BLAKE3 of its folder.
        hash: String,
    },
    /// It may not be said.
    #[error(transparent)]
    Judgement(#[from] JudgementError),
    /// The lab could not be asked, or the scenario not be kept.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The database failed.
    #[error("use the database")]
    Database(#[from] DatabaseError),
    /// No bundle could be made.
    #[error("put the evidence together")]
    Bundle(#[from] BundleError),
    /// The key cannot be shown.
    #[error("show the key of the evidence")]
    Key(#[from] KeyError),
}

impl JudgingError {
    /// A short code that stays the same.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchAttempt { .. } => "attempt-not-found",
            Self::NoSuchGrading { .. } => "grading-not-found",
            Self::NotGraded { .. } => "attempt-not-graded",
            Self::Sealed { .. } => "session-sealed",
            Self::NoReason { .. } => "no-reason",
            Self::Scenario(_) => "scenario-problems",
            Self::OtherScenario { .. } => "other-scenario",
            Self::Frozen { .. } => "scenario-unreadable",
            Self::Judgement(error) => match error {
                JudgementError::NoSuch { .. } | JudgementError::NoSuchLevel { .. } => {
                    "subject-not-found"
                }
                JudgementError::NoReason { .. } => "no-reason",
                JudgementError::Stranger { .. } => "not-of-the-jury",
                JudgementError::Empty { .. }
                | JudgementError::TooLong { .. }
                | JudgementError::Nameless => "bad-judgement",
                JudgementError::IsDone { .. }
                | JudgementError::AllDone
                | JudgementError::AtWork { .. }
                | JudgementError::NotAgreed { .. } => "not-in-turn",
            },
            Self::Lab(error) => error.code(),
            Self::Database(error) => error.code(),
            Self::Bundle(_) | Self::Key(_) => "bundle-failed",
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::NoSuchAttempt { .. }
            | Self::NoSuchGrading { .. }
            | Self::NotGraded { .. }
            | Self::Sealed { .. }
            | Self::NoReason { .. }
            | Self::Scenario(_)
            | Self::OtherScenario { .. }
            | Self::Judgement(_) => Fault::Input,
            Self::Lab(error) => error.api().fault,
            Self::Frozen { .. } | Self::Database(_) | Self::Bundle(_) | Self::Key(_) => {
                Fault::Outside
            }
        }
    }

    /// What to do about it, where something can be done.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Sealed { .. } => "reopen the session first, which is recorded with its reason",
            Self::NotGraded { .. } => "it is graded once it was handed in and kept",
            Self::Lab(error) => return error.hint(),
            Self::Database(error) => error.hint(),
            Self::NoSuchAttempt { .. }
            | Self::NoSuchGrading { .. }
            | Self::NoReason { .. }
            | Self::Scenario(_)
            | Self::OtherScenario { .. }
            | Self::Frozen { .. }
            | Self::Judgement(_)
            | Self::Bundle(_)
            | Self::Key(_) => return None,
        };
        Some(hint.to_owned())
    }

    /// As every route answers it.
    #[must_use]
    pub fn api(&self) -> ApiError {
        ApiError {
            code: self.code().to_owned(),
            fault: self.fault(),
            message: chain(self),
            hint: self.hint(),
            problems: match self {
                Self::Scenario(problems) => problems.clone(),
                Self::Lab(error) => error.api().problems,
                Self::NoSuchAttempt { .. }
                | Self::NoSuchGrading { .. }
                | Self::NotGraded { .. }
                | Self::Sealed { .. }
                | Self::NoReason { .. }
                | Self::OtherScenario { .. }
                | Self::Frozen { .. }
                | Self::Judgement(_)
                | Self::Database(_)
                | Self::Bundle(_)
                | Self::Key(_) => vec![],
            },
        }
    }
}
