//! A scenario with its parameters drawn and every name resolved: what one lab consists of.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::disclosure::FeedbackPolicy;
use crate::quantity::{Rate, Size, Span};
use crate::question::Expectation;

mod link;
mod phase;

pub use crate::localized::Localized;
pub use crate::observer::Observer;
pub use crate::parameter::Value;
pub use link::{Link, Shape};
pub use phase::{Condition, Phase, PhaseAction, ScenarioEvent, Start, Trigger};

/// The phase in which nothing has been done to the lab yet.
pub const AS_LEFT: &str = "as-left";

/// One lab, whole: everything rendered, every name known to exist.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Topology {
    /// The scenario's identifier.
    pub scenario: String,
    /// BLAKE3 of the scenario's folder, in hexadecimal.
    pub hash: String,
    /// The seed that the parameters were drawn from.
    pub seed: String,
    /// Title by language.
    pub title: Localized,
    /// Brief by language, rendered.
    pub brief: Localized,
    /// How long a candidate has.
    pub duration: Span,
    /// Values drawn.
    pub parameters: BTreeMap<String, Value>,
    /// Networks by name.
    pub networks: BTreeMap<String, Network>,
    /// Nodes by name.
    pub nodes: BTreeMap<String, Node>,
    /// Phases after [`AS_LEFT`], in the order in which they are brought about.
    pub phases: Vec<Phase>,
    /// What happens while the candidate works, in the order of the document.
    pub events: Vec<ScenarioEvent>,
    /// Tasks in their order.
    pub tasks: Vec<Task>,
    /// Mistakes in their order.
    pub mistakes: Vec<Mistake>,
}

/// A layer-2 segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Network {
    /// Most bits per second that leave the segment towards one interface.
    pub rate: Option<Rate>,
}

/// A machine of the lab.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Node {
    /// Name of the image, such as `debian-server`.
    pub image: String,
    /// Limits.
    pub limits: Limits,
    /// Capabilities beyond the engine's default set, sorted.
    pub capabilities: Vec<Capability>,
    /// Devices.
    pub devices: Vec<Device>,
    /// Interfaces by name.
    pub interfaces: BTreeMap<String, Interface>,
    /// Files to be there before the first boot, rendered; the node's own network configuration among them.
    pub files: Vec<PlacedFile>,
    /// Script to run before the candidate gets in.
    pub setup: Option<Script>,
    /// How a candidate gets in; empty: not at all.
    pub access: Vec<Access>,
}

/// What a node may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Memory.
    pub memory: Size,
    /// Thousandths of a core.
    pub cpu_millis: u32,
    /// Processes and threads.
    pub pids: u32,
    /// What it may write to its disk, beyond its image.
    pub disk: Size,
}

/// A capability that a scenario may give to a node. All reach no further than the node.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Capability {
    /// Configure the node's own network. Every node has it.
    NetAdmin,
    /// Raw sockets: ping, tcpdump. Every node has it.
    NetRaw,
    /// `reboot` and `poweroff` of the node. Every node has it.
    SysBoot,
    /// Lock memory.
    IpcLock,
}

/// A device that a scenario may give to a node.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Device {
    /// `/dev/net/tun`.
    Tun,
}

/// A node's port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// The network that it is plugged into.
    pub network: String,
    /// Hardware address, such as `02:1f:3a:00:00:01`: the same in every lab of the scenario.
    pub mac: String,
    /// Address that the node is configured with from its first boot; `None`: left bare.
    pub address: Option<IpNet>,
    /// Default gateway that goes with the address.
    pub gateway: Option<IpAddr>,
}

/// A file of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlacedFile {
    /// Absolute path.
    pub path: String,
    /// Content.
    #[serde(skip)]
    pub content: Vec<u8>,
    /// Permission bits.
    pub mode: u16,
    /// Number of the owning user.
    pub uid: u32,
    /// Number of the owning group.
    pub gid: u32,
}

/// A script, rendered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Script {
    /// Its path in the scenario's folder.
    pub source: String,
    /// Its text.
    #[serde(skip)]
    pub text: String,
}

