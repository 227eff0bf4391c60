//! `plateau lab shell`: a node's terminal in this one.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use plateau_core::terminal::{DATA_LIMIT, Frame, RESTORE};
use rustix::termios::{self, OptionalActions, Termios};
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

use crate::client::{Client, Terminal};
use crate::failure::{Ending, Failure};
use crate::screen::Screen;

/// Ctrl-], which leaves the terminal and lets its shell run on.
const DETACH: u8 = 0x1d;

/// Attaches to a node's terminal until its shell ends or the person leaves it.
pub(crate) async fn run(
    daemon: &Client,
    (lab, node): (&str, &str),
    user: Option<&str>,
    screen: Screen,
) -> Result<Ending, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::NoTerminal);
    }
    let mut terminal = daemon.terminal(lab, node, user, size()?).await?;
    screen.remark("Ctrl-] leaves; the shell runs on");
    let raw = RawMode::enter()?;
    let end = converse(&mut terminal).await;
    // This terminal goes on with something else than the node's programs.
    show(RESTORE.as_bytes()).map_err(Failure::Terminal)?;
    drop(raw);
    match end? {
        End::Shell(status) => {
            screen.remark(&format!("the shell ended with {status}"));
            Ok(Ending::Good)
        }
        End::Left => {
            screen.remark(&format!("left; the shell on {node} runs on"));
            Ok(Ending::Good)
        }
    }
}

enum End {
    Shell(i32),
    Left,
}

async fn converse(terminal: &mut Terminal) -> Result<End, Failure> {
    let mut resized = signal(SignalKind::window_change()).map_err(Failure::Terminal)?;
    let mut stdin = tokio::io::stdin();
    let mut typed = vec![0; DATA_LIMIT.min(4096)];
    loop {
        tokio::select! {
            read = stdin.read(&mut typed) => {
                let bytes = &typed[..read.map_err(Failure::Terminal)?];
                let (before, leave) = match bytes.iter().position(|byte| *byte == DETACH) {
                    Some(at) => (&bytes[..at], true),
                    None => (bytes, bytes.is_empty()),
                };
                if !before.is_empty() {
                    terminal.send(&Frame::Data(before.to_vec())).await?;
                }
                if leave {
                    return Ok(End::Left);
                }
            }
            _ = resized.recv() => {
                let (cols, rows) = size()?;
                terminal.send(&Frame::Resize { cols, rows }).await?;
            }
            frame = terminal.next() => match frame? {
                Some(Frame::Data(bytes)) => show(&bytes).map_err(Failure::Terminal)?,
                Some(Frame::Exit(status)) => return Ok(End::Shell(status)),
                Some(Frame::Resize { .. } | Frame::Backlog(_)) => {}
                None => return Err(Failure::Ended("the terminal")),
            },
        }
    }
}

/// Every byte as it comes: the node's programs talk to this terminal.
fn show(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

fn size() -> Result<(u16, u16), Failure> {
    let size =
        termios::tcgetwinsize(io::stdin()).map_err(|error| Failure::Terminal(error.into()))?;
    // Some terminals do not know their size, and say 0.
    let or = |given: u16, usual| if given == 0 { usual } else { given };
    Ok((or(size.ws_col, 80), or(size.ws_row, 24)))
}

/// This terminal passing every key on; dropping it makes it as it was.
struct RawMode {
    before: Termios,
}

impl RawMode {
    fn enter() -> Result<Self, Failure> {
        let failed = |error: rustix::io::Errno| Failure::Terminal(error.into());
        let stdin = io::stdin();
        let before = termios::tcgetattr(stdin.as_fd()).map_err(failed)?;
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(stdin.as_fd(), OptionalActions::Flush, &raw).map_err(failed)?;
        Ok(Self { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // The terminal may be gone, which must not be a failure now.
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}
