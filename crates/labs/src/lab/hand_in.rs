//! A lab as it was handed in: its nodes frozen, and kept as images that outlive it, from which it can
//! be opened again.
//!
//! What an engine makes anew in every container, whether a node ran, and what events have done to
//! links is in no image: that is written down beside them, as it is read from outside.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::{join_all, try_join_all};
use plateau_core::api::NodeState;

use super::LabError;
use super::containers::Containers;
use super::core::LabCore;
use super::disks::Disks;
use super::node_files::NodeFiles;
use super::reopening::{FileRecord, HandInRecord, RefusedDisk, kept_image};
use crate::error::chain;
use crate::labels::{ATTEMPT, LAB, NODE, OWNER, ROLE};
use crate::runtime::{Labels, RuntimeError};
use crate::store::on_disk;

/// Freezes nodes, and keeps them for an attempt.
#[derive(Debug)]
pub(super) struct HandIn {
    core: Arc<LabCore>,
    containers: Arc<Containers>,
    files: Arc<NodeFiles>,
    disks: Arc<Disks>,
}

impl HandIn {
    pub(super) fn new(
        core: Arc<LabCore>,
        containers: Arc<Containers>,
        files: Arc<NodeFiles>,
        disks: Arc<Disks>,
    ) -> Self {
        Self {
            core,
            containers,
            files,
            disks,
        }
    }

    /// Freezes every node that runs. One that is off stays off, and one that boots has to be frozen
    /// when it has booted: whether there is one is seen in the lab's state.
    pub(super) async fn freeze(&self) -> Result<(), LabError> {
        // Before: a node that comes up meanwhile takes it back.
        self.core.set_frozen(Some(true));
        let frozen = self.freeze_nodes().await;
        if frozen.is_err() {
            self.core.set_frozen(None);
        }
        frozen
    }

    async fn freeze_nodes(&self) -> Result<(), LabError> {
        let frozen = self.core.running_nodes().map(async |node| {
            let core = Arc::clone(&self.core);
            let doing = format!("freeze node `{node}`");
            let container = self.containers.original(node);
            self.core
                .call_engine(async move {
                    let paused = core.context.runtime.pause_container(&container).await;
                    paused.map_err(LabError::runtime(doing))
                })
                .await
        });
        join_all(frozen).await.into_iter().collect()
    }

    /// Lets every node that is frozen go on.
    pub(super) async fn thaw(&self) -> Result<(), LabError> {
        let thawed = self.core.running_nodes().map(async |node| {
            let core = Arc::clone(&self.core);
            let doing = format!("let node `{node}` go on");
            let container = self.containers.original(node);
            self.core
                .call_engine(async move {
                    let unpaused = core.context.runtime.unpause_container(&container).await;
                    unpaused.map_err(LabError::runtime(doing))
                })
                .await
        });
        let thawed: Result<(), LabError> = join_all(thawed).await.into_iter().collect();
        self.core.set_frozen(thawed.is_ok().then_some(false));
        thawed
    }

    /// Freezes every node, where that was not done before, and keeps what its disk has that its image
    /// has not, as an image of this attempt. Images that were kept for it before are replaced.
    ///
    /// A disk that is too large for that is not kept: of it there is a list of its largest files. Which
    /// these are, and why, is returned.
    pub(super) async fn keep(&self, attempt: &str) -> Result<Vec<String>, LabError> {
        self.settled().await;
        self.write_hand_in_record(attempt).await?;
        self.freeze().await?;
        let too_large = self.list_too_large(attempt).await?;
        self.keep_images(attempt, &too_large).await?;
        let refused = too_large.into_values();
        Ok(refused.map(|refused| refused.reason).collect())
    }

    /// Writes down which disks are too large to be kept. Nodes stand still.
    async fn list_too_large(
        &self,
        attempt: &str,
    ) -> Result<BTreeMap<String, RefusedDisk>, LabError> {
        let nodes = self.core.topology.nodes.keys().map(async |node| {
            let refused = self.disks.refuses_copy(node).await?;
            let refused = refused.map(|(reason, found)| RefusedDisk {
                reason,
                size: found.apparent,
                files: found.files,
                largest: found.largest,
            });
            Ok::<_, LabError>(refused.map(|refused| (node.clone(), refused)))
        });
        let refused = try_join_all(nodes).await?;
        let refused: BTreeMap<_, _> = refused.into_iter().flatten().collect();
        for (node, refused) in &refused {
            let reason = &refused.reason;
            tracing::warn!(lab = %self.core.marker.name, node, reason, "a node is not kept");
        }
        let (store, key, list) = (
            self.core.context.store.clone(),
            attempt.to_owned(),
            refused.clone(),
        );
        on_disk(move || {
            let record = store.read_attempt_record::<HandInRecord>(&key)?;
            match record {
                Some(record) if record.too_large != list => {
                    let record = HandInRecord {
                        too_large: list,
                        ..record
                    };
                    store.write_attempt_record(&key, &record)
                }
                Some(_) | None => Ok(()),
            }
        })
        .await?;
        Ok(refused)
    }

