//! Names of labs: their validity and availability.

use std::collections::BTreeMap;

use plateau_core::name::Name;

use super::LabHandle;
use crate::lab::{Lab, LabError};

/// Longest name of a lab: with a node's it stays below what an engine takes.
const NAME: usize = 60;

pub(super) fn check_name(name: &str) -> Result<(), LabError> {
    if Name::parse(name, NAME).is_some() {
        return Ok(());
    }
    Err(LabError::BadName {
        name: name.to_owned(),
    })
}

/// The scenario's identifier and the lowest number that is free.
pub(super) fn free_name(labs: &BTreeMap<String, LabHandle>, scenario: &str) -> String {
    let taken = |name: &String| labs.values().any(|known| known.lab.name() == name);
    let mut names = (1_u32..).map(|number| format!("{scenario}-{number}"));
    names.find(|name| !taken(name)).unwrap_or_default()
}

/// Two labs of different names may still want a container of the same name.
pub(super) fn refuse_taken(labs: &BTreeMap<String, LabHandle>, lab: &Lab) -> Result<(), LabError> {
    let wanted: Vec<String> = lab.container_names().collect();
    let taken = labs.values().any(|known| {
        known.lab.name() == lab.name()
            || known
                .lab
                .container_names()
                .any(|name| wanted.contains(&name))
    });
    if !taken {
        return Ok(());
    }
    Err(LabError::NameTaken {
        name: lab.name().to_owned(),
    })
}
