//! A lab as it was handed in: its nodes frozen, and kept as images that outlive it, from which it can
//! be opened again.
//!
//! What an engine makes anew in every container, whether a node ran, and what events have done to
//! links is in no image: that is written down beside them, before anything is frozen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::{join_all, try_join_all};
use plateau_core::api::{EventRecord, NodeState};
use plateau_core::plan::{Plan, plan_reopening, plan_up};
use plateau_core::topology::PlacedFile;
use serde::{Deserialize, Serialize};

use super::sharing::shared_image;
use super::{Lab, LabError, events};
use crate::error::chain;
use crate::labels::{ATTEMPT, LAB, NODE, OWNER, ROLE};
use crate::runtime::{Labels, RuntimeError};
use crate::store::on_disk;

/// What of a lab that was handed in is not in the images of its nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct HandInRecord {
    /// BLAKE3 of the scenario's folder.
    pub(crate) hash: String,
    /// Seed that the parameters were drawn from.
    pub(crate) seed: String,
    /// Nodes that ran.
    ran: BTreeSet<String>,
    /// Node → the files that an engine makes anew, or why they could not be read.
    files: BTreeMap<String, Result<Vec<FileRecord>, String>>,
    /// What events had done.
    events: Vec<EventRecord>,
}

/// A file of a node.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct FileRecord {
    path: String,
    /// In base64.
    content: String,
    mode: u16,
    uid: u32,
    gid: u32,
}

/// What a lab is opened again from.
#[derive(Clone, Debug)]
pub(crate) struct Reopening {
    /// Whose images its nodes are made from.
    pub(super) origin: Origin,
    /// Nodes that ran.
    pub(super) ran: BTreeSet<String>,
    /// Node → the files that are in no image.
    pub(super) files: BTreeMap<String, Vec<PlacedFile>>,
    /// What events had done.
    pub(crate) events: Vec<EventRecord>,
}

/// Whose images a lab is opened again from.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// Those that were kept for this attempt.
    Attempt(String),
    /// Those of this lab, which stands as long as they are needed.
    Lab(String),
}

impl Reopening {
    /// The attempt that the lab was handed in for, where it was.
    pub(super) fn attempt(&self) -> Option<&str> {
        match &self.origin {
            Origin::Attempt(attempt) => Some(attempt),
            Origin::Lab(_) => None,
        }
    }

    /// Tag of the image that a node is made from.
    pub(super) fn image(&self, node: &str) -> String {
        match &self.origin {
            Origin::Attempt(attempt) => kept_image(attempt, node),
            Origin::Lab(lab) => shared_image(lab, node),
        }
    }
}

impl HandInRecord {
    /// What a lab of this attempt is opened again from.
    ///
    /// # Errors
    /// What is in no image could not be read when it was handed in, or is damaged.
    pub(crate) fn again(self, attempt: &str) -> Result<Reopening, LabError> {
        let lost = |node: &str, reason: String| LabError::Lost {
            attempt: attempt.to_owned(),
            reason: format!("the names and resolvers of node `{node}`: {reason}"),
        };
        let files = self.files.into_iter().map(|(node, files)| {
            let files = files.map_err(|reason| lost(&node, reason))?;
            let files = files.into_iter().map(FileRecord::placed);
            let files: Result<Vec<PlacedFile>, base64::DecodeError> = files.collect();
            let files = files.map_err(|error| lost(&node, error.to_string()))?;
            Ok((node, files))
        });
        Ok(Reopening {
            origin: Origin::Attempt(attempt.to_owned()),
            ran: self.ran,
            files: files.collect::<Result<_, LabError>>()?,
            events: self.events,
        })
    }
}

impl FileRecord {
    fn of(file: &PlacedFile) -> Self {
        Self {
            path: file.path.clone(),
            content: STANDARD.encode(&file.content),
            mode: file.mode,
            uid: file.uid,
            gid: file.gid,
        }
    }

    fn placed(self) -> Result<PlacedFile, base64::DecodeError> {
        Ok(PlacedFile {
            content: STANDARD.decode(&self.content)?,
            path: self.path,
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
        })
    }
}

impl Lab {
    /// Freezes every node that runs. One that is off stays off.
    pub(super) async fn freeze(self: &Arc<Self>) -> Result<(), LabError> {
        let frozen = self.running_nodes().map(async |node| {
            let lab = Arc::clone(self);
            let doing = format!("freeze node `{node}`");
            let container = self.original(node);
            self.to_its_end(async move {
                let paused = lab.context.runtime.pause_container(&container).await;
                paused.map_err(LabError::runtime(doing))
            })
            .await
        });
        join_all(frozen).await.into_iter().collect()
    }