    /// Writes down what will be in no image, unless a daemon before us did. A candidate who has made it
    /// unreadable is kept without it.
    async fn write_hand_in_record(&self, attempt: &str) -> Result<(), LabError> {
        let (store, key) = (self.core.context.store.clone(), attempt.to_owned());
        if on_disk(move || store.read_attempt_record::<HandInRecord>(&key))
            .await?
            .is_some()
        {
            return Ok(());
        }
        let nodes = self.core.topology.nodes.keys();
        let files = nodes.map(async |node| {
            let files = match self.files.read(node).await {
                Ok(files) => Ok(files.iter().map(FileRecord::of).collect()),
                Err(error) if is_engine_failure(&error) => return Err(error),
                // The node's own doing, which must not keep anybody from handing in.
                Err(error) => Err(chain(&error)),
            };
            Ok((node.clone(), files))
        });
        let files = try_join_all(files).await?;
        let kept = HandInRecord {
            hash: self.core.topology.hash.clone(),
            seed: self.core.topology.seed.clone(),
            ran: self.core.running_nodes().cloned().collect(),
            files: files.into_iter().collect(),
            events: self.core.event_records().await?,
            too_large: BTreeMap::new(),
        };
        let (store, key) = (self.core.context.store.clone(), attempt.to_owned());
        Ok(on_disk(move || store.write_attempt_record(&key, &kept)).await?)
    }

    async fn keep_images(
        &self,
        attempt: &str,
        too_large: &BTreeMap<String, RefusedDisk>,
    ) -> Result<(), LabError> {
        let nodes = self.core.topology.nodes.keys();
        let nodes = nodes.filter(|node| !too_large.contains_key(*node));
        let kept = nodes.map(async |node| {
            let core = Arc::clone(&self.core);
            let doing = format!("keep node `{node}`");
            let container = self.containers.original(node);
            let tag = kept_image(attempt, node);
            let labels = Labels::from([
                (OWNER.to_owned(), self.core.context.owner.clone()),
                // An engine gives an image its container's labels too; this one would have it
                // removed with its lab.
                (LAB.to_owned(), String::new()),
                (ROLE.to_owned(), "kept".to_owned()),
                (ATTEMPT.to_owned(), attempt.to_owned()),
                (NODE.to_owned(), node.clone()),
            ]);
            self.core
                .call_engine(async move {
                    let agent = &core.context.agent;
                    let kept = agent.commit(&container, &tag, &labels).await;
                    kept.map_err(LabError::commit(doing))
                })
                .await
        });
        join_all(kept).await.into_iter().collect()
    }

    /// Waits until no node is between two boots, for as long as a boot may take.
    async fn settled(&self) {
        let mut view = self.core.watch();
        let is_settled = |view: &plateau_core::api::LabView| {
            let mut nodes = view.nodes.values();
            nodes.all(|node| node.state != NodeState::Rebooting)
        };
        let limit = self.core.context.settings.boot_timeout;
        // One that does not come back is kept as one that did not run.
        let _ = tokio::time::timeout(limit, view.wait_for(is_settled)).await;
    }
}

/// Whether the engine failed, which will pass, and not a program of the node's.
fn is_engine_failure(error: &LabError) -> bool {
    if matches!(error, LabError::Wire { .. }) {
        return true;
    }
    let LabError::Runtime { source, .. } = error else {
        return false;
    };
    match source {
        RuntimeError::Timeout { .. } | RuntimeError::Engine { .. } => false,
        RuntimeError::EngineUnreachable(_)
        | RuntimeError::PermissionDenied(_)
        | RuntimeError::ImageMissing { .. }
        | RuntimeError::NoSuchContainer { .. }
        | RuntimeError::NotRunning { .. }
        | RuntimeError::Conflict { .. }
        | RuntimeError::NoSpace { .. }
        | RuntimeError::Build { .. }
        | RuntimeError::Transport(_)
        | RuntimeError::Injected { .. } => true,
    }
}
