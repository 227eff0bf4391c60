//! The processes whose namespaces are changed. Descriptors hold each of them, so that none can be
//! confused with a later process of the same number.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

use plateau_core::wire::WireRequest;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::cgroups::{self, Hierarchy};
use super::container;
use super::error::{ProcessError, WireError};
use super::users::Users;

/// One process and its namespaces.
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) alive: OwnedFd,
    pub(crate) net: File,
    pub(crate) mounts: File,
    pub(crate) uts: File,
}

impl Process {
    /// Opens the namespaces of a process, unless one of them is that of the host or of this process, or the
    /// process does not belong to the container. Without a container that is not compared.
    pub(crate) fn open(pid: u32, container: Option<&str>) -> Result<Self, WireError> {
        let failed = |source| WireError::Inspect {
            process: pid,
            source,
        };
        let handle = i32::try_from(pid)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| failed(io::Error::from(rustix::io::Errno::SRCH)))?;
        // First the handle, then the namespaces, then the check that the process lives: if its number
        // was given to another process in between, the handle shows that the first one has ended.
        let alive =
            pidfd_open(handle, PidfdFlags::empty()).map_err(|error| failed(error.into()))?;
        let process = Self {
            pid,
            alive,
            net: open_own_namespace(pid, "net")?,
            mounts: open_own_namespace(pid, "mnt")?,
            uts: open_own_namespace(pid, "uts")?,
        };
        let is_its = container.is_none_or(|container| is_of_container(pid, container));
        if process.has_ended() {
            return Err(WireError::Refused {
                process: pid,
                source: ProcessError::Ended,
            });
        }
        // Only now: of a process that had ended by then, something else may have been read.
        match container {
            Some(container) if !is_its => Err(WireError::Refused {
                process: pid,
                source: ProcessError::OtherContainer {
                    container: container.to_owned(),
                },
            }),
            Some(_) | None => Ok(process),
        }
    }

    /// Where in the node its init sorts its units.
    pub(crate) fn own_hierarchy(&self) -> Result<Hierarchy, WireError> {
        let failed = |source| WireError::Inspect {
            process: self.pid,
            source,
        };
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", self.pid));
        let mounts = read("mountinfo").map_err(failed)?;
        let hierarchy = Hierarchy::read(&mounts).map_err(failed)?;
        let Err(shared) = open_own_namespace(self.pid, "cgroup") else {
            return Ok(hierarchy);
        };
        // A node that shares its control groups with the host could leave its limits, unless it sees
        // its own alone and its root is nobody there. Podman does so under version 1.
        let groups = read("cgroup").map_err(failed)?;
        if self.users()?.has_hosts_root() || !cgroups::shows_own_alone(&mounts, &groups) {
            return Err(shared);
        }
        hierarchy.named_by_the_host(&groups).map_err(failed)
    }

    /// Its user namespace, where that is another one than ours.
    pub(crate) fn user_namespace(&self) -> Result<Option<File>, WireError> {
        open_other_users(self.pid)
    }

    /// Its users, as this process sees them.
    pub(crate) fn users(&self) -> Result<Users, WireError> {
        Users::of(self.pid).map_err(|source| WireError::Inspect {
            process: self.pid,
            source,
        })
    }

    fn has_ended(&self) -> bool {
        let mut handles = [PollFd::new(&self.alive, PollFlags::IN)];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut handles, Some(&at_once)).is_ok_and(|ready| ready > 0)
    }
}

