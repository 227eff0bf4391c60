//! How much of a scenario's points rests on what a candidate's root has in hand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::observer::Observer;
use crate::question::doubt::Doubt;
use crate::topology::{Check, Topology};

/// How much of a scenario's points rests on machines that the candidate enters, beside what the grader
/// sees by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reliance {
    /// Points of all checks, without those that only make up for others.
    pub points: u32,
    /// Checks that run programs of a node.
    pub own_programs: RelianceShare,
    /// Checks that look across the network from a node.
    pub entered_views: RelianceShare,
}

/// Checks whose answers rest on one thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelianceShare {
    /// Points that they carry together.
    pub points: u32,
    /// Which they are, as `task/check`, with their points.
    pub checks: BTreeMap<String, u32>,
}

impl Reliance {
    /// Adds the checks of a scenario up. The draw plays no part in who looks or what is asked.
    #[must_use]
    pub fn of(topology: &Topology) -> Self {
        let mut reliance = Self::default();
        let checks = topology.tasks.iter().flat_map(|task| &task.checks);
        for check in checks.filter(|check| !check.bonus) {
            reliance.points += check.points;
            let share = match doubt(topology, check) {
                None => continue,
                Some(Doubt::OwnPrograms) => &mut reliance.own_programs,
                Some(Doubt::EnteredView) => &mut reliance.entered_views,
            };
            share.points += check.points;
            share.checks.insert(check.id.clone(), check.points);
        }
        reliance
    }
}

fn doubt(topology: &Topology, check: &Check) -> Option<Doubt> {
    match &check.observer {
        Observer::Node(name) => {
            let entered = topology
                .nodes
                .get(name)
                .is_some_and(|node| !node.access.is_empty());
            entered.then(|| check.expectation.doubt_where_entered())?
        }
        Observer::Examiner { .. } => None,
    }
}
