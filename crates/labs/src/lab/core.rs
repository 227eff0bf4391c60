//! What the parts of a lab share: what it is made of, how it is seen, and its jobs.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use plateau_core::api::{
    ApiError, EventRecord, EventView, LabEvent, LabEventKind, LabState, LabView, NodeState,
    NodeView,
};
use plateau_core::topology::{PlacedFile, ScenarioEvent, Topology};
use tokio::sync::{MutexGuard, broadcast, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::LabError;
use super::reopening::Reopening;
use crate::agent::Agent;
use crate::error::chain;
use crate::runtime::{EngineInfo, Runtime};
use crate::settings::Settings;
use crate::store::{Marker, Store, on_disk};

/// Events of a lab that are kept for those who come later.
const HISTORY: usize = 512;

/// The record of what became of a lab's events.
const EVENTS: &str = "events.jsonl";

/// What all labs of a daemon share.
#[derive(Debug)]
pub(crate) struct LabContext {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) agent: Agent,
    pub(crate) owner: String,
    pub(crate) events: broadcast::Sender<LabEvent>,
    /// What the engine said of itself since it was reached last; it takes long to say so while it is busy.
    pub(crate) engine: tokio::sync::Mutex<Option<EngineInfo>>,
}

impl LabContext {
    /// What the engine is; `None` where it does not say.
    pub(super) async fn engine_info(&self) -> Option<EngineInfo> {
        let mut known = self.engine.lock().await;
        if known.is_none() {
            *known = self.runtime.info().await.ok();
        }
        known.clone()
    }

    /// The engine was away: another may be there now.
    pub(crate) async fn forget_engine(&self) {
        self.engine.lock().await.take();
    }
}

/// What the parts of one lab share. What it is made of never changes.
#[derive(Debug)]
pub(super) struct LabCore {
    pub(super) context: Arc<LabContext>,
    pub(super) marker: Marker,
    pub(super) topology: Topology,
    /// What it is opened again from, where it is.
    pub(super) again: Option<Reopening>,
    view: watch::Sender<LabView>,
    history: Mutex<VecDeque<LabEvent>>,
    /// Held by what must not happen to a lab at the same time: solving, grading, rebooting.
    work: tokio::sync::Mutex<()>,
    /// Ends all jobs.
    cancel: CancellationToken,
    jobs: TaskTracker,
    /// How often it was away, as far as this daemon knows.
    absences: AtomicUsize,
    /// Whether its nodes are frozen, as far as this daemon knows.
    frozen: Mutex<Option<bool>>,
}

impl LabCore {
    pub(super) fn new(
        context: Arc<LabContext>,
        marker: Marker,
        topology: Topology,
        again: Option<Reopening>,
    ) -> Self {
        let view = LabView {
            reopened: again
                .as_ref()
                .and_then(|again| again.attempt().map(str::to_owned)),
            ..first_view(&marker, &topology)
        };
        Self {
            view: watch::Sender::new(view),
            history: Mutex::default(),
            work: tokio::sync::Mutex::default(),
            cancel: CancellationToken::new(),
            jobs: TaskTracker::new(),
            absences: AtomicUsize::default(),
            frozen: Mutex::new(Some(false)),
            context,
            marker,
            topology,
            again,
        }
    }

    pub(super) fn view(&self) -> LabView {
        self.view.borrow().clone()
    }

    pub(super) fn watch(&self) -> watch::Receiver<LabView> {
        self.view.subscribe()
    }

    pub(super) fn update_view(&self, update: impl FnOnce(&mut LabView)) {
        self.view.send_modify(update);
    }

    pub(super) fn state(&self) -> LabState {
        self.view.borrow().state
    }

    /// What has happened so far, and what happens from now on: nothing twice, nothing left out.
    pub(super) fn follow(&self) -> (Vec<LabEvent>, broadcast::Receiver<LabEvent>) {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let events = self.context.events.subscribe();
        (history.iter().cloned().collect(), events)
    }

