//! Owns one terminal: the process that goes on when the exec that started it is gone.

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

use super::Shell;
use super::output::Output;

/// Most bytes of a frame with live output.
const CHUNK: usize = 32 << 10;

/// How long a terminal is held back for readers who do not read.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the end is told to readers who do not read.
const FAREWELL: Duration = Duration::from_secs(2);

/// Everything that the attachments share.
struct Terminal {
    master: AsyncFd<OwnedFd>,
    output: RefCell<Output>,
    ended: RefCell<Option<i32>>,
    /// More was shown, or the shell ended.
    news: Notify,
    /// A reader took something, or left.
    taken: Notify,
}

/// Owns the terminal until its shell ends. The standard input is the socket that listens.
pub(crate) fn run(shell: &Shell) -> anyhow::Result<()> {
    // Fails for the leader of a group alone, who is none of the exec's any more.
    let _ = rustix::process::setsid();
    let listener = std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .context("take the socket")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start")?;
    LocalSet::new().block_on(&runtime, serve(shell, listener.into()))
}

async fn serve(shell: &Shell, listener: std::os::unix::net::UnixListener) -> anyhow::Result<()> {
    listener.set_nonblocking(true).context("listen")?;
    let listener = UnixListener::from_std(listener).context("listen")?;
    let (master, slave) = open_terminal(shell).context("open a terminal")?;
    let again = || slave.try_clone().context("open a terminal");
    let mut child = tokio::process::Command::new("/proc/self/exe")
        .args(["shell-login", "--user", &shell.user])
        .stdin(again()?)
        .stdout(again()?)
        .stderr(again()?)
        .spawn()
        .context("start the shell")?;
    drop(slave);
    let terminal = Rc::new(Terminal {
        master: watch(master).context("open a terminal")?,
        output: RefCell::new(Output::new(number()?, size(shell))),
        ended: RefCell::default(),
        news: Notify::new(),
        taken: Notify::new(),
    });
    let (typed, keys) = mpsc::channel(64);
    tokio::task::spawn_local(type_keys(Rc::clone(&terminal), keys));
    let mut attached = tokio::task::JoinSet::new();
    let status = {
        let showing = show(&terminal);
        tokio::pin!(showing);
        let mut shows = true;
        loop {
            tokio::select! {
                status = child.wait() => break status.context("wait for the shell")?,
                () = &mut showing, if shows => shows = false,
                stream = listener.accept() => if let Ok((stream, _)) = stream {
                    attached.spawn_local(attach(Rc::clone(&terminal), stream, typed.clone()));
                },
                Some(_) = attached.join_next() => {}
            }
        }
    };
    // From here on whoever attaches gets a new terminal; those who wait already hear of the end.
    let _ = std::fs::remove_file(super::socket(&shell.name));
    drain(&terminal);
    terminal.ended.replace(Some(status_number(status)));
    terminal.news.notify_waiters();
    while let Ok(Ok((stream, _))) = tokio::time::timeout(Duration::ZERO, listener.accept()).await {
        attached.spawn_local(attach(Rc::clone(&terminal), stream, typed.clone()));
    }
    let _ = tokio::time::timeout(FAREWELL, async {
        while attached.join_next().await.is_some() {}
    })
    .await;
    Ok(())
}

/// The size of the window that was asked for.
fn size(shell: &Shell) -> (u16, u16) {
    (shell.cols.unwrap_or(80), shell.rows.unwrap_or(24))
}

/// A number that no terminal had before.
fn number() -> anyhow::Result<u64> {
    let mut bytes = [0; 8];
    rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty())
        .context("draw a number")?;
    Ok(u64::from_be_bytes(bytes))
}

/// Both ends of a new terminal; the first does not block.
fn open_terminal(shell: &Shell) -> io::Result<(OwnedFd, OwnedFd)> {
    let master =
        rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    rustix::pty::grantpt(&master)?;
    rustix::pty::unlockpt(&master)?;
    let slave = rustix::pty::ioctl_tiocgptpeer(
        &master,
        OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC,
    )?;
    let (cols, rows) = size(shell);
    resize(&master, cols, rows)?;
    rustix::io::ioctl_fionbio(&master, true)?;
    Ok((master, slave))
}

