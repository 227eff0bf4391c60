//! Events during the work, as they are kept as evidence and shown.

use serde::{Deserialize, Serialize};

/// One line of a lab's evidence of its events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventRecord {
    /// When (RFC 3339, UTC).
    pub at: String,
    /// The event's identifier.
    pub event: String,
    /// Its progress.
    pub progress: EventProgress,
}

/// Progress of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum EventProgress {
    /// It was begun, and will not be begun again.
    Begun {},
    /// A step of it was done.
    Step {
        /// The step, in words.
        step: String,
        /// How long it took, in milliseconds.
        took_ms: u64,
    },
    /// All of it was done.
    Done {},
    /// It failed, which never counts against the candidate.
    Failed {
        /// Why, the whole chain.
        reason: String,
    },
}
