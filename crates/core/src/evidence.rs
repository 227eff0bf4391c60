//! Evidence of a grading: every fact with its question, its observer, its phase, its times and its
//! hash, so that a grade can be recomputed when no container is left of the lab.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::event::EventRecord;
use crate::grade::{Facts, Grade, grade_phases};
use crate::observer::Observer;
use crate::parameter::Value;
use crate::probe::ProbeQuestion;
use crate::question::Fact;
use crate::question::Question;
use crate::topology::{PhaseAction, Start, Topology};

pub use answering::{ReusedFact, answering};
pub use regrading::{
    CheckChange, CheckWorth, Comparison, Regrading, StandingChange, compare, regrade,
};

mod answering;
mod regrading;
pub mod reopening;

/// Most bytes of one fact, as JSON. A longer one is not kept, and nobody could look.
pub const FACT_LIMIT: usize = 4 << 20;

/// Most bytes of all facts of one gathering together, as JSON.
pub const GATHERING_LIMIT: usize = 64 << 20;

/// Most characters of an agent's version; a node may claim anything.
const VERSION_LIMIT: usize = 64;

/// Evidence of the state in which a lab was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Evidence {
    /// The scenario's identifier.
    pub scenario: String,
    /// BLAKE3 of the scenario's folder that the lab was built from.
    pub hash: String,
    /// The seed that the parameters were drawn from.
    pub seed: String,
    /// The values drawn.
    pub parameters: BTreeMap<String, Value>,
    /// Phases of the scenario that were not requested: their checks are left out of the grade.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// The gatherings in their order; the later ones asked what the earlier ones had not.
    pub gatherings: Vec<Gathering>,
    /// The scenario's events, as they happened while the candidate worked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventRecord>,
}

/// One examination of a lab.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Gathering {
    /// BLAKE3 of the folder of the scenario whose questions were asked.
    pub hash: String,
    /// When it was begun, in milliseconds since the epoch.
    pub begun_ms: u64,
    /// When it was done, in milliseconds since the epoch.
    pub done_ms: u64,
    /// Whether it was the lab itself, or one that was opened again from what its nodes had on disk; see
    /// [`reopening`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reopened: bool,
    /// Version of the daemon.
    pub daemon: String,
    /// Version of the container engine; `None` where it did not say.
    pub engine: Option<String>,
    /// Version of the kernel; `None` where the engine did not say.
    pub kernel: Option<String>,
    /// The phases in the order in which they were brought about.
    pub phases: Vec<PhaseRecord>,
    /// The facts, phase by phase.
    pub facts: Vec<FactRecord>,
}

/// A phase, as it was brought about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PhaseRecord {
    /// Its name.
    pub name: String,
    /// BLAKE3 of all that was to be done to the lab since it was handed in; see [`preparation_hashes`].
    pub way: String,
    /// When it was begun, in milliseconds since the epoch.
    pub begun_ms: u64,
    /// How long bringing it about and asking took, in milliseconds.
    pub took_ms: u64,
    /// What was done, in order.
    pub steps: Vec<StepRecord>,
    /// Why it could not be brought about, where it could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// One step of a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StepRecord {
    /// The step in words, such as `reboot srv1`.
    pub step: String,
    /// When it was begun, in milliseconds since the epoch.
    pub begun_ms: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Why it failed, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A fact, with its origin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FactRecord {
    /// The check, as `task/check`; of a message's sender, that and `+sent`.
    pub check: String,
    /// The observer.
    pub observer: Observer,
    /// The phase.
    pub phase: String,
    /// The question.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub question: Question,
    /// The attributes that were to be looked at.
    pub wants: BTreeSet<String>,
    /// Time limit of the question, in milliseconds.
    pub timeout_ms: u64,
    /// The call of the agent that answered.
    pub call: AgentCall,
    /// How long the agent took for it, in milliseconds, where it said so.
    pub took_ms: Option<u64>,
    /// The fact.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub fact: Fact,
    /// BLAKE3 of this record without this field, as JSON.
    #[serde(default)]
    pub hash: String,
}

/// One call of an agent, which answers all that an observer is asked in a phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentCall {
    /// When it was made, in milliseconds since the epoch.
    pub asked_ms: u64,
    /// When it was answered or given up, in milliseconds since the epoch.
    pub answered_ms: u64,
    /// The agent's version; `None` without an answer that makes sense.
    pub agent: Option<String>,
    /// How the agent's process ended; `None` where it was not run, or watched and told no status.
    pub exit: Option<i64>,
    /// BLAKE3 of the whole answer, byte for byte; `None` without one.
    pub answer: Option<String>,
}

/// An observer's answer to one question.
#[derive(Clone, Debug, PartialEq)]
pub struct AnsweredQuestion {
    /// The fact.
    pub fact: Fact,
    /// How long the agent took, in milliseconds, where it said so.
    pub took_ms: Option<u64>,
    /// The call.
    pub call: AgentCall,
}

/// Why evidence is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EvidenceError {
    /// A record is not as it was written.
    #[error("the fact of `{check}` in phase `{phase}` is not as it was written")]
    Changed {
        /// The check.
        check: String,
        /// The phase.
        phase: String,
    },
}

