//! Compose files: services become machines that run systemd.
//!
//! The measure is the Compose specification (compose-spec/compose-spec). What is asked of the
//! engine in it becomes a node; what one process would be given becomes files and a systemd unit.

use std::path::Path;

use plateau_core::spec::{NodeSpec, TaskSpec};
use plateau_core::tree::Path as At;

use super::document::{self, scalar};
use super::draft::{Draft, UniqueNames, task};
use crate::document::refused;
use crate::error::ImportError;
use project::{Attribute, Project, Service};

mod attachment;
mod extension;
mod health;
mod hosts;
mod mount;
mod network;
mod project;
mod service;
mod syntax;
mod unit;
mod variables;

/// Most machines that one service becomes.
const MOST_REPLICAS: i64 = 20;

/// One machine.
struct Machine<'a> {
    /// The node's name.
    node: String,
    /// The service that it runs.
    service: &'a Service,
}

impl Machine<'_> {
    /// Where the node stands in the scenario.
    fn at(&self) -> At {
        At::default().key("nodes").key(&self.node)
    }
}

/// Reads a Compose file and what it includes and extends.
pub fn read(path: &Path) -> Result<Draft, ImportError> {
    let project = Project::read(path)?;
    let mut draft = Draft::new(&project.name, &path.display().to_string());
    for (place, what) in &project.left_out {
        draft.leave_out(place.clone(), &At::default(), what.clone());
    }
    let machines = machines(&mut draft, &project);
    if machines.is_empty() {
        let message = "every service is scaled to nothing".to_owned();
        let hint = "a lab has at least one machine";
        return Err(refused(document::whole(path), "no-service", message, hint));
    }
    for machine in &machines {
        draft
            .nodes
            .insert(machine.node.clone(), NodeSpec::default());
    }
    network::plug_in(&mut draft, &project, &machines);
    let mut healthy = task(
        "healthy",
        "Ce qui doit rester en marche",
        "What has to keep working",
    );
    for machine in &machines {
        convert(&mut draft, &project, machine, &mut healthy)?;
    }
    if !healthy.checks.is_empty() {
        draft.tasks.push(healthy);
    }
    Ok(draft)
}

/// The machines: as many for each service as it is scaled to.
fn machines<'a>(draft: &mut Draft, project: &'a Project) -> Vec<Machine<'a>> {
    let mut names = UniqueNames::default();
    let mut machines = Vec::new();
    for service in &project.services {
        let scale = service
            .get("scale")
            .or_else(|| service.below("deploy", "replicas"));
        let wanted = scale
            .as_ref()
            .and_then(|scale| scalar(&scale.tree)?.parse().ok());
        let count = wanted.unwrap_or(1);
        if !(1..=MOST_REPLICAS).contains(&count) {
            let place = scale.map_or(service.place.clone(), |scale| scale.place());
            let what = format!("{}: {count} machines of it", service.name);
            draft.leave_out(place, &At::default().key("nodes"), what);
        }
        for number in 1..=count.clamp(0, MOST_REPLICAS) {
            let wanted = match count {
                1 => service.name.clone(),
                _ => format!("{}-{number}", service.name),
            };
            let node = names.take(&wanted);
            let machine = Machine { node, service };
            if machine.node != wanted {
                let comment = format!("`{wanted}` in the Compose file.");
                draft.comment(&machine.at(), &comment);
            }
            machines.push(machine);
        }
    }
    machines
}

fn convert(
    draft: &mut Draft,
    project: &Project,
    machine: &Machine<'_>,
    healthy: &mut TaskSpec,
) -> Result<(), ImportError> {
    let mut node = draft.nodes.remove(&machine.node).unwrap_or_default();
    service::describe(draft, machine, &mut node);
    let mut setup = mount::fill(draft, project, machine, &mut node)?;
    setup.extend(unit::install(draft, machine, &mut node)?);
    if !setup.is_empty() {
        let script = format!("set -e\n{}\n", setup.join("\n"));
        node.setup = Some(draft.add_script(&format!("setup/{}.sh", machine.node), &script));
    }
    draft.nodes.insert(machine.node.clone(), node);
    health::check(draft, machine, healthy);
    Ok(())
}

/// Leaves an attribute of a machine's service out.
fn leave_out(draft: &mut Draft, machine: &Machine<'_>, attribute: &Attribute, why: &str) {
    let what = format!("{}: `{}`: {why}", machine.service.name, attribute.key);
    draft.leave_out(attribute.place(), &machine.at(), what);
}
