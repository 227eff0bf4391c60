//! The steps that an engine takes to start a lab: decided here, executed elsewhere without a choice.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::observer::Observer;
use crate::topology::{Interface, Network, PhaseAction, Start, Topology};
use crate::wire::{Bridge, Port, WireRequest};

/// The steps to a running lab: stages one after the other, the steps of a stage at the same time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Stages in order.
    pub stages: Vec<Stage>,
}

impl Plan {
    /// Of these stages, those that have steps.
    fn of(mut stages: Vec<Stage>) -> Self {
        stages.retain(|stage| !stage.steps.is_empty());
        Self { stages }
    }
}

/// Steps that do not depend on one another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stage {
    /// What it is for, in a word or two.
    pub name: &'static str,
    /// The steps.
    pub steps: Vec<Step>,
}

/// One thing to be done. The node's data stand in the [`Topology`] under its name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Create and start the fabric.
    Fabric,
    /// Create a node's container, which stays off.
    Create(String),
    /// Create and start a node's container; its init waits for its files and links.
    Start(String),
    /// Bridges, files, releases and links, in one call of the wirer.
    Wire(Wiring),
    /// Wait until a node's init has finished booting.
    Boot(String),
    /// Run a node's setup script.
    Setup(String),
}

/// A [`WireRequest`] by names instead of processes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Wiring {
    /// Bridges to have.
    pub bridges: Vec<Bridge>,
    /// Nodes that get the files that the scenario has for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Nodes whose engine mounts are taken away.
    pub release: Vec<String>,
    /// Links to have: node's (or examiner's) name, and the port with `node` still 0.
    pub ports: Vec<(String, Port)>,
}

impl Wiring {
    /// The request without its files, once the processes are known. `Err`: the name that has none.
    ///
    /// # Errors
    /// The first name that `pids` lacks.
    pub fn request(
        &self,
        fabric: u32,
        pids: &BTreeMap<String, u32>,
    ) -> Result<WireRequest, String> {
        let pid = |name: &String| pids.get(name).copied().ok_or_else(|| name.clone());
        let release = self.release.iter().map(pid).collect::<Result<_, _>>()?;
        let ports = self
            .ports
            .iter()
            .map(|(name, port)| {
                Ok(Port {
                    node: pid(name)?,
                    ..port.clone()
                })
            })
            .collect::<Result<_, String>>()?;
        Ok(WireRequest {
            fabric,
            bridges: self.bridges.clone(),
            files: vec![],
            release,
            ports,
            containers: BTreeMap::new(),
        })
    }
}

/// Plans a lab's start.
#[must_use]
pub fn plan_up(topology: &Topology) -> Plan {
    let each = |step: fn(String) -> Step| topology.nodes.keys().cloned().map(step);
    let names: Vec<&String> = topology.nodes.keys().collect();
    let setup = topology
        .nodes
        .iter()
        .filter(|(_, node)| node.setup.is_some())
        .map(|(name, _)| Step::Setup(name.clone()))
        .collect();
    let stages = vec![
        Stage {
            name: "start",
            steps: std::iter::once(Step::Fabric)
                .chain(each(Step::Start))
                .collect(),
        },
        Stage {
            name: "wire",
            steps: vec![Step::Wire(Wiring {
                files: topology.nodes.keys().cloned().collect(),
                ..wiring(topology, &names)
            })],
        },
        Stage {
            name: "boot",
            steps: each(Step::Boot).collect(),
        },
        Stage {
            name: "set up",
            steps: setup,
        },
    ];
    Plan::of(stages)
}

/// Plans opening a lab again from what its nodes had on disk, of which those in `ran` ran. Nothing is
/// set up: that was done before.
#[must_use]
pub fn plan_reopening(topology: &Topology, ran: &BTreeSet<String>) -> Plan {
    let start = topology.nodes.keys().map(|name| match ran.contains(name) {
        true => Step::Start(name.clone()),
        false => Step::Create(name.clone()),
    });
    let nodes = topology.nodes.keys();
    let running: Vec<&String> = nodes.filter(|name| ran.contains(*name)).collect();
    let wire = Wiring {
        files: running.iter().map(|name| (*name).clone()).collect(),
        ..wiring(topology, &running)
    };
    let boot = running.into_iter().cloned().map(Step::Boot);
    Plan::of(vec![
        Stage {
            name: "start",
            steps: std::iter::once(Step::Fabric).chain(start).collect(),
        },
        Stage {
            name: "wire",
            steps: vec![Step::Wire(wire)],
        },
        Stage {
            name: "boot",
            steps: boot.collect(),
        },
    ])
}

