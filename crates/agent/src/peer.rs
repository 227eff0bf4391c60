//! Connections to a node's systemd, of which it is certain that systemd holds the other end.
//!
//! systemd speaks only with processes that it can see, and a worker of the observer is none: it has a
//! PID namespace of its own. So the observer has the connection made by a process that stands in the
//! node for a moment without any capability, asks the kernel who holds the other end, and passes the
//! connection to the worker.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::Context;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use rustix::process::{Signal, fchdir, set_parent_process_death_signal};
use rustix::thread::{CapabilitySet, LinkNameSpaceType};

use crate::wire::process::Node;
use crate::{inherited, own_proc, rights};

/// systemd's private socket, which speaks without a message bus.
const SOCKET: &str = "/run/systemd/private";

/// How long it may take to connect in a node.
const LIMIT: Duration = Duration::from_secs(2);

/// Arguments of `connect`: without any, the process stands in the node already.
#[derive(clap::Args)]
pub(crate) struct ConnectArgs {
    /// Whether to enter the node first, whose namespaces of mounts and processes are the descriptors
    /// after this one
    #[arg(long, num_args = 2, value_names = ["MOUNTS", "PROCESSES"])]
    enter: Option<Vec<RawFd>>,
    /// The node's user namespace, where it is not the observer's
    #[arg(long, requires = "enter")]
    users: Option<RawFd>,
}

/// The socket to the observer, in a worker.
static OBSERVER: OnceLock<Mutex<OwnedFd>> = OnceLock::new();

/// Has [`connect_to_systemd`] ask the observer from now on.
pub(crate) fn ask_over(socket: OwnedFd) {
    // Nothing is passed twice.
    let _ = OBSERVER.set(Mutex::new(socket));
}

/// A connection to systemd, of which process 1 of the node holds the other end.
///
/// # Errors
/// Nobody listens, somebody else listens, or the kernel or the observer does not tell.
pub(crate) fn connect_to_systemd() -> anyhow::Result<UnixStream> {
    let Some(observer) = OBSERVER.get() else {
        // Inside the node.
        let stream = UnixStream::connect(SOCKET)
            .with_context(|| format!("cannot connect to systemd at `{SOCKET}`"))?;
        let peer = socket_peercred(&stream).context("cannot find out who listens")?;
        anyhow::ensure!(peer.pid.is_init(), "`{SOCKET}` is not held by process 1");
        return Ok(stream);
    };
    let observer = observer.lock().unwrap_or_else(PoisonError::into_inner);
    rustix::io::write(&*observer, &[0]).context("cannot ask the observer")?;
    let (text, passed) = receive(observer.as_fd()).context("the observer does not answer")?;
    match passed {
        Some(stream) => Ok(stream.into()),
        None => anyhow::bail!("{text}"),
    }
}

/// Answers a worker until it ends: each byte that it sends asks for a connection to the node's systemd.
pub(crate) fn answer(worker: OwnedFd, node: &Node, starting: &Mutex<()>) -> io::Result<()> {
    let mut byte = [0];
    while rustix::io::read(&worker, &mut byte)? > 0 {
        match connect_in(node, starting) {
            Ok(stream) => send(worker.as_fd(), b" ", Some(stream.as_fd()))?,
            Err(error) => send(worker.as_fd(), format!("{error:#}").as_bytes(), None)?,
        }
    }
    Ok(())
}

