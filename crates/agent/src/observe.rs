//! The observer of an engine: starts a worker for each call, and passes on what it says.
//!
//! It stands in the wirer's container, in the host's PID namespace, where no node reaches. A worker
//! that hangs in the kernel, is too slow or dies costs its own call only.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use plateau_core::probe::{
    FRAME_LIMIT, MESSAGE_LIMIT, ObserverAction, ObserverRequest, ObserverResponse,
};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

use crate::wire::process::Node;
use crate::{inherited, peer, runtime};

/// Most bytes of what a worker says about its own failure.
const COMPLAINT: u64 = 1 << 10;

/// Held while a worker is started, so that no other one inherits its descriptors.
static STARTING: Mutex<()> = Mutex::new(());

/// The calls that are under way: each ends, or is cancelled when its sender is dropped.
type Calls = BTreeMap<u64, mpsc::UnboundedSender<()>>;

/// Serves until its standard input ends.
pub(crate) fn run() -> anyhow::Result<()> {
    let runtime = runtime::single_threaded()?;
    LocalSet::new().block_on(&runtime, serve())
}

async fn serve() -> anyhow::Result<()> {
    let codec = LengthDelimitedCodec::builder()
        .max_frame_length(FRAME_LIMIT)
        .new_codec();
    let mut requests = FramedRead::new(tokio::io::stdin(), codec.clone());
    let mut responses = FramedWrite::new(tokio::io::stdout(), codec);
    let (ended, mut ends) = mpsc::channel::<ObserverResponse>(16);
    let mut calls = Calls::new();
    loop {
        tokio::select! {
            request = requests.next() => {
                let Some(request) = request else {
                    return Ok(());
                };
                let request = request.context("cannot read a request")?;
                let request = ObserverRequest::decode(&request).context("cannot read a request")?;
                take(request, &mut calls, &ended);
            }
            Some(response) = ends.recv() => {
                calls.remove(&response.call);
                let sent = responses.send(Bytes::from(response.encode())).await;
                sent.context("cannot write an answer")?;
            }
        }
    }
}

fn take(request: ObserverRequest, calls: &mut Calls, ended: &mpsc::Sender<ObserverResponse>) {
    let ObserverRequest { call, action } = request;
    match action {
        ObserverAction::Look {
            pid,
            container,
            batch,
        } => {
            let (finish, finishes) = mpsc::unbounded_channel();
            calls.insert(call, finish);
            let ended = ended.clone();
            tokio::task::spawn_local(async move {
                let Some(answer) = look(pid, container, batch, finishes).await else {
                    return;
                };
                let answer = answer.map_err(|error| format!("{error:#}"));
                // Without a reader this program is about to end.
                let _ = ended.send(ObserverResponse { call, answer }).await;
            });
        }
        ObserverAction::Finish => {
            if let Some(finish) = calls.get(&call) {
                // A call that has ended has nothing to finish.
                let _ = finish.send(());
            }
        }
        ObserverAction::Cancel => drop(calls.remove(&call)),
    }
}

/// One call, to its end; `None` where it was cancelled.
async fn look(
    pid: u32,
    container: String,
    batch: Vec<u8>,
    mut finishes: mpsc::UnboundedReceiver<()>,
) -> Option<anyhow::Result<Vec<u8>>> {
    let (mut worker, node) = match start(pid, container).await {
        Ok(started) => started,
        Err(error) => return Some(Err(error)),
    };
    let input = worker.stdin.take();
    let talk = async {
        let mut input = input.context("the worker has no input")?;
        // A worker that ends early says why on its standard error.
        let _ = input.write_all(&batch).await;
        let _ = input.write_all(b"\n").await;
        let _ = input.flush().await;
        let finished = async {
            while finishes.recv().await.is_some() {
                let _ = input.write_all(b"\n").await;
                let _ = input.flush().await;
            }
        };
        tokio::select! {
            // First: in the namespaces of a node that has stopped, everything looks broken.
            biased;
            ended = node.readable() => match ended {
                Ok(_) => Err(anyhow::anyhow!("the node stopped while it was looked at")),
                Err(error) => Err(error).context("cannot watch the node"),
            },
            answered = read(&mut worker) => Ok(answered?),
            () = finished => Err(anyhow::anyhow!(Cancelled)),
        }
    };
    match talk.await {
        Err(error) if error.is::<Cancelled>() => None,
        answered => Some(answered),
    }
}

/// A call that was cancelled; its worker is killed as its handle is dropped.
#[derive(Debug, thiserror::Error)]
#[error("the call was cancelled")]
struct Cancelled;

