//! Owns one terminal: the process that continues when the exec that started it has ended.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use futures_util::{SinkExt, StreamExt};
use plateau_core::terminal::{FRAME_LIMIT, Frame};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::LocalSet;
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

use crate::runtime;

use super::arguments::ShellArgs;
use super::output::Output;

/// Most bytes of a frame with live output.
const MAX_CHUNK: usize = 32 << 10;

/// Longest that the terminal waits for readers that do not read.
const READER_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest that the host waits for readers to receive the end.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// State that all attachments share.
struct Terminal {
    master: AsyncFd<OwnedFd>,
    output: RefCell<Output>,
    exit_code: RefCell<Option<i32>>,
    /// There is more output, or the shell has ended.
    output_changed: Notify,
    /// A reader has read something, or left.
    output_read: Notify,
}

/// Owns the terminal until its shell ends. Standard input is the listening socket.
pub(crate) fn run(arguments: &ShellArgs) -> anyhow::Result<()> {
    // Fails only for a process group leader, which has left the exec's session already.
    let _ = rustix::process::setsid();
    let listener = std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .context("cannot take the socket")?;
    let runtime = runtime::single_threaded()?;
    LocalSet::new().block_on(&runtime, serve(arguments, listener.into()))
}

async fn serve(
    arguments: &ShellArgs,
    listener: std::os::unix::net::UnixListener,
) -> anyhow::Result<()> {
    listener.set_nonblocking(true).context("cannot listen")?;
    let listener = UnixListener::from_std(listener).context("cannot listen")?;
    let (master, slave) = open_terminal(arguments).context("cannot open a terminal")?;
    let again = || slave.try_clone().context("cannot open a terminal");
    let mut child = tokio::process::Command::new("/proc/self/exe")
        .args(["shell-login", "--user", &arguments.user])
        .stdin(again()?)
        .stdout(again()?)
        .stderr(again()?)
        .spawn()
        .context("cannot start the shell")?;
    drop(slave);
    let terminal = Rc::new(Terminal {
        master: register(master).context("cannot open a terminal")?,
        output: RefCell::new(Output::new(random_id()?, arguments.size())),
        exit_code: RefCell::default(),
        output_changed: Notify::new(),
        output_read: Notify::new(),
    });
    let (input_sender, input) = mpsc::channel(64);
    tokio::task::spawn_local(write_input(Rc::clone(&terminal), input));
    let mut attached = tokio::task::JoinSet::new();
    let status = {
        let reading = read_output(&terminal);
        tokio::pin!(reading);
        let mut is_open = true;
        loop {
            tokio::select! {
                status = child.wait() => break status.context("cannot wait for the shell")?,
                () = &mut reading, if is_open => is_open = false,
                stream = listener.accept() => if let Ok((stream, _)) = stream {
                    attached.spawn_local(attach(Rc::clone(&terminal), stream, input_sender.clone()));
                },
                Some(_) = attached.join_next() => {}
            }
        }
    };
    // From here on a new attachment starts a new terminal; those that wait already receive the end.
    let _ = std::fs::remove_file(arguments.socket());
    drain(&terminal);
    terminal.exit_code.replace(Some(exit_code(status)));
    terminal.output_changed.notify_waiters();
    while let Ok(Ok((stream, _))) = tokio::time::timeout(Duration::ZERO, listener.accept()).await {
        attached.spawn_local(attach(Rc::clone(&terminal), stream, input_sender.clone()));
    }
    let _ = tokio::time::timeout(END_TIMEOUT, async {
        while attached.join_next().await.is_some() {}
    })
    .await;
    Ok(())
}

/// A random number, which no terminal had before.
fn random_id() -> anyhow::Result<u64> {
    let mut bytes = [0; 8];
    rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty())
        .context("cannot get random numbers")?;
    Ok(u64::from_be_bytes(bytes))
}

/// Both ends of a new terminal; the first is non-blocking.
fn open_terminal(arguments: &ShellArgs) -> io::Result<(OwnedFd, OwnedFd)> {
    let master =
        rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    rustix::pty::grantpt(&master)?;
    rustix::pty::unlockpt(&master)?;
    let slave = rustix::pty::ioctl_tiocgptpeer(
        &master,
        OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC,
    )?;
    let (cols, rows) = arguments.size();
    resize(&master, cols, rows)?;
    rustix::io::ioctl_fionbio(&master, true)?;
    Ok((master, slave))
}