/// Has a process connect in the node, and makes sure of who holds the other end.
fn connect_in(node: &Node, starting: &Mutex<()>) -> anyhow::Result<OwnedFd> {
    let (ours, theirs) = UnixStream::pair().context("cannot make a socket")?;
    ours.set_read_timeout(Some(LIMIT))
        .context("cannot set a time limit")?;
    let mut helper = {
        let _alone = starting.lock().unwrap_or_else(PoisonError::into_inner);
        let mounts = inherited::give(&node.process.mounts)?;
        let processes = inherited::give(&node.processes)?;
        let users = node.users.as_ref().map(inherited::give).transpose()?;
        let users = users.iter().flat_map(|users| {
            let number = users.as_raw_fd().to_string();
            ["--users".to_owned(), number]
        });
        Command::new("/proc/self/exe")
            .args(["connect", "--enter"])
            .arg(mounts.as_raw_fd().to_string())
            .arg(processes.as_raw_fd().to_string())
            .args(users)
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start a program")?
    };
    let received = receive(ours.as_fd());
    // What it had to do is done, or took too long.
    let _ = helper.kill();
    let _ = helper.wait();
    let (text, passed) = received.context("systemd cannot be connected to in time")?;
    let Some(stream) = passed else {
        anyhow::bail!("{text}");
    };
    let peer = socket_peercred(&stream).context("cannot find out who listens")?;
    anyhow::ensure!(
        u32::try_from(peer.pid.as_raw_nonzero().get()) == Ok(node.process.pid),
        "`{SOCKET}` is not held by process 1"
    );
    Ok(stream)
}

/// Connects in the node, and passes the connection over standard input, which is a socket; or why that
/// is not possible. The process that stands in the node has no capability, and nothing that it says is
/// trusted.
pub(crate) fn run(arguments: &ConnectArgs) -> anyhow::Result<()> {
    let output = std::io::stdin();
    let done = match arguments.enter.as_deref() {
        Some([mounts, processes]) => enter_and_connect(*mounts, *processes, arguments.users),
        Some(_) | None => connect().and_then(|stream| {
            send(output.as_fd(), b" ", Some(stream.as_fd())).context("cannot pass the connection")
        }),
    };
    done.or_else(|error| {
        let text = format!("{error:#}");
        send(output.as_fd(), text.as_bytes(), None).context("cannot say what failed")
    })
}

fn connect() -> anyhow::Result<UnixStream> {
    // When the observer has no more patience, its child ends with it.
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot end with its parent")?;
    UnixStream::connect(SOCKET).with_context(|| format!("cannot connect to systemd at `{SOCKET}`"))
}

/// Enters the node, and has a process without any capability connect there.
fn enter_and_connect(mounts: RawFd, processes: RawFd, users: Option<RawFd>) -> anyhow::Result<()> {
    // This program is found in a `/proc` that is mounted nowhere, since every path will be the node's.
    let proc = own_proc::make().context("cannot make a `/proc`")?;
    inherited::enter(mounts, LinkNameSpaceType::Mount)?;
    inherited::enter(processes, LinkNameSpaceType::ProcessID)?;
    if let Some(users) = users {
        // systemd speaks with its own root alone.
        inherited::become_root_of(users)?;
    }
    rights::keep_only(CapabilitySet::empty()).context("cannot give up rights")?;
    fchdir(&proc).context("cannot enter `/proc`")?;
    let status = Command::new("./self/exe")
        .arg0("plateau-grader")
        .arg("connect")
        .env_clear()
        .stdin(std::io::stdin().as_fd().try_clone_to_owned()?)
        .status()
        .context("cannot start a program")?;
    anyhow::ensure!(status.success(), "it ended with {status}");
    Ok(())
}

/// Sends a text, and a descriptor with it.
fn send(to: BorrowedFd<'_>, text: &[u8], passed: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let passed: Vec<BorrowedFd<'_>> = passed.into_iter().collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !passed.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&passed));
    }
    sendmsg(
        to,
        &[io::IoSlice::new(text)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

/// A text, and the descriptor that came with it; at its end an error.
fn receive(from: BorrowedFd<'_>) -> io::Result<(String, Option<OwnedFd>)> {
    let mut text = [0; 512];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(
        from,
        &mut [io::IoSliceMut::new(&mut text)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut passed = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            passed = descriptors.into_iter().last();
        }
    }
    if received.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let text = String::from_utf8_lossy(&text[..received.bytes]).into_owned();
    Ok((text, passed))
}
