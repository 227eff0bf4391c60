//! Installation of the agent on the container engine: its image, its volume, and the wirer.

use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use backon::{ConstantBuilder, Retryable};
use plateau_core::wire::{WireRequest, WireResponse};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::labels::{OWNER, ROLE};
use crate::layout;
use crate::runtime::{
    Attached, ContainerSpec, ExecOutput, ExecSpec, Labels, Mount, Runtime, RuntimeError,
};
use crate::store::StoreError;

mod call;
mod disks;
mod engine_files;
mod error;
mod observer;
mod programs;
mod snapshot;

use call::Call;
pub use error::AgentError;
use observer::Observer;
pub use observer::{ObserverCall, ObserverError};
use programs::Programs;

/// The grader's executable, beside the agent's.
const GRADER_NAME: &str = "plateau-grader";

/// Label with the hash of the agent that an image, a volume or a wirer has.
const AGENT: &str = "plateau.agent";

/// Most that one call of the wirer may take.
const WIRE_TIMEOUT: Duration = Duration::from_secs(60);

/// The program of the wirer's container that wires labs.
const WIRE: [&str; 2] = [layout::GRADER, "wire"];

/// Calls of a program that are kept for the next one who needs it.
const IDLE_CALLS: usize = 4;

/// Memory in bytes, and processes and threads, of all workers of the observer together.
const WIRER_MEMORY: u64 = 2 << 30;
const WIRER_PIDS: u32 = 8192;

/// What the wirer may do: enter nodes and plug them in, and write files there as their root and for any
/// owner; and what the observer's workers keep when they enter a node, to see its files and processes and
/// to be clients in its networks.
const WIRER_CAPABILITIES: [&str; 14] = [
    "SYS_ADMIN",
    "NET_ADMIN",
    "NET_RAW",
    "NET_BIND_SERVICE",
    "SETPCAP",
    "DAC_READ_SEARCH",
    "SYS_PTRACE",
    "SYS_CHROOT",
    "SETUID",
    "SETGID",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
];

