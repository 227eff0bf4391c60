//! The result of a question.

use serde::{Deserialize, Serialize};

use super::Observation;

/// What was seen, or why nothing could be seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly every fact is an observation"
)]
pub enum Fact {
    /// Somebody looked, and this was there.
    Seen(Observation),
    /// Nobody could look. Never counts against a candidate.
    CouldNotLook {
        /// Why, in English, for the trainer and the evaluator.
        reason: String,
    },
}
