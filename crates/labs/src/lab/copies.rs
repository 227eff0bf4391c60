//! Copies of the nodes as they were handed in, which stand in for them from a phase
//! `from: as-left` on.
//!
//! A snapshot is an image of what a node's disk had that its image had not. What a node had in
//! memory (its processes, `/run`, `/tmp`) is not in it. The nodes themselves are switched off
//! meanwhile and never touched: nothing that fails here can lose what a candidate has done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{join_all, try_join_all};
use plateau_core::api::NodeState;
use plateau_core::plan::{Wiring, wiring};
use plateau_core::topology::PlacedFile;

use super::LabError;
use super::containers::Containers;
use super::core::LabCore;
use super::down::remove_images;
use super::effects::Effects;
use super::links::Links;
use super::node_files::NodeFiles;
use super::power::Power;
use super::wirer::Wirer;
use crate::error::chain;
use crate::labels::{COPY, NODE, ROLE};
use crate::runtime::{ContainerSpec, Labels};

/// What the copies are made from, or why there is nothing.
#[derive(Debug, Default)]
enum Snapshots {
    /// None were taken.
    #[default]
    None,
    /// One of every node; with each, its files that are not in its image.
    Taken(BTreeMap<String, Vec<PlacedFile>>),
    /// They could not be taken.
    Failed(String),
}

/// Copies of the nodes, and what they are made from.
#[derive(Debug)]
pub(super) struct Copies {
    core: Arc<LabCore>,
    containers: Arc<Containers>,
    links: Arc<Links>,
    wirer: Arc<Wirer>,
    power: Arc<Power>,
    effects: Arc<Effects>,
    files: Arc<NodeFiles>,
    snapshots: Mutex<Snapshots>,
}

impl Copies {
    pub(super) fn new(
        core: Arc<LabCore>,
        containers: Arc<Containers>,
        links: Arc<Links>,
        wirer: Arc<Wirer>,
        power: Arc<Power>,
        effects: Arc<Effects>,
        files: Arc<NodeFiles>,
    ) -> Self {
        Self {
            snapshots: Mutex::default(),
            core,
            containers,
            links,
            wirer,
            power,
            effects,
            files,
        }
    }

    /// Takes a snapshot of every node.
    pub(super) async fn take_snapshots(self: &Arc<Self>) {
        let nodes = self.core.topology.nodes.keys();
        let taken = try_join_all(nodes.map(async |node| {
            let files = self.files.read(node).await?;
            let copies = Arc::clone(self);
            let name = node.clone();
            self.core
                .call_engine(async move { copies.commit(&name).await })
                .await?;
            Ok::<_, LabError>((node.clone(), files))
        }));
        let taken = match taken.await {
            Ok(taken) => Snapshots::Taken(taken.into_iter().collect()),
            Err(error) => Snapshots::Failed(chain(&error)),
        };
        self.keep(taken);
    }

    async fn commit(&self, node: &str) -> Result<(), LabError> {
        let mut labels = self.snapshot_labels();
        labels.insert(NODE.to_owned(), node.to_owned());
        self.core
            .context
            .agent
            .commit(
                &self.containers.original(node),
                &self.snapshot(node),
                &labels,
            )
            .await
            .map_err(LabError::commit(format!(
                "take a snapshot of node `{node}`"
            )))
    }

    /// Lets fresh copies of all nodes stand in for them. A node that was off is off as a copy.
    pub(super) async fn start(self: &Arc<Self>) -> Result<(), LabError> {
        let files = self.taken()?;
        let ran = self.effects.ran();
        self.vacate_nodes().await?;
        self.links.mend();
        let mut power = self.power.hold_all().await;
        self.containers.set_copies(true);
        let copies = Arc::clone(self);
        let starting = ran.clone();
        let made = async {
            self.core
                .call_engine(async move { copies.make_copies(&starting).await })
                .await?;
            let running: Vec<&String> = ran.iter().collect();
            let wiring = Wiring {
                files: ran.iter().cloned().collect(),
                ..wiring(&self.core.topology, &running)
            };
            self.wirer.wire_with(&wiring, |node| files.get(node)).await
        };
        let made = made.await;
        power.wired(made.as_ref().unwrap_or(&BTreeMap::new()));
        drop(power);
        let booted = match made {
            Ok(_) => try_join_all(ran.iter().map(|node| self.power.await_boot(node)))
                .await
                .map(drop),
            Err(error) => Err(error),
        };
        for node in self.core.topology.nodes.keys() {
            self.core.set_node(node, self.power.state_now(node).await);
        }
        booted
    }

