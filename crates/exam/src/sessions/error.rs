//! What can go wrong with a session.

use plateau_core::api::ApiError;
use plateau_core::error::ErrorCode;
use plateau_core::exam::roster::RosterProblem;
use plateau_core::exam::session::{AttemptState, SessionState};
use plateau_core::problem::{Problem, SourceLocation};
use plateau_labs::error::chain;
use plateau_labs::lab::LabError;
use plateau_labs::terminals::TerminalError;

use crate::access::AccessError;
use crate::deliverables::DeliverableError;
use crate::evidence_key::EvidenceKeyError;
use crate::judging::JudgingError;
use crate::scenarios::FrozenError;
use crate::store::DatabaseError;

/// Something asked of a session that failed.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// No session has this name or identifier.
    #[error("no session named `{session}`")]
    NoSuchSession {
        /// What was asked for.
        session: String,
    },
    /// The session has no such seat.
    #[error("session `{session}` has no seat `{seat}`")]
    NoSuchSeat {
        /// The session's name.
        session: String,
        /// The candidate number.
        seat: String,
    },
    /// The session has no such scenario.
    #[error("session `{session}` has no scenario `{scenario}`")]
    NoSuchScenario {
        /// The session's name.
        session: String,
        /// The scenario's identifier.
        scenario: String,
    },
    /// There is no such attempt.
    #[error("no attempt named `{attempt}`")]
    NoSuchAttempt {
        /// What was asked for.
        attempt: String,
    },
    /// Another session has the name.
    #[error("there is a session `{name}` already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// What is decided of a session does not go together.
    #[error("{what}")]
    Terms {
        /// What is wrong.
        what: String,
        /// What to do about it.
        hint: String,
    },
    /// The list of candidates has flaws.
    #[error("the list of candidates has {} flaw(s)", .0.len())]
    Roster(Vec<RosterProblem>),
    /// A scenario was not proven as it is.
    #[error("scenario `{scenario}` is not proven as it is")]
    NotProven {
        /// The scenario.
        scenario: String,
    },
    /// The session is not where this can be done.
    #[error("session `{session}` is {state}, where this cannot be done")]
    State {
        /// The session's name.
        session: String,
        /// Where it is.
        state: SessionState,
        /// What to do about it.
        hint: String,
    },
    /// Attempts are not where this can be done.
    #[error("{}", stuck(.attempts))]
    Attempts {
        /// Candidate number and state of each.
        attempts: Vec<(String, AttemptState)>,
    },
    /// Something is missing before the session can be sealed.
    #[error("session `{session}` cannot be sealed yet: {}", listed(.open))]
    OpenPoints {
        /// The session's name.
        session: String,
        /// Candidate number and scenario of each attempt, and what is missing of it.
        open: Vec<(String, String, Vec<String>)>,
    },
    /// Nobody is concerned.
    #[error("no attempt is in a state where this can be done")]
    Nobody,
    /// A reason is needed, and none was given.
    #[error("this needs a reason")]
    NoReason,
    /// The session is being rehearsed.
    #[error("session `{session}` is being rehearsed")]
    Rehearsing {
        /// The session's name.
        session: String,
    },
    /// The machine cannot hold it all.
    #[error("the labs would need {needed}, and {available} are left")]
    Room {
        /// Memory that is needed.
        needed: String,
        /// Memory that there is.
        available: String,
    },
    /// A lab failed.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The key that signs cannot be used.
    #[error(transparent)]
    Key(#[from] EvidenceKeyError),
    /// What was seen could not be kept.
    #[error(transparent)]
    Judging(#[from] JudgingError),
    /// Something that is handed in is not taken, or not there.
    #[error(transparent)]
    Deliverable(#[from] DeliverableError),
    /// Whoever asks is not let in, or log-ins could not be ended.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The recordings cannot be read.
    #[error(transparent)]
    Recordings(#[from] TerminalError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

fn stuck(attempts: &[(String, AttemptState)]) -> String {
    let each = attempts
        .iter()
        .map(|(seat, state)| format!("`{seat}` is {state}"));
    format!(
        "this cannot be done: {}",
        each.collect::<Vec<_>>().join(", ")
    )
}

fn listed(open: &[(String, String, Vec<String>)]) -> String {
    let each = open
        .iter()
        .map(|(seat, scenario, points)| format!("`{seat}` at `{scenario}`: {}", points.join(", ")));
    each.collect::<Vec<_>>().join("; ")
}

impl From<FrozenError> for SessionError {
    fn from(error: FrozenError) -> Self {
        Self::Lab(match error {
            FrozenError::Read(error) => error,
            FrozenError::Problems { problems, .. } => LabError::Scenario(problems),
        })
    }
}

impl SessionError {
    /// What it is in the API.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NoSuchSession { .. } => ErrorCode::SessionNotFound,
            Self::NoSuchSeat { .. } => ErrorCode::SeatNotFound,
            Self::NoSuchScenario { .. } => ErrorCode::ScenarioNotFound,
            Self::NoSuchAttempt { .. } => ErrorCode::AttemptNotFound,
            Self::NameTaken { .. } => ErrorCode::NameTaken,
            Self::Terms { .. } => ErrorCode::BadTerms,
            Self::Roster(_) => ErrorCode::BadRoster,
            Self::NotProven { .. } => ErrorCode::NotProven,
            Self::State { .. } => ErrorCode::SessionNotReady,
            Self::Attempts { .. } => ErrorCode::AttemptNotReady,
            Self::OpenPoints { .. } => ErrorCode::OpenPoints,
            Self::Nobody => ErrorCode::NobodyConcerned,
            Self::NoReason => ErrorCode::ReasonMissing,
            Self::Rehearsing { .. } => ErrorCode::SessionRehearsing,
            Self::Room { .. } => ErrorCode::NoRoom,
            Self::Lab(error) => error.code(),
            Self::Key(_) => ErrorCode::StateUnusable,
            Self::Judging(error) => error.code(),
            Self::Deliverable(error) => error.code(),
            Self::Recordings(_) => ErrorCode::RecordingsUnreadable,
            Self::Access(error) => error.code(),
            Self::Database(error) => error.code(),
        }
    }

    /// As the API says it.
    #[must_use]
    pub fn api(&self) -> ApiError {
        if let Self::Lab(error) = self {
            return error.api();
        }
        if let Self::Judging(error) = self {
            return error.api();
        }
        if let Self::Deliverable(error) = self {
            return error.api();
        }
        if let Self::Access(error) = self {
            return error.api();
        }
        let error = ApiError::new(self.code(), chain(self));
        if let Self::Terms { hint, .. } | Self::State { hint, .. } = self {
            return error.with_hint(Some(hint));
        }
        if let Self::Recordings(recordings) = self {
            return error.with_hint(recordings.api().hint);
        }
        if let Self::Roster(flaws) = self {
            return error.with_problems(flaws.iter().map(problem).collect());
        }
        error
    }
}

/// A flaw in the list as clients show what is wrong in a file.
fn problem(flaw: &RosterProblem) -> Problem {
    Problem {
        place: SourceLocation {
            file: "candidates".to_owned(),
            line: u32::try_from(flaw.line).unwrap_or(u32::MAX),
            column: 1,
        },
        code: "bad-candidate".to_owned(),
        message: match &flaw.column {
            Some(column) => format!("{column}: {}", flaw.message),
            None => flaw.message.clone(),
        },
        hint: Some(flaw.hint.clone()),
    }
}
