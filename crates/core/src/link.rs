//! Links of a lab and what is wrong with them.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::plan::Wiring;
use crate::quantity::{Rate, Span};
use crate::topology::PhaseAction;

/// A link: a node's interface and the cable in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Link {
    /// The node.
    pub node: String,
    /// Its interface.
    pub interface: String,
}

/// What a link does to the packets that reach the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shape {
    /// Most bits per second that get through.
    pub rate: Option<Rate>,
    /// How long each is held back.
    pub delay: Option<Span>,
    /// How many of a million are lost.
    pub loss_ppm: Option<u32>,
}

/// What is wrong with a lab's links; those that are as planned are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkFaults(BTreeMap<Link, Fault>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Fault {
    cut: bool,
    shape: Option<Shape>,
}

impl LinkFaults {
    /// Notes what an action does to links; most do nothing to them. The link, where there is one.
    pub fn suffer<'a>(&mut self, action: &'a PhaseAction) -> Option<&'a Link> {
        match action {
            PhaseAction::Cut(link) => {
                self.0.entry(link.clone()).or_default().cut = true;
                Some(link)
            }
            PhaseAction::Mend(link) => {
                self.0.remove(link);
                Some(link)
            }
            PhaseAction::Shape { link, shape } => {
                self.0.entry(link.clone()).or_default().shape = Some(*shape);
                Some(link)
            }
            PhaseAction::Reboot(_)
            | PhaseAction::Stop(_)
            | PhaseAction::Start(_)
            | PhaseAction::Fill { .. }
            | PhaseAction::Kill { .. }
            | PhaseAction::Run(_)
            | PhaseAction::Wait(_) => None,
        }
    }

    /// Writes the faults into a wiring, so that whoever plugs a node in has them again.
    pub fn impose(&self, wiring: &mut Wiring) {
        for (node, port) in &mut wiring.ports {
            let link = Link {
                node: node.clone(),
                interface: port.interface.clone(),
            };
            let Some(fault) = self.0.get(&link) else {
                continue;
            };
            port.cut = fault.cut;
            if let Some(shape) = fault.shape {
                port.rate = shape.rate.map(|rate| rate.0).or(port.rate);
                port.delay_ms = shape.delay.map(|delay| delay.0);
                port.loss_ppm = shape.loss_ppm;
            }
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.interface, self.node)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.rate.map(|rate| format!("rate {rate}")));
        parts.extend(self.delay.map(|delay| format!("delay {delay}")));
        let percent = |ppm: u32| format!("loss {}%", f64::from(ppm) / 1e4);
        parts.extend(self.loss_ppm.map(percent));
        f.write_str(&parts.join(", "))
    }
}
