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
use serde::{Deserialize, Serialize};

use super::{Lab, LabError};
use crate::runtime::RuntimeError;
use crate::store::on_disk;

/// The paper that it is written on.
const PAPER: &str = "upset.json";

/// What a grading has to undo.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct GradingEffects {
    /// Nodes that ran before.
    pub(super) ran: BTreeSet<String>,
    /// Nodes and folders whose file systems were filled.
    filled: BTreeSet<(String, String)>,
    /// Whether there may be snapshots of nodes, and copies made from them.
    snapshots: bool,
}

impl Lab {
    /// Before a grading: writes down what there is, and takes the snapshots that phases start from.
    /// A snapshot that cannot be taken is the phases' trouble, not the grading's.
    pub(super) async fn prepare(
        self: &Arc<Self>,
        scenario: &Topology,
        phases: &[String],
    ) -> Result<(), LabError> {
        let plans = || phases.iter().map(|phase| plan_phase(scenario, phase));
        let snapshots = plans().any(|plan| plan.copies);
        if !snapshots && plans().all(|plan| plan.actions.is_empty()) {
            return Ok(());
        }
        let nodes = self.core.topology.nodes.keys();
        let upset = GradingEffects {
            ran: nodes
                .filter(|node| self.core.node_state(node) != NodeState::Stopped)
                .cloned()
                .collect(),
            filled: BTreeSet::new(),
            snapshots,
        };
        self.write_effects(upset).await?;
        if snapshots {
            self.take_snapshots().await;
        }
        Ok(())
    }

    pub(super) async fn note_filled(&self, node: &str, path: &str) -> Result<(), LabError> {
        let mut upset = self.grading.upset().unwrap_or_default();
        upset.filled.insert((node.to_owned(), path.to_owned()));
        self.write_effects(upset).await
    }

    async fn write_effects(&self, upset: GradingEffects) -> Result<(), LabError> {
        let store = self.core.context.store.clone();
        let id = self.core.marker.id.clone();
        let paper = upset.clone();
        on_disk(move || store.keep(&id, PAPER, &paper)).await?;
        self.grading.set_effects(Some(upset));
        Ok(())
    }

    /// What a daemon before us did not come to undo.
    pub(super) async fn load_effects(&self) -> Result<(), LabError> {
        let store = self.core.context.store.clone();
        let id = self.core.marker.id.clone();
        let upset = on_disk(move || store.kept(&id, PAPER)).await?;
        self.grading.set_effects(upset);
        Ok(())
    }

    /// Undoes what a grading did; nothing to do where none did anything.
    pub(super) async fn undo_grading(self: &Arc<Self>) -> Result<(), LabError> {
        let Some(upset) = self.grading.upset() else {
            return Ok(());
        };
        let mut errors = Vec::new();
        if upset.snapshots {
            errors.extend(self.remove_copies().await.err());
            errors.extend(self.remove_snapshots().await.err());
        }
        let mended = self.links.mend();
        let nodes = self.core.topology.nodes.keys();
        let put_back = nodes.map(|node| self.put_back(node, upset.ran.contains(node), mended));
        errors.extend(join_all(put_back).await.into_iter().filter_map(Result::err));
        for (node, path) in &upset.filled {
            errors.extend(self.empty(node, path).await.err());
        }
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        let store = self.core.context.store.clone();
        let id = self.core.marker.id.clone();
        on_disk(move || store.remove_paper(&id, PAPER)).await?;
        self.grading.set_effects(None);
        Ok(())
    }

    async fn put_back(
        self: &Arc<Self>,
        node: &str,
        ran: bool,
        mended: bool,
    ) -> Result<(), LabError> {
        let running = match self.inspect(&self.container(node)).await {
            Ok(found) => found.running,
            // Somebody removed it, which is not ours to undo.
            Err(LabError::Runtime {
                source: RuntimeError::NoSuchContainer { .. },
                ..
            }) => return Ok(()),
            Err(error) => return Err(error),
        };
        match (ran, running) {
            (true, false) => self.switch_on(node).await,
            (false, true) => self.switch_off(node).await,
            (true, true) if mended => self.update_links(node).await,
            // One whose reboot failed half-way may wait for its links.
            (true, true) => self.restore_power(node, false).await,
            (false, false) => Ok(()),
        }
    }
}
