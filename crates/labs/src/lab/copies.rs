//! Copies of the nodes as they were handed in, which stand in for them from a phase
//! `from: as-left` on.
//!
//! A snapshot is an image of what a node's disk had that its image had not. What a node had in
//! memory (its processes, `/run`, `/tmp`) is not in it. The nodes themselves are switched off
//! meanwhile and never touched: nothing that fails here can lose what a candidate has done.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use plateau_core::api::NodeState;
use plateau_core::plan::{Wiring, wiring};
use plateau_core::topology::PlacedFile;

use super::down::remove_images;
use super::{Lab, LabError};
use crate::error::chain;
use crate::labels::{COPY, LAB, NODE, OWNER, ROLE};
use crate::runtime::{ContainerSpec, ExecSpec, Labels, OutputEnd};

/// What an engine makes anew in every container, so that it gets lost on the way through an image.
const ENGINE_FILES: [&str; 3] = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

/// Most that these files may have together.
const FILES_LIMIT: usize = 16 << 20;

/// Most that reading them may take.
const FILES_TIMEOUT: Duration = Duration::from_secs(20);

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

/// Whether copies stand in for the nodes, and what they are made from.
#[derive(Debug, Default)]
pub(super) struct Copies {
    stand_in: AtomicBool,
    snapshots: Mutex<Snapshots>,
}

impl Copies {
    /// Whether they stand in for the nodes.
    pub(super) fn stand_in(&self) -> bool {
        self.stand_in.load(Ordering::SeqCst)
    }

    fn let_stand_in(&self, stand_in: bool) {
        self.stand_in.store(stand_in, Ordering::SeqCst);
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
}

impl Lab {
    /// Takes a snapshot of every node.
    pub(super) async fn take_snapshots(self: &Arc<Self>) {
        let nodes = self.core.topology.nodes.keys();
        let taken = try_join_all(nodes.map(async |node| {
            let files = self.engine_files(node).await?;
            let lab = Arc::clone(self);
            let name = node.clone();
            self.core
                .call_engine(async move { lab.commit(&name).await })
                .await?;
            Ok::<_, LabError>((node.clone(), files))
        }));
        let taken = match taken.await {
            Ok(taken) => Snapshots::Taken(taken.into_iter().collect()),
            Err(error) => Snapshots::Failed(chain(&error)),
        };
        self.copies.keep(taken);
    }

    async fn commit(&self, node: &str) -> Result<(), LabError> {
        let mut labels = self.snapshot_labels();
        labels.insert(NODE.to_owned(), node.to_owned());
        self.core
            .context
            .runtime
            .commit_container(&self.original(node), &self.snapshot(node), &labels)
            .await
            .map_err(LabError::runtime(format!(
                "take a snapshot of node `{node}`"
            )))
    }

    /// Of a node that is off, those that the scenario gave it.
    pub(super) async fn engine_files(&self, node: &str) -> Result<Vec<PlacedFile>, LabError> {
        let doing = || format!("read the names and resolvers of node `{node}`");
        if self.core.node_state(node) != NodeState::Running {
            let mut files = self.core.first_files(node).cloned().unwrap_or_default();
            files.retain(|file| ENGINE_FILES.contains(&file.path.as_str()));
            return Ok(files);
        }
        let mut argv = [
            "tar",
            "--create",
            "--dereference",
            "--file=-",
            "--directory=/",
        ]
        .map(str::to_owned)
        .to_vec();
        argv.extend(ENGINE_FILES.map(|path| path.trim_start_matches('/').to_owned()));
        let exec = ExecSpec {
            argv,
            env: BTreeMap::new(),
            stdin: vec![],
            timeout: FILES_TIMEOUT,
            limit: FILES_LIMIT,
            keep: OutputEnd::Head,
        };
        let output = self
            .core
            .context
            .runtime
            .exec(&self.original(node), &exec)
            .await;
        let output = output.map_err(LabError::runtime(doing()))?;
        let unreadable = |reason: String| LabError::Fault {
            node: node.to_owned(),
            reason: format!("its {} cannot be read: {reason}", ENGINE_FILES.join(", ")),
        };
        // It complains of one that is missing, and packs the others.
        if output.truncated || (output.exit != 0 && output.stdout.is_empty()) {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(unreadable(said.trim().to_owned()));
        }
        unpack(&output.stdout).map_err(|error| unreadable(error.to_string()))
    }