impl AgentCall {
    /// One that was never made, or not answered.
    #[must_use]
    pub fn unanswered(asked_ms: u64, answered_ms: u64) -> Self {
        Self {
            asked_ms,
            answered_ms,
            ..Self::default()
        }
    }

    /// With the version that the agent claims.
    #[must_use]
    pub fn by(self, agent: &str) -> Self {
        let agent = agent.chars().take(VERSION_LIMIT).collect();
        Self {
            agent: Some(agent),
            ..self
        }
    }
}

impl FactRecord {
    /// Writes down what became of a question. `room` is what the gathering has left, in bytes, and
    /// gets less by this: a fact that does not fit is one that nobody could look at.
    #[must_use]
    pub fn new(
        phase: &str,
        observer: &Observer,
        asked: &ProbeQuestion,
        answered: AnsweredQuestion,
        room: &mut usize,
    ) -> Self {
        let mut record = Self {
            check: asked.id.clone(),
            observer: observer.clone(),
            phase: phase.to_owned(),
            question: asked.question.clone(),
            wants: asked.wants.clone(),
            timeout_ms: asked.timeout_ms,
            call: answered.call,
            took_ms: answered.took_ms,
            fact: answered.fact,
            hash: String::new(),
        };
        let size = json(&record.fact).len();
        if size > FACT_LIMIT || size > *room {
            let reason = format!("the answer has {size} bytes, which are too many to keep");
            record.fact = Fact::CouldNotLook { reason };
        } else {
            *room -= size;
        }
        record.hash = record.digest();
        record
    }

    /// BLAKE3 of the record without its hash.
    #[must_use]
    pub fn digest(&self) -> String {
        let bare = Self {
            hash: String::new(),
            ..self.clone()
        };
        blake3::hash(&json(&bare)).to_hex().to_string()
    }
}

impl Gathering {
    /// The facts by check, as judging takes them.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let facts = self.facts.iter();
        facts
            .map(|record| (record.check.clone(), record.fact.clone()))
            .collect()
    }
}

impl Evidence {
    /// Whether every fact is as it was written.
    ///
    /// # Errors
    /// The first that is not.
    pub fn verify(&self) -> Result<(), EvidenceError> {
        let records = self
            .gatherings
            .iter()
            .flat_map(|gathering| &gathering.facts);
        for record in records {
            if record.hash != record.digest() {
                return Err(EvidenceError::Changed {
                    check: record.check.clone(),
                    phase: record.phase.clone(),
                });
            }
        }
        Ok(())
    }

    /// With what was asked later.
    #[must_use]
    pub fn and(mut self, later: Gathering) -> Self {
        self.gatherings.push(later);
        self
    }

    /// The phases of a scenario that its grade is about.
    #[must_use]
    pub fn phases_of<'a>(&self, topology: &'a Topology) -> Vec<&'a str> {
        let names = topology.phase_names();
        names
            .filter(|name| !self.left_out.iter().any(|out| out == name))
            .collect()
    }
}

/// Grades a scenario from evidence alone. A question that the evidence does not answer is unknown.
#[must_use]
pub fn grade_evidence(topology: &Topology, evidence: &Evidence) -> Grade {
    let facts = answering(topology, evidence).facts;
    grade_phases(topology, &facts, &evidence.phases_of(topology))
}

/// For each of these phases, in the order in which they are brought about, BLAKE3 of all that is
/// done to the lab from the moment that it was handed in, or from its copies. Two phases with the
/// same way find a lab in the same condition, whatever their names.
#[must_use]
pub fn preparation_hashes<'a>(
    topology: &Topology,
    phases: &[&'a str],
) -> BTreeMap<&'a str, String> {
    let mut done: Vec<serde_json::Value> = Vec::new();
    let mut ways = BTreeMap::new();
    for name in phases {
        let declared = topology.phases.iter().find(|phase| phase.name == *name);
        if let Some(phase) = declared {
            if phase.from == Start::AsLeft {
                done = vec![serde_json::Value::from("copies")];
            }
            let actions: Vec<serde_json::Value> = phase.actions.iter().map(action).collect();
            done.push(serde_json::Value::from(actions));
        }
        let way = blake3::hash(&json(&done)).to_hex().to_string();
        ways.insert(*name, way);
    }
    ways
}

/// The actions in full: a script with its content.
fn action(action: &PhaseAction) -> serde_json::Value {
    let shape = serde_json::to_value(action).unwrap_or_default();
    match action {
        PhaseAction::Run(run) => {
            let text = blake3::hash(run.script.text.as_bytes()).to_hex();
            serde_json::json!([shape, text.as_str()])
        }
        PhaseAction::Reboot(_)
        | PhaseAction::Stop(_)
        | PhaseAction::Start(_)
        | PhaseAction::Cut(_)
        | PhaseAction::Mend(_)
        | PhaseAction::Shape { .. }
        | PhaseAction::Fill { .. }
        | PhaseAction::Kill { .. }
        | PhaseAction::Wait(_) => shape,
    }
}

/// Records are texts, numbers, lists and maps with texts for keys, which always become JSON.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(all(test, feature = "exam"))]
mod tests;
