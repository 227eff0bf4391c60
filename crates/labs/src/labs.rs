//! The labs of the daemon, and the handle for HTTP, sessions and proofs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plateau_core::api::{
    CheckRequest, CreateLabRequest, LabEvent, LabGradeView, LabState, LabView, ScenarioFiles,
    SolveRequest, SolveResult,
};
use plateau_core::path::FolderPath;
use plateau_core::scenario::{Folder, Scenario};
use plateau_core::topology::Topology;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::agent::Agent;
use crate::disk::Disk;
use crate::lab::task::{Command, Reply, StartMode, own};
use crate::lab::{Lab, LabContext, LabError, Reopening};
use crate::runtime::Runtime;
use crate::settings::Settings;
use crate::store::{Marker, Progress, Store, on_disk};

use naming::{check_name, free_name, refuse_taken};

mod clock;
mod disks;
mod gathering;
mod host;
mod keeping;
mod naming;
mod program;
mod reconcile;
mod reopening;
mod sharing;

/// Events that a slow listener may fall behind before it loses the oldest.
const EVENTS: usize = 4096;

/// A handle on all labs; clones share them. Labs are addressed by name or by identifier.
///
/// Labs keep running when the last handle is dropped. [`Labs::open`] adopts them again.
#[derive(Clone, Debug)]
pub struct Labs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    context: Arc<LabContext>,
    /// By identifier, which is also the order in which they were asked for.
    labs: Mutex<BTreeMap<String, LabHandle>>,
    /// What the host was when it was last looked at.
    host: host::HostCache,
    disk: Disk,
}

#[derive(Clone, Debug)]
struct LabHandle {
    lab: Arc<Lab>,
    commands: mpsc::Sender<Command>,
}

/// A lab to be started.
struct LabSpec<'a> {
    folder: &'a Folder,
    topology: Topology,
    name: Option<String>,
    /// Whether it is of no use without us: after a crash it is removed.
    ephemeral: bool,
    again: Option<Reopening>,
}

impl<'a> LabSpec<'a> {
    fn lab(folder: &'a Folder, topology: Topology, name: Option<String>) -> Self {
        Self {
            folder,
            topology,
            name,
            ephemeral: false,
            again: None,
        }
    }
}

impl Labs {
    /// Installs the agent on the engine, adopts existing labs, removes labs that were left
    /// half-built, and follows the events of the engine from then on.
    ///
    /// # Errors
    /// The engine or the state folder cannot be used.
    pub async fn open(runtime: Arc<dyn Runtime>, settings: Settings) -> Result<Self, LabError> {
        let root = settings.state.clone();
        let disk = host::disk(&settings.state)?;
        let (store, owner) = on_disk(move || {
            let store = Store::open(&root)?;
            let owner = store.owner()?;
            Ok((store, owner))
        })
        .await?;
        let agent = Agent::install(Arc::clone(&runtime), &settings.agent, &owner).await?;
        let labs = Self {
            inner: Arc::new(Inner {
                context: Arc::new(LabContext {
                    events: broadcast::Sender::new(EVENTS),
                    runtime,
                    settings,
                    store,
                    agent,
                    owner,
                    engine: tokio::sync::Mutex::default(),
                }),
                labs: Mutex::default(),
                host: host::HostCache::default(),
                disk,
            }),
        };
        // Heard from before the labs are looked at, so that nothing falls between.
        let events = reconcile::listen(&labs.inner.context.runtime).await?;
        reconcile::follow(Arc::downgrade(&labs.inner), events);
        labs.reconcile().await?;
        tokio::spawn(disks::watch(Arc::downgrade(&labs.inner)));
        Ok(labs)
    }

