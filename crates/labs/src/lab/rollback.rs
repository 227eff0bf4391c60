//! What a grading does to a lab, and undoing it: a trainer's lab is whole afterwards, also when the
//! daemon was killed in the middle.
//!
//! Before anything is done, it is written down what there was. Undoing goes by that and by what
//! there is now, is idempotent, and collects all errors; what could not be undone is tried again
//! before the next grading, and when a daemon adopts the lab.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use plateau_core::api::NodeState;
use plateau_core::plan::plan_phase;
use plateau_core::topology::Topology;

use super::LabError;
use super::containers::Containers;
use super::copies::Copies;
use super::core::LabCore;
use super::effects::{Effects, GradingEffects};
use super::faults::Faults;
use super::links::Links;
use super::power::Power;
use crate::runtime::RuntimeError;

/// Undoes what gradings do to the lab.
#[derive(Debug)]
pub(super) struct Rollback {
    core: Arc<LabCore>,
    containers: Arc<Containers>,
    links: Arc<Links>,
    power: Arc<Power>,
    faults: Arc<Faults>,
    copies: Arc<Copies>,
    effects: Arc<Effects>,
}

impl Rollback {
    pub(super) fn new(
        core: Arc<LabCore>,
        containers: Arc<Containers>,
        links: Arc<Links>,
        power: Arc<Power>,
        faults: Arc<Faults>,
        copies: Arc<Copies>,
        effects: Arc<Effects>,
    ) -> Self {
        Self {
            core,
            containers,
            links,
            power,
            faults,
            copies,
            effects,
        }
    }

    /// Before a grading: writes down what there is, and takes the snapshots that phases start from.
    /// A snapshot that cannot be taken is the phases' trouble, not the grading's.
    pub(super) async fn prepare(
        &self,
        scenario: &Topology,
        phases: &[String],
    ) -> Result<(), LabError> {
        let plans = || phases.iter().map(|phase| plan_phase(scenario, phase));
        let snapshots = plans().any(|plan| plan.copies);
        if !snapshots && plans().all(|plan| plan.actions.is_empty()) {
            return Ok(());
        }
        let nodes = self.core.topology.nodes.keys();
        let effects = GradingEffects {
            ran: nodes
                .filter(|node| self.core.node_state(node) != NodeState::Stopped)
                .cloned()
                .collect(),
            filled: BTreeSet::new(),
            snapshots,
        };
        self.effects.write(effects).await?;
        if snapshots {
            self.copies.take_snapshots().await;
        }
        Ok(())
    }

    /// What a daemon before us did not come to undo.
    pub(super) async fn load(&self) -> Result<(), LabError> {
        self.effects.load().await
    }

    /// Undoes what a grading did; nothing to do where none did anything.
    pub(super) async fn undo(&self) -> Result<(), LabError> {
        let Some(effects) = self.effects.recorded() else {
            return Ok(());
        };
        let mut errors = Vec::new();
        if effects.snapshots {
            errors.extend(self.copies.remove().await.err());
            errors.extend(self.copies.remove_snapshots().await.err());
        }
        let mended = self.links.mend();
        let nodes = self.core.topology.nodes.keys();
        let put_back = nodes.map(|node| self.put_back(node, effects.ran.contains(node), mended));
        errors.extend(join_all(put_back).await.into_iter().filter_map(Result::err));
        for (node, path) in &effects.filled {
            errors.extend(self.faults.empty(node, path).await.err());
        }
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        self.effects.remove().await
    }

    async fn put_back(&self, node: &str, ran: bool, mended: bool) -> Result<(), LabError> {
        let container = self.containers.current(node);
        let running = match self.containers.inspect(&container).await {
            Ok(found) => {
                if found.paused && self.core.frozen() != Some(true) {
                    // A daemon before us was killed while its disk was copied.
                    let runtime = &self.core.context.runtime;
                    let unpaused = runtime.unpause_container(&container).await;
                    unpaused.map_err(LabError::runtime(format!("let node `{node}` go on")))?;
                }
                found.running
            }
            // Somebody removed it, which is not ours to undo.
            Err(LabError::Runtime {
                source: RuntimeError::NoSuchContainer { .. },
                ..
            }) => return Ok(()),
            Err(error) => return Err(error),
        };
        match (ran, running) {
            (true, false) => self.power.switch_on(node).await,
            (false, true) => self.power.switch_off(node).await,
            (true, true) if mended => self.power.update_links(node).await,
            // One whose reboot failed half-way may wait for its links.
            (true, true) => self.power.restore_power(node, false).await,
            (false, false) => Ok(()),
        }
    }
}
