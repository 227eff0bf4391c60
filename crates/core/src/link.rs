//! Impairments of the links of a lab.

use std::collections::BTreeMap;

use crate::plan::Wiring;
use crate::topology::PhaseAction;

pub use crate::topology::{Link, Shape};

/// Impairments of a lab's links; links without one are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkImpairments(BTreeMap<Link, Impairment>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Impairment {
    cut: bool,
    shape: Option<Shape>,
}

impl LinkImpairments {
    /// Notes what an action does to links; most do nothing to them. The link, where there is one.
    pub fn record_action<'a>(&mut self, action: &'a PhaseAction) -> Option<&'a Link> {
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
    pub fn apply_to(&self, wiring: &mut Wiring) {
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
