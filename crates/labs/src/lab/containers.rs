//! The containers of a lab, described.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use plateau_core::topology::{Capability, Device, Node};
use plateau_core::wire::HOLD;

use super::LabError;
use super::core::LabCore;
use crate::images;
use crate::labels::{LAB, NODE, OWNER, ROLE};
use crate::layout;
use crate::runtime::{ContainerDetails, ContainerSpec, Labels};

/// By which systemd is told to shut down.
const SHUT_DOWN: &str = "SIGRTMIN+3";

/// File systems in memory, which systemd wants. An exam installs packages whose scripts are run
/// from `/tmp`.
const TMPFS: [(&str, &str); 4] = [
    ("/run", "rw,exec,nosuid,nodev,mode=755,size=64m"),
    // Holds the boot until the wirer takes it away.
    (HOLD, "ro,noexec,nosuid,nodev,mode=555,size=4k"),
    ("/run/lock", "rw,noexec,nosuid,nodev,mode=1777,size=8m"),
    ("/tmp", "rw,exec,nosuid,nodev,mode=1777,size=256m"),
];

/// Most open files of a process in a node: what databases ask for. An engine can give no more than it has
/// itself where it lacks SYS_RESOURCE, as in some virtual machines.
const OPEN_FILES: u32 = 16_384;

/// Capabilities of every node beside the engine's own.
const ALWAYS: [&str; 3] = ["NET_ADMIN", "NET_RAW", "SYS_BOOT"];

/// The containers that a lab has: which one is a node now, and how each is made.
#[derive(Debug)]
pub(super) struct Containers {
    core: Arc<LabCore>,
    /// Whether copies stand in for the nodes.
    copies: AtomicBool,
}

impl Containers {
    /// Those of a lab whose nodes are themselves.
    pub(super) fn new(core: Arc<LabCore>) -> Self {
        Self {
            core,
            copies: AtomicBool::default(),
        }
    }

    /// Whether copies stand in for the nodes.
    pub(super) fn has_copies(&self) -> bool {
        self.copies.load(Ordering::SeqCst)
    }

    pub(super) fn set_copies(&self, copies: bool) {
        self.copies.store(copies, Ordering::SeqCst);
    }

    /// Name of the container that is a node now: its own, or its copy's.
    pub(super) fn current(&self, node: &str) -> String {
        let own = self.original(node);
        if self.has_copies() {
            // The dot keeps it apart from every node's.
            format!("{own}.copy")
        } else {
            own
        }
    }

    /// Name of a node's own container.
    pub(super) fn original(&self, node: &str) -> String {
        format!("plateau-{}-{node}", self.core.marker.name)
    }

    /// Name of the fabric's container: the dot keeps it apart from every node's.
    pub(super) fn fabric(&self) -> String {
        format!("plateau-{}.fabric", self.core.marker.name)
    }

    /// Name of an examiner's container.
    pub(super) fn examiner(&self, number: usize) -> String {
        format!("plateau-{}.examiner{number}", self.core.marker.name)
    }

