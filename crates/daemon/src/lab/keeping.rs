//! A lab as it was handed in: its nodes frozen, and kept as images that outlive it.

use std::sync::Arc;

use futures_util::future::join_all;
use plateau_core::api::NodeState;

use super::{ATTEMPT, Lab, LabError, NODE, OWNER, ROLE};
use crate::runtime::Labels;

impl Lab {
    /// Freezes every node that runs. One that is off stays off.
    pub(super) async fn freeze(self: &Arc<Self>) -> Result<(), LabError> {
        let frozen = self.nodes_that_run().map(async |node| {
            let lab = Arc::clone(self);
            let doing = format!("freeze node `{node}`");
            let container = self.original(node);
            self.to_its_end(async move {
                let paused = lab.ground.runtime.pause_container(&container).await;
                paused.map_err(LabError::runtime(doing))
            })
            .await
        });
        join_all(frozen).await.into_iter().collect()
    }

    /// Lets every node that is frozen go on.
    pub(super) async fn thaw(self: &Arc<Self>) -> Result<(), LabError> {
        let thawed = self.nodes_that_run().map(async |node| {
            let lab = Arc::clone(self);
            let doing = format!("let node `{node}` go on");
            let container = self.original(node);
            self.to_its_end(async move {
                let unpaused = lab.ground.runtime.unpause_container(&container).await;
                unpaused.map_err(LabError::runtime(doing))
            })
            .await
        });
        join_all(thawed).await.into_iter().collect()
    }

    /// Keeps what every node's disk has that its image has not, as an image of this attempt. Images
    /// that were kept for it before are replaced.
    pub(super) async fn keep(self: &Arc<Self>, attempt: &str) -> Result<(), LabError> {
        let kept = self.topology.nodes.keys().map(async |node| {
            let lab = Arc::clone(self);
            let doing = format!("keep node `{node}`");
            let container = self.original(node);
            let tag = kept_image(attempt, node);
            let labels = Labels::from([
                (OWNER.to_owned(), self.ground.owner.clone()),
                (ROLE.to_owned(), "kept".to_owned()),
                (ATTEMPT.to_owned(), attempt.to_owned()),
                (NODE.to_owned(), node.clone()),
            ]);
            self.to_its_end(async move {
                let runtime = &lab.ground.runtime;
                let kept = runtime.commit_container(&container, &tag, &labels).await;
                kept.map_err(LabError::runtime(doing))
            })
            .await
        });
        join_all(kept).await.into_iter().collect()
    }

    fn nodes_that_run(&self) -> impl Iterator<Item = &String> {
        let nodes = self.topology.nodes.keys();
        nodes.filter(|node| self.node_state(node) == NodeState::Running)
    }
}

/// Tag of the image that keeps a node of an attempt.
fn kept_image(attempt: &str, node: &str) -> String {
    format!("plateau/kept:{attempt}-{node}")
}