    pub(super) fn emit(&self, what: LabEventKind) {
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

    pub(super) fn set_state(&self, state: LabState, problem: Option<ApiError>) {
        self.view.send_modify(|view| {
            view.state = state;
            view.problem = problem;
        });
        tracing::info!(lab = %self.marker.name, id = %self.marker.id, ?state, "lab");
        self.emit(LabEventKind::State { state });
    }

    /// Says that it cannot be worked with until it was brought back.
    pub(super) fn set_away(&self) {
        self.absences.fetch_add(1, Ordering::SeqCst);
        self.set_frozen(None);
        if self.state() != LabState::Recovering {
            self.set_state(LabState::Recovering, None);
        }
    }

    /// Whether its nodes are frozen; `None` where that is not known.
    pub(super) fn frozen(&self) -> Option<bool> {
        *self.frozen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_frozen(&self, frozen: Option<bool>) {
        *self.frozen.lock().unwrap_or_else(PoisonError::into_inner) = frozen;
    }

    /// How often it was away so far.
    pub(super) fn absences(&self) -> usize {
        self.absences.load(Ordering::SeqCst)
    }

    pub(super) fn set_node(&self, node: &str, state: NodeState) {
        let changed = self.view.send_if_modified(|view| {
            let known = view.nodes.get_mut(node);
            known.is_some_and(|known| std::mem::replace(&mut known.state, state) != state)
        });
        if changed {
            if state == NodeState::Running && self.frozen() == Some(true) {
                // One that was booting when the others were frozen.
                self.set_frozen(None);
            }
            self.emit(LabEventKind::Node {
                node: node.to_owned(),
                state,
            });
        }
    }

    pub(super) fn node_state(&self, node: &str) -> NodeState {
        let view = self.view.borrow();
        view.nodes
            .get(node)
            .map_or(NodeState::Absent, |node| node.state)
    }

    pub(super) fn running_nodes(&self) -> impl Iterator<Item = &String> {
        let nodes = self.topology.nodes.keys();
        nodes.filter(|node| self.node_state(node) == NodeState::Running)
    }

    /// Refuses a node that the lab does not have.
    pub(super) fn known(&self, node: &str) -> Result<(), LabError> {
        if self.topology.nodes.contains_key(node) {
            return Ok(());
        }
        Err(LabError::NoSuchNode {
            lab: self.marker.name.clone(),
            node: node.to_owned(),
        })
    }

    /// Refuses a node that does not run.
    pub(super) fn running(&self, node: &str) -> Result<(), LabError> {
        self.known(node)?;
        match self.node_state(node) {
            NodeState::Running => Ok(()),
            NodeState::Absent | NodeState::Rebooting | NodeState::Stopped => {
                Err(LabError::NodeStopped {
                    node: node.to_owned(),
                })
            }
        }
    }

    /// The files that a node has before its first boot here.
    pub(super) fn first_files(&self, node: &str) -> Option<&Vec<PlacedFile>> {
        match &self.again {
            Some(again) => again.files.get(node),
            None => Some(&self.topology.nodes.get(node)?.files),
        }
    }

    /// Waits until nothing else works on the lab, and keeps others from it while the guard lives.
    pub(super) async fn lock_work(&self) -> MutexGuard<'_, ()> {
        self.work.lock().await
    }

    /// Lets a call of the engine come to its end although nobody waits for it any longer: dropped
    /// half-way, it might make something after everything was removed.
    pub(super) async fn call_engine<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, LabError>> + Send + 'static,
    ) -> Result<T, LabError> {
        self.jobs
            .spawn(call)
            .await
            .unwrap_or_else(|_| Err(self.given_up()))
    }

    /// Starts a job that is given up when the lab is removed.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        job: impl Future<Output = Result<T, LabError>> + Send + 'static,
    ) -> JoinHandle<Result<T, LabError>> {
        self.jobs.spawn(self.until_removed(job))
    }

    /// The same for a job whose result is handed on.
    pub(super) fn spawn_then<T: Send + 'static>(
        &self,
        job: impl Future<Output = Result<T, LabError>> + Send + 'static,
        then: impl FnOnce(Result<T, LabError>) + Send + 'static,
    ) {
        let job = self.until_removed(job);
        self.jobs.spawn(async move { then(job.await) });
    }

    fn until_removed<T: Send + 'static>(
        &self,
        job: impl Future<Output = Result<T, LabError>> + Send + 'static,
    ) -> impl Future<Output = Result<T, LabError>> + Send + 'static {
        let cancel = self.cancel.clone();
        let given_up = self.given_up();
        async move {
            tokio::select! {
                () = cancel.cancelled() => Err(given_up),
                done = job => done,
            }
        }
    }

    /// The same for a job whose result nobody waits for.
    pub(super) fn spawn_background(&self, job: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.cancel.clone();
        self.jobs.spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = job => {}
            }
        });
    }

    /// Ends all jobs and waits for calls that are under way.
    pub(super) async fn end_jobs(&self) {
        self.cancel.cancel();
        self.jobs.close();
        self.jobs.wait().await;
    }

    fn given_up(&self) -> LabError {
        LabError::GivenUp {
            lab: self.marker.name.clone(),
        }
    }

    /// Does something and tells what becomes of it.
    pub(super) async fn run_and_record(
        &self,
        stage: &str,
        step: String,
        work: impl Future<Output = Result<(), LabError>>,
    ) -> Result<(), LabError> {
        self.emit(LabEventKind::StepStarted {
            stage: stage.to_owned(),
            step: step.clone(),
        });
        let begun = Instant::now();
        let done = work.await;
        self.emit(match &done {
            Ok(()) => LabEventKind::StepDone {
                step,
                took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            },
            Err(error) => LabEventKind::StepFailed {
                step,
                reason: chain(error),
            },
        });
        done
    }

    /// What became of the scenario's events, as it was written down.
    pub(super) async fn event_records(&self) -> Result<Vec<EventRecord>, LabError> {
        let (store, id) = (self.context.store.clone(), self.marker.id.clone());
        Ok(on_disk(move || store.lines(&id, EVENTS)).await?)
    }

    /// Writes down what became of an event.
    pub(super) async fn append_event_record(&self, record: EventRecord) -> Result<(), LabError> {
        let (store, id) = (self.context.store.clone(), self.marker.id.clone());
        Ok(on_disk(move || store.append(&id, EVENTS, &record)).await?)
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
            disk: None,
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
        events: pending_events(&topology.events),
        problem: None,
    }
}

/// Events as they are shown before any happened.
fn pending_events(events: &[ScenarioEvent]) -> Vec<EventView> {
    let view = |event: &ScenarioEvent| EventView {
        id: event.id.clone(),
        trigger: event.trigger.to_string(),
        begun: None,
        progress: None,
    };
    events.iter().map(view).collect()
}