    /// Names of all containers that a lab of this name has from its start.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let nodes = self.core.topology.nodes.keys();
        nodes.map(|node| self.original(node)).chain([self.fabric()])
    }

    pub(super) async fn inspect(&self, container: &str) -> Result<ContainerDetails, LabError> {
        self.core
            .context
            .runtime
            .inspect_container(container)
            .await
            .map_err(LabError::runtime(format!("look at `{container}`")))
    }

    /// The process that a container runs as, and the container's identifier.
    pub(super) async fn process(&self, container: &str) -> Result<(u32, String), LabError> {
        let found = self.inspect(container).await?;
        let pid = found.pid.ok_or_else(|| LabError::NodeStopped {
            node: container.to_owned(),
        })?;
        Ok((pid, found.id))
    }

    /// Labels of all that belongs to the lab.
    pub(super) fn owner_labels(&self) -> Labels {
        Labels::from([
            (LAB.to_owned(), self.core.marker.id.clone()),
            (OWNER.to_owned(), self.core.context.owner.clone()),
        ])
    }

    /// Tag of the image that a node is made from.
    fn image(&self, name: &str, node: &Node) -> String {
        match &self.core.again {
            Some(again) => again.image(name),
            None => images::tag(&node.image),
        }
    }

    pub(super) fn node_spec(&self, name: &str, node: &Node) -> ContainerSpec {
        let mut labels = self.labels("node");
        labels.insert(NODE.to_owned(), name.to_owned());
        let interfaces: Vec<&str> = node.interfaces.keys().map(String::as_str).collect();
        let asked = node.capabilities.iter().map(|one| capability(*one));
        let mut capabilities: Vec<&str> = ALWAYS.into_iter().chain(asked).collect();
        capabilities.sort_unstable();
        capabilities.dedup();
        ContainerSpec {
            name: self.current(name),
            image: self.image(name, node),
            argv: [layout::AGENT, "init", "--", "/sbin/init"]
                .map(str::to_owned)
                .to_vec(),
            env: BTreeMap::from([
                ("PLATEAU_INTERFACES".to_owned(), interfaces.join(",")),
                ("container".to_owned(), "docker".to_owned()),
            ]),
            labels,
            hostname: Some(name.to_owned()),
            memory: Some(node.limits.memory.0),
            cpu_millis: Some(node.limits.cpu_millis),
            pids: Some(node.limits.pids),
            disk: Some(node.limits.disk.0),
            open_files: Some(OPEN_FILES),
            cap_drop: vec![],
            cap_add: capabilities.into_iter().map(str::to_owned).collect(),
            devices: node
                .devices
                .iter()
                .map(|one| device(*one).to_owned())
                .collect(),
            tmpfs: TMPFS
                .map(|(path, options)| (path.to_owned(), options.to_owned()))
                .into(),
            mounts: vec![self.core.context.agent.mount()],
            stop_signal: Some(SHUT_DOWN.to_owned()),
            security: vec![],
            node_calls: true,
            host_pids: false,
            host_users: false,
            private_cgroups: true,
        }
    }

    pub(super) fn fabric_spec(&self) -> ContainerSpec {
        self.core
            .context
            .agent
            .sleeper(self.fabric(), self.labels("fabric"))
    }

    pub(super) fn examiner_spec(&self, number: usize, observer: &str) -> ContainerSpec {
        let mut labels = self.labels("examiner");
        labels.insert(NODE.to_owned(), observer.to_owned());
        ContainerSpec {
            // Pings and offers of addresses need raw sockets.
            cap_add: ["NET_RAW", "NET_BIND_SERVICE"].map(str::to_owned).to_vec(),
            ..self
                .core
                .context
                .agent
                .sleeper(self.examiner(number), labels)
        }
    }

    fn labels(&self, role: &str) -> Labels {
        let marker = &self.core.marker;
        [
            (LAB, marker.id.as_str()),
            (ROLE, role),
            (OWNER, &self.core.context.owner),
            ("plateau.lab.name", &marker.name),
            ("plateau.scenario", &marker.scenario),
            ("plateau.hash", &marker.hash),
            ("plateau.seed", &marker.seed),
            ("plateau.created", &marker.created),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
    }
}

fn capability(capability: Capability) -> &'static str {
    match capability {
        Capability::NetAdmin => "NET_ADMIN",
        Capability::NetRaw => "NET_RAW",
        Capability::SysBoot => "SYS_BOOT",
        Capability::IpcLock => "IPC_LOCK",
    }
}

fn device(device: Device) -> &'static str {
    match device {
        Device::Tun => "/dev/net/tun",
    }
}

#[cfg(test)]
mod tests {
    use super::TMPFS;

    #[test]
    fn every_file_system_in_memory_may_be_filled() {
        for (path, options) in TMPFS {
            assert!(plateau_core::fault::is_limited(path), "{path}");
            assert!(options.contains("size="), "{path}");
        }
    }
}