/// The agent as it is installed on an engine.
#[derive(Debug)]
pub struct Agent {
    runtime: Arc<dyn Runtime>,
    owner: String,
    hash: String,
    image: String,
    volume: String,
    /// Held while the wirer is looked after, so that it is made once.
    wirer: Mutex<()>,
    /// Calls of the wirer that nobody uses now, with what was started for them.
    calls: std::sync::Mutex<Vec<([&'static str; 2], Call)>>,
    /// The stream to the observer, while there is one.
    observer: Mutex<Option<Arc<Observer>>>,
}

impl Agent {
    /// Installs the agent on the engine: an image and a volume that carry its hash, and the wirer.
    /// Idempotent: what is installed already is left alone.
    ///
    /// # Errors
    /// The executable cannot be read, or the engine fails.
    pub async fn install(
        runtime: Arc<dyn Runtime>,
        executable: &Path,
        owner: &str,
    ) -> Result<Self, AgentError> {
        let programs = Programs {
            agent: executable.to_owned(),
            grader: executable.with_file_name(GRADER_NAME),
        };
        let (programs, hash) = tokio::task::spawn_blocking(|| {
            let hash = programs.hash();
            (programs, hash)
        })
        .await
        .map_err(|error| StoreError::io("read the agent", executable)(error.into()))?;
        let hash = hash?;
        let agent = Self {
            image: format!("plateau/agent:{hash}"),
            volume: format!("plateau-agent-{hash}"),
            owner: owner.to_owned(),
            wirer: Mutex::new(()),
            calls: std::sync::Mutex::default(),
            observer: Mutex::default(),
            runtime,
            hash,
        };
        agent
            .ensure_image(programs)
            .await
            .map_err(AgentError::engine("import the agent's image"))?;
        agent
            .ensure_volume()
            .await
            .map_err(AgentError::engine("fill the agent's volume"))?;
        agent.ensure_wirer().await?;
        agent
            .remove_old_wirers()
            .await
            .map_err(AgentError::engine("remove the wirer of another agent"))?;
        Ok(agent)
    }

    /// Tag of the agent's own image: what fabrics and examiners run.
    #[must_use]
    pub fn image(&self) -> &str {
        &self.image
    }

    /// The agent in a container that has another image.
    #[must_use]
    pub fn mount(&self) -> Mount {
        Mount::Volume {
            name: self.volume.clone(),
            target: layout::FOLDER.to_owned(),
            read_only: true,
        }
    }

    /// A container that does nothing, with no more rights than the engine gives to nobody.
    #[must_use]
    pub fn sleeper(&self, name: String, labels: Labels) -> ContainerSpec {
        ContainerSpec {
            name,
            image: self.image.clone(),
            argv: vec![layout::AGENT.to_owned(), "sleep".to_owned()],
            labels,
            memory: Some(256 << 20),
            pids: Some(512),
            cap_drop: vec!["ALL".to_owned()],
            // Nothing of a candidate's runs in it, and the volume that it fills is the host's.
            host_users: true,
            ..ContainerSpec::default()
        }
    }

    /// Sends a request to the wirer. A wirer that is gone is created again.
    ///
    /// # Errors
    /// The engine or the wirer fails.
    pub async fn wire(&self, request: &WireRequest) -> Result<(), AgentError> {
        let answered = self.ask_within(WIRE, request, WIRE_TIMEOUT, "call the wirer");
        match answered.await? {
            WireResponse::Done { took_us } => {
                tracing::debug!(took_us, ports = request.ports.len(), "wired");
                Ok(())
            }
            WireResponse::Failed { doing, reason } => Err(AgentError::Wire { doing, reason }),
        }
    }

    /// Runs a program in the wirer's container to its end. A wirer that is gone is created again.
    async fn exec_in_wirer(
        &self,
        exec: &ExecSpec,
        doing: &'static str,
    ) -> Result<ExecOutput, AgentError> {
        let name = self.wirer_name();
        let mut done = self.runtime.exec(&name, exec).await;
        if let Err(RuntimeError::NoSuchContainer { .. } | RuntimeError::NotRunning { .. }) = done {
            self.ensure_wirer().await?;
            done = self.runtime.exec(&name, exec).await;
        }
        done.map_err(AgentError::engine(doing))
    }

    /// A request to a program of the wirer's and its answer, both a line of JSON.
    async fn ask_within<A: DeserializeOwned>(
        &self,
        program: [&'static str; 2],
        request: &impl Serialize,
        limit: Duration,
        doing: &'static str,
    ) -> Result<A, AgentError> {
        let failed = |reason: String| AgentError::Wire {
            doing: doing.to_owned(),
            reason,
        };
        let text = serde_json::to_string(request).map_err(|error| failed(error.to_string()))?;
        let answer = tokio::time::timeout(limit, self.ask_wirer(program, &text))
            .await
            .map_err(|_| failed(format!("no answer within {limit:?}")))??;
        serde_json::from_str(&answer).map_err(|error| failed(error.to_string()))
    }

    /// One line to a program of the wirer's, and one back. Starting it in a container takes longer than
    /// all the wiring of a lab, so that it is kept and asked again.
    async fn ask_wirer(
        &self,
        program: [&'static str; 2],
        request: &str,
    ) -> Result<String, AgentError> {
        let idle = {
            let mut calls = self.idle_calls();
            let place = calls.iter().position(|(kept, _)| *kept == program);
            place.map(|place| calls.swap_remove(place).1)
        };
        let kept = match idle {
            // A call that was kept may have ended with its wirer. Everything that is asked of the
            // wirer can be asked twice.
            Some(mut call) => call.ask(request).await.ok().map(|answer| (call, answer)),
            None => None,
        };
        let (call, answer) = match kept {
            Some(answered) => answered,
            None => {
                let mut call = self.start_in_wirer(program).await.map(Call::new)?;
                let answer = call.ask(request).await.map_err(|error| AgentError::Wire {
                    doing: "call the wirer".to_owned(),
                    reason: error.to_string(),
                })?;
                (call, answer)
            }
        };
        let mut idle = self.idle_calls();
        if idle.iter().filter(|(kept, _)| *kept == program).count() < IDLE_CALLS {
            idle.push((program, call));
        }
        Ok(answer)
    }

    fn idle_calls(&self) -> std::sync::MutexGuard<'_, Vec<([&'static str; 2], Call)>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to look at a node from outside: a worker of the observer enters it, and takes a batch, a
    /// `ProbeRequest` as JSON. `pid` is the first process of this container in the host's pid namespace.
    ///
    /// # Errors
    /// The observer cannot be reached.
    pub async fn look(
        &self,
        pid: u32,
        container: String,
        batch: Vec<u8>,
    ) -> Result<ObserverCall, ObserverError> {
        self.observer().await?.call(pid, container, batch)
    }

    /// The stream to the observer. One that has ended is made again.
    async fn observer(&self) -> Result<Arc<Observer>, ObserverError> {
        let mut kept = self.observer.lock().await;
        if let Some(observer) = kept.as_ref().filter(|observer| !observer.has_ended()) {
            return Ok(Arc::clone(observer));
        }
        let attached = self.start_in_wirer([layout::GRADER, "observe"]).await;
        let observer = Arc::new(Observer::new(attached.map_err(ObserverError::Unreachable)?));
        *kept = Some(Arc::clone(&observer));
        Ok(observer)
    }

    /// Starts a program in the wirer's container. A wirer that is gone is created again.
    async fn start_in_wirer(&self, argv: [&str; 2]) -> Result<Attached, AgentError> {
        let argv = argv.map(str::to_owned);
        let name = self.wirer_name();
        let mut attached = self.runtime.attach(&name, &argv).await;
        if let Err(RuntimeError::NoSuchContainer { .. } | RuntimeError::NotRunning { .. }) =
            attached
        {
            tracing::warn!("the wirer is gone and is made again");
            self.ensure_wirer().await?;
            attached = self.runtime.attach(&name, &argv).await;
        }
        attached.map_err(AgentError::engine("call the wirer"))
    }

    async fn ensure_image(&self, programs: Programs) -> Result<(), RuntimeError> {
        if self.runtime.inspect_image(&self.image).await?.is_some() {
            return Ok(());
        }
        let tar = tokio::task::spawn_blocking(move || programs.image())
            .await
            .map_err(std::io::Error::from)
            .flatten()
            .map_err(|error| RuntimeError::Transport(Box::new(error)))?;
        self.runtime
            .import_image(tar.into(), &self.image, &self.labels())
            .await
    }

    /// The engine fills an empty volume from the image of the first container that mounts it.
    /// Done at every start, because a volume that is there may be empty after a crash.
    async fn ensure_volume(&self) -> Result<(), RuntimeError> {
        self.runtime
            .create_volume(&self.volume, &self.labels())
            .await?;
        let unique = uuid::Uuid::now_v7().simple().to_string();
        let name = format!("plateau-agent-fill-{unique}");
        let mut spec = self.sleeper(name, self.labels());
        spec.mounts = vec![Mount::Volume {
            name: self.volume.clone(),
            target: layout::FOLDER.to_owned(),
            read_only: false,
        }];
        self.runtime.fill_volumes(&spec).await
    }

    async fn ensure_wirer(&self) -> Result<(), AgentError> {
        let _alone = self.wirer.lock().await;
        // A name is taken from the moment that another daemon asks for it, and is found only when
        // its container is there.
        let patience = ConstantBuilder::default()
            .with_delay(Duration::from_millis(100))
            .with_max_times(50);
        let made = || self.make_wirer();
        made.retry(patience)
            .when(|error| matches!(error, RuntimeError::NoSuchContainer { .. }))
            .await
            .map_err(AgentError::engine("start the wirer"))
    }

    async fn make_wirer(&self) -> Result<(), RuntimeError> {
        let name = self.wirer_name();
        match self.runtime.inspect_container(&name).await {
            Ok(found) if found.running => return Ok(()),
            Ok(_) => return self.runtime.start_container(&name).await,
            Err(RuntimeError::NoSuchContainer { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut labels = self.labels();
        labels.insert(ROLE.to_owned(), "wirer".to_owned());
        labels.insert(OWNER.to_owned(), self.owner.clone());
        let spec = ContainerSpec {
            cap_add: WIRER_CAPABILITIES.map(str::to_owned).to_vec(),
            security: ["seccomp=unconfined", "apparmor=unconfined"]
                .map(str::to_owned)
                .to_vec(),
            host_pids: true,
            memory: Some(WIRER_MEMORY),
            pids: Some(WIRER_PIDS),
            ..self.sleeper(name.clone(), labels)
        };
        match self.runtime.create_container(&spec).await {
            // Another daemon with the same agent was faster.
            Ok(_) | Err(RuntimeError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        self.runtime.start_container(&name).await
    }

    /// Wirers that we made with another agent; those of other daemons are theirs.
    async fn remove_old_wirers(&self) -> Result<(), RuntimeError> {
        let wanted = Labels::from([
            (ROLE.to_owned(), "wirer".to_owned()),
            (OWNER.to_owned(), self.owner.clone()),
        ]);
        for wirer in self.runtime.list_containers(&wanted).await? {
            if wirer.labels.get(AGENT) != Some(&self.hash) {
                self.runtime.remove_container(&wirer.id).await?;
            }
        }
        Ok(())
    }

    /// By the agent's hash, so that daemons with different agents do not take it from each other.
    fn wirer_name(&self) -> String {
        format!("plateau-wirer-{}", self.hash)
    }

    fn labels(&self) -> Labels {
        Labels::from([(AGENT.to_owned(), self.hash.clone())])
    }
}