/// Registers a descriptor with the runtime.
#[expect(unsafe_code, reason = "no safe interface registers a descriptor")]
fn register(master: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` stays open and unchanged while it lives, and `AsyncFd` owns it.
    Ok(unsafe { AsyncFd::register(master)? })
}

fn resize(terminal: impl AsFd, cols: u16, rows: u16) -> io::Result<()> {
    let size = Winsize {
        ws_row: rows,
        ws_col: cols,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    Ok(rustix::termios::tcsetwinsize(terminal, size)?)
}

/// The exit code as a shell reports it.
fn exit_code(status: ExitStatus) -> i32 {
    status
        .code()
        .or(status.signal().map(|signal| 128 + signal))
        .unwrap_or(-1)
}

/// Reads the terminal's output until no process has it open.
async fn read_output(terminal: &Terminal) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = terminal
            .master
            .async_io(tokio::io::Interest::READABLE, |master| {
                Ok(rustix::io::read(master, &mut buffer[..])?)
            })
            .await;
        let bytes = match read {
            Ok(0) | Err(_) => return,
            Ok(bytes) => bytes,
        };
        terminal.output.borrow_mut().push(&buffer[..bytes]);
        terminal.output_changed.notify_waiters();
        let _ = tokio::time::timeout(READER_TIMEOUT, async {
            while terminal.output.borrow().all_readers_lag() {
                terminal.output_read.notified().await;
            }
        })
        .await;
    }
}

/// Reads what is left, without waiting for the output of background jobs.
fn drain(terminal: &Terminal) {
    let mut buffer = vec![0; 16 << 10];
    // Bounded, because a background job may write for ever.
    for _ in 0..64 {
        match rustix::io::read(terminal.master.get_ref(), &mut buffer[..]) {
            Ok(0) | Err(_) => return,
            Ok(bytes) => terminal.output.borrow_mut().push(&buffer[..bytes]),
        }
    }
}

/// Writes the input of all attachments; the bytes of a frame stay together.
async fn write_input(terminal: Rc<Terminal>, mut input: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = input.recv().await {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let written = terminal
                .master
                .async_io(tokio::io::Interest::WRITABLE, |master| {
                    Ok(rustix::io::write(master, rest)?)
                })
                .await;
            match written {
                Ok(bytes) => rest = &rest[bytes..],
                Err(_) => return,
            }
        }
    }
}

/// Serves one attachment until it leaves or the shell ends.
async fn attach(terminal: Rc<Terminal>, stream: UnixStream, input_sender: mpsc::Sender<Vec<u8>>) {
    let reader = terminal.output.borrow_mut().attach();
    let (from, to) = stream.into_split();
    tokio::select! {
        () = receive_frames(&terminal, from, input_sender) => {}
        () = send_frames(&terminal, to, reader) => {}
    }
    terminal.output.borrow_mut().detach(reader);
    terminal.output_read.notify_waiters();
}

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder()
        .max_frame_length(FRAME_LIMIT)
        .new_codec()
}

/// Receives frames; returns when the attachment ends or sends an invalid frame.
async fn receive_frames(
    terminal: &Terminal,
    from: OwnedReadHalf,
    input_sender: mpsc::Sender<Vec<u8>>,
) {
    let mut frames = FramedRead::new(from, codec());
    while let Some(Ok(frame)) = frames.next().await {
        match Frame::decode(&frame) {
            Ok(Frame::Data(bytes)) => {
                if input_sender.send(bytes).await.is_err() {
                    // There can be no more input, but the output is still sent.
                    return std::future::pending().await;
                }
            }
            Ok(Frame::Resize { cols, rows }) => {
                // A size that the kernel refuses is ignored.
                if resize(terminal.master.get_ref(), cols, rows).is_ok() {
                    terminal.output.borrow_mut().resize((cols, rows));
                }
            }
            Ok(Frame::Exit(_) | Frame::Backlog(_)) | Err(_) => return,
        }
    }
}

/// Sends frames; returns after the last one, or when the attachment has gone.
async fn send_frames(terminal: &Terminal, to: OwnedWriteHalf, reader: u64) {
    let mut frames = FramedWrite::new(to, codec());
    let history = terminal.output.borrow_mut().history(reader);
    let mut sent = Ok(());
    for past in history {
        sent = frames.send(Frame::Backlog(past).encode().as_slice()).await;
        if sent.is_err() {
            return;
        }
    }
    while sent.is_ok() {
        // Subscribed before the check, so that no change in between is missed.
        let changed = terminal.output_changed.notified();
        let bytes = terminal.output.borrow_mut().read(reader, MAX_CHUNK);
        let exit_code = *terminal.exit_code.borrow();
        if !bytes.is_empty() {
            terminal.output_read.notify_waiters();
            sent = frames.send(Frame::Data(bytes).encode().as_slice()).await;
        } else if let Some(status) = exit_code {
            let _ = frames.send(Frame::Exit(status).encode().as_slice()).await;
            return;
        } else {
            changed.await;
        }
    }
}