    /// Lets fresh copies of all nodes stand in for them. A node that was off is off as a copy.
    pub(super) async fn start_copies(self: &Arc<Self>) -> Result<(), LabError> {
        let files = self.copies.taken()?;
        let ran = self.grading.ran();
        self.vacate_nodes().await?;
        self.links.mend();
        let mut power = self.power.hold_all().await;
        self.copies.let_stand_in(true);
        let lab = Arc::clone(self);
        let starting = ran.clone();
        let made = async {
            self.core
                .call_engine(async move { lab.make_copies(&starting).await })
                .await?;
            let running: Vec<&String> = ran.iter().collect();
            let wiring = Wiring {
                files: ran.iter().cloned().collect(),
                ..wiring(&self.core.topology, &running)
            };
            self.wire_with(&wiring, |node| files.get(node)).await
        };
        let made = made.await;
        power.wired(made.as_ref().unwrap_or(&BTreeMap::new()));
        drop(power);
        let booted = match made {
            Ok(_) => try_join_all(ran.iter().map(|node| self.await_boot(node)))
                .await
                .map(drop),
            Err(error) => Err(error),
        };
        for node in self.core.topology.nodes.keys() {
            self.core.set_node(node, self.state_now(node).await);
        }
        booted
    }

    /// Removes the copies that stand in, or switches off the nodes themselves.
    async fn vacate_nodes(self: &Arc<Self>) -> Result<(), LabError> {
        if self.copies.stand_in() {
            return self.remove_copies().await;
        }
        let nodes = self.core.topology.nodes.keys();
        let running = nodes.filter(|node| self.core.node_state(node) != NodeState::Stopped);
        try_join_all(running.map(|node| self.switch_off(node)))
            .await
            .map(drop)
    }

    async fn make_copies(&self, ran: &BTreeSet<String>) -> Result<(), LabError> {
        let runtime = &self.core.context.runtime;
        let made = self.core.topology.nodes.iter().map(async |(name, node)| {
            let mut spec = ContainerSpec {
                name: self.container(name),
                image: self.snapshot(name),
                ..self.node_spec(name, node)
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
    pub(super) async fn remove_copies(self: &Arc<Self>) -> Result<(), LabError> {
        let mut power = self.power.hold_all().await;
        let runtime = &self.core.context.runtime;
        let mut labels = self.whose();
        labels.insert(COPY.to_owned(), String::new());
        let found = runtime.list_containers(&labels).await;
        let found = found.map_err(LabError::runtime("look for copies of nodes"))?;
        let removals = found.iter().map(|copy| runtime.remove_container(&copy.id));
        let removed: Result<Vec<()>, _> = join_all(removals).await.into_iter().collect();
        removed.map_err(LabError::runtime("remove copies of nodes"))?;
        self.copies.let_stand_in(false);
        power.wired(&BTreeMap::new());
        Ok(())
    }

    /// Removes the images that copies were made from.
    pub(super) async fn remove_snapshots(&self) -> Result<(), LabError> {
        self.copies.keep(Snapshots::None);
        let labels = self.snapshot_labels();
        let errors = remove_images(self.core.context.runtime.as_ref(), &labels).await;
        if errors.is_empty() {
            return Ok(());
        }
        Err(LabError::Down { errors })
    }

    fn whose(&self) -> Labels {
        Labels::from([
            (LAB.to_owned(), self.core.marker.id.clone()),
            (OWNER.to_owned(), self.core.context.owner.clone()),
        ])
    }

    fn snapshot_labels(&self) -> Labels {
        let mut labels = self.whose();
        labels.insert(ROLE.to_owned(), "snapshot".to_owned());
        labels
    }

    /// Tag of a node's snapshot.
    fn snapshot(&self, node: &str) -> String {
        format!("plateau/snapshot:{}-{node}", self.core.marker.id)
    }
}

/// The files of an archive; what is none, such as a pipe in a file's place, is left out.
fn unpack(archive: &[u8]) -> std::io::Result<Vec<PlacedFile>> {
    let mut files = Vec::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let path = format!("/{}", entry.path()?.display());
        if !entry.header().entry_type().is_file() || !ENGINE_FILES.contains(&path.as_str()) {
            continue;
        }
        let number = |number: u64| u32::try_from(number).unwrap_or(0);
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.push(PlacedFile {
            path,
            content,
            mode: u16::try_from(entry.header().mode()? & 0o7777).unwrap_or(0o644),
            uid: number(entry.header().uid()?),
            gid: number(entry.header().gid()?),
        });
    }
    Ok(files)
}

fn no_snapshot(reason: &str) -> LabError {
    LabError::Snapshot {
        reason: reason.to_owned(),
    }
}