    /// Lets every node that is frozen go on.
    pub(super) async fn thaw(self: &Arc<Self>) -> Result<(), LabError> {
        let thawed = self.running_nodes().map(async |node| {
            let lab = Arc::clone(self);
            let doing = format!("let node `{node}` go on");
            let container = self.original(node);
            self.to_its_end(async move {
                let unpaused = lab.context.runtime.unpause_container(&container).await;
                unpaused.map_err(LabError::runtime(doing))
            })
            .await
        });
        join_all(thawed).await.into_iter().collect()
    }

    /// How it is built: from its scenario, or again from what was kept.
    pub(super) fn plan(&self) -> Plan {
        match &self.again {
            None => plan_up(&self.topology),
            Some(again) => plan_reopening(&self.topology, &again.ran),
        }
    }

    /// Freezes every node and keeps what its disk has that its image has not, as an image of this
    /// attempt. Images that were kept for it before are replaced.
    pub(super) async fn keep(self: &Arc<Self>, attempt: &str) -> Result<(), LabError> {
        self.settled().await;
        self.write_hand_in_record(attempt).await?;
        self.freeze().await?;
        self.keep_images(attempt).await
    }

    /// Writes down what will be in no image, unless a daemon before us did: in a node that is frozen
    /// nothing can be read. A candidate who has made it unreadable is kept without it.
    async fn write_hand_in_record(self: &Arc<Self>, attempt: &str) -> Result<(), LabError> {
        let (store, key) = (self.context.store.clone(), attempt.to_owned());
        if on_disk(move || store.read_attempt_record::<HandInRecord>(&key))
            .await?
            .is_some()
        {
            return Ok(());
        }
        let nodes = self.topology.nodes.keys();
        let files = nodes.map(async |node| {
            let files = match self.engine_files(node).await {
                Ok(files) => Ok(files.iter().map(FileRecord::of).collect()),
                Err(error) if is_engine_failure(&error) => return Err(error),
                // The node's own doing, which must not keep anybody from handing in.
                Err(error) => Err(chain(&error)),
            };
            Ok((node.clone(), files))
        });
        let files = try_join_all(files).await?;
        let (store, lab) = (self.context.store.clone(), self.marker.id.clone());
        let kept = HandInRecord {
            hash: self.topology.hash.clone(),
            seed: self.topology.seed.clone(),
            ran: self.running_nodes().cloned().collect(),
            files: files.into_iter().collect(),
            events: on_disk(move || store.lines(&lab, events::EVIDENCE)).await?,
        };
        let (store, key) = (self.context.store.clone(), attempt.to_owned());
        Ok(on_disk(move || store.write_attempt_record(&key, &kept)).await?)
    }

    async fn keep_images(self: &Arc<Self>, attempt: &str) -> Result<(), LabError> {
        let kept = self.topology.nodes.keys().map(async |node| {
            let lab = Arc::clone(self);
            let doing = format!("keep node `{node}`");
            let container = self.original(node);
            let tag = kept_image(attempt, node);
            let labels = Labels::from([
                (OWNER.to_owned(), self.context.owner.clone()),
                // An engine gives an image its container's labels too; this one would have it
                // removed with its lab.
                (LAB.to_owned(), String::new()),
                (ROLE.to_owned(), "kept".to_owned()),
                (ATTEMPT.to_owned(), attempt.to_owned()),
                (NODE.to_owned(), node.clone()),
            ]);
            self.to_its_end(async move {
                let runtime = &lab.context.runtime;
                let kept = runtime.commit_container(&container, &tag, &labels).await;
                kept.map_err(LabError::runtime(doing))
            })
            .await
        });
        join_all(kept).await.into_iter().collect()
    }

    /// Waits until no node is between two boots, for as long as a boot may take.
    async fn settled(&self) {
        let mut view = self.watch();
        let is_settled = |view: &plateau_core::api::LabView| {
            let mut nodes = view.nodes.values();
            nodes.all(|node| node.state != NodeState::Rebooting)
        };
        let limit = self.context.settings.boot_timeout;
        // One that does not come back is kept as one that did not run.
        let _ = tokio::time::timeout(limit, view.wait_for(is_settled)).await;
    }

    pub(super) fn running_nodes(&self) -> impl Iterator<Item = &String> {
        let nodes = self.topology.nodes.keys();
        nodes.filter(|node| self.node_state(node) == NodeState::Running)
    }
}

/// Whether the engine failed, which will pass, and not a program of the node's.
fn is_engine_failure(error: &LabError) -> bool {
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

/// Tag of the image that keeps a node of an attempt.
fn kept_image(attempt: &str, node: &str) -> String {
    format!("plateau/kept:{attempt}-{node}")
}
