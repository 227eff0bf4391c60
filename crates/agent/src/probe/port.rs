//! Looks for a listening port and the programs behind it.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use anyhow::Context;
use plateau_core::question::port::{PortQuestion, PortSeen, Transport};
use procfs::net::{TcpState, UdpState};
use procfs::process::{Process, all_processes};

use super::bounded::is_absent;
use super::context::ProbeContext;
use super::process::{has_gone, program_of};

/// Addresses and socket numbers of what listens.
type Listening = Vec<(SocketAddr, u64)>;

pub(super) fn see(question: &PortQuestion, look: &ProbeContext) -> anyhow::Result<PortSeen> {
    let mut found = match question.protocol {
        Transport::Tcp => tcp()?,
        Transport::Udp => udp()?,
    };
    found.retain(|(local, _)| local.port() == question.number);
    if found.is_empty() {
        return Ok(PortSeen {
            listening: Some(false),
            ..PortSeen::default()
        });
    }
    let addresses: BTreeSet<String> = found
        .iter()
        .map(|(local, _)| local.ip().to_string())
        .collect();
    let sockets: BTreeSet<u64> = found.into_iter().map(|(_, inode)| inode).collect();
    let programs = if look.wants("programs") {
        Some(programs(&sockets)?)
    } else {
        None
    };
    Ok(PortSeen {
        listening: Some(true),
        addresses: Some(addresses.into_iter().collect()),
        programs,
    })
}

fn tcp() -> anyhow::Result<Listening> {
    let four = procfs::net::tcp().context("cannot read `/proc/net/tcp`")?;
    let six = if_there(procfs::net::tcp6()).context("cannot read `/proc/net/tcp6`")?;
    let listens = four.into_iter().chain(six);
    let listens = listens.filter(|entry| entry.state == TcpState::Listen);
    Ok(listens
        .map(|entry| (entry.local_address, entry.inode))
        .collect())
}

fn udp() -> anyhow::Result<Listening> {
    let four = procfs::net::udp().context("cannot read `/proc/net/udp`")?;
    let six = if_there(procfs::net::udp6()).context("cannot read `/proc/net/udp6`")?;
    let listens = four.into_iter().chain(six);
    // A connected socket hears one peer only.
    let listens = listens.filter(|entry| entry.state != UdpState::Established);
    Ok(listens
        .map(|entry| (entry.local_address, entry.inode))
        .collect())
}

/// A kernel without IPv6 has no such file.
fn if_there<T>(read: procfs::ProcResult<Vec<T>>) -> procfs::ProcResult<Vec<T>> {
    match read {
        Err(procfs::ProcError::NotFound(_)) => Ok(Vec::new()),
        other => other,
    }
}

/// Names of the programs that hold these sockets.
fn programs(sockets: &BTreeSet<u64>) -> anyhow::Result<Vec<String>> {
    let mut names = BTreeSet::new();
    let mut unseen = sockets.clone();
    let mut barred = 0;
    for process in all_processes().context("cannot read `/proc`")? {
        let process = match process {
            Err(ref error) if has_gone(error) => continue,
            process => process.context("cannot look at a process")?,
        };
        let Some(held) = sockets_of(&process) else {
            barred += 1;
            continue;
        };
        let mut holds = false;
        for socket in held.intersection(sockets) {
            holds = true;
            unseen.remove(socket);
        }
        if holds {
            names.extend(program_of(&process));
        }
    }
    // Otherwise a program that we may not look into would seem not to listen.
    anyhow::ensure!(
        unseen.is_empty() || barred == 0,
        "one of {barred} processes that may not be looked into holds the port (the node lacks SYS_PTRACE)"
    );
    Ok(names.into_iter().collect())
}

/// Sockets that a process holds; `None` where we may not look.
///
/// Read here and not by `procfs`, which passes over descriptors that we may not look at.
fn sockets_of(process: &Process) -> Option<BTreeSet<u64>> {
    let folder = match std::fs::read_dir(format!("/proc/{}/fd", process.pid)) {
        Err(error) if is_absent(&error) => return Some(BTreeSet::new()),
        folder => folder.ok()?,
    };
    let mut sockets = BTreeSet::new();
    for entry in folder {
        let target = match entry.and_then(|entry| std::fs::read_link(entry.path())) {
            Err(error) if is_absent(&error) || is_gone(&error) => continue,
            target => target.ok()?,
        };
        sockets.extend(socket_number(&target.to_string_lossy()));
    }
    Some(sockets)
}

/// The number in `socket:[123]`.
fn socket_number(target: &str) -> Option<u64> {
    target
        .strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

/// Whether an error says that the process has ended.
fn is_gone(error: &std::io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::SRCH)
}
