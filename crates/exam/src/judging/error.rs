//! Errors of judging.

use plateau_core::api::ApiError;
use plateau_core::error::ErrorCode;
use plateau_core::exam::bundle::BundleError;
use plateau_core::exam::judgement::JudgementError;
use plateau_core::problem::Problem;
use plateau_labs::error::chain;
use plateau_labs::lab::LabError;
use thiserror::Error;

use crate::store::DatabaseError;

/// Why an operation of judging failed.
#[derive(Debug, Error)]
pub enum JudgingError {
    /// No attempt has this identifier.
    #[error("no attempt named `{attempt}`")]
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
}

impl JudgingError {
    /// What it is in the API.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NoSuchAttempt { .. } => ErrorCode::AttemptNotFound,
            Self::NoSuchGrading { .. } => ErrorCode::GradingNotFound,
            Self::NotGraded { .. } => ErrorCode::AttemptNotGraded,
            Self::Sealed { .. } => ErrorCode::SessionSealed,
            Self::NoReason { .. } => ErrorCode::NoReason,
            Self::Scenario(_) => ErrorCode::ScenarioProblems,
            Self::OtherScenario { .. } => ErrorCode::OtherScenario,
            Self::Frozen { .. } => ErrorCode::ScenarioUnreadable,
            Self::Judgement(error) => match error {
                JudgementError::NoSuch { .. } | JudgementError::NoSuchLevel { .. } => {
                    ErrorCode::SubjectNotFound
                }
                JudgementError::NoReason { .. } => ErrorCode::NoReason,
                JudgementError::Stranger { .. } => ErrorCode::NotOfTheJury,
                JudgementError::Empty { .. }
                | JudgementError::TooLong { .. }
                | JudgementError::Nameless => ErrorCode::BadJudgement,
                JudgementError::IsDone { .. }
                | JudgementError::AllDone
                | JudgementError::AtWork { .. }
                | JudgementError::NotAgreed { .. } => ErrorCode::NotInTurn,
            },
            Self::Lab(error) => error.code(),
            Self::Database(error) => error.code(),
            Self::Bundle(_) => ErrorCode::BundleFailed,
        }
    }

    /// As every route answers it.
    #[must_use]
    pub fn api(&self) -> ApiError {
        if let Self::Lab(error) = self {
            return error.api();
        }
        let error = ApiError::new(self.code(), chain(self));
        if let Self::Scenario(problems) = self {
            return error.with_problems(problems.clone());
        }
        error
    }
}
