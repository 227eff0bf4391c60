//! The agent on the engine: its image, its volume, and the wirer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plateau_core::wire::{WireAnswer, WireRequest};
use tokio::sync::Mutex;

use crate::lab::{LabError, OWNER, ROLE};
use crate::runtime::{ContainerSpec, ExecSpec, Keep, Labels, Mount, Runtime, RuntimeError};

/// Where the agent stands in every container of ours.
pub const PATH: &str = "/plateau/plateau-agent";

/// Folder of the agent in every container of ours.
const FOLDER: &str = "/plateau";

/// Label with the hash of the agent that an image, a volume or a wirer has.
const AGENT: &str = "plateau.agent";

/// Most that one call of the wirer may take.
const WIRE_TIMEOUT: Duration = Duration::from_secs(60);

/// Most bytes of the wirer's answer.
const ANSWER_LIMIT: usize = 1 << 20;

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
}

impl Agent {
    /// Installs the agent on the engine: an image and a volume that carry its hash, and the wirer.
    /// What is there already is left alone, so it can be called again at any time.
    ///
    /// # Errors
    /// The executable cannot be read, or the engine fails.
    pub async fn install(
        runtime: Arc<dyn Runtime>,
        executable: &Path,
        owner: &str,
    ) -> Result<Self, LabError> {
        let content = tokio::fs::read(executable)
            .await
            .map_err(|source| LabError::Store {
                doing: "read the agent",
                path: executable.to_owned(),
                source,
            })?;
        let hash = blake3::hash(&content).to_hex()[..12].to_owned();
        let agent = Self {
            image: format!("plateau/agent:{hash}"),
            volume: format!("plateau-agent-{hash}"),
            owner: owner.to_owned(),
            wirer: Mutex::new(()),
            runtime,
            hash,
        };
        agent
            .ensure_image(content)
            .await
            .map_err(LabError::runtime("import the agent's image"))?;
        agent
            .ensure_volume()
            .await
            .map_err(LabError::runtime("fill the agent's volume"))?;
        agent.ensure_wirer().await?;
        agent
            .remove_old_wirers()
            .await
            .map_err(LabError::runtime("remove the wirer of another agent"))?;
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
            target: FOLDER.to_owned(),
            read_only: true,
        }
    }

    /// A container that does nothing, with no more rights than the engine gives to nobody.
    #[must_use]
    pub fn sleeper(&self, name: String, labels: Labels) -> ContainerSpec {
        ContainerSpec {
            name,
            image: self.image.clone(),
            argv: vec![PATH.to_owned(), "sleep".to_owned()],
            labels,
            memory: Some(256 << 20),
            pids: Some(512),
            cap_drop: vec!["ALL".to_owned()],
            ..ContainerSpec::default()
        }
    }

    /// Has the wirer do its work. A wirer that went away is made again.
    ///
    /// # Errors
    /// The engine or the wirer fails.
    pub async fn wire(&self, request: &WireRequest) -> Result<(), LabError> {
        let unreadable = |error: serde_json::Error| LabError::Wire {
            doing: "understand the wirer".to_owned(),
            reason: error.to_string(),
        };
        let exec = ExecSpec {
            argv: vec![PATH.to_owned(), "wire".to_owned()],
            env: BTreeMap::new(),
            stdin: serde_json::to_vec(request).map_err(unreadable)?,
            timeout: WIRE_TIMEOUT,
            limit: ANSWER_LIMIT,
            keep: Keep::Head,
        };
        let mut answer = self.runtime.exec(&self.wirer_name(), &exec).await;
        if let Err(RuntimeError::NoSuchContainer { .. } | RuntimeError::NotRunning { .. }) = answer
        {
            tracing::warn!("the wirer is gone and is made again");
            self.ensure_wirer().await?;
            answer = self.runtime.exec(&self.wirer_name(), &exec).await;
        }
        let output = answer.map_err(LabError::runtime("call the wirer"))?;
        if output.stdout.is_empty() {
            return Err(LabError::Wire {
                doing: "call the wirer".to_owned(),
                reason: format!(
                    "it ended with {}: {}",
                    output.exit,
                    String::from_utf8_lossy(&output.stderr).trim()
                ),
            });
        }
        match serde_json::from_slice(&output.stdout).map_err(unreadable)? {
            WireAnswer::Done { took_us } => {
                tracing::debug!(took_us, ports = request.ports.len(), "wired");
                Ok(())
            }
            WireAnswer::Failed { doing, reason } => Err(LabError::Wire { doing, reason }),
        }
    }

    async fn ensure_image(&self, content: Vec<u8>) -> Result<(), RuntimeError> {
        if self.runtime.inspect_image(&self.image).await?.is_some() {
            return Ok(());
        }
        let tar = image_tar(&content).map_err(|error| RuntimeError::Transport(Box::new(error)))?;
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
        let mut spec = self.sleeper(name.clone(), self.labels());
        spec.mounts = vec![Mount::Volume {
            name: self.volume.clone(),
            target: FOLDER.to_owned(),
            read_only: false,
        }];
        let created = self.runtime.create_container(&spec).await;
        // Also where creating it failed: the engine may have got half-way.
        let removed = self.runtime.remove_container(&name).await;
        created.map(drop).and(removed)
    }

    async fn ensure_wirer(&self) -> Result<(), LabError> {
        let _alone = self.wirer.lock().await;
        self.make_wirer()
            .await
            .map_err(LabError::runtime("start the wirer"))
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
            cap_add: ["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "SYS_CHROOT"]
                .map(str::to_owned)
                .to_vec(),
            security: ["seccomp=unconfined", "apparmor=unconfined"]
                .map(str::to_owned)
                .to_vec(),
            host_pids: true,
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

/// A root file system with the agent and the places that an engine mounts onto.
fn image_tar(agent: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (folder, mode) in [
        ("dev", 0o755),
        ("etc", 0o755),
        ("plateau", 0o755),
        ("proc", 0o755),
        ("run", 0o755),
        ("sys", 0o755),
        ("tmp", 0o1777),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(mode);
        header.set_size(0);
        tar.append_data(&mut header, format!("{folder}/"), std::io::empty())?;
    }
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    header.set_size(agent.len() as u64);
    tar.append_data(&mut header, "plateau/plateau-agent", agent)?;
    tar.into_inner()
}
