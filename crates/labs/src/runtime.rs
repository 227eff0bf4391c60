//! The runtime trait: a container engine, in the terms of Docker. It is the only trait of the workspace.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

pub mod docker;
pub mod error;
pub mod fake;
pub mod measured;
mod streams;
mod users;

pub use error::RuntimeError;
pub use measured::measured;
pub use streams::{Attached, ProcessOutput, Running};
pub use users::{MappedLayer, UserNamespaces};

/// Labels by key.
pub type Labels = BTreeMap<String, String>;

/// Result of a call to a runtime.
pub type Result<T> = std::result::Result<T, RuntimeError>;

/// A container engine. Containers are named by identifier or by name, images by tag.
///
/// Removing is idempotent: it succeeds if the object does not exist.
#[async_trait]
pub trait Runtime: Send + Sync + fmt::Debug + 'static {
    /// `docker`, `podman` or `fake`.
    fn name(&self) -> &'static str;

    /// Versions and properties of the engine and its host.
    async fn info(&self) -> Result<EngineInfo>;

    /// Containers that carry all these labels, stopped ones too; an empty value means any value.
    async fn list_containers(&self, labels: &Labels) -> Result<Vec<Container>>;

    /// Creates a container without starting it and returns its identifier.
    async fn create_container(&self, spec: &ContainerSpec) -> Result<String>;

    /// Has the empty volumes that a container mounts filled with what its image has there. The
    /// container is made for that, and has gone afterwards.
    async fn fill_volumes(&self, spec: &ContainerSpec) -> Result<()>;

    /// Starts a container; one that runs already is left alone.
    async fn start_container(&self, container: &str) -> Result<()>;

    /// Inspects a container.
    async fn inspect_container(&self, container: &str) -> Result<ContainerDetails>;

    /// Stops a container, by force after `patience`, and starts it again.
    async fn restart_container(&self, container: &str, patience: Duration) -> Result<()>;

    /// Stops a container, by force after `patience`.
    async fn stop_container(&self, container: &str, patience: Duration) -> Result<()>;

    /// Freezes all processes of a container; one that is frozen is left alone.
    async fn pause_container(&self, container: &str) -> Result<()>;

    /// Lets a frozen container go on; one that is not frozen is left alone.
    async fn unpause_container(&self, container: &str) -> Result<()>;

    /// Kills a container.
    async fn kill_container(&self, container: &str) -> Result<()>;

    /// Removes a container by force, with its anonymous volumes.
    async fn remove_container(&self, container: &str) -> Result<()>;

    /// Runs a program in a running container and waits for its end.
    ///
    /// After [`ExecSpec::timeout`] the answer is [`RuntimeError::Timeout`], and **the program runs
    /// on**: an engine cannot end it. Its standard input is closed, which ends programs that read it.
    async fn exec(&self, container: &str, exec: &ExecSpec) -> Result<ExecOutput>;

    /// Runs a program in a running container with its standard input and output as a stream of
    /// bytes, without a terminal. Dropping both ends closes them.
    async fn attach(&self, container: &str, argv: &[String]) -> Result<Attached>;

    /// Runs a program in a running container with all three of its streams, and returns its exit status.
    /// Dropping both ends closes them.
    async fn exec_attached(&self, container: &str, argv: &[String]) -> Result<Running>;

    /// Events of containers that carry the label key `label`, from now on.
    async fn events(&self, label: &str) -> Result<BoxStream<'static, Result<ContainerEvent>>>;

    /// Inspects an image; `None` if no image has the tag.
    async fn inspect_image(&self, tag: &str) -> Result<Option<Image>>;

    /// Makes an image of one layer from a tar archive.
    async fn import_image(&self, tar: Bytes, tag: &str, labels: &Labels) -> Result<()>;

    /// Builds an image; the stream gives the lines of the output and ends with the first error.
    async fn build_image(&self, build: ImageBuild) -> Result<BoxStream<'static, Result<String>>>;

    /// Gives an image another tag.
    async fn tag_image(&self, image: &str, tag: &str) -> Result<()>;

    /// Removes an image's tag, and the image with its last one.
    async fn remove_image(&self, tag: &str) -> Result<()>;

    /// Makes an image of a container's own layer, running or not; it is paused for a moment. What
    /// is mounted into it is left out. The files of a layer that is returned have to be given owners.
    async fn commit_container(
        &self,
        container: &str,
        tag: &str,
        labels: &Labels,
    ) -> Result<Option<MappedLayer>>;

    /// Tags of the images that carry all these labels; an empty value means any value.
    async fn list_images(&self, labels: &Labels) -> Result<Vec<String>>;

    /// Creates a volume; one that is there already is left alone.
    async fn create_volume(&self, name: &str, labels: &Labels) -> Result<()>;

    /// Names of the volumes that carry all these labels; an empty value means any value.
    async fn list_volumes(&self, labels: &Labels) -> Result<Vec<String>>;

    /// Removes a volume.
    async fn remove_volume(&self, name: &str) -> Result<()>;
}

/// Versions and properties of an engine and its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// Version of the engine, such as `20.10.24`.
    pub version: String,
    /// Version of its API, such as `1.41`.
    pub api: String,
    /// Version of the kernel.
    pub kernel: String,
    /// 1 or 2.
    pub cgroup_version: u8,
    /// `cgroupfs` or `systemd`.
    pub cgroup_driver: String,
    /// Such as `name=seccomp,profile=default`, `name=apparmor`.
    pub security: Vec<String>,
    /// Which user namespaces nodes get.
    pub users: UserNamespaces,
    /// Storage driver, such as `overlay2`.
    pub storage: String,
    /// Where the engine keeps its data, on its own host.
    pub root: String,
    /// Cores.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory: u64,
}