    /// Removes the copies that stand in, or switches off the nodes themselves.
    async fn vacate_nodes(self: &Arc<Self>) -> Result<(), LabError> {
        if self.containers.has_copies() {
            return self.remove().await;
        }
        let nodes = self.core.topology.nodes.keys();
        let running = nodes.filter(|node| self.core.node_state(node) != NodeState::Stopped);
        try_join_all(running.map(|node| self.power.switch_off(node)))
            .await
            .map(drop)
    }

    async fn make_copies(&self, ran: &BTreeSet<String>) -> Result<(), LabError> {
        let runtime = &self.core.context.runtime;
        let made = self.core.topology.nodes.iter().map(async |(name, node)| {
            let mut spec = ContainerSpec {
                name: self.containers.current(name),
                image: self.snapshot(name),
                ..self.containers.node_spec(name, node)
            };
            spec.labels.insert(COPY.to_owned(), String::new());
            let doing = || format!("make a copy of node `{name}`");
            let created = runtime.create_container(&spec).await;
            created.map_err(LabError::runtime(doing()))?;
            if ran.contains(name) {
                let started = runtime.start_container(&spec.name).await;
                started.map_err(LabError::runtime(doing()))?;
                self.core.set_node(name, NodeState::Rebooting);
            }
            Ok(())
        });
        try_join_all(made).await.map(drop)
    }

    /// Removes all copies there are; the nodes themselves are in their places again, and off.
    pub(super) async fn remove(self: &Arc<Self>) -> Result<(), LabError> {
        let mut power = self.power.hold_all().await;
        let runtime = &self.core.context.runtime;
        let mut labels = self.containers.owner_labels();
        labels.insert(COPY.to_owned(), String::new());
        let found = runtime.list_containers(&labels).await;
        let found = found.map_err(LabError::runtime("look for copies of nodes"))?;
        let removals = found.iter().map(|copy| runtime.remove_container(&copy.id));
        let removed: Result<Vec<()>, _> = join_all(removals).await.into_iter().collect();
        removed.map_err(LabError::runtime("remove copies of nodes"))?;
        self.containers.set_copies(false);
        power.wired(&BTreeMap::new());
        Ok(())
    }

    fn keep(&self, snapshots: Snapshots) {
        *self
            .snapshots
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = snapshots;
    }

    /// Of every node the files that are not in its snapshot, or why there are no snapshots.
    fn taken(&self) -> Result<BTreeMap<String, Vec<PlacedFile>>, LabError> {
        match &*self
            .snapshots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
        {
            Snapshots::Taken(files) => Ok(files.clone()),
            Snapshots::None => Err(no_snapshot("none was taken")),
            Snapshots::Failed(reason) => Err(no_snapshot(reason)),
        }
    }

    /// Removes the images that copies were made from.
    pub(super) async fn remove_snapshots(&self) -> Result<(), LabError> {
        self.keep(Snapshots::None);
        let labels = self.snapshot_labels();
        let errors = remove_images(self.core.context.runtime.as_ref(), &labels).await;
        if errors.is_empty() {
            return Ok(());
        }
        Err(LabError::Down { errors })
    }

    fn snapshot_labels(&self) -> Labels {
        let mut labels = self.containers.owner_labels();
        labels.insert(ROLE.to_owned(), "snapshot".to_owned());
        labels
    }

    /// Tag of a node's snapshot.
    fn snapshot(&self, node: &str) -> String {
        format!("plateau/snapshot:{}-{node}", self.core.marker.id)
    }
}

fn no_snapshot(reason: &str) -> LabError {
    LabError::Snapshot {
        reason: reason.to_owned(),
    }
}
