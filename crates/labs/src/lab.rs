//! A lab: its parts, and the task that owns it.

use std::sync::Arc;

use plateau_core::api::{DiskAlertLevel, LabEvent, LabState, LabView};
use plateau_core::topology::Topology;
use plateau_core::wire::{DiskUse, NodeDisk};
use tokio::sync::{broadcast, watch};

use crate::store::{Marker, Progress, on_disk};

mod actions;
mod availability;
mod builder;
mod containers;
mod copies;
mod core;
mod disks;
pub mod down;
mod effects;
pub mod error;
mod events;
mod faults;
mod grading;
mod hand_in;
mod links;
mod node_files;
mod observers;
mod phases;
mod power;
mod programs;
pub(crate) mod quota;
mod reopening;
mod rollback;
mod sharing;
mod solver;
pub(crate) mod task;
mod wirer;

use self::core::LabCore;
use actions::Actions;
use builder::Builder;
use containers::Containers;
use copies::Copies;
use disks::Disks;
use effects::Effects;
use events::ScenarioEvents;
use faults::Faults;
use grading::Grader;
use hand_in::HandIn;
use links::Links;
use node_files::NodeFiles;
use observers::Observers;
use phases::PhaseRunner;
use power::Power;
use programs::Programs;
use rollback::Rollback;
use sharing::SharedDisks;
use solver::Solver;
use wirer::Wirer;

pub(crate) use self::core::LabContext;
pub use error::LabError;
pub(crate) use reopening::{HandInRecord, Reopening};

/// One lab, shared by the task that owns it and by the jobs that this task starts.
#[derive(Debug)]
pub(crate) struct Lab {
    core: Arc<LabCore>,
    builder: Arc<Builder>,
    containers: Arc<Containers>,
    disks: Arc<Disks>,
    events: Arc<ScenarioEvents>,
    grader: Grader,
    hand_in: HandIn,
    power: Arc<Power>,
    programs: Arc<Programs>,
    shared_disks: Arc<SharedDisks>,
    solver: Solver,
}

impl Lab {
    /// A lab of which nothing is there yet. What events did to the one that it starts from is done to it.
    pub(crate) fn new(
        context: Arc<LabContext>,
        marker: Marker,
        topology: Topology,
        again: Option<Reopening>,
    ) -> Arc<Self> {
        let happened = again.as_ref().map(|again| again.events.clone());
        let core = LabCore::new(context, marker, topology, again);
        let lab = Self::assemble(Arc::new(core));
        lab.events.apply_records(&happened.unwrap_or_default());
        Arc::new(lab)
    }

    /// A lab that was built before we came. It is away until its task has brought it back.
    pub(crate) fn adopt(context: Arc<LabContext>, marker: Marker, topology: Topology) -> Arc<Self> {
        let lab = Self::new(context, marker, topology, None);
        lab.core.set_away();
        lab
    }

    /// Makes each part from those that it needs.
    fn assemble(core: Arc<LabCore>) -> Self {
        let shared = || Arc::clone(&core);
        let containers = Arc::new(Containers::new(shared()));
        let links = Arc::new(Links::default());
        let wirer = Arc::new(Wirer::new(shared(), containers.clone(), links.clone()));
        let power = Arc::new(Power::new(shared(), containers.clone(), wirer.clone()));
        let programs = Arc::new(Programs::new(shared(), containers.clone()));
        let files = Arc::new(NodeFiles::new(shared(), containers.clone()));
        let disks = Arc::new(Disks::new(shared(), containers.clone(), files.clone()));
        let effects = Arc::new(Effects::new(shared()));
        let faults = Arc::new(Faults::new(
            shared(),
            containers.clone(),
            links.clone(),
            power.clone(),
            effects.clone(),
        ));
        let observers = Arc::new(Observers::new(shared(), containers.clone(), wirer.clone()));
        let actions = Arc::new(Actions::new(
            shared(),
            power.clone(),
            programs.clone(),
            faults.clone(),
            observers.clone(),
        ));
        let copies = Arc::new(Copies::new(
            shared(),
            containers.clone(),
            links.clone(),
            wirer.clone(),
            power.clone(),
            effects.clone(),
            disks.clone(),
        ));
        let phases = PhaseRunner::new(shared(), actions.clone(), copies.clone(), observers.clone());
        let rollback = Rollback::new(
            shared(),
            containers.clone(),
            links.clone(),
            power.clone(),
            faults,
            copies,
            effects,
        );
        Self {
            builder: Arc::new(Builder::new(
                shared(),
                containers.clone(),
                wirer,
                power.clone(),
                programs.clone(),
            )),
            events: Arc::new(ScenarioEvents::new(shared(), links, actions, observers)),
            grader: Grader::new(shared(), Arc::new(rollback), Arc::new(phases)),
            hand_in: HandIn::new(shared(), containers.clone(), files, disks.clone()),
            shared_disks: Arc::new(SharedDisks::new(shared(), disks.clone())),
            solver: Solver::new(shared(), programs.clone()),
            containers,
            disks,
            power,
            programs,
            core,
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.core.marker.id
    }

    pub(crate) fn name(&self) -> &str {
        &self.core.marker.name
    }

    pub(crate) fn view(&self) -> LabView {
        self.core.view()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<LabView> {
        self.core.watch()
    }

    pub(crate) fn state(&self) -> LabState {
        self.core.state()
    }

    /// Whether its nodes can be frozen or thawed now and are not known to be so already.
    pub(crate) fn has_to_be(&self, frozen: bool) -> bool {
        self.core.state() == LabState::Ready && self.core.frozen() != Some(frozen)
    }

    /// What has happened so far, and what happens from now on: nothing twice, nothing left out.
    pub(crate) fn follow(&self) -> (Vec<LabEvent>, broadcast::Receiver<LabEvent>) {
        self.core.follow()
    }

    /// Names of all containers that a lab of this name has from its start.
    pub(crate) fn container_names(&self) -> impl Iterator<Item = String> {
        self.containers.names()
    }

    /// The disks of the nodes that run, by node.
    pub(crate) async fn running_disks(&self) -> Vec<(String, NodeDisk)> {
        self.disks.running().await
    }

    /// Warns of a node, or stops it, for what it has written.
    pub(crate) async fn judge_disk(&self, node: &str, found: &DiskUse) {
        self.disks.judge(node, found).await;
    }

    /// Stops a node for what it has written.
    pub(crate) async fn stop_for_disk(&self, node: &str, found: &DiskUse, level: DiskAlertLevel) {
        self.disks.stop(node, found, level).await;
    }

    async fn build(&self) -> Result<(), LabError> {
        self.mark(Progress::Transitional).await?;
        self.builder.build().await?;
        if self.core.marker.ephemeral {
            // Left as it is, so that the next daemon removes it.
            return Ok(());
        }
        self.mark(Progress::Built).await
    }

    /// Writes down how far the lab got.
    async fn mark(&self, progress: Progress) -> Result<(), LabError> {
        let store = self.core.context.store.clone();
        let marker = Marker {
            progress,
            ..self.core.marker.clone()
        };
        Ok(on_disk(move || store.mark(&marker)).await?)
    }

    async fn forget(&self) -> Result<(), LabError> {
        let store = self.core.context.store.clone();
        let id = self.core.marker.id.clone();
        Ok(on_disk(move || store.forget(&id)).await?)
    }
}
