//! A runtime in memory, for tests and for development of the web pages without Docker.
//!
//! It keeps containers, images and volumes, and answers the agent's roles: wiring is always done,
//! a boot always ends well, scripts end with 0, and a question is answered by what
//! [`Fake::answering`] was given, or by "could not look".

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plateau_core::probe::{Fact, ProbeQuestion};
use plateau_core::wire::{DiskUse, WireRequest};
use tokio::sync::{broadcast, watch};

use super::{ContainerChange, ContainerEvent, ContainerSpec, Image, Labels, Result, RuntimeError};

mod answer;
mod engine;
mod ports;

/// Answers a question in place of a node's agent. The arguments are the node (or `examiner@network`),
/// the nodes and texts of the scripts that were run in its lab so far, and the question.
pub type AgentAnswers = dyn Fn(&str, &[(String, String)], &ProbeQuestion) -> Fact + Send + Sync;

/// A runtime in memory.
pub struct Fake {
    state: Arc<Mutex<State>>,
    events: Mutex<broadcast::Sender<ContainerEvent>>,
    boots: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    calls: usize,
    gone: bool,
    fail_at: Option<usize>,
    next: u32,
    containers: BTreeMap<String, FakeContainer>,
    images: BTreeMap<String, Image>,
    missing: BTreeSet<String>,
    volumes: BTreeMap<String, Labels>,
    wired: Vec<WireRequest>,
    scripts: Vec<RanScript>,
    failing_script: Option<(String, i64)>,
    answering: Option<Arc<AgentAnswers>>,
    ports: BTreeMap<u16, SocketAddr>,
    written: BTreeMap<String, DiskUse>,
    disk_free: Option<u64>,
}

/// A container that is kept.
#[derive(Clone, Debug)]
struct FakeContainer {
    spec: ContainerSpec,
    pid: Option<u32>,
    exit: Option<i64>,
    /// When its first process was started last.
    started: Option<jiff::Timestamp>,
    paused: bool,
    files: usize,
}

/// A script that was run.
#[derive(Clone, Debug)]
struct RanScript {
    lab: String,
    node: String,
    text: String,
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fake").finish_non_exhaustive()
    }
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            state: Arc::default(),
            events: Mutex::new(events()),
            boots: watch::Sender::new(true),
        }
    }
}

impl Fake {
    /// One that never fails.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One whose `call`-th call that changes something fails, counted from 1; the others do not.
    #[must_use]
    pub fn failing_at(call: usize) -> Self {
        let fake = Self::default();
        fake.state().fail_at = Some(call);
        fake
    }

    /// Lets the `call`-th call from now fail, counted from 1.
    pub fn fail_in(&self, call: usize) {
        let mut state = self.state();
        state.fail_at = Some(state.calls + call);
    }

    /// Makes every call fail as if the engine were unreachable.
    pub fn go_offline(&self) {
        self.state().gone = true;
    }

    /// Goes offline as an engine whose process ended: its event streams end too.
    pub fn fall(&self) {
        self.go_offline();
        *locked(&self.events) = events();
    }

    /// Comes online again as it was.
    pub fn come_back(&self) {
        self.state().gone = false;
    }

    /// Comes online again, with its containers present but stopped, as after a restart of the
    /// engine.
    pub fn come_online(&self) {
        let mut state = self.state();
        state.gone = false;
        for kept in state.containers.values_mut() {
            if kept.pid.take().is_some() {
                kept.exit = Some(137);
                kept.paused = false;
            }
        }
    }

