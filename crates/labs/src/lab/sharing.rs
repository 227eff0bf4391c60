//! The disks of a lab as they are now, as images that other labs of a proof start from.

use std::sync::Arc;

use futures_util::future::try_join_all;
use plateau_core::topology::PlacedFile;

use super::hand_in::{Origin, Reopening};
use super::{Lab, LabError, events};
use crate::labels::{LAB, NODE, OWNER, ROLE};
use crate::runtime::Labels;
use crate::store::on_disk;

impl Lab {
    /// Takes an image of every node. They are removed with this lab, after those that start from them.
    pub(super) async fn share(self: &Arc<Self>) -> Result<Reopening, LabError> {
        let _work = self.work.lock().await;
        let nodes = self.topology.nodes.keys().map(async |node| {
            let files = self.engine_files(node).await?;
            let (lab, name) = (Arc::clone(self), node.clone());
            self.to_its_end(async move { lab.commit_shared(&name).await })
                .await?;
            Ok::<(String, Vec<PlacedFile>), LabError>((node.clone(), files))
        });
        let files = try_join_all(nodes).await?;
        let (store, lab) = (self.context.store.clone(), self.marker.id.clone());
        Ok(Reopening {
            origin: Origin::Lab(self.marker.id.clone()),
            ran: self.running_nodes().cloned().collect(),
            files: files.into_iter().collect(),
            events: on_disk(move || store.lines(&lab, events::EVIDENCE)).await?,
        })
    }

    async fn commit_shared(&self, node: &str) -> Result<(), LabError> {
        let labels = Labels::from([
            (LAB.to_owned(), self.marker.id.clone()),
            (OWNER.to_owned(), self.context.owner.clone()),
            (ROLE.to_owned(), "shared".to_owned()),
            (NODE.to_owned(), node.to_owned()),
        ]);
        let tag = shared_image(&self.marker.id, node);
        self.context
            .runtime
            .commit_container(&self.original(node), &tag, &labels)
            .await
            .map_err(LabError::runtime(format!("take an image of node `{node}`")))
    }
}

/// Tag of the image of a lab's node that other labs start from.
pub(super) fn shared_image(lab: &str, node: &str) -> String {
    format!("plateau/shared:{lab}-{node}")
}