/// A way into a node.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// A shell.
    Terminal,
    /// A graphical desktop.
    Desktop,
}

/// A piece of work that the candidate is asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Task {
    /// Identifier.
    pub id: String,
    /// `referential/skill`, such as `tsgeri/1.2`.
    pub skill: String,
    /// Title by language.
    pub title: Localized,
    /// What does the work: scripts in order.
    pub solution: Vec<NodeScript>,
    /// All-or-nothing groups of its checks, and their titles by language.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, Localized>,
    /// Checks in order.
    pub checks: Vec<Check>,
    /// Whether a deliverable or a rubric waits for an evaluator.
    pub for_evaluator: bool,
    /// What the candidate hands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliverable: Option<Deliverable>,
    /// What an evaluator judges, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rubric: Vec<Criterion>,
}

/// Most bytes of a file that a candidate hands in.
pub const DELIVERABLE_LIMIT: u64 = 32 << 20;

/// A file that the candidate hands in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deliverable {
    /// File name endings that are accepted, such as `pdf`.
    pub accept: Vec<String>,
    /// Largest size.
    pub at_most: Size,
}

/// A line of the evaluator's grid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Criterion {
    /// Identifier, unique in its task.
    pub id: String,
    /// Title by language.
    pub title: Localized,
    /// Levels, from the lowest.
    pub levels: Vec<Level>,
}

/// A level of a criterion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Level {
    /// Label by language.
    pub label: Localized,
    /// Points that it gives.
    pub points: u32,
}

impl Criterion {
    /// Most points that it gives.
    #[must_use]
    pub fn of(&self) -> u32 {
        let points = self.levels.iter().map(|level| level.points);
        points.max().unwrap_or(0)
    }
}

/// A script and the node that it runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeScript {
    /// The node.
    pub node: String,
    /// The script.
    pub script: Script,
}

/// One thing that the grader asks about a task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// `task/check`.
    pub id: String,
    /// Title by language; may be empty.
    pub title: Localized,
    /// Who looks.
    pub observer: Observer,
    /// In which phase.
    pub phase: String,
    /// What is asked and expected.
    pub expectation: Expectation,
    /// Points that it carries, at least 1.
    pub points: u32,
    /// Whether an untouched lab passes it: it guards against breakage.
    pub holds_from_start: bool,
    /// Checks that have to pass before it is asked, as `task/check`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// The group of its task that earns its points only as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Whether its points only make up for others lost in its task.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bonus: bool,
    /// Whether its skill is not acquired without it, whatever the sum.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub critical: bool,
    /// What helps in training, by language; may be empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hint: Localized,
    /// What a candidate is shown of it.
    #[serde(skip_serializing_if = "FeedbackPolicy::is_usual")]
    pub shown: FeedbackPolicy,
    /// Most that looking may take.
    pub timeout: Span,
}

/// A wrong solution that must lose exactly the checks that it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// Identifier.
    pub id: String,
    /// Task whose solution is left out, where the mistake replaces it.
    pub instead_of: Option<String>,
    /// What is done after the solutions.
    pub run: Vec<NodeScript>,
    /// Checks lost, as `task/check`, sorted.
    pub loses: Vec<String>,
}

impl Topology {
    /// All checks in the order of their tasks.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.tasks.iter().flat_map(|task| &task.checks)
    }

    /// All that is ever done to the lab, with what it belongs to, such as `phase failover`.
    pub fn actions(&self) -> impl Iterator<Item = (String, &PhaseAction)> {
        let phases = self
            .phases
            .iter()
            .map(|phase| (format!("phase {}", phase.name), &phase.actions));
        let events = self
            .events
            .iter()
            .map(|event| (format!("event {}", event.id), &event.actions));
        phases
            .chain(events)
            .flat_map(|(of, actions)| actions.iter().map(move |action| (of.clone(), action)))
    }

    /// Names of all phases in order, [`AS_LEFT`] first.
    pub fn phase_names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(AS_LEFT).chain(self.phases.iter().map(|phase| phase.name.as_str()))
    }
}