/// Hands a descriptor to the runtime.
#[allow(unsafe_code)]
fn watch(master: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` stays open and the same for as long as it lives, and `AsyncFd` owns it.
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

/// As shells say it.
fn status_number(status: ExitStatus) -> i32 {
    status
        .code()
        .or(status.signal().map(|signal| 128 + signal))
        .unwrap_or(-1)
}

/// Takes what the terminal shows until nobody has it open any more.
async fn show(terminal: &Terminal) {
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
        terminal.output.borrow_mut().show(&buffer[..bytes]);
        terminal.news.notify_waiters();
        let _ = tokio::time::timeout(PATIENCE, async {
            while terminal.output.borrow().is_ahead() {
                terminal.taken.notified().await;
            }
        })
        .await;
    }
}

/// Takes what is left, without waiting for what background jobs may still show.
fn drain(terminal: &Terminal) {
    let mut buffer = vec![0; 16 << 10];
    // Bounded, since a background job may show things for ever.
    for _ in 0..64 {
        match rustix::io::read(terminal.master.get_ref(), &mut buffer[..]) {
            Ok(0) | Err(_) => return,
            Ok(bytes) => terminal.output.borrow_mut().show(&buffer[..bytes]),
        }
    }
}

/// Writes what all attachments type, each frame whole.
async fn type_keys(terminal: Rc<Terminal>, mut keys: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = keys.recv().await {
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
async fn attach(terminal: Rc<Terminal>, stream: UnixStream, typed: mpsc::Sender<Vec<u8>>) {
    let reader = terminal.output.borrow_mut().attach();
    let (from, to) = stream.into_split();
    tokio::select! {
        () = hear(&terminal, from, typed) => {}
        () = tell(&terminal, to, reader) => {}
    }
    terminal.output.borrow_mut().detach(reader);
    terminal.taken.notify_waiters();
}

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder()
        .max_frame_length(FRAME_LIMIT)
        .new_codec()
}

/// Takes frames; comes back when the attachment ends or talks nonsense.
async fn hear(terminal: &Terminal, from: OwnedReadHalf, typed: mpsc::Sender<Vec<u8>>) {
    let mut frames = FramedRead::new(from, codec());
    while let Some(Ok(frame)) = frames.next().await {
        match Frame::decode(&frame) {
            Ok(Frame::Data(bytes)) => {
                if typed.send(bytes).await.is_err() {
                    // Nobody can type any more, but what is shown still counts.
                    return std::future::pending().await;
                }
            }
            Ok(Frame::Resize { cols, rows }) => {
                // A size that the kernel refuses changes nothing.
                if resize(terminal.master.get_ref(), cols, rows).is_ok() {
                    terminal.output.borrow_mut().resize((cols, rows));
                }
            }
            Ok(Frame::Exit(_) | Frame::Past(_)) | Err(_) => return,
        }
    }
}

/// Sends frames; comes back after the last, or when the attachment takes no more.
async fn tell(terminal: &Terminal, to: OwnedWriteHalf, reader: u64) {
    let mut frames = FramedWrite::new(to, codec());
    let recent = terminal.output.borrow_mut().past(reader);
    let mut sent = Ok(());
    for past in recent {
        sent = frames.send(Frame::Past(past).encode().as_slice()).await;
        if sent.is_err() {
            return;
        }
    }
    while sent.is_ok() {
        // Before looking, so that nothing that happens in between is missed.
        let news = terminal.news.notified();
        let bytes = terminal.output.borrow_mut().next(reader, CHUNK);
        let ended = *terminal.ended.borrow();
        if !bytes.is_empty() {
            terminal.taken.notify_waiters();
            sent = frames.send(Frame::Data(bytes).encode().as_slice()).await;
        } else if let Some(status) = ended {
            let _ = frames.send(Frame::Exit(status).encode().as_slice()).await;
            return;
        } else {
            news.await;
        }
    }
}
