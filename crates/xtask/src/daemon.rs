//! A `plateaud` for this run, and the `plateau` that talks to it.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command::{as_root, command, is_root, run, say, shown, status, succeeds, tail};
use crate::{engine, wait};

/// Most that the daemon's start may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most that its end may take.
const FAREWELL: Duration = Duration::from_secs(30);
/// Longest path of a socket that the kernel takes, with the zero at its end.
const LONGEST_SOCKET: usize = 107;

/// A running daemon.
pub(crate) struct Daemon {
    bin: PathBuf,
    socket: PathBuf,
    log: PathBuf,
    /// `None` where it ran already.
    child: Option<Child>,
    sudo: bool,
}

impl Daemon {
    /// Starts a daemon with its state in a folder of its own, or finds the one that runs there.
    pub(crate) fn start(bin: &Path, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make `{}`", folder.display()))?;
        let mut socket = folder.join("plateaud.sock");
        if socket.as_os_str().len() > LONGEST_SOCKET {
            socket = PathBuf::from("/run/plateau-demo.sock");
        }
        let mut daemon = Self {
            bin: bin.to_owned(),
            socket,
            log: folder.join("plateaud.log"),
            child: None,
            sudo: !engine::is_ours(),
        };
        if daemon.answers() {
            say(&format!(
                "plateaud runs already at {}",
                daemon.socket.display()
            ));
            return Ok(daemon);
        }
        daemon.spawn(folder)?;
        let mut ended = false;
        let answers = wait::until(PATIENCE, || {
            ended = daemon.has_ended();
            ended || daemon.answers()
        });
        if ended || !answers {
            bail!(
                "plateaud did not start; the end of its log:\n{}",
                tail(&daemon.log)
            );
        }
        Ok(daemon)
    }

    /// In a session of its own and with a log for output: Ctrl-C must not reach it before its labs
    /// are down, and with `--keep` it outlives us.
    fn spawn(&mut self, folder: &Path) -> Result<()> {
        let log = File::create(&self.log)
            .with_context(|| format!("cannot write `{}`", self.log.display()))?;
        let program = self.bin.join("plateaud");
        let (program, socket, state) = (
            text(&program)?,
            text(&self.socket)?,
            text(&folder.join("state"))?,
        );
        let args = [
            "--socket",
            &socket,
            "--state",
            &state,
            "--listen",
            "127.0.0.1:0",
        ];
        let mut command = self.privileged(&program, &args);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        say(&format!("starting {}", shown(&command)));
        let child = command.spawn();
        self.child = Some(child.context("cannot start plateaud")?);
        Ok(())
    }

    fn privileged(&self, program: &str, args: &[&str]) -> Command {
        if self.sudo {
            as_root(program, args)
        } else {
            command(program, args)
        }
    }

    fn has_ended(&mut self) -> bool {
        let child = self.child.as_mut();
        child.is_some_and(|child| !matches!(child.try_wait(), Ok(None)))
    }

    fn answers(&self) -> bool {
        self.plateau(&["lab", "list"]).is_ok_and(succeeds)
    }

    /// `plateau …`, talking to this daemon.
    pub(crate) fn plateau(&self, args: &[&str]) -> Result<Command> {
        let program = text(&self.bin.join("plateau"))?;
        let socket = text(&self.socket)?;
        let mut words = vec!["--socket", &socket];
        words.extend(args);
        Ok(self.privileged(&program, &words))
    }

    /// Runs `plateau …` and wants it to end well.
    pub(crate) fn run(&self, args: &[&str]) -> Result<()> {
        say(&format!("\n$ plateau {}", args.join(" ")));
        run(self.plateau(args)?)
    }

    /// Runs `plateau …`, wants it to end well, and keeps what it says in a file.
    pub(crate) fn run_into(&self, file: &Path, args: &[&str]) -> Result<()> {
        let said =
            File::create(file).with_context(|| format!("cannot write `{}`", file.display()))?;
        let mut plateau = self.plateau(args)?;
        plateau
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said);
        run(plateau).with_context(|| format!("the end of what it said:\n{}", tail(file)))
    }

    /// Runs `plateau …` and says how it ended.
    pub(crate) fn status(&self, args: &[&str]) -> Result<ExitStatus> {
        say(&format!("\n$ plateau {}", args.join(" ")));
        status(&mut self.plateau(args)?)
    }

    /// What to type before a command so that it reaches this daemon.
    pub(crate) fn prefix(&self) -> String {
        let sudo = if self.sudo { "sudo " } else { "" };
        let (bin, socket) = (self.bin.display(), self.socket.display());
        format!("{sudo}{bin}/plateau --socket {socket}")
    }

    /// How to stop it by hand.
    pub(crate) fn stop_by_hand(&self) -> Option<String> {
        let sudo = if self.sudo { "sudo " } else { "" };
        let child = self.child.as_ref()?;
        Some(format!("{sudo}kill {}", child.id()))
    }

    /// Takes its labs down and stops it; nothing where it ran before us.
    pub(crate) fn stop(mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let down = self.run(&["lab", "down", "--all"]);
        let id = child.id().to_string();
        let kill = ["-c", "kill -TERM \"$0\"", &id];
        let killed = if self.sudo && !is_root() {
            run(as_root("sh", &kill))
        } else {
            run(command("sh", &kill))
        };
        let ended = wait::until(FAREWELL, || !matches!(child.try_wait(), Ok(None)));
        if !ended {
            bail!(
                "plateaud ({id}) does not end; the end of its log:\n{}",
                tail(&self.log)
            );
        }
        down.and(killed)
    }
}

fn text(path: &Path) -> Result<String> {
    let text = path.to_str();
    text.map(str::to_owned)
        .with_context(|| format!("`{}` is not UTF-8", path.display()))
}