    /// Calls that changed something, so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.state().calls
    }

    /// Sets the answers of the nodes' agents.
    pub fn answering(
        &self,
        say: impl Fn(&str, &[(String, String)], &ProbeQuestion) -> Fact + Send + Sync + 'static,
    ) {
        self.state().answering = Some(Arc::new(say));
    }

    /// How many scripts were run whose text contains `part`.
    #[must_use]
    pub fn scripts_run(&self, part: &str) -> usize {
        let state = self.state();
        let with = state.scripts.iter().filter(|ran| ran.text.contains(part));
        with.count()
    }

    /// Makes scripts whose text contains `part` end with the status `exit`.
    pub fn fail_scripts(&self, part: &str, exit: i64) {
        self.state().failing_script = Some((part.to_owned(), exit));
    }

    /// Sets what a container has written to its disk.
    pub fn write_to_disk(&self, container: &str, written: DiskUse) {
        self.state().written.insert(container.to_owned(), written);
    }

    /// Sets how many bytes are free where containers write.
    pub fn set_disk_free(&self, bytes: u64) {
        self.state().disk_free = Some(bytes);
    }

    /// Adds an image.
    pub fn with_image(&self, tag: &str) {
        self.state().keep_image(tag, 0, &Labels::new());
    }

    /// Removes an image; creating a container from it fails.
    pub fn without_image(&self, tag: &str) {
        let mut state = self.state();
        state.images.remove(tag);
        state.missing.insert(tag.to_owned());
    }

    /// Tags of images that begin so, in order.
    #[must_use]
    pub fn images_with_prefix(&self, begin: &str) -> Vec<String> {
        let state = self.state();
        let tags = state.images.keys().filter(|tag| tag.starts_with(begin));
        tags.cloned().collect()
    }

    /// Holds boots until they are released.
    pub fn hold_boots(&self, hold: bool) {
        self.boots.send_replace(!hold);
    }

    /// Waits until a boot is held, for at most ten seconds.
    pub async fn await_boot_attempt(&self) -> bool {
        let held = async {
            while self.boots.receiver_count() == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), held)
            .await
            .is_ok()
    }

    /// Names of all containers.
    #[must_use]
    pub fn containers(&self) -> Vec<String> {
        self.state().containers.keys().cloned().collect()
    }

    /// Names of the containers that are frozen.
    #[must_use]
    pub fn frozen(&self) -> Vec<String> {
        let state = self.state();
        let frozen = state.containers.iter().filter(|(_, kept)| kept.paused);
        frozen.map(|(name, _)| name.clone()).collect()
    }

    /// Names of the containers with a role, such as `node`.
    #[must_use]
    pub fn of_role(&self, role: &str) -> Vec<String> {
        let state = self.state();
        let of_role = state.containers.iter().filter(|(_, kept)| {
            kept.spec
                .labels
                .get("plateau.role")
                .is_some_and(|is| is == role)
        });
        of_role.map(|(name, _)| name.clone()).collect()
    }

    /// Tags of all images.
    #[must_use]
    pub fn images(&self) -> Vec<String> {
        self.state().images.keys().cloned().collect()
    }

    /// What the wirer was asked so far.
    #[must_use]
    pub fn wired(&self) -> Vec<WireRequest> {
        self.state().wired.clone()
    }

    /// How many bytes of files, as the wirer was given them, were put into a container.
    #[must_use]
    pub fn files(&self, container: &str) -> usize {
        let state = self.state();
        state.containers.get(container).map_or(0, |kept| kept.files)
    }

    /// A container as it was asked for.
    #[must_use]
    pub fn spec(&self, container: &str) -> Option<ContainerSpec> {
        let state = self.state();
        state
            .containers
            .get(container)
            .map(|kept| kept.spec.clone())
    }

    /// Adds a container of another installation.
    pub fn add_foreign_container(&self, name: &str, labels: Labels) {
        let kept = FakeContainer {
            spec: ContainerSpec {
                name: name.to_owned(),
                labels,
                ..ContainerSpec::default()
            },
            pid: None,
            exit: None,
            started: None,
            paused: false,
            files: 0,
        };
        self.state().containers.insert(name.to_owned(), kept);
    }

    /// Ends a container's first process.
    pub fn die(&self, container: &str, exit: i64) {
        let died = {
            let mut state = self.state();
            state.containers.get_mut(container).map(|kept| {
                kept.pid = None;
                kept.exit = Some(exit);
                kept.event(container, ContainerChange::Died(exit))
            })
        };
        self.tell(died);
    }

    fn tell(&self, events: impl IntoIterator<Item = ContainerEvent>) {
        for event in events {
            // Nobody may be listening.
            let _ = locked(&self.events).send(event);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// The process of a container that something can be attached to.
    fn attachable(&self, container: &str) -> Result<u32> {
        self.change(format!("attach to `{container}`"), |state| {
            let kept = state.known(container)?;
            kept.pid.ok_or_else(|| RuntimeError::NotRunning {
                container: container.to_owned(),
            })
        })
    }

    /// Every call that changes something goes through here.
    fn change<T>(
        &self,
        doing: impl Into<String>,
        change: impl FnOnce(&mut State) -> Result<T>,
    ) -> Result<T> {
        let mut state = self.state();
        state.called(doing)?;
        change(&mut state)
    }
}

fn events() -> broadcast::Sender<ContainerEvent> {
    broadcast::Sender::new(1024)
}

fn locked<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// Counts a call that changes something, which may be the one that fails.
    fn called(&mut self, doing: impl Into<String>) -> Result<()> {
        self.there()?;
        self.calls += 1;
        if self.fail_at == Some(self.calls) {
            return Err(RuntimeError::Injected {
                call: self.calls,
                doing: doing.into(),
            });
        }
        Ok(())
    }

    fn there(&self) -> Result<()> {
        if self.gone {
            return Err(RuntimeError::EngineUnreachable("it is gone".into()));
        }
        Ok(())
    }

    fn known(&mut self, container: &str) -> Result<&mut FakeContainer> {
        self.containers
            .get_mut(container)
            .ok_or_else(|| RuntimeError::NoSuchContainer {
                container: container.to_owned(),
            })
    }

    fn process(&mut self) -> u32 {
        self.next += 1;
        1000 + self.next
    }
}

impl FakeContainer {
    fn event(&self, name: &str, what: ContainerChange) -> ContainerEvent {
        ContainerEvent {
            container: name.to_owned(),
            labels: self.spec.labels.clone(),
            what,
        }
    }
}

fn carries(labels: &Labels, wanted: &Labels) -> bool {
    wanted.iter().all(|(key, value)| {
        labels
            .get(key)
            .is_some_and(|has| value.is_empty() || has == value)
    })
}
