//! A lab: its parts, and the task that owns it.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use plateau_core::api::{ApiError, LabEvent, LabEventKind, LabState, LabView, NodeState, NodeView};
use plateau_core::topology::Topology;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agent::Agent;
use crate::runtime::Runtime;
use crate::settings::Settings;
use crate::store::{Marker, Progress, Store, on_disk};

mod actions;
mod availability;
mod builder;
mod containers;
mod copies;
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
mod sharing;
mod solver;
pub(crate) mod task;
mod wirer;

pub use error::LabError;
pub(crate) use hand_in::{HandInRecord, Reopening};

/// Events of a lab that are kept for those who come later.
const HISTORY: usize = 512;

/// What all labs of a daemon share.
#[derive(Debug)]
pub(crate) struct LabContext {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) agent: Agent,
    pub(crate) owner: String,
    /// Whether nodes get a cgroup namespace of their own instead of the host's tree, read-only.
    pub(crate) private_cgroups: bool,
    pub(crate) events: broadcast::Sender<LabEvent>,
}

/// One lab, shared by the task that owns it and by the jobs that this task starts.
#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) context: Arc<LabContext>,
    pub(crate) marker: Marker,
    pub(crate) topology: Topology,
    view: watch::Sender<LabView>,
    history: Mutex<VecDeque<LabEvent>>,
    power: power::Power,
    /// Held by what must not happen to a lab at the same time: solving, grading, rebooting.
    work: tokio::sync::Mutex<()>,
    /// Ends all jobs.
    cancel: CancellationToken,
    jobs: TaskTracker,
    links: faults::Links,
    copies: copies::Copies,
    grading: grading::Grading,
    events: events::Events,
    /// How often it was away, as far as this daemon knows.
    absences: AtomicUsize,
    /// What it is opened again from, where it is.
    again: Option<Reopening>,
}

impl Lab {
    pub(crate) fn new(
        context: Arc<LabContext>,
        marker: Marker,
        topology: Topology,
        again: Option<Reopening>,
    ) -> Arc<Self> {
        let view = LabView {
            reopened: again
                .as_ref()
                .and_then(|again| again.attempt().map(str::to_owned)),
            ..first_view(&marker, &topology)
        };
        Arc::new(Self {
            power: power::Power::new(topology.nodes.keys()),
            view: watch::Sender::new(view),
            history: Mutex::default(),
            work: tokio::sync::Mutex::default(),
            cancel: CancellationToken::new(),
            jobs: TaskTracker::new(),
            links: faults::Links::default(),
            copies: copies::Copies::default(),
            grading: grading::Grading::default(),
            events: events::Events::default(),
            absences: AtomicUsize::default(),
            context,
            marker,
            topology,
            again,
        })
    }

    pub(crate) fn view(&self) -> LabView {
        self.view.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<LabView> {
        self.view.subscribe()
    }

    pub(crate) fn state(&self) -> LabState {
        self.view.borrow().state
    }

    /// What has happened so far, and what happens from now on: nothing twice, nothing left out.
    pub(crate) fn follow(&self) -> (Vec<LabEvent>, broadcast::Receiver<LabEvent>) {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let events = self.context.events.subscribe();
        (history.iter().cloned().collect(), events)
    }

    fn emit(&self, what: LabEventKind) {
        let event = LabEvent {
            at: jiff::Timestamp::now().to_string(),
            lab: self.marker.id.clone(),
            what,
        };
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        if history.len() == HISTORY {
            history.pop_front();
        }
        history.push_back(event.clone());
        // Nobody may be listening.
        let _ = self.context.events.send(event);
    }

    fn set_state(&self, state: LabState, problem: Option<ApiError>) {
        self.view.send_modify(|view| {
            view.state = state;
            view.problem = problem;
        });
        tracing::info!(lab = %self.marker.name, id = %self.marker.id, ?state, "lab");
        self.emit(LabEventKind::State { state });
    }

    /// Says that it cannot be worked with until it was brought back.
    pub(crate) fn set_away(&self) {
        self.absences.fetch_add(1, Ordering::SeqCst);
        if self.state() != LabState::Recovering {
            self.set_state(LabState::Recovering, None);
        }
    }

    /// How often it was away so far.
    fn absences(&self) -> usize {
        self.absences.load(Ordering::SeqCst)
    }

    fn set_node(&self, node: &str, state: NodeState) {
        let changed = self.view.send_if_modified(|view| {
            let known = view.nodes.get_mut(node);
            known.is_some_and(|known| std::mem::replace(&mut known.state, state) != state)
        });
        if changed {
            self.emit(LabEventKind::Node {
                node: node.to_owned(),
                state,
            });
        }
    }

    fn node_state(&self, node: &str) -> NodeState {
        let view = self.view.borrow();
        view.nodes
            .get(node)
            .map_or(NodeState::Absent, |node| node.state)
    }

    fn known(&self, node: &str) -> Result<(), LabError> {
        if self.topology.nodes.contains_key(node) {
            return Ok(());
        }
        Err(LabError::NoSuchNode {
            lab: self.marker.name.clone(),
            node: node.to_owned(),
        })
    }

    /// Lets a call of the engine come to its end although nobody waits for it any longer: dropped
    /// half-way, it might make something after everything was removed.
    async fn to_its_end<T: Send + 'static>(
        self: &Arc<Self>,
        call: impl Future<Output = Result<T, LabError>> + Send + 'static,
    ) -> Result<T, LabError> {
        self.jobs
            .spawn(call)
            .await
            .unwrap_or_else(|_| Err(self.given_up()))
    }

    fn given_up(&self) -> LabError {
        LabError::GivenUp {
            lab: self.marker.name.clone(),
        }
    }

    /// Writes down how far the lab got.
    async fn mark(&self, progress: Progress) -> Result<(), LabError> {
        let store = self.context.store.clone();
        let marker = Marker {
            progress,
            ..self.marker.clone()
        };
        Ok(on_disk(move || store.mark(&marker)).await?)
    }

    async fn forget(&self) -> Result<(), LabError> {
        let store = self.context.store.clone();
        let id = self.marker.id.clone();
        Ok(on_disk(move || store.forget(&id)).await?)
    }
}

fn first_view(marker: &Marker, topology: &Topology) -> LabView {
    let nodes = topology.nodes.iter().map(|(name, node)| {
        let interfaces = node.interfaces.iter();
        let view = NodeView {
            image: node.image.clone(),
            state: NodeState::Absent,
            access: node.access.clone(),
            interfaces: interfaces
                .map(|(name, interface)| (name.clone(), interface.network.clone()))
                .collect(),
        };
        (name.clone(), view)
    });
    LabView {
        id: marker.id.clone(),
        name: marker.name.clone(),
        scenario: marker.scenario.clone(),
        hash: marker.hash.clone(),
        title: topology.title.clone(),
        seed: marker.seed.clone(),
        parameters: topology.parameters.clone(),
        reopened: None,
        state: LabState::Building,
        created: marker.created.clone(),
        nodes: nodes.collect(),
        started: None,
        events: events::pending_events(&topology.events),
        problem: None,
    }
}
