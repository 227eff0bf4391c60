//! The Docker engine: which one, whether it answers, and starting it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command::{as_root, command, is_root, output, run, say, succeeds, tail};
use crate::{engine_socket, wait};

/// Where an engine's log goes that we start ourselves.
const LOG: &str = "/var/log/plateau-dockerd.log";
/// Most that its start may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether the engine answers.
pub(crate) fn answers() -> bool {
    succeeds(ask("/_ping", &["--max-time", "5"]))
}

/// Whether we may talk to the engine without being root.
pub(crate) fn is_ours() -> bool {
    is_root() || succeeds(curl("/_ping", &["--max-time", "5"]))
}

/// Starts the engine where none answers.
pub(crate) fn start() -> Result<()> {
    if answers() {
        return Ok(());
    }
    if Path::new("/run/systemd/system").is_dir() {
        say("starting the Docker engine: systemctl start docker");
        run(as_root("systemctl", &["start", "docker"]))?;
    } else {
        say(&format!(
            "starting the Docker engine: dockerd, its log is {LOG}"
        ));
        detached_dockerd()?;
    }
    if wait::until(PATIENCE, answers) {
        return Ok(());
    }
    bail!(
        "the Docker engine does not answer within {} s; the end of {LOG}:\n{}",
        PATIENCE.as_secs(),
        tail(Path::new(LOG))
    )
}

/// A session of its own, and none of our files: whoever reads what we write must see its end when
/// we end, and Ctrl-C must not reach the engine.
///
/// An engine that ended with its machine leaves its process numbers in files, and does not start
/// while they are some other program's.
fn detached_dockerd() -> Result<()> {
    let script = format!(
        "PATH=$PATH:/usr/sbin:/sbin
         for file in /var/run/docker.pid /var/run/docker/containerd/containerd.pid; do
             [ -f $file ] || continue
             case $(cat /proc/$(cat $file)/comm 2>/dev/null) in
                 dockerd | containerd) ;;
                 *) rm -f $file ;;
             esac
         done
         exec setsid --fork dockerd >>{LOG} 2>&1 </dev/null"
    );
    let mut shell = as_root("sh", &["-c", &script]);
    shell.stdout(Stdio::null()).stderr(Stdio::null());
    run(shell).context("cannot start dockerd")
}

/// What the engine answers to a question of its API.
pub(crate) fn get(path: &str) -> Result<serde_json::Value> {
    let answer = output(ask(path, &[]))?;
    serde_json::from_str(&answer).with_context(|| format!("the engine's answer to `{path}`"))
}

/// Processes of the host: their numbers and their programs' names.
pub(crate) fn processes() -> impl Iterator<Item = (String, String)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    ids.filter_map(|id| {
        id.parse::<u32>().ok()?;
        let name = std::fs::read_to_string(format!("/proc/{id}/comm")).ok()?;
        Some((id, name.trim_end().to_owned()))
    })
}

/// A request to the engine's API, whose answer goes to standard output.
pub(crate) fn request(path: &str) -> Command {
    ask(path, &[])
}

fn ask(path: &str, args: &[&str]) -> Command {
    if is_ours_by_file() {
        return curl(path, args);
    }
    let mut asked = command("sudo", &["curl"]);
    asked.args(curl(path, args).get_args());
    asked
}

fn is_ours_by_file() -> bool {
    // Opening for writing is what connecting needs; a socket refuses to be opened, but only after
    // its permissions were looked at.
    let opened = std::fs::OpenOptions::new().write(true).open(socket());
    !opened.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
}

fn curl(path: &str, args: &[&str]) -> Command {
    let socket = socket();
    let mut curl = command(
        "curl",
        &["--silent", "--show-error", "--fail", "--unix-socket"],
    );
    curl.arg(socket)
        .args(args)
        .arg(format!("http://docker{path}"));
    curl
}

fn socket() -> PathBuf {
    if let Some(chosen) = engine_socket::chosen() {
        return chosen;
    }
    std::env::var("DOCKER_HOST")
        .ok()
        .and_then(|host| Some(PathBuf::from(host.strip_prefix("unix://")?)))
        .unwrap_or_else(|| PathBuf::from("/var/run/docker.sock"))
}