/// The links of some nodes, and all bridges: what is needed at the start, and again after a reboot.
#[must_use]
pub fn wiring(topology: &Topology, nodes: &[&String]) -> Wiring {
    let bridges: Vec<Bridge> = (0..topology.networks.len())
        .map(|index| Bridge {
            name: bridge_name(index),
        })
        .collect();
    let mut ports = Vec::new();
    let mut number = 0;
    for (name, node) in &topology.nodes {
        for (interface, plug) in &node.interfaces {
            number += 1;
            if nodes.contains(&name) {
                ports.push((name.clone(), port(topology, number, interface, plug)));
            }
        }
    }
    Wiring {
        bridges,
        files: vec![],
        release: nodes.iter().map(|name| (*name).clone()).collect(),
        ports,
    }
}

/// The link of an examiner; `number` tells several examiners of one lab apart.
///
/// Returns `None` for an observer that is a node, or a network that the lab does not have.
#[must_use]
pub fn examiner_wiring(
    topology: &Topology,
    name: &str,
    number: usize,
    observer: &Observer,
) -> Option<Wiring> {
    let Observer::Examiner {
        network,
        address,
        gateway,
    } = observer
    else {
        return None;
    };
    let (index, rate) = network_of(topology, network)?;
    let bridge = bridge_name(index);
    let port = Port {
        node: 0,
        interface: "eth0".to_owned(),
        mac: format!(
            "02:ee:00:00:{:02x}:{:02x}",
            number >> 8 & 0xff,
            number & 0xff
        ),
        fabric_port: format!("x{number}"),
        bridge: bridge.clone(),
        rate,
        delay_ms: None,
        loss_ppm: None,
        cut: false,
        address: Some(*address),
        gateway: *gateway,
    };
    Some(Wiring {
        bridges: vec![Bridge { name: bridge }],
        files: vec![],
        release: vec![],
        ports: vec![(name.to_owned(), port)],
    })
}

fn port(topology: &Topology, number: usize, interface: &str, plug: &Interface) -> Port {
    let (index, rate) = network_of(topology, &plug.network).unwrap_or_default();
    Port {
        node: 0,
        interface: interface.to_owned(),
        mac: plug.mac.clone(),
        bridge: bridge_name(index),
        fabric_port: format!("p{number}"),
        rate,
        delay_ms: None,
        loss_ppm: None,
        cut: false,
        address: None,
        gateway: None,
    }
}

fn network_of(topology: &Topology, name: &str) -> Option<(usize, Option<u64>)> {
    let rate = |network: &Network| network.rate.map(|rate| rate.0);
    topology
        .networks
        .iter()
        .enumerate()
        .find(|(_, (known, _))| known.as_str() == name)
        .map(|(index, (_, network))| (index, rate(network)))
}

/// Networks may have longer names than the kernel's 15 bytes, so bridges are numbered.
fn bridge_name(index: usize) -> String {
    format!("n{index}")
}

/// What brings a phase about: decided here, executed elsewhere without a choice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhasePlan {
    /// Whether fresh copies of the nodes, as they were handed in, take their places first.
    pub copies: bool,
    /// What is done then, one after the other.
    pub actions: Vec<PhaseAction>,
}

/// Plans a phase. One that nobody declared, such as the first, needs nothing.
#[must_use]
pub fn plan_phase(topology: &Topology, phase: &str) -> PhasePlan {
    let declared = topology.phases.iter().find(|known| known.name == phase);
    PhasePlan {
        copies: declared.is_some_and(|phase| phase.from == Start::AsLeft),
        actions: declared.map_or_else(Vec::new, |phase| phase.actions.clone()),
    }
}
