//! A lab: its parts, and the task that owns it.

use std::sync::Arc;

use plateau_core::api::{LabEvent, LabState, LabView};
use plateau_core::topology::Topology;
use tokio::sync::{broadcast, watch};

use crate::store::{Marker, Progress, on_disk};

mod actions;
mod availability;
mod builder;
mod containers;
mod copies;
mod core;
pub mod down;
mod effects;
pub mod error;
mod events;
mod faults;
mod grading;
mod hand_in;
mod observers;
mod power;
mod programs;
mod reopening;
mod sharing;
mod solver;
pub(crate) mod task;
mod wirer;

pub(crate) use self::core::LabContext;
use self::core::LabCore;
pub use error::LabError;
pub(crate) use reopening::{HandInRecord, Reopening};

/// One lab, shared by the task that owns it and by the jobs that this task starts.
#[derive(Debug)]
pub(crate) struct Lab {
    core: Arc<LabCore>,
    power: power::Power,
    links: faults::Links,
    copies: copies::Copies,
    grading: grading::Grading,
    events: events::Events,
}

impl Lab {
    pub(crate) fn new(
        context: Arc<LabContext>,
        marker: Marker,
        topology: Topology,
        again: Option<Reopening>,
    ) -> Arc<Self> {
        let core = Arc::new(LabCore::new(context, marker, topology, again));
        Arc::new(Self {
            power: power::Power::new(core.topology.nodes.keys()),
            links: faults::Links::default(),
            copies: copies::Copies::default(),
            grading: grading::Grading::default(),
            events: events::Events::default(),
            core,
        })
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

    /// What has happened so far, and what happens from now on: nothing twice, nothing left out.
    pub(crate) fn follow(&self) -> (Vec<LabEvent>, broadcast::Receiver<LabEvent>) {
        self.core.follow()
    }

    /// Says that it cannot be worked with until it was brought back.
    pub(crate) fn set_away(&self) {
        self.core.set_away();
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
