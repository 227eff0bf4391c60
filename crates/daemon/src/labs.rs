//! All labs of the daemon: the handle that HTTP and proofs call.

use std::sync::Arc;

use plateau_core::api::{
    CheckLab, CheckResultView, Event, Exec, ExecResult, LabView, NewLab, Solve, SolveResult,
};
use plateau_core::scenario::Folder;
use plateau_core::topology::Topology;
use tokio::sync::broadcast;

use crate::lab::LabError;
use crate::runtime::{Attached, Runtime};
use crate::settings::Settings;

/// A handle on all labs; clones share them. Labs are addressed by name or by identifier.
#[derive(Clone, Debug)]
pub struct Labs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    runtime: Arc<dyn Runtime>,
    events: broadcast::Sender<Event>,
}

impl Labs {
    /// Installs the agent on the engine, adopts the labs that are there, removes those that were
    /// left half-built, and follows the engine's events from then on.
    ///
    /// # Errors
    /// The engine or the state folder cannot be used.
    pub async fn open(runtime: Arc<dyn Runtime>, _settings: Settings) -> Result<Self, LabError> {
        let (events, _) = broadcast::channel(4096);
        let inner = Arc::new(Inner { runtime, events });
        Ok(Self { inner })
    }

    /// The engine.
    #[must_use]
    pub fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.inner.runtime
    }

    /// What happens to all labs, from now on. A receiver that is too slow loses the oldest events.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.inner.events.subscribe()
    }

    /// Asks for a lab and returns at once; it is built in the background.
    ///
    /// # Errors
    /// The scenario has problems, or the name is taken.
    pub async fn create(&self, _lab: NewLab) -> Result<LabView, LabError> {
        unimplemented!()
    }

    /// The same for a topology drawn already from a folder.
    ///
    /// # Errors
    /// The name is taken, or the folder cannot be kept.
    pub async fn create_drawn(
        &self,
        _folder: &Folder,
        _topology: Topology,
        _name: Option<String>,
    ) -> Result<LabView, LabError> {
        unimplemented!()
    }

    /// All labs in the order in which they were asked for.
    #[must_use]
    pub fn list(&self) -> Vec<LabView> {
        unimplemented!()
    }

    /// One lab.
    ///
    /// # Errors
    /// There is none.
    pub fn show(&self, _lab: &str) -> Result<LabView, LabError> {
        unimplemented!()
    }

    /// What has happened to a lab so far (at most its last 512 events), and what happens from now on.
    /// Events of other labs come in the receiver too.
    ///
    /// # Errors
    /// There is none.
    pub fn follow(&self, _lab: &str) -> Result<(Vec<Event>, broadcast::Receiver<Event>), LabError> {
        unimplemented!()
    }

    /// Waits until a lab is not being built any longer.
    ///
    /// # Errors
    /// There is none. A lab whose building failed is no error here: its view says so.
    pub async fn built(&self, _lab: &str) -> Result<LabView, LabError> {
        unimplemented!()
    }

    /// Runs a command in a node.
    ///
    /// # Errors
    /// There is no such lab or node, it does not run, or the command took too long.
    pub async fn exec(&self, _lab: &str, _node: &str, _exec: Exec) -> Result<ExecResult, LabError> {
        unimplemented!()
    }

    /// Runs solutions, and a mistake after them. A script that fails is no error.
    ///
    /// # Errors
    /// There is no such lab, task or mistake, or the lab does not run.
    pub async fn solve(&self, _lab: &str, _solve: Solve) -> Result<SolveResult, LabError> {
        unimplemented!()
    }

    /// Grades a lab.
    ///
    /// # Errors
    /// There is no such lab or phase, or the lab does not run. What cannot be looked at is
    /// `unknown` in the grade and no error.
    pub async fn check(&self, _lab: &str, _check: CheckLab) -> Result<CheckResultView, LabError> {
        unimplemented!()
    }

    /// Restarts a node, also a stopped one, and waits until it has booted.
    ///
    /// # Errors
    /// There is no such lab or node, or it does not boot.
    pub async fn reboot(&self, _lab: &str, _node: &str) -> Result<(), LabError> {
        unimplemented!()
    }

    /// Removes a lab, also one that is still being built.
    ///
    /// # Errors
    /// There is no such lab, or not all of it could be removed; then it can be asked for again.
    pub async fn down(&self, _lab: &str) -> Result<(), LabError> {
        unimplemented!()
    }

    /// Opens a terminal of a node: the frames of `plateau_core::terminal` in both directions.
    /// Terminals of the same name are the same terminal.
    ///
    /// # Errors
    /// There is no such lab or node, or it does not run.
    pub async fn terminal(
        &self,
        _lab: &str,
        _node: &str,
        _name: &str,
        _user: &str,
    ) -> Result<Attached, LabError> {
        unimplemented!()
    }
}
