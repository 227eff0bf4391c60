//! Containerlab topologies: containers become nodes, bridges networks, and every other link a
//! network of its own.
//!
//! The format is that of containerlab's manual and JSON Schema; what they leave open, such as the
//! order of inheritance, was read off its code. Systems of other makers have one of Plateau's
//! images in their place, without their configuration, so that the topology stays what it was.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path as FilePath;

use plateau_core::tree::{Path, Position, Tree};

use super::draft::Draft;
use super::emulator::material::Material;
use super::emulator::{Machine, renamed};
use super::names::UniqueNames;
use crate::error::ImportError;
use keys::Role;
use links::Link;
use machine::NodeMapping;
use networks::Wiring;
use source::Source;
use topology::Topology;

pub use template::Environment;

mod functions;
mod keys;
mod links;
mod machine;
mod networks;
mod source;
mod template;
mod topology;

/// Sections of a topology that have no counterpart, and why.
const WITHOUT_COUNTERPART: &[(&str, &str)] = &[
    (
        "mgmt",
        "labs have no management network; candidates get in through Plateau",
    ),
    ("prefix", "a node's name is its own"),
    ("settings", "no certificates are made"),
];

/// Reads a topology's file. Variables of the environment in it have the values that are passed.
///
/// # Errors
/// It cannot be read, is not a topology, or links what it does not declare.
pub fn read(file: &FilePath, environment: &Environment) -> Result<Draft, ImportError> {
    let source = Source::of(template::render(file, environment)?)?;
    let topology = Topology::of(&source)?;
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut material = Material::of(folder.unwrap_or(FilePath::new(".")))?;
    let mut draft = Draft::new(&topology.name, source.name());
    let mut machines = machines(&topology, &mut draft);
    if machines.is_empty() {
        let message = "none of the nodes is a machine of the lab".to_owned();
        let hint = "bridges become networks; what is there without the lab is left out";
        return Err(source.refuse(topology.nodes[0].at, message, hint));
    }
    let links: Result<Vec<Link>, ImportError> = topology
        .links
        .iter()
        .map(|link| Link::read(&source, link))
        .collect();
    Wiring::new(&topology, &mut machines, &mut draft)?.plug(&links?)?;
    let mut said = BTreeSet::new();
    for node in &topology.nodes {
        let Some(mut machine) = machines.remove(node.name) else {
            continue;
        };
        match keys::role(&node.kind) {
            Role::Container => {
                let mut cast = NodeMapping {
                    source: &source,
                    draft: &mut draft,
                    material: &mut material,
                    lab: &topology.name,
                    said: &mut said,
                };
                cast.container(&mut machine, node)?;
            }
            Role::System(image) => {
                machine.node.image = image.to_owned();
                let what = format!(
                    "the {} itself and its configuration; `{image}` stands in for it",
                    node.kind
                );
                draft.leave_out(source.place(node.at), &machine.path(), what);
            }
            Role::Bridge | Role::Outside => {}
        }
        machine.settle(&mut draft);
    }
    leave_out(&topology, &mut draft);
    Ok(draft)
}

/// A machine for each node that is to be one, by the node's name in the topology.
fn machines<'a>(topology: &Topology<'a>, draft: &mut Draft) -> BTreeMap<&'a str, Machine> {
    let mut names = UniqueNames::default();
    let mut changed = BTreeMap::new();
    let mut machines = BTreeMap::new();
    for node in &topology.nodes {
        let place = topology.source.place(node.at);
        match keys::role(&node.kind) {
            Role::Container | Role::System(_) => {
                let name = names.take(node.name);
                changed.insert(node.name.to_owned(), name.clone());
                machines.insert(node.name, Machine::new(name, place));
            }
            Role::Bridge => {}
            Role::Outside => {
                let what = format!(
                    "node `{}`: what is of kind {} is not part of a lab, which reaches nothing outside it",
                    node.name, node.kind
                );
                draft.leave_out(place, &Path::default().key("nodes"), what);
            }
        }
    }
    if let Some(names) = renamed(&changed) {
        draft.comment(&Path::default().key("nodes"), &names);
    }
    machines
}

/// Leaves out what has no counterpart, each once where it stands.
fn leave_out(topology: &Topology, draft: &mut Draft) {
    let source = topology.source;
    let root = source.root();
    for (key, why) in WITHOUT_COUNTERPART {
        if let Some(section) = root.get(key) {
            let what = format!("{key}: {why}");
            draft.leave_out(source.place(section.at), &Path::default(), what);
        }
    }
    let nodes = Path::default().key("nodes");
    let mut levels: Vec<(Path, &Tree)> = Vec::new();
    levels.extend(topology.defaults.map(|tree| (nodes.clone(), tree)));
    levels.extend(topology.groups.values().map(|tree| (nodes.clone(), *tree)));
    let linux = topology.kinds.get("linux");
    levels.extend(linux.map(|tree| (nodes.clone(), *tree)));
    let entries = source.map(root.get("topology").and_then(|t| t.get("nodes")));
    for entry in entries.unwrap_or_default() {
        let node = topology.nodes.iter().find(|node| node.name == entry.key);
        if node.is_some_and(|node| keys::role(&node.kind) == Role::Container) {
            levels.push((nodes.clone(), &entry.value));
        }
    }
    let mut said: BTreeSet<Position> = BTreeSet::new();
    for (path, tree) in levels {
        for entry in source.map(Some(tree)).unwrap_or_default() {
            let Some(why) = keys::omission_reason(&entry.key) else {
                continue;
            };
            if said.insert(entry.key_at) {
                let what = format!("{}: {why}", entry.key);
                draft.leave_out(source.place(entry.key_at), &path, what);
            }
        }
    }
}
