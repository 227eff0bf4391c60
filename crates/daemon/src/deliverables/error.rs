//! Why something is not taken.

use plateau_core::api::{ApiError, Fault};
use plateau_core::exam::deliverable::NameError;
use plateau_core::exam::session::AttemptState;
use plateau_core::quantity::Size;
use plateau_labs::error::chain;
use thiserror::Error;

use crate::store::DatabaseError;

/// Why something that a candidate hands in is not taken, or cannot be shown.
#[derive(Debug, Error)]
pub enum DeliverableError {
    /// There is no such attempt.
    #[error("there is no attempt `{attempt}`")]
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
    #[error("`{name}` is no text, and cannot be a draft")]
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
    #[error("`{name}` is no `{kind}`: {found}")]
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
    /// A short code that stays the same.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchAttempt { .. } => "attempt-not-found",
            Self::NoSuchTask { .. } => "task-not-found",
            Self::NotAskedFor { .. } => "nothing-asked-for",
            Self::NoSuchDeliverable { .. } => "deliverable-not-found",
            Self::NotOpen { .. } => "attempt-not-open",
            Self::Name { .. } => "bad-file-name",
            Self::Writer { .. } => "bad-writer",
            Self::NoDraft { .. } => "no-draft",
            Self::Kind { .. } => "kind-not-accepted",
            Self::TooLarge { .. } => "file-too-large",
            Self::Empty { .. } => "file-empty",
            Self::Content { .. } => "other-content",
            Self::TooMany { .. } => "too-many-versions",
            Self::CutOff(_) => "file-cut-off",
            Self::Database(_) => "database-failed",
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::NoSuchAttempt { .. }
            | Self::NoSuchTask { .. }
            | Self::NotAskedFor { .. }
            | Self::NoSuchDeliverable { .. }
            | Self::NotOpen { .. }
            | Self::Name { .. }
            | Self::Writer { .. }
            | Self::NoDraft { .. }
            | Self::Kind { .. }
            | Self::TooLarge { .. }
            | Self::Empty { .. }
            | Self::Content { .. }
            | Self::TooMany { .. }
            | Self::CutOff(_) => Fault::Input,
            Self::Database(_) => Fault::Outside,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoSuchAttempt { .. } => "`plateau session seats` shows the attempts".to_owned(),
            Self::NoSuchTask { .. } | Self::NotAskedFor { .. } | Self::NoSuchDeliverable { .. } => {
                "GET /v1/attempts/{attempt}/deliverables says what is asked for, and what was saved"
                    .to_owned()
            }
            Self::NotOpen { .. } => {
                "what was saved before is kept; ask whoever watches over the session".to_owned()
            }
            Self::Name { .. } => "a plain name with an ending, such as `report.pdf`".to_owned(),
            Self::Writer { .. } => "1 to 40 letters, digits and `-`".to_owned(),
            Self::NoDraft { .. } => "save it without `draft`".to_owned(),
            Self::Kind { accept, .. } => format!("it takes {}", accept.join(", ")),
            Self::TooLarge { .. } => "make it smaller, such as its pictures".to_owned(),
            Self::Empty { .. } => "save it in your program, and send it again".to_owned(),
            Self::Content { kind, .. } => format!(
                "save or export it as `{kind}` in the program that it was written with; another name \
                 does not make it one"
            ),
            Self::TooMany {
                versions, bytes, ..
            } => format!(
                "all are kept, at most {versions} of a task and {} of an attempt; the last one counts",
                Size(*bytes)
            ),
            Self::CutOff(_) => "send it again; what was saved before is kept".to_owned(),
            Self::Database(_) => {
                "look at the disk's space and, with PostgreSQL, whether it answers".to_owned()
            }
        }
    }

    /// As the API says it.
    #[must_use]
    pub fn api(&self) -> ApiError {
        ApiError {
            code: self.code().to_owned(),
            fault: self.fault(),
            message: chain(self),
            hint: Some(self.hint()),
            problems: vec![],
        }
    }
}