/// Reads a worker's answer. One that did not end well has none: a part of an answer is not an answer.
async fn read(worker: &mut Child) -> anyhow::Result<Vec<u8>> {
    let (stdout, stderr) = worker
        .stdout
        .take()
        .zip(worker.stderr.take())
        .context("the worker has no output")?;
    let (mut answer, mut complaint) = (Vec::new(), Vec::new());
    let (mut stdout, mut stderr) = (stdout.take(MESSAGE_LIMIT + 1), stderr.take(COMPLAINT));
    let (answered, _) = tokio::join!(
        stdout.read_to_end(&mut answer),
        stderr.read_to_end(&mut complaint)
    );
    answered.context("cannot read the worker's answer")?;
    anyhow::ensure!(
        answer.len() as u64 <= MESSAGE_LIMIT,
        "the answer is larger than {MESSAGE_LIMIT} bytes"
    );
    let status = worker.wait().await.context("cannot wait for the worker")?;
    let complaint = String::from_utf8_lossy(&complaint);
    anyhow::ensure!(
        status.success(),
        "the worker ended with {status}: {}",
        complaint.trim()
    );
    Ok(answer)
}

/// Starts a worker as the first process of a PID namespace: what it starts ends with it. With it comes a
/// descriptor that is readable when the node has stopped.
async fn start(pid: u32, container: String) -> anyhow::Result<(Child, AsyncFd<OwnedFd>)> {
    let (ours, theirs) = UnixStream::pair().context("cannot make a socket")?;
    let handle = Handle::current();
    let (sender, started) = oneshot::channel();
    std::thread::Builder::new()
        .spawn(move || {
            let peers = theirs.into();
            let worker = Node::open(pid, &container)
                .map_err(anyhow::Error::from)
                .and_then(|node| {
                    let alive = node
                        .process
                        .alive
                        .try_clone()
                        .context("cannot watch the node")?;
                    Ok((spawn_apart(&handle, &node, peers)?, alive, node))
                });
            // Nobody waits where the call was cancelled: then the worker is killed here.
            match worker {
                Ok((worker, alive, node)) => {
                    if sender.send(Ok((worker, alive))).is_ok() {
                        // It ends with the worker.
                        let _ = peer::answer(ours.into(), &node, &STARTING);
                    }
                }
                Err(error) => drop(sender.send(Err(error))),
            }
        })
        .context("cannot start a thread")?;
    let (worker, alive) = started.await.context("cannot start a worker")??;
    #[expect(unsafe_code, reason = "no safe interface waits for a descriptor")]
    // SAFETY: the descriptor is owned, and always the same one.
    let node = unsafe { AsyncFd::register_with_interest(alive, Interest::READABLE) };
    let node = node.context("cannot watch the node")?;
    Ok((worker, node))
}

/// The kernel remembers for a thread in which PID namespace it starts processes, so that each worker is
/// started by a thread of its own.
fn spawn_apart(handle: &Handle, node: &Node, peers: OwnedFd) -> anyhow::Result<Child> {
    std::thread::scope(|scope| {
        let spawning = scope.spawn(|| {
            let _runtime = handle.enter();
            spawn(node, peers)
        });
        spawning
            .join()
            .unwrap_or_else(|_| Err(anyhow::anyhow!("the starting thread panicked")))
    })
}

fn spawn(node: &Node, peers: OwnedFd) -> anyhow::Result<Child> {
    #[expect(unsafe_code, reason = "no safe interface makes a namespace")]
    // SAFETY: a PID namespace concerns the processes that this thread starts, and shares no memory or
    // descriptor anew.
    let unshared = unsafe { unshare_unsafe(UnshareFlags::NEWPID) };
    unshared.context("cannot make a PID namespace")?;
    let mut command = Command::new("/proc/self/exe");
    command
        .arg("look")
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // No other program is started while these are open, so that none inherits them.
    let _alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut given = vec![
        ("--ipc", inherited::give(&node.ipc)?),
        ("--uts", inherited::give(&node.process.uts)?),
        ("--net", inherited::give(&node.process.net)?),
        ("--mounts", inherited::give(&node.process.mounts)?),
        ("--peers", inherited::give(peers)?),
    ];
    if let Some(users) = &node.users {
        given.push(("--users", inherited::give(users)?));
    }
    for (name, descriptor) in &given {
        command.args([*name, &descriptor.as_raw_fd().to_string()]);
    }
    command.spawn().context("cannot start a worker")
}
