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
        let net = own_namespace(pid, "net");
        let mounts = own_namespace(pid, "mnt");
        let process = |net, mounts| Self {
            pid,
            alive,
            net,
            mounts,
        };
        match (net, mounts) {
            (Ok(net), Ok(mounts)) => {
                let process = process(net, mounts);
                if process.has_ended() {
                    return Err(WireError::Refused {
                        process: pid,
                        source: Refusal::Ended,
                    });
                }
                Ok(process)
            }
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
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
    let identity = |path: &str| std::fs::metadata(path).map(|found| (found.dev(), found.ino()));
    let found = theirs
        .metadata()
        .map(|found| (found.dev(), found.ino()))
        .map_err(look)?;
    for forbidden in ["1", "self"] {
        if found == identity(&format!("/proc/{forbidden}/ns/{kind}")).map_err(look)? {
            return Err(WireError::Refused {
                process: pid,
                source: Refusal::NotItsOwn {
                    namespace: match kind {
                        "net" => "network",
                        _ => "mount",
                    },
                },
            });
        }
    }
    Ok(theirs)
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
