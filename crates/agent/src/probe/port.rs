//! Finds a listening port and the programs behind it.

use std::collections::BTreeSet;
use std::io::BufReader;
use std::net::SocketAddr;

use anyhow::Context;
use plateau_core::question::port::{PortQuestion, PortSeen, Transport};
use procfs::FromBufReadSI;
use procfs::net::{TcpNetEntries, TcpState, UdpNetEntries, UdpState};
use procfs::process::{Process, all_processes};

use super::context::ProbeContext;
use super::process::{has_exited, program_name};
use crate::bounded::is_not_found;
use crate::own_proc;

/// Addresses and inode numbers of listening sockets.
type ListeningSockets = Vec<(SocketAddr, u64)>;

pub(super) fn observe(question: &PortQuestion, context: &ProbeContext) -> anyhow::Result<PortSeen> {
    let mut found = match question.protocol {
        Transport::Tcp => listening_tcp()?,
        Transport::Udp => listening_udp()?,
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
    let programs = if context.wants("programs") {
        Some(programs_holding(&sockets)?)
    } else {
        None
    };
    Ok(PortSeen {
        listening: Some(true),
        addresses: Some(addresses.into_iter().collect()),
        programs,
    })
}

fn listening_tcp() -> anyhow::Result<ListeningSockets> {
    let four: TcpNetEntries = read_table("net/tcp")?.context("no table `/proc/net/tcp`")?;
    let six: Option<TcpNetEntries> = read_table("net/tcp6")?;
    let listens = four
        .0
        .into_iter()
        .chain(six.into_iter().flat_map(|table| table.0));
    let listens = listens.filter(|entry| entry.state == TcpState::Listen);
    Ok(listens
        .map(|entry| (entry.local_address, entry.inode))
        .collect())
}

fn listening_udp() -> anyhow::Result<ListeningSockets> {
    let four: UdpNetEntries = read_table("net/udp")?.context("no table `/proc/net/udp`")?;
    let six: Option<UdpNetEntries> = read_table("net/udp6")?;
    let listens = four
        .0
        .into_iter()
        .chain(six.into_iter().flat_map(|table| table.0));
    // A connected socket receives from one peer only.
    let listens = listens.filter(|entry| entry.state != UdpState::Established);
    Ok(listens
        .map(|entry| (entry.local_address, entry.inode))
        .collect())
}

/// A table of the kernel; `None` where there is none, such as that of IPv6 in a kernel without it.
fn read_table<T: FromBufReadSI>(path: &str) -> anyhow::Result<Option<T>> {
    let file = match own_proc::open(path) {
        Err(error) if is_not_found(&error) => return Ok(None),
        opened => opened.with_context(|| format!("cannot open `/proc/{path}`"))?,
    };
    let table = T::from_buf_read(BufReader::new(file), procfs::current_system_info())
        .with_context(|| format!("cannot read `/proc/{path}`"))?;
    Ok(Some(table))
}

/// Names of the programs that hold these sockets.
fn programs_holding(sockets: &BTreeSet<u64>) -> anyhow::Result<Vec<String>> {
    let mut names = BTreeSet::new();
    let mut unmatched = sockets.clone();
    let mut unreadable = 0;
    for process in all_processes().context("cannot read `/proc`")? {
        let process = match process {
            Err(ref error) if has_exited(error) => continue,
            process => process.context("cannot look at a process")?,
        };
        let Some(held) = socket_inodes(&process) else {
            unreadable += 1;
            continue;
        };
        let mut holds = false;
        for socket in held.intersection(sockets) {
            holds = true;
            unmatched.remove(socket);
        }
        if holds {
            names.extend(program_name(&process));
        }
    }
    // Otherwise a program that cannot be inspected would seem not to listen.
    anyhow::ensure!(
        unmatched.is_empty() || unreadable == 0,
        "one of {unreadable} processes that cannot be inspected holds the port"
    );
    Ok(names.into_iter().collect())
}

/// Sockets that a process holds; `None` without the permission to see them.
///
/// Not read by `procfs`, which skips descriptors without that permission.
fn socket_inodes(process: &Process) -> Option<BTreeSet<u64>> {
    let folder = match std::fs::read_dir(format!("/proc/{}/fd", process.pid)) {
        Err(error) if is_not_found(&error) => return Some(BTreeSet::new()),
        folder => folder.ok()?,
    };
    let mut sockets = BTreeSet::new();
    for entry in folder {
        let target = match entry.and_then(|entry| std::fs::read_link(entry.path())) {
            Err(error) if is_not_found(&error) || has_exited_io(&error) => continue,
            target => target.ok()?,
        };
        sockets.extend(parse_socket_inode(&target.to_string_lossy()));
    }
    Some(sockets)
}

/// The number in `socket:[123]`.
fn parse_socket_inode(target: &str) -> Option<u64> {
    target
        .strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

/// Whether an error says that the process has ended.
fn has_exited_io(error: &std::io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::SRCH)
}
