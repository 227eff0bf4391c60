//! What a lab would consist of, and how it would be built.

use plateau_core::messages::Language;
use plateau_core::plan::{Plan, Step, plan_phase};
use plateau_core::topology::{Node, PhaseAction, Topology};
use serde::Serialize;

use super::lab::shown_value;
use super::{count, lines, pairs, table};
use crate::style::{FAINT, HEAD, styled};

/// A lab that is not built.
#[derive(Debug, Serialize)]
pub(crate) struct Planned {
    /// What it would consist of.
    pub(crate) topology: Topology,
    /// How it would be built.
    pub(crate) plan: Plan,
}

/// Both, for people.
pub(crate) fn planned(planned: &Planned, language: Language) -> String {
    let Planned { topology, plan } = planned;
    let mut text = format!(
        "{}  {}\n",
        styled(HEAD, &topology.scenario),
        language.of(&topology.title)
    );
    let parameters = topology
        .parameters
        .iter()
        .map(|(name, value)| (name.clone(), shown_value(value)))
        .collect();
    let phases: Vec<&str> = topology.phase_names().collect();
    let points: u32 = topology.checks().map(|check| check.points).sum();
    for (what, value) in [
        ("duration", topology.duration.to_string()),
        ("seed", topology.seed.clone()),
        ("parameters", pairs(&parameters)),
        ("phases", phases.join(", ")),
        (
            "points",
            format!("{points} in {}", count(topology.checks().count(), "check")),
        ),
        ("hash", styled(FAINT, &topology.hash)),
    ] {
        text.push_str(&format!("  {what:<11} {value}\n"));
    }
    text.push_str(&format!("\n{}", networks(topology)));
    text.push_str(&format!("\n{}", nodes(topology)));
    text.push_str(&format!("\n{}", tasks(topology, language)));
    text.push_str(&format!("\n{}", stages(plan)));
    text.push_str(&later(topology));
    text
}

/// What is done to the lab after it was built: events during the work, then phases of grading.
fn later(topology: &Topology) -> String {
    let mut text = String::new();
    let mut part = |head: String, first: Option<&str>, actions: &[PhaseAction]| {
        text.push_str(&format!("\n{}\n", styled(HEAD, head)));
        let words = actions.iter().map(ToString::to_string);
        for line in first.map(str::to_owned).into_iter().chain(words) {
            text.push_str(&format!("   {line}\n"));
        }
    };
    for event in &topology.events {
        let head = format!("event {}, {}", event.id, event.trigger);
        part(head, None, &event.actions);
    }
    for phase in &topology.phases {
        let plan = plan_phase(topology, &phase.name);
        let copies = plan
            .copies
            .then_some("put the nodes back as they were left");
        part(format!("phase {}", phase.name), copies, &plan.actions);
    }
    text
}

fn networks(topology: &Topology) -> String {
    let mut table = table(["NETWORK", "RATE", "PORTS"]);
    for (name, network) in &topology.networks {
        let ports: Vec<String> = topology
            .nodes
            .iter()
            .flat_map(|(node, it)| {
                let plugged = it.interfaces.iter().filter(|(_, to)| to.network == *name);
                plugged.map(move |(interface, _)| format!("{node}:{interface}"))
            })
            .collect();
        let rate = network
            .rate
            .map_or_else(|| "–".to_owned(), |rate| rate.to_string());
        table.add_row([name.clone(), rate, ports.join(" ")]);
    }
    lines(&table)
}

fn nodes(topology: &Topology) -> String {
    let mut table = table([
        "NODE",
        "IMAGE",
        "MEMORY",
        "CPU",
        "INTERFACES",
        "FILES",
        "SETUP",
    ]);
    for (name, node) in &topology.nodes {
        table.add_row([
            name.clone(),
            node.image.clone(),
            node.limits.memory.to_string(),
            format!(
                "{}.{:02}",
                node.limits.cpu_millis / 1000,
                node.limits.cpu_millis % 1000 / 10
            ),
            interfaces(node),
            node.files.len().to_string(),
            node.setup
                .as_ref()
                .map_or("–", |script| &script.source)
                .to_owned(),
        ]);
    }
    lines(&table)
}

fn interfaces(node: &Node) -> String {
    let shown: Vec<String> = node
        .interfaces
        .iter()
        .map(|(name, interface)| match &interface.address {
            Some(address) => format!("{name}={}:{address}", interface.network),
            None => format!("{name}={}", interface.network),
        })
        .collect();
    shown.join(" ")
}

fn tasks(topology: &Topology, language: Language) -> String {
    let mut table = table(["TASK", "SKILL", "CHECKS", "POINTS", "TITLE"]);
    for task in &topology.tasks {
        let counts = task.checks.iter().filter(|check| !check.bonus);
        let points: u32 = counts.map(|check| check.points).sum();
        let evaluator = if task.for_evaluator {
            " (for an evaluator)"
        } else {
            ""
        };
        table.add_row([
            task.id.clone(),
            task.skill.clone(),
            task.checks.len().to_string(),
            points.to_string(),
            format!("{}{evaluator}", language.of(&task.title)),
        ]);
    }
    lines(&table)
}

fn stages(plan: &Plan) -> String {
    let mut text = String::new();
    for (index, stage) in plan.stages.iter().enumerate() {
        text.push_str(&styled(HEAD, format!("{}. {}", index + 1, stage.name)));
        text.push('\n');
        for line in stage.steps.iter().flat_map(step) {
            text.push_str(&format!("   {line}\n"));
        }
    }
    text
}

fn step(step: &Step) -> Vec<String> {
    match step {
        Step::Fabric => vec!["the fabric, which holds the networks".to_owned()],
        Step::Create(node) => vec![format!("create {node}, which stays off")],
        Step::Start(node) => vec![format!("start {node}")],
        Step::Boot(node) => vec![format!("wait until {node} has booted")],
        Step::Setup(node) => vec![format!("set {node} up")],
        Step::Wire(wiring) => {
            let bridges: Vec<&str> = wiring.bridges.iter().map(|b| b.name.as_str()).collect();
            let mut lines = vec![format!("bridges {}", bridges.join(", "))];
            lines.extend(wiring.ports.iter().map(|(node, port)| {
                format!(
                    "{node} {} ({}) to {} as {}",
                    port.interface, port.mac, port.bridge, port.fabric_port
                )
            }));
            lines
        }
    }
}
