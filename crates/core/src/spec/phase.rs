//! Phases, the steps that bring them about, and events during the work.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FromSpec, RunSpec};
use crate::quantity::{Rate, Size, Span};
use crate::question::Expectation;

shapes! {
    /// A moment of grading: where it starts from, and what brings it about.
    struct PhaseSpec {
        /// Start from the lab as it was handed in; where absent, build on the phase before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub from: Option<StartSpec>,
        /// Nodes that are restarted at the same time, before the steps.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reboot: Option<Vec<String>>,
        /// What is done, one after the other.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub steps: Vec<StepSpec>,
    }

    /// Something that happens while the candidate works: at a time of their clock, or when a check first passes.
    struct EventSpec {
        /// Identifier.
        pub id: String,
        /// Time since the candidate's clock was started, such as `20m`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub at: Option<Span>,
        /// Check, as `task/check`, that it waits for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub when: Option<String>,
        /// What is done, one after the other.
        #[serde(rename = "do")]
        pub steps: Vec<StepSpec>,
    }

    /// A link: a node's interface and the cable in it.
    struct LinkSpec {
        /// The node.
        pub node: String,
        /// Its interface.
        pub interface: String,
    }

    /// What a link is made to do to the packets that reach the node; at least one of the three.
    struct ShapeSpec {
        /// The node.
        pub node: String,
        /// Its interface.
        pub interface: String,
        /// Most that gets through, such as `10Mbit`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub rate: Option<Rate>,
        /// How long every packet is held back, such as `50ms`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub delay: Option<Span>,
        /// Packets that are lost, in percent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub loss: Option<f64>,
    }

    /// A file system to be filled. Only those whose size is limited can be.
    struct FillSpec {
        /// The node.
        pub node: String,
        /// A folder of the file system.
        pub path: String,
        /// What stays free; nothing where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub leave: Option<Size>,
    }

    /// Processes to be killed.
    struct KillSpec {
        /// The node.
        pub node: String,
        /// Name of their program.
        pub process: String,
    }

    /// A condition to wait for: a question with who looks, as in a check.
    struct WaitSpec {
        /// The node whose inside is looked at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub on: Option<String>,
        /// Who looks across the network.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub from: Option<FromSpec>,
        /// What is asked and expected.
        pub that: Expectation,
        /// Most that is waited for it; after that the steps go on all the same.
        pub at_most: Span,
    }
}

/// Where a phase starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StartSpec {
    /// The lab as it was handed in: copies of the nodes' disks, booted afresh.
    AsLeft,
}

/// Something done to a lab.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepSpec {
    /// These nodes are restarted at the same time.
    Reboot(Vec<String>),
    /// These nodes are switched off at the same time.
    Stop(Vec<String>),
    /// These nodes are switched on at the same time.
    Start(Vec<String>),
    /// A cable is pulled out.
    Cut(LinkSpec),
    /// A link is as it was again: not cut, not shaped.
    Mend(LinkSpec),
    /// A link gets slow, late or lossy.
    Shape(ShapeSpec),
    /// A file system is filled.
    Fill(FillSpec),
    /// Processes are killed.
    Kill(KillSpec),
    /// A script is run.
    Run(RunSpec),
    /// A condition is waited for.
    Wait(Box<WaitSpec>),
}
