//! Looks for a listening port and the programs behind it.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use anyhow::Context;
use plateau_core::question::port::{PortQuestion, PortSeen, Transport};
use procfs::net::{TcpState, UdpState};
use procfs::process::{FDTarget, Process, all_processes};

use super::asked::Look;
use super::process::{has_gone, shown_name};

/// Addresses and socket numbers of what listens.
type Listening = Vec<(SocketAddr, u64)>;

pub(super) fn see(question: &PortQuestion, look: &Look) -> anyhow::Result<PortSeen> {
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
            names.extend(shown_name(&process));
        }
    }
    // Otherwise a program that we may not look into would seem not to listen.
    anyhow::ensure!(
        unseen.is_empty() || barred == 0,
        "{barred} processes may not be looked into, and one of them holds the port"
    );
    Ok(names.into_iter().collect())
}

/// Sockets that a process holds; `None` where we may not look.
fn sockets_of(process: &Process) -> Option<BTreeSet<u64>> {
    let files = match process.fd() {
        Err(ref error) if has_gone(error) => return Some(BTreeSet::new()),
        files => files.ok()?,
    };
    let mut sockets = BTreeSet::new();
    for file in files {
        match file {
            Ok(file) => {
                if let FDTarget::Socket(inode) = file.target {
                    sockets.insert(inode);
                }
            }
            Err(ref error) if has_gone(error) => {}
            Err(_) => return None,
        }
    }
    Some(sockets)
}
