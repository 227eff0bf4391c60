//! The processes whose namespaces are worked in, each held by descriptors so that it cannot be mistaken for another.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

use plateau_core::wire::WireRequest;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::{Refusal, WireError};

/// One process and its namespaces.
pub(crate) struct Process {
    pub(crate) pid: u32,
    alive: OwnedFd,
    pub(crate) net: File,
    pub(crate) mounts: File,
    pub(crate) names: File,
}

impl Process {
    /// Opens the namespaces of a process, unless one of them is the host's or our own.
    fn open(pid: u32) -> Result<Self, WireError> {
        let look = |source| WireError::Look {
            process: pid,
            source,
        };
        let handle = i32::try_from(pid)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| look(io::Error::from(rustix::io::Errno::SRCH)))?;
        // First the handle, then the namespaces, then the question whether it lives: a number that
        // was given to another process in between would show as ended.
        let alive = pidfd_open(handle, PidfdFlags::empty()).map_err(|error| look(error.into()))?;
        let process = Self {
            pid,
            alive,
            net: own_namespace(pid, "net")?,
            mounts: own_namespace(pid, "mnt")?,
            names: own_namespace(pid, "uts")?,
        };
        if process.has_ended() {
            return Err(WireError::Refused {
                process: pid,
                source: Refusal::Ended,
            });
        }
        Ok(process)
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

/// A namespace that the process shares neither with the host nor with us.
fn own_namespace(pid: u32, kind: &'static str) -> Result<File, WireError> {
    let look = |source| WireError::Look {
        process: pid,
        source,
    };
    let theirs = File::open(format!("/proc/{pid}/ns/{kind}")).map_err(look)?;
    let found = theirs.metadata().map_err(look)?;
    let forbidden = forbidden(kind).map_err(look)?;
    if forbidden.contains(&(found.dev(), found.ino())) {
        return Err(WireError::Refused {
            process: pid,
            source: Refusal::NotItsOwn { namespace: kind },
        });
    }
    Ok(theirs)
}

/// Namespaces that nothing may be done in: the host's and our own.
///
/// The host's is that of its init and of its kernel threads. Hardened hosts hide one of the two,
/// others have only one, but not to know the host's namespace at all is a reason to stop.
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
            "the host's {kind} namespace cannot be told: {error}"
        ))),
    }
}

/// All processes that a request names.
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
            if let std::collections::btree_map::Entry::Vacant(place) = processes.entry(pid) {
                place.insert(Process::open(pid)?);
            }
        }
        Ok(Self(processes))
    }

    /// One that the request names.
    pub(crate) fn get(&self, pid: u32) -> Result<&Process, WireError> {
        self.0.get(&pid).ok_or_else(|| WireError::Look {
            process: pid,
            source: io::Error::from(rustix::io::Errno::SRCH),
        })
    }

    /// The first that has ended, if any.
    pub(crate) fn ended(&self) -> Option<u32> {
        self.0
            .values()
            .find(|process| process.has_ended())
            .map(|process| process.pid)
    }
}
