//! Changes of a lab: phases of grading, and events during the work.

use std::fmt;

use serde::Serialize;

use super::{Link, NodeScript, Shape};
use crate::observer::Observer;
use crate::quantity::{Size, Span};
use crate::question::Expectation;

/// A moment of grading.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Where it starts from.
    pub from: Start,
    /// What is done to the lab before its checks are asked, in order.
    pub actions: Vec<PhaseAction>,
}

/// Where a phase starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// The phase before it.
    PhaseBefore,
    /// The lab as it was handed in.
    AsLeft,
}

/// Something that happens to a lab while the candidate works in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScenarioEvent {
    /// Its identifier.
    pub id: String,
    /// When it happens.
    pub trigger: Trigger,
    /// What is done, in order.
    pub actions: Vec<PhaseAction>,
}

/// When an event happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// So long after the candidate's clock was started.
    At(Span),
    /// When this check, as `task/check`, first passes.
    When(String),
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(span) => write!(f, "at {span}"),
            Self::When(check) => write!(f, "when {check} passes"),
        }
    }
}

/// Something done to a lab, to bring a phase about or as an event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseAction {
    /// Restart these nodes, at the same time.
    Reboot(Vec<String>),
    /// Switch these nodes off, at the same time.
    Stop(Vec<String>),
    /// Switch these nodes on, at the same time.
    Start(Vec<String>),
    /// Pull a cable out.
    Cut(Link),
    /// Let a link be as it was.
    Mend(Link),
    /// Let a link be slow, late or lossy.
    Shape {
        /// The link.
        link: Link,
        /// How.
        shape: Shape,
    },
    /// Fill a file system whose size is limited.
    Fill {
        /// The node.
        node: String,
        /// A folder of the file system.
        path: String,
        /// What stays free.
        leave: Size,
    },
    /// Kill processes.
    Kill {
        /// The node.
        node: String,
        /// Name of their program.
        process: String,
    },
    /// Run a script.
    Run(NodeScript),
    /// Wait for a condition.
    Wait(Box<Condition>),
}

/// A condition to wait for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Condition {
    /// Who looks.
    pub observer: Observer,
    /// What is asked and expected.
    pub expectation: Expectation,
    /// Most that is waited for it.
    pub at_most: Span,
}

impl fmt::Display for PhaseAction {
    /// In words, such as `cut eth0 of gate`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reboot(nodes) => write!(f, "reboot {}", nodes.join(", ")),
            Self::Stop(nodes) => write!(f, "stop {}", nodes.join(", ")),
            Self::Start(nodes) => write!(f, "start {}", nodes.join(", ")),
            Self::Cut(link) => write!(f, "cut {link}"),
            Self::Mend(link) => write!(f, "mend {link}"),
            Self::Shape { link, shape } => write!(f, "shape {link}: {shape}"),
            Self::Fill { node, path, leave } => write!(f, "fill {path} of {node} but {leave}"),
            Self::Kill { node, process } => write!(f, "kill {process} on {node}"),
            Self::Run(run) => write!(f, "run {} on {}", run.script.source, run.node),
            Self::Wait(condition) => write!(
                f,
                "wait for {} from {}, {} at most",
                condition.expectation.kind(),
                condition.observer.label(),
                condition.at_most
            ),
        }
    }
}