    /// The engine.
    #[must_use]
    pub fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.inner.context.runtime
    }

    /// The disk of the state folder.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.inner.disk
    }

    /// What is kept on disk.
    pub(crate) fn store(&self) -> &Store {
        &self.inner.context.store
    }

    /// Tag of the agent's image, which is made of its hash.
    pub(crate) fn agent_image(&self) -> &str {
        self.inner.context.agent.image()
    }

    /// What the administrator decided.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.context.settings
    }

    /// What happens to all labs, from now on. A receiver that is too slow loses the oldest events.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<LabEvent> {
        self.inner.context.events.subscribe()
    }

    /// Creates a lab and returns at once; it is built in the background.
    ///
    /// # Errors
    /// The scenario has problems, the host lacks what it needs, or the name is taken.
    pub async fn create(&self, lab: CreateLabRequest) -> Result<LabView, LabError> {
        let folder = folder_of(&lab.files)?;
        let scenario = Scenario::read(folder.clone()).map_err(LabError::Scenario)?;
        let topology = scenario.draw(&lab.seed).map_err(LabError::Scenario)?;
        self.preflight(&topology).await?;
        self.create_drawn(&folder, topology, lab.name).await
    }

    /// Creates a lab from a topology that is already drawn from a folder.
    ///
    /// # Errors
    /// The name is taken, or the folder cannot be kept.
    pub async fn create_drawn(
        &self,
        folder: &Folder,
        topology: Topology,
        name: Option<String>,
    ) -> Result<LabView, LabError> {
        let frozen = LabSpec::lab(folder, topology, name);
        self.start(frozen).await
    }

    /// Creates an ephemeral lab: after a crash it is removed.
    ///
    /// # Errors
    /// The name is taken, or the folder cannot be kept.
    pub async fn create_fleeting(
        &self,
        folder: &Folder,
        topology: Topology,
        name: String,
    ) -> Result<LabView, LabError> {
        let lab = LabSpec {
            ephemeral: true,
            ..LabSpec::lab(folder, topology, Some(name))
        };
        self.start(lab).await
    }

    async fn start(&self, new: LabSpec<'_>) -> Result<LabView, LabError> {
        let LabSpec {
            folder,
            topology,
            name,
            ephemeral,
            again,
        } = new;
        if let Some(name) = &name {
            check_name(name)?;
        }
        self.check_disk()?;
        let store = self.inner.context.store.clone();
        let frozen = folder.clone();
        on_disk(move || store.freeze(&frozen)).await?;
        let mut labs = self.inner.labs();
        let marker = Marker {
            id: uuid::Uuid::now_v7().to_string(),
            name: name.unwrap_or_else(|| free_name(&labs, &topology.scenario)),
            scenario: topology.scenario.clone(),
            hash: folder.hash(),
            seed: topology.seed.clone(),
            created: jiff::Timestamp::now().to_string(),
            progress: Progress::Transitional,
            ephemeral,
        };
        let lab = Lab::new(Arc::clone(&self.inner.context), marker, topology, again);
        refuse_taken(&labs, &lab)?;
        let view = lab.view();
        self.inner.start(&mut labs, lab, StartMode::Build);
        Ok(view)
    }

    /// All labs in the order of their creation.
    #[must_use]
    pub fn list(&self) -> Vec<LabView> {
        let labs = self.inner.labs();
        labs.values().map(|known| known.lab.view()).collect()
    }

    /// A lab.
    ///
    /// # Errors
    /// It does not exist.
    pub fn show(&self, lab: &str) -> Result<LabView, LabError> {
        Ok(self.inner.find(lab)?.lab.view())
    }

    /// Past events of a lab (at most the last 512), and a receiver of new ones. The receiver also gets
    /// events of other labs.
    ///
    /// # Errors
    /// The lab does not exist.
    pub fn follow(
        &self,
        lab: &str,
    ) -> Result<(Vec<LabEvent>, broadcast::Receiver<LabEvent>), LabError> {
        Ok(self.inner.find(lab)?.lab.follow())
    }

    /// Waits until a lab is neither being built nor recovered.
    ///
    /// # Errors
    /// The lab does not exist. A failed build is not an error here: the view says so.
    pub async fn built(&self, lab: &str) -> Result<LabView, LabError> {
        let mut view = self.inner.find(lab)?.lab.watch();
        let built =
            view.wait_for(|view| !matches!(view.state, LabState::Building | LabState::Recovering));
        let built = built.await;
        let view = built.map(|view| view.clone());
        view.map_err(|_| LabError::NoSuchLab {
            lab: lab.to_owned(),
        })
    }

    /// Runs solutions, then optionally a mistake. A script that fails is not an error.
    ///
    /// # Errors
    /// There is no such lab, task or mistake, or the lab does not run.
    pub async fn solve(&self, lab: &str, solve: SolveRequest) -> Result<SolveResult, LabError> {
        self.tell(lab, |reply| Command::Solve(solve, reply)).await
    }

    /// Grades a lab.
    ///
    /// # Errors
    /// There is no such lab or phase, or the lab does not run. A check that cannot be
    /// made is `unknown` in the grade, not an error.
    pub async fn check(&self, lab: &str, check: CheckRequest) -> Result<LabGradeView, LabError> {
        self.tell(lab, |reply| Command::Check(check, reply)).await
    }

    /// Restarts a node, or starts a stopped one, and waits until it has booted.
    ///
    /// # Errors
    /// There is no such lab or node, or it does not boot.
    pub async fn reboot(&self, lab: &str, node: &str) -> Result<(), LabError> {
        let node = node.to_owned();
        self.tell(lab, |reply| Command::Reboot(node, reply)).await
    }

    /// Removes a lab, also one that is still being built.
    ///
    /// # Errors
    /// There is no such lab, or a part of it could not be removed; then removing can be tried again.
    pub async fn down(&self, lab: &str) -> Result<(), LabError> {
        let known = self.inner.find(lab)?;
        match known.tell(Command::Down).await {
            // Somebody else removed it meanwhile.
            Err(LabError::GivenUp { .. }) => {}
            other => other?,
        }
        self.inner.labs().remove(known.lab.id());
        Ok(())
    }

    async fn tell<T>(
        &self,
        lab: &str,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<T, LabError> {
        self.inner.find(lab)?.tell(command).await
    }
}

