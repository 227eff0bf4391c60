//! Errors of deliverables.

use plateau_core::api::ApiError;
use plateau_core::error::ErrorCode;
use plateau_core::exam::deliverable::NameError;
use plateau_core::exam::session::AttemptState;
use plateau_core::quantity::Size;
use plateau_labs::error::chain;
use thiserror::Error;

use crate::store::DatabaseError;

/// Why a deliverable is not accepted, or cannot be shown.
#[derive(Debug, Error)]
pub enum DeliverableError {
    /// There is no such attempt.
    #[error("no attempt named `{attempt}`")]
    NoSuchAttempt {
        /// What was asked for.
        attempt: String,
    },
    /// The scenario has no such task.
    #[error("the scenario has no task `{task}`")]
    NoSuchTask {
        /// What was asked for.
        task: String,
    },
    /// Nothing is to be handed in for the task.
    #[error("task `{task}` asks for nothing to be handed in")]
    NotAskedFor {
        /// The task.
        task: String,
    },
    /// Nothing like that was saved.
    #[error("nothing of task `{task}` was saved that has this hash")]
    NoSuchDeliverable {
        /// The task.
        task: String,
    },
    /// The attempt is not open.
    #[error("nothing can be saved: the attempt is {state}")]
    NotOpen {
        /// Where it is.
        state: AttemptState,
    },
    /// The file's name cannot be one.
    #[error("`{}` cannot be the name of a file", .name.escape_debug())]
    Name {
        /// The name.
        name: String,
        /// Why not.
        #[source]
        source: NameError,
    },
    /// What says who writes is none.
    #[error("`{}` cannot say who writes", .writer.escape_debug())]
    Writer {
        /// What was sent.
        writer: String,
    },
    /// Only a text can be a draft.
    #[error("`{name}` is not a text, and cannot be a draft")]
    NoDraft {
        /// The file's name.
        name: String,
    },
    /// The task does not take this kind.
    #[error("task `{task}` does not take `{kind}`")]
    Kind {
        /// The task.
        task: String,
        /// The ending of the file's name.
        kind: String,
        /// The endings that it takes.
        accept: Vec<String>,
    },
    /// It is too large.
    #[error("the file is larger than {at_most}")]
    TooLarge {
        /// The most that the task takes.
        at_most: Size,
    },
    /// There is nothing in it.
    #[error("`{name}` is empty")]
    Empty {
        /// The file's name.
        name: String,
    },
    /// It is not what its name says.
    #[error("`{name}` is not a valid `{kind}`: {found}")]
    Content {
        /// The file's name.
        name: String,
        /// The ending of the name.
        kind: String,
        /// What it is.
        found: String,
    },
    /// There are too many versions.
    #[error("task `{task}` has too many versions")]
    TooMany {
        /// The task.
        task: String,
        /// Most versions of a task.
        versions: usize,
        /// Most bytes of an attempt's versions.
        bytes: u64,
    },
    /// The file did not come whole.
    #[error("the file ended before it was whole")]
    CutOff(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl DeliverableError {
    /// What it is in the API.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NoSuchAttempt { .. } => ErrorCode::AttemptNotFound,
            Self::NoSuchTask { .. } => ErrorCode::TaskNotFound,
            Self::NotAskedFor { .. } => ErrorCode::NothingAskedFor,
            Self::NoSuchDeliverable { .. } => ErrorCode::DeliverableNotFound,
            Self::NotOpen { .. } => ErrorCode::AttemptNotOpen,
            Self::Name { .. } => ErrorCode::BadFileName,
            Self::Writer { .. } => ErrorCode::BadWriter,
            Self::NoDraft { .. } => ErrorCode::NoDraft,
            Self::Kind { .. } => ErrorCode::KindNotAccepted,
            Self::TooLarge { .. } => ErrorCode::FileTooLarge,
            Self::Empty { .. } => ErrorCode::FileEmpty,
            Self::Content { .. } => ErrorCode::OtherContent,
            Self::TooMany { .. } => ErrorCode::TooManyVersions,
            Self::CutOff(_) => ErrorCode::FileCutOff,
            Self::Database(_) => ErrorCode::DatabaseFailed,
        }
    }

    /// As the API says it.
    #[must_use]
    pub fn api(&self) -> ApiError {
        ApiError::new(self.code(), chain(self)).with_hint(self.own_hint())
    }

    /// A hint that fits better than that of the code.
    fn own_hint(&self) -> Option<String> {
        if let Self::NotOpen { .. } = self {
            return Some(
                "what was saved before is kept; ask whoever watches over the session".to_owned(),
            );
        }
        if let Self::Kind { accept, .. } = self {
            return Some(format!("it takes {}", accept.join(", ")));
        }
        if let Self::Content { kind, .. } = self {
            return Some(format!(
                "save or export it as `{kind}` in the program that it was written with; another name \
                 does not make it one"
            ));
        }
        if let Self::TooMany {
            versions, bytes, ..
        } = self
        {
            return Some(format!(
                "all are kept, at most {versions} of a task and {} of an attempt; the last one counts",
                Size(*bytes)
            ));
        }
        None
    }
}
