//! The disks of a lab as they are now, as images that other labs of a proof start from.

use std::sync::Arc;

use futures_util::future::try_join_all;
use plateau_core::topology::PlacedFile;

use super::LabError;
use super::containers::Containers;
use super::core::LabCore;
use super::node_files::NodeFiles;
use super::reopening::{Origin, Reopening, shared_image};
use crate::labels::{LAB, NODE, OWNER, ROLE};
use crate::runtime::Labels;

/// Images of the nodes from which other labs start.
#[derive(Debug)]
pub(super) struct SharedDisks {
    core: Arc<LabCore>,
    containers: Arc<Containers>,
    files: Arc<NodeFiles>,
}

impl SharedDisks {
    pub(super) fn new(
        core: Arc<LabCore>,
        containers: Arc<Containers>,
        files: Arc<NodeFiles>,
    ) -> Self {
        Self {
            core,
            containers,
            files,
        }
    }

    /// Takes an image of every node. They are removed with this lab, after those that start from them.
    pub(super) async fn share(self: &Arc<Self>) -> Result<Reopening, LabError> {
        let _work = self.core.lock_work().await;
        let nodes = self.core.topology.nodes.keys().map(async |node| {
            let files = self.files.read(node).await?;
            let (disks, name) = (Arc::clone(self), node.clone());
            self.core
                .call_engine(async move { disks.commit(&name).await })
                .await?;
            Ok::<(String, Vec<PlacedFile>), LabError>((node.clone(), files))
        });
        let files = try_join_all(nodes).await?;
        Ok(Reopening {
            origin: Origin::Lab(self.core.marker.id.clone()),
            ran: self.core.running_nodes().cloned().collect(),
            files: files.into_iter().collect(),
            events: self.core.event_records().await?,
        })
    }

    async fn commit(&self, node: &str) -> Result<(), LabError> {
        let labels = Labels::from([
            (LAB.to_owned(), self.core.marker.id.clone()),
            (OWNER.to_owned(), self.core.context.owner.clone()),
            (ROLE.to_owned(), "shared".to_owned()),
            (NODE.to_owned(), node.to_owned()),
        ]);
        let tag = shared_image(&self.core.marker.id, node);
        self.core
            .context
            .agent
            .commit(&self.containers.original(node), &tag, &labels)
            .await
            .map_err(LabError::commit(format!("take an image of node `{node}`")))
    }
}
