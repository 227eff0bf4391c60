//! Questions that a lab restored from its disks can still answer.

use std::collections::{BTreeMap, BTreeSet};

use crate::observer::Observer;
use crate::probe::{ProbeQuestion, ProbeRequest};
use crate::topology::{PhaseAction, Start, Topology};

/// Why a fact that was in memory cannot be observed any more.
pub const MEMORY_LOST: &str = "the lab was opened again from what was kept of its disks, and what \
                               is asked was in memory";

/// Which nodes have lost their memory in a phase whatever the lab is: those that it, or one that it
/// builds on, boots or switches off. There a lab that was opened again is in the same condition as
/// the one that was handed in.
#[must_use]
pub fn booted(topology: &Topology, phases: &[&str], phase: &str) -> BTreeSet<String> {
    let mut booted = BTreeSet::new();
    for name in phases {
        let declared = topology.phases.iter().find(|one| one.name == *name);
        if let Some(declared) = declared {
            if declared.from == Start::AsLeft {
                booted = topology.nodes.keys().cloned().collect();
            }
            for action in &declared.actions {
                if let PhaseAction::Reboot(nodes) | PhaseAction::Stop(nodes) = action {
                    booted.extend(nodes.iter().cloned());
                }
            }
        }
        if *name == phase {
            break;
        }
    }
    booted
}

/// Whether a lab that was opened again, in which the nodes `ran` run, answers a question as the one
/// that was handed in would have, once the nodes `booted` have lost their memory in both.
///
/// What is asked across a network may depend on every node; what is asked inside one depends on it.
#[must_use]
pub fn is_answered_again(
    observer: &Observer,
    asked: &ProbeQuestion,
    booted: &BTreeSet<String>,
    ran: &BTreeSet<String>,
) -> bool {
    if ran.is_subset(booted) {
        return true;
    }
    match observer {
        Observer::Examiner { .. } => false,
        Observer::Node(node) => {
            let question = &asked.question;
            question.is_of_disk(&asked.wants)
                || (booted.contains(node) && !question.takes_client() && is_within(asked))
        }
    }
}

/// Whether a question depends on nothing but the node that it is asked in. A command may do anything,
/// and what other nodes do to a route, a lease or a resolver reaches it.
fn is_within(asked: &ProbeQuestion) -> bool {
    matches!(
        asked.question.kind(),
        "process" | "port" | "service" | "schedule" | "sysctl" | "firewall"
    )
}

/// Removes the questions that a restored lab cannot answer.
pub fn remove_unanswerable(
    batches: &mut BTreeMap<Observer, ProbeRequest>,
    booted: &BTreeSet<String>,
    ran: &BTreeSet<String>,
) -> BTreeMap<Observer, ProbeRequest> {
    let mut lost = BTreeMap::new();
    for (observer, batch) in batches.iter_mut() {
        let is_lost = |asked: &ProbeQuestion| !is_answered_again(observer, asked, booted, ran);
        let questions: Vec<ProbeQuestion> = batch
            .questions
            .extract_if(.., |asked| is_lost(asked))
            .collect();
        if !questions.is_empty() {
            lost.insert(observer.clone(), ProbeRequest { questions });
        }
    }
    batches.retain(|_, batch| !batch.questions.is_empty());
    lost
}

#[cfg(all(test, feature = "exam"))]
mod tests {
    use super::*;
    use crate::exam::sample::topology;
    use crate::grade::{Facts, batches};

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// The questions that cannot be answered in a phase of a lab in which these nodes ran.
    fn unanswerable_in(phase: &str, ran: &[&str]) -> BTreeSet<String> {
        let topology = topology();
        let phases: Vec<&str> = topology.phase_names().collect();
        let mut asked = batches(&topology, phase, &Facts::new());
        let ids = |batches: &BTreeMap<Observer, ProbeRequest>| -> BTreeSet<String> {
            let asked = batches.values().flat_map(|batch| &batch.questions);
            asked.map(|asked| asked.id.clone()).collect()
        };
        let all = ids(&asked);
        let booted = booted(&topology, &phases, phase);
        let lost = ids(&remove_unanswerable(&mut asked, &booted, &set(ran)));
        assert!(ids(&asked).is_disjoint(&lost));
        assert_eq!(&ids(&asked) | &lost, all);
        lost
    }

    #[test]
    fn as_left_only_the_disk_is_known_again() {
        let lost = unanswerable_in("as-left", &["srv", "log"]);
        let memory = [
            "logs/arrives",
            "logs/arrives+sent",
            "logs/dns",
            "web/service",
        ];
        assert_eq!(lost, set(&memory));
    }

    #[test]
    fn a_node_that_a_phase_boots_is_as_it_would_have_been() {
        assert_eq!(unanswerable_in("after-reboot", &["srv", "log"]), set(&[]));
    }

    #[test]
    fn copies_have_no_memory_either_and_nodes_that_were_off_had_none() {
        assert_eq!(unanswerable_in("wrecked", &["srv", "log"]), set(&[]));
        assert_eq!(unanswerable_in("as-left", &[]), set(&[]));
        let topology = topology();
        let phases: Vec<&str> = topology.phase_names().collect();
        assert_eq!(booted(&topology, &phases, "after-reboot"), set(&["srv"]));
        assert_eq!(booted(&topology, &phases, "wrecked"), set(&["srv", "log"]));
    }
}
