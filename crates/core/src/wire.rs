//! Messages between daemon and agent for wiring: typed plans in, results out.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Everything that one call of the wirer does for one lab: a line of the standard input of `plateau-grader wire`, as JSON.
///
/// Each part is idempotent: what is there already is left as it is, what is half there is completed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireRequest {
    /// Process, in the host's pid namespace, whose network namespace holds the lab's bridges.
    pub fabric: u32,
    /// Bridges to have in the fabric.
    pub bridges: Vec<Bridge>,
    /// Files to be written before a node is released, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FilePart>,
    /// Nodes whose engine mounts are taken away, and which may boot as soon as their links are there.
    pub release: Vec<u32>,
    /// Links to have, made in this order, after bridges, files and releases.
    pub ports: Vec<Port>,
    /// Process → identifier of the container that it has to belong to. One that is not named here is not
    /// compared.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub containers: BTreeMap<u32, String>,
}

/// A mount in every node that holds its boot: the wirer takes it away when the node's files are
/// written and the engine's mounts are gone.
pub const HOLD: &str = "/run/plateau-hold";

/// A file of a node, or a part of a large one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePart {
    /// Process, in the host's pid namespace, in whose mount namespace it is written.
    pub node: u32,
    /// Absolute path; folders on the way are made where they are missing.
    pub path: String,
    /// Permission bits.
    pub mode: u16,
    /// Number of the owning user.
    pub uid: u32,
    /// Number of the owning group.
    pub gid: u32,
    /// Whether it goes on where the part before ended; otherwise it takes the place of what is there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub append: bool,
    /// Content in base64.
    pub content: String,
}

/// Files that an engine mounts over a node's own, made anew in every container.
pub const ENGINE_FILES: [&str; 3] = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

/// Most bytes that these files may have together.
pub const ENGINE_FILES_LIMIT: u64 = 16 << 20;

/// The files of a node that an engine makes anew: the standard output of `plateau-grader engine-files`,
/// as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineFiles {
    /// Those that are there, each in one part.
    Read(Vec<FilePart>),
    /// Why they cannot be read, which is the node's own doing.
    Unreadable(String),
}

/// What is asked of the wirer about the disks of nodes: a line of the standard input of
/// `plateau-agent disks`, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisksRequest {
    /// Folder of the engine's host whose file system is asked how much of it is free.
    pub free_of: Option<String>,
    /// Disks to be measured, in this order.
    pub disks: Vec<NodeDisk>,
}

/// The disk of a node: what it has written beyond its image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeDisk {
    /// Folder of the engine's host that the engine keeps it in.
    pub folder: String,
    /// Files after which counting ends.
    pub most_files: u64,
    /// The node's first process, in the host's pid namespace, where it runs: its processes may hold
    /// files that have no name any more.
    pub process: Option<u32>,
    /// Identifier of the container that this process has to belong to.
    pub container: String,
}

/// The answer to a [`DisksRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisksResponse {
    /// What is free, where it was asked for and could be seen.
    pub free: Option<FreeSpace>,
    /// Of each disk what was seen, or why it could not be measured.
    pub disks: Vec<Result<DiskUse, String>>,
}

/// What is free of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreeSpace {
    /// Bytes.
    pub bytes: u64,
    /// Bytes of the whole file system.
    pub of: u64,
    /// Files that can still be made; `None` where the file system does not limit them.
    pub files: Option<u64>,
}

/// What a node uses of its disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskUse {
    /// Bytes that are allocated, those of files without a name included.
    pub bytes: u64,
    /// Files and folders.
    pub files: u64,
    /// Sum of the files' sizes, holes included: what a copy of it takes.
    pub apparent: u64,
    /// The largest files by their sizes, holes included; the largest first.
    pub largest: Vec<LargeFile>,
    /// Why counting ended before its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<DiskCut>,
}

/// Why not all of a disk was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskCut {
    /// It has more files than asked for.
    Files,
    /// Its folders are nested deeper than anything that a program can name.
    Depth,
    /// It took too long.
    Time,
    /// Its processes have more open files than can be looked at.
    Descriptors,
}

/// A file by its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LargeFile {
    /// Path in the node.
    pub path: String,
    /// Its size in bytes, holes included.
    pub size: u64,
}

/// A network: one bridge in the fabric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bridge {
    /// Name of the bridge, at most 15 bytes.
    pub name: String,
}

/// A link from a bridge into a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Process, in the host's pid namespace, whose network namespace gets the interface.
    pub node: u32,
    /// Name of the interface in the node, at most 15 bytes.
    pub interface: String,
    /// Its hardware address, such as `02:1f:00:00:00:01`.
    pub mac: String,
    /// Bridge that the other end is plugged into.
    pub bridge: String,
    /// Name of the other end in the fabric, at most 15 bytes.
    pub fabric_port: String,
    /// Most bits per second that reach the node through it.
    pub rate: Option<u64>,
    /// How long each packet that reaches the node is held back, in milliseconds.
    #[serde(default)]
    pub delay_ms: Option<u64>,
    /// How many of a million packets to the node are lost.
    #[serde(default)]
    pub loss_ppm: Option<u32>,
    /// Whether the other end is down, so that the node's has no carrier.
    #[serde(default)]
    pub cut: bool,
    /// For an examiner alone: the address that the wirer gives it, whereupon it sets it up.
    /// A node's interfaces are left down and bare.
    pub address: Option<IpNet>,
    /// For an examiner alone: its default gateway.
    pub gateway: Option<std::net::IpAddr>,
}

/// The answer to one request: a line of the standard output of `plateau-grader wire`, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WireResponse {
    /// Everything is as asked.
    Done {
        /// How long it took, in microseconds.
        took_us: u64,
    },
    /// Something failed; what was made stays and goes with the fabric.
    Failed {
        /// What was being done, such as "plug eth0 of process 4711 into n0".
        doing: String,
        /// The kernel's answer.
        reason: String,
    },
}

/// Bytes of a node's own memory that an inotify instance takes, and that a watch takes at least. Where a
/// user may have more of both than fit into a host's memory, no node can use them up: its memory ends
/// first.
pub const INOTIFY_INSTANCE_BYTES: u64 = 1 << 10;
/// See [`INOTIFY_INSTANCE_BYTES`].
pub const INOTIFY_WATCH_BYTES: u64 = 1 << 7;

/// What the wirer saw of its host: the standard output of `plateau-grader kernel`, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReport {
    /// Feature of the kernel, such as `netem` → whether it was made and worked.
    pub features: BTreeMap<String, bool>,
    /// Memory that can still be had, in bytes, where the kernel tells.
    pub memory_available: Option<u64>,
    /// Free bytes on the disk that the engine keeps its containers on, where the kernel tells.
    pub disk_free: Option<u64>,
    /// Most inotify instances of one user; all nodes of a host are one user.
    #[serde(default)]
    pub inotify_limit: Option<u64>,
    /// Inotify instances that are in use now, as far as they can be seen.
    #[serde(default)]
    pub inotify_used: Option<u64>,
    /// Most inotify watches of one user.
    #[serde(default)]
    pub inotify_watches: Option<u64>,
}