impl LabHandle {
    async fn tell<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, LabError> {
        let given_up = || LabError::GivenUp {
            lab: self.lab.name().to_owned(),
        };
        let (reply, answer) = oneshot::channel();
        let told = self.commands.send(command(reply)).await;
        told.map_err(|_| given_up())?;
        answer.await.unwrap_or_else(|_| Err(given_up()))
    }
}

impl Inner {
    fn labs(&self) -> MutexGuard<'_, BTreeMap<String, LabHandle>> {
        self.labs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, lab: &str) -> Result<LabHandle, LabError> {
        let labs = self.labs();
        labs.get(lab)
            .or_else(|| labs.values().find(|known| known.lab.name() == lab))
            .cloned()
            .ok_or_else(|| LabError::NoSuchLab {
                lab: lab.to_owned(),
            })
    }

    fn start(&self, labs: &mut BTreeMap<String, LabHandle>, lab: Arc<Lab>, begin: StartMode) {
        let (commands, told) = mpsc::channel(64);
        let id = lab.id().to_owned();
        let known = LabHandle {
            lab: Arc::clone(&lab),
            commands,
        };
        labs.insert(id, known);
        tokio::spawn(own(lab, begin, told));
    }
}

/// Decodes a scenario's folder as a client sends it.
///
/// # Errors
/// A path leads out of the folder, or a content is not valid base64.
pub fn folder_of(files: &ScenarioFiles) -> Result<Folder, LabError> {
    let mut folder = BTreeMap::new();
    for (path, content) in files {
        let bad = |reason: String| LabError::BadFile {
            path: path.clone(),
            reason,
        };
        if FolderPath::parse(path).is_err() {
            return Err(bad("it leads out of the scenario's folder".to_owned()));
        }
        let content = STANDARD
            .decode(content)
            .map_err(|error| bad(error.to_string()))?;
        folder.insert(path.clone(), content);
    }
    Ok(Folder(folder))
}
