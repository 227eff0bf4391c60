//! Terminals that outlive the exec that is attached to them.
//!
//! There are three processes. `shell` is what an exec runs; it relays bytes. `shell-host` owns the
//! terminal and continues when the exec has ended. `shell-login` becomes the user's login shell in
//! it. All attachments of one name connect to one Unix socket, which carries the frames of
//! [`plateau_core::terminal`], as the exec's standard input and output do.

mod arguments;
mod host;
mod locale;
mod login;
mod output;

use std::fs::{DirBuilder, File};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use plateau_core::terminal::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::runtime;
use arguments::RUNTIME_FOLDER;
pub(crate) use arguments::{LoginArgs, ShellArgs};

pub(crate) use host::run as host;
pub(crate) use login::run as login;

/// How often to try again when a terminal ends before the attachment is made.
const ATTEMPTS: usize = 5;

/// Attaches to a terminal, and starts it if it does not exist.
pub(crate) fn run(arguments: &ShellArgs) -> anyhow::Result<()> {
    validate_name(&arguments.name)?;
    let runtime = runtime::single_threaded()?;
    let mut relayed = Ok(());
    for _ in 0..ATTEMPTS {
        let stream = connect_or_start(arguments)?;
        match runtime.block_on(relay(stream, arguments)) {
            Ok(RelayOutcome::Nothing) => {}
            Ok(RelayOutcome::Something) => break,
            Err(error) => {
                relayed = Err(error);
                break;
            }
        }
    }
    // A read of standard input may still block its thread, and must not be waited for.
    runtime.shutdown_background();
    relayed
}

fn validate_name(name: &str) -> anyhow::Result<()> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    ensure!(
        (1..=80).contains(&name.len()) && name.chars().all(fine),
        "`{name}` is not a valid name for a terminal: letters, digits, `-`, `_` and `.` only"
    );
    Ok(())
}

/// Connects to the terminal's host, and starts it first if necessary.
fn connect_or_start(arguments: &ShellArgs) -> anyhow::Result<UnixStream> {
    let path = arguments.socket();
    if let Ok(stream) = UnixStream::connect(&path) {
        return Ok(stream);
    }
    create_runtime_folder()?;
    // Two execs that attach at the same time must start only one host.
    let lock = File::create(path.with_extension("lock")).context("cannot create the lock file")?;
    lock.lock().context("cannot wait for the lock")?;
    match UnixStream::connect(&path) {
        Ok(stream) => return Ok(stream),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        // The host ended without removing its socket.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            std::fs::remove_file(&path).context("cannot remove the stale socket")?;
        }
        Err(error) => return Err(error).context("cannot connect to the terminal"),
    }
    // The socket listens, and this connection waits, before the host starts: one that ends at once, as for
    // a user who is not there, removes its socket, and gives its end to whoever waits already.
    let listener = UnixListener::bind(&path).context("cannot listen")?;
    let stream = UnixStream::connect(&path).context("cannot connect to the new terminal")?;
    spawn_host(arguments, listener)?;
    Ok(stream)
}

/// Only root may enter the folder, which protects the sockets in it.
fn create_runtime_folder() -> anyhow::Result<()> {
    if let Err(error) = DirBuilder::new().mode(0o700).create(RUNTIME_FOLDER) {
        ensure!(
            error.kind() == ErrorKind::AlreadyExists,
            "cannot create `{RUNTIME_FOLDER}`: {error}"
        );
    }
    let found = std::fs::symlink_metadata(RUNTIME_FOLDER)
        .with_context(|| format!("cannot inspect `{RUNTIME_FOLDER}`"))?;
    ensure!(
        found.is_dir()
            && found.uid() == rustix::process::geteuid().as_raw()
            && found.mode() & 0o077 == 0,
        "`{RUNTIME_FOLDER}` is not a folder that only root may enter"
    );
    Ok(())
}

/// Starts the process that owns the terminal. It leaves the exec's session, and the node's init
/// adopts it when the exec ends.
fn spawn_host(arguments: &ShellArgs, listener: UnixListener) -> anyhow::Result<()> {
    let (cols, rows) = arguments.size();
    Command::new("/proc/self/exe")
        .arg0("plateau-agent")
        .arg("shell-host")
        .args(["--name", &arguments.name, "--user", &arguments.user])
        .args(["--cols", &cols.to_string()])
        .args(["--rows", &rows.to_string()])
        .current_dir("/")
        .stdin(OwnedFd::from(listener))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start the terminal's host")?;
    Ok(())
}

/// Whether the terminal sent anything.
enum RelayOutcome {
    Nothing,
    Something,
}

/// Copies both ways until the terminal closes or the standard input ends, which detaches.
async fn relay(stream: UnixStream, arguments: &ShellArgs) -> anyhow::Result<RelayOutcome> {
    stream.set_nonblocking(true).context("cannot relay")?;
    let stream = tokio::net::UnixStream::from_std(stream).context("cannot relay")?;
    let (mut from, mut to) = stream.into_split();
    if let (Some(cols), Some(rows)) = (arguments.cols, arguments.rows) {
        // Fails if the host is just ending, which the read below notices.
        let _ = to
            .write_all(&encode_frame(&Frame::Resize { cols, rows }))
            .await;
    }
    let mut output = tokio::io::stdout();
    let mut buffer = vec![0; 64 << 10];
    // Standard input is read only after the terminal has answered: bytes that an ending terminal
    // takes would be lost for the next one.
    let first = from.read(&mut buffer).await.unwrap_or(0);
    if first == 0 {
        return Ok(RelayOutcome::Nothing);
    }
    output
        .write_all(&buffer[..first])
        .await
        .context("cannot write the output")?;
    output.flush().await.context("cannot write the output")?;
    let mut input = tokio::io::stdin();
    tokio::select! {
        copied = tokio::io::copy(&mut from, &mut output) => {
            copied.context("cannot relay the output")?;
            output.flush().await.context("cannot write the output")?;
        }
        typed = tokio::io::copy(&mut input, &mut to) => {
            // A terminal that has ended takes no more input; its last output is still relayed.
            if typed.is_err() {
                tokio::io::copy(&mut from, &mut output).await.context("cannot relay the output")?;
                output.flush().await.context("cannot write the output")?;
            }
        }
    }
    Ok(RelayOutcome::Something)
}

/// A frame with its length in front.
fn encode_frame(frame: &Frame) -> Vec<u8> {
    let body = frame.encode();
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], &body].concat()
}