/// Whether a process has the control groups of a container. One whose groups cannot be read has not.
pub(crate) fn is_of_container(pid: u32, container: &str) -> bool {
    let groups = |process: &str| std::fs::read_to_string(format!("/proc/{process}/cgroup"));
    match (groups("self"), groups(&pid.to_string())) {
        (Ok(own), Ok(theirs)) => container::is_of(&own, &theirs, container),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

/// The first process of a node that is looked at, with all of its namespaces.
pub(crate) struct Node {
    pub(crate) process: Process,
    pub(crate) ipc: File,
    pub(crate) processes: File,
    /// `None` where it shares ours.
    pub(crate) users: Option<File>,
}

impl Node {
    /// Opens the namespaces of a container's process, unless one of them is that of the host or of this
    /// process.
    pub(crate) fn open(pid: u32, container: &str) -> Result<Self, WireError> {
        let node = Self {
            // First, for its handle: it shows whether the number still means the same process.
            process: Process::open(pid, Some(container))?,
            ipc: open_own_namespace(pid, "ipc")?,
            processes: open_own_namespace(pid, "pid")?,
            users: open_other_users(pid)?,
        };
        if node.process.has_ended() {
            return Err(WireError::Refused {
                process: pid,
                source: ProcessError::Ended,
            });
        }
        Ok(node)
    }
}

/// A namespace that the process shares neither with the host nor with this process.
fn open_own_namespace(pid: u32, kind: &'static str) -> Result<File, WireError> {
    let failed = |source| WireError::Inspect {
        process: pid,
        source,
    };
    let namespace = File::open(format!("/proc/{pid}/ns/{kind}")).map_err(failed)?;
    let found = namespace.metadata().map_err(failed)?;
    let forbidden = forbidden(kind).map_err(failed)?;
    if forbidden.contains(&(found.dev(), found.ino())) {
        return Err(WireError::Refused {
            process: pid,
            source: ProcessError::ForeignNamespace { namespace: kind },
        });
    }
    Ok(namespace)
}

/// The user namespace of a process where it is another one than ours. The kernel lets nobody enter
/// their own again.
fn open_other_users(pid: u32) -> Result<Option<File>, WireError> {
    let failed = |source| WireError::Inspect {
        process: pid,
        source,
    };
    let identity = |file: &File| Ok((file.metadata()?.dev(), file.metadata()?.ino()));
    let its = File::open(format!("/proc/{pid}/ns/user")).map_err(failed)?;
    let ours = File::open("/proc/self/ns/user").map_err(failed)?;
    let is_ours = identity(&its).and_then(|its| Ok(its == identity(&ours)?));
    Ok((!is_ours.map_err(failed)?).then_some(its))
}

/// Namespaces that must not be changed: those of the host and of this process.
///
/// The host's namespace is that of its init and of its kernel threads. Hardened hosts hide one of
/// the two, and others have only one. If neither is visible, the request fails.
fn forbidden(kind: &str) -> io::Result<Vec<(u64, u64)>> {
    let identity = |process: &str| {
        std::fs::metadata(format!("/proc/{process}/ns/{kind}"))
            .map(|found| (found.dev(), found.ino()))
    };
    let own = identity("self")?;
    match (identity("1"), identity("2")) {
        (Ok(init), Ok(kernel)) => Ok(vec![own, init, kernel]),
        (Ok(host), Err(_)) | (Err(_), Ok(host)) => Ok(vec![own, host]),
        (Err(error), Err(_)) => Err(io::Error::other(format!(
            "cannot find the host's {kind} namespace: {error}"
        ))),
    }
}

/// All processes of a request.
pub(crate) struct Processes(BTreeMap<u32, Process>);

impl Processes {
    /// Opens all of them before anything is changed.
    pub(crate) fn open(request: &WireRequest) -> Result<Self, WireError> {
        let mut processes = BTreeMap::new();
        let nodes = request.ports.iter().map(|port| port.node);
        for pid in [request.fabric]
            .into_iter()
            .chain(request.files.iter().map(|file| file.node))
            .chain(request.release.iter().copied())
            .chain(nodes)
        {
            if let std::collections::btree_map::Entry::Vacant(vacant) = processes.entry(pid) {
                let container = request.containers.get(&pid).map(String::as_str);
                vacant.insert(Process::open(pid, container)?);
            }
        }
        Ok(Self(processes))
    }

    /// One process of the request.
    pub(crate) fn get(&self, pid: u32) -> Result<&Process, WireError> {
        self.0.get(&pid).ok_or_else(|| WireError::Inspect {
            process: pid,
            source: io::Error::from(rustix::io::Errno::SRCH),
        })
    }

    /// A process that has ended, if there is one.
    pub(crate) fn first_ended(&self) -> Option<u32> {
        self.0
            .values()
            .find(|process| process.has_ended())
            .map(|process| process.pid)
    }
}
