//! Messages between daemon and agent for grading: a batch of questions in, a batch of facts out.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::question::Question;

pub use crate::question::Fact;

/// Largest batch or answer in bytes; both sides refuse more.
pub const MESSAGE_LIMIT: u64 = 32 << 20;

/// All questions for one node in one phase: the standard input of `plateau-agent probe`, as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeRequest {
    /// The questions, asked at the same time; the answers come in the same order.
    pub questions: Vec<ProbeQuestion>,
}

/// One question of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeQuestion {
    /// Identifier given back with the answer.
    pub id: String,
    /// Where to look.
    pub question: Question,
    /// Attributes to look at, by their names in the scenario language; others may be left out.
    pub wants: BTreeSet<String>,
    /// Most that the answer may take, in milliseconds.
    pub timeout_ms: u64,
}

/// The standard output of `plateau-agent probe`, as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeResponse {
    /// The agent's version.
    pub agent: String,
    /// One answer a question, in the order of the batch.
    pub answers: Vec<ProbeAnswer>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeAnswer {
    /// The question's identifier.
    pub id: String,
    /// What was seen.
    pub fact: Fact,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}