impl EngineInfo {
    /// What confines containers, such as `seccomp` and `apparmor`: `name=seccomp,profile=default` is
    /// `seccomp`. An engine that filters nothing has the profile `unconfined`.
    #[must_use]
    pub fn guards(&self) -> Vec<&str> {
        let filters = self.security.iter().map(|option| option.split(','));
        filters
            .filter(|parts| !parts.clone().any(|part| part == "profile=unconfined"))
            .filter_map(|mut parts| parts.find_map(|part| part.strip_prefix("name=")))
            .collect()
    }

    /// Whether it filters the system calls of containers.
    #[must_use]
    pub fn has_seccomp(&self) -> bool {
        self.guards().contains(&"seccomp")
    }
}

/// A container in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Identifier.
    pub id: String,
    /// Name, without a slash before it.
    pub name: String,
    /// Labels.
    pub labels: Labels,
    /// Whether it runs.
    pub running: bool,
    /// Identifier of its image.
    pub image: String,
}

/// Details of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerDetails {
    /// Identifier.
    pub id: String,
    /// Name, without a slash before it.
    pub name: String,
    /// Labels.
    pub labels: Labels,
    /// Whether it runs.
    pub running: bool,
    /// Whether it runs and all of its processes are frozen.
    pub paused: bool,
    /// Its first process in the host's pid namespace; `None` while it does not run.
    pub pid: Option<u32>,
    /// How its first process ended last; `None` while it runs or before its first start.
    pub exit: Option<i64>,
    /// When it was last started (RFC 3339), where it was.
    pub started: Option<String>,
    /// Folder of the engine's host that has what it wrote beyond its image, where the engine tells.
    pub disk: Option<String>,
}

/// A container to be created. It is never attached to a network of the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerSpec {
    /// Name.
    pub name: String,
    /// Tag of its image.
    pub image: String,
    /// Program and arguments, in place of the image's own entry point.
    pub argv: Vec<String>,
    /// Environment.
    pub env: BTreeMap<String, String>,
    /// Labels.
    pub labels: Labels,
    /// Host name; the engine's choice where absent.
    pub hostname: Option<String>,
    /// Most memory in bytes, swap included.
    pub memory: Option<u64>,
    /// Thousandths of a core.
    pub cpu_millis: Option<u32>,
    /// Most processes and threads.
    pub pids: Option<u32>,
    /// Most bytes of one file, and of all where storage has quotas.
    pub disk: Option<u64>,
    /// Most open files of a process.
    pub open_files: Option<u32>,
    /// Capabilities to drop, such as `ALL`.
    pub cap_drop: Vec<String>,
    /// Capabilities to add, such as `NET_ADMIN`.
    pub cap_add: Vec<String>,
    /// Devices of the host, at the same path in the container.
    pub devices: Vec<String>,
    /// Path → options of a file system in memory, such as `rw,exec,size=64m`.
    pub tmpfs: BTreeMap<String, String>,
    /// What else is mounted.
    pub mounts: Vec<Mount>,
    /// Signal that asks the first process to end.
    pub stop_signal: Option<String>,
    /// Such as `seccomp=unconfined`.
    pub security: Vec<String>,
    /// Whether system calls are filtered as nodes need it, in place of the engine's own filter.
    pub node_calls: bool,
    /// Whether it shares the host's pid namespace.
    pub host_pids: bool,
    /// Whether it shares the host's user namespace, also where others do not.
    pub host_users: bool,
    /// Whether it has a cgroup namespace of its own.
    pub private_cgroups: bool,
}

/// Something mounted into a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mount {
    /// A named volume.
    Volume {
        /// Its name.
        name: String,
        /// Where.
        target: String,
        /// Whether it cannot be written to.
        read_only: bool,
    },
    /// A path of the engine's host.
    Bind {
        /// The path there.
        source: String,
        /// Where.
        target: String,
        /// Whether it cannot be written to.
        read_only: bool,
    },
}

/// A program to be run in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecSpec {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Environment beside the container's own.
    pub env: BTreeMap<String, String>,
    /// Standard input, closed after its last byte.
    pub stdin: Vec<u8>,
    /// Most that it may take.
    pub timeout: Duration,
    /// Most bytes that are kept of standard output and of standard error, each; all is read.
    pub limit: usize,
    /// Which end of the outputs is kept.
    pub keep: OutputEnd,
}

/// Which end of an output is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputEnd {
    /// Its beginning.
    Head,
    /// Its end.
    Tail,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecOutput {
    /// Exit status.
    pub exit: i64,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Whether an output was longer than its limit.
    pub truncated: bool,
}

/// An event of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerEvent {
    /// Its identifier.
    pub container: String,
    /// Its labels.
    pub labels: Labels,
    /// The change.
    pub what: ContainerChange,
}

/// A change of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerChange {
    /// It was started.
    Started,
    /// Its first process ended with this status.
    Died(i64),
    /// It was removed.
    Destroyed,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Identifier.
    pub id: String,
    /// Size in bytes.
    pub size: u64,
    /// Labels.
    pub labels: Labels,
    /// When it was made (RFC 3339), where known.
    pub created: Option<String>,
}

/// An image to be built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageBuild {
    /// Tag to give it.
    pub tag: String,
    /// The context, a tar archive with a `Dockerfile` at its root.
    pub context: Bytes,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// Labels.
    pub labels: Labels,
    /// Network of the build's steps, such as `host` or `none`; the engine's choice where absent.
    pub network: Option<String>,
    /// Whether earlier layers are not used again.
    pub no_cache: bool,
}
