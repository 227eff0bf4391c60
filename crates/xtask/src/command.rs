//! Runs programs: prints each command, and names the one that failed.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

use crate::{engine_socket, parts};

pub(crate) use crate::screen::say;

/// Says which part of the work begins.
pub(crate) fn heading(text: &str) {
    parts::begin(text);
    say(&format!("\n== {text}"));
}

/// A command in the repository's root, which talks to the engine that was chosen.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(crate::root());
    if let Some(host) = engine_socket::docker_host() {
        command.env("DOCKER_HOST", host);
    }
    command
}

/// The cargo that runs us.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    command(cargo, args)
}

/// A command as root: by sudo where we are not.
pub(crate) fn as_root(program: &str, args: &[&str]) -> Command {
    if is_root() {
        return command(program, args);
    }
    let mut command = command("sudo", &["--preserve-env=DOCKER_HOST", program]);
    command.args(args);
    command
}

/// Whether we are root.
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|us| us.uid() == 0)
}

/// Whether a program can be found.
pub(crate) fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A user's PATH often lacks the folders of the administrator's programs.
    let more = ["/usr/sbin", "/sbin"].map(std::path::PathBuf::from);
    std::env::split_paths(&path)
        .chain(more)
        .any(|folder| folder.join(program).is_file())
}

/// Runs a command and wants it to succeed.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let status = status(&mut command)?;
    if status.success() {
        return Ok(());
    }
    bail!("`{}` ended with {status}", shown(&command))
}

/// Runs a command and says how it ended.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus> {
    command
        .status()
        .with_context(|| format!("cannot run `{}`", shown(command)))
}

/// What a command writes to standard output, where it succeeds.
pub(crate) fn output(mut command: Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run `{}`", shown(&command)))?;
    if !output.status.success() {
        bail!("`{}` ended with {}", shown(&command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a command succeeds; nothing of what it says is shown.
pub(crate) fn succeeds(mut command: Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The last lines of a file, indented.
pub(crate) fn tail(file: &Path) -> String {
    const LINES: usize = 20;
    let text = std::fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    last.iter().map(|line| format!("    {line}\n")).collect()
}

/// A command as it would be typed.
pub(crate) fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
