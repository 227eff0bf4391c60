//! Terminals that outlive the exec that attached to them.
//!
//! Three processes: `shell` is what an exec runs, and relays bytes; `shell-host` owns the terminal
//! and goes on when the exec is gone; `shell-login` becomes the user's login shell in it. All
//! attachments of one name meet at a Unix socket, which speaks the frames of
//! [`plateau_core::terminal`] just as the exec's standard input and output do.

pub(crate) mod account;
mod host;
mod login;
mod output;

use std::fs::{DirBuilder, File};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use plateau_core::terminal::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(crate) use host::run as host;
pub(crate) use login::run as login;

/// Which terminal.
#[derive(clap::Args)]
pub(crate) struct Shell {
    /// Name of the terminal
    #[arg(long, default_value = "main")]
    name: String,
    /// User whose login shell a new terminal runs
    #[arg(long, default_value = "root")]
    user: String,
    /// Width of the window
    #[arg(long, requires = "rows")]
    cols: Option<u16>,
    /// Height of the window
    #[arg(long, requires = "cols")]
    rows: Option<u16>,
}

/// Whose shell.
#[derive(clap::Args)]
pub(crate) struct Login {
    /// User whose login shell it becomes
    #[arg(long)]
    user: String,
}

/// Where terminals listen.
const PLACE: &str = "/run/plateau";

/// How often a terminal may end between being found and being attached to.
const ATTEMPTS: usize = 5;

/// Attaches to a terminal, which is started when it is not there yet.
pub(crate) fn run(shell: &Shell) -> anyhow::Result<()> {
    check_name(&shell.name)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start")?;
    let mut relayed = Ok(());
    for _ in 0..ATTEMPTS {
        let stream = reach(shell)?;
        match runtime.block_on(relay(stream, shell)) {
            Ok(Relayed::Nothing) => {}
            Ok(Relayed::Something) => break,
            Err(error) => {
                relayed = Err(error);
                break;
            }
        }
    }
    // A read of standard input may still be under way on its thread, and must not be waited for.
    runtime.shutdown_background();
    relayed
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    ensure!(
        (1..=80).contains(&name.len()) && name.chars().all(fine),
        "`{name}` is no name for a terminal: letters, digits, `-`, `_` and `.` only"
    );
    Ok(())
}

fn socket(name: &str) -> PathBuf {
    Path::new(PLACE).join(format!("shell-{name}.sock"))
}

/// Connects to the terminal's host and starts it first where need be.
fn reach(shell: &Shell) -> anyhow::Result<UnixStream> {
    let path = socket(&shell.name);
    if let Ok(stream) = UnixStream::connect(&path) {
        return Ok(stream);
    }
    make_place()?;
    // Two that attach at once must start one host only.
    let lock = File::create(path.with_extension("lock")).context("make the lock")?;
    lock.lock().context("wait for the lock")?;
    match UnixStream::connect(&path) {
        Ok(stream) => return Ok(stream),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        // Its host is gone without taking leave.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            std::fs::remove_file(&path).context("remove the stale socket")?;
        }
        Err(error) => return Err(error).context("connect to the terminal"),
    }
    // Listening begins here and not in the host, so that there is nothing to wait for.
    let listener = UnixListener::bind(&path).context("listen")?;
    start_host(shell, listener)?;
    UnixStream::connect(&path).context("connect to the new terminal")
}

/// Only root may look into the directory, which keeps everybody else off the sockets.
fn make_place() -> anyhow::Result<()> {
    if let Err(error) = DirBuilder::new().mode(0o700).create(PLACE) {
        ensure!(
            error.kind() == ErrorKind::AlreadyExists,
            "make `{PLACE}`: {error}"
        );
    }
    let found = std::fs::symlink_metadata(PLACE).with_context(|| format!("look at `{PLACE}`"))?;
    ensure!(
        found.is_dir()
            && found.uid() == rustix::process::geteuid().as_raw()
            && found.mode() & 0o077 == 0,
        "`{PLACE}` is no directory that root alone may enter"
    );
    Ok(())
}

/// Starts the process that owns the terminal. It takes leave of the exec by a session of its own,
/// and is adopted by the node's init when the exec ends.
fn start_host(shell: &Shell, listener: UnixListener) -> anyhow::Result<()> {
    let size = |size: Option<u16>, usual: u16| size.unwrap_or(usual).to_string();
    Command::new("/proc/self/exe")
        .arg0("plateau-agent")
        .arg("shell-host")
        .args(["--name", &shell.name, "--user", &shell.user])
        .args(["--cols", &size(shell.cols, 80)])
        .args(["--rows", &size(shell.rows, 24)])
        .current_dir("/")
        .stdin(OwnedFd::from(listener))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("start the terminal's host")?;
    Ok(())
}

/// Whether anything came from the terminal.
enum Relayed {
    Nothing,
    Something,
}

/// Copies both ways until the terminal closes or the standard input ends, which detaches.
async fn relay(stream: UnixStream, shell: &Shell) -> anyhow::Result<Relayed> {
    stream.set_nonblocking(true).context("relay")?;
    let stream = tokio::net::UnixStream::from_std(stream).context("relay")?;
    let (mut from, mut to) = stream.into_split();
    if let (Some(cols), Some(rows)) = (shell.cols, shell.rows) {
        // A host that is just ending may not take it; that shows below.
        let _ = to.write_all(&framed(&Frame::Resize { cols, rows })).await;
    }
    let mut output = tokio::io::stdout();
    let mut buffer = vec![0; 64 << 10];
    // The input is touched only once the terminal has answered: what it took, no other could get.
    let first = from.read(&mut buffer).await.unwrap_or(0);
    if first == 0 {
        return Ok(Relayed::Nothing);
    }
    output.write_all(&buffer[..first]).await.context("write")?;
    output.flush().await.context("write")?;
    let mut input = tokio::io::stdin();
    tokio::select! {
        shown = tokio::io::copy(&mut from, &mut output) => {
            shown.context("relay the output")?;
            output.flush().await.context("write")?;
        }
        typed = tokio::io::copy(&mut input, &mut to) => {
            // A terminal that ended takes nothing more, and says so on the other way.
            if typed.is_err() {
                tokio::io::copy(&mut from, &mut output).await.context("relay the output")?;
                output.flush().await.context("write")?;
            }
        }
    }
    Ok(Relayed::Something)
}

/// A frame with its length before it.
fn framed(frame: &Frame) -> Vec<u8> {
    let body = frame.encode();
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], &body].concat()
}
