//! The base of the end-to-end tests: a daemon for each, and the commands that people type.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use plateau_core::api::LabView;
use tempfile::TempDir;

pub mod engine;
pub mod exam;
pub mod image;
pub mod terminal;

/// Most that starting or ending the daemon may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A `plateaud` with socket, state and log of its own; it and its labs end with it.
pub struct Daemon {
    folder: TempDir,
    child: Option<Child>,
    /// Where its engine listens; the host's where absent.
    engine: Option<PathBuf>,
}

/// How a command of `plateau` ended.
pub struct Ended {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// The root of the project.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// One of the programs under test, as `cargo xtask build` left it.
///
/// # Panics
/// Where it was not built.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let folder = std::env::var_os("PLATEAU_BIN_DIR")
        .map_or_else(|| root().join("target/plateau/debug"), PathBuf::from);
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is missing: run `cargo xtask build`",
        path.display()
    );
    path
}

/// Whether everything is wanted, however long it takes: `cargo xtask test --all`.
#[must_use]
pub fn is_long_run() -> bool {
    std::env::var_os("PLATEAU_TEST_ALL").is_some_and(|all| all == "1")
}

/// Waits until something is so.
///
/// # Panics
/// Where it is not so in time.
pub fn wait_until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(
            begun.elapsed() < limit,
            "not within {} s: {what}",
            limit.as_secs()
        );
        std::thread::park_timeout(Duration::from_millis(25));
    }
}

impl Default for Daemon {
    fn default() -> Self {
        Self::new()
    }
}

impl Daemon {
    /// Starts a daemon and waits until it answers.
    ///
    /// # Panics
    /// Where it does not.
    #[must_use]
    pub fn new() -> Self {
        Self::with(None)
    }

    /// Starts a daemon with an engine that listens on this socket, and waits until it answers.
    ///
    /// # Panics
    /// Where it does not.
    #[must_use]
    pub fn on(engine: &Path) -> Self {
        Self::with(Some(engine.to_owned()))
    }

    fn with(engine: Option<PathBuf>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("plateau-")
            .tempdir()
            .expect("a folder");
        let mut daemon = Self {
            folder,
            child: None,
            engine,
        };
        daemon.start();
        daemon
    }

    /// Starts the daemon, again after [`Self::kill`], and waits until it answers.
    ///
    /// # Panics
    /// Where it does not.
    pub fn start(&mut self) {
        self.child = Some(self.spawn().expect("plateaud starts"));
        let begun = Instant::now();
        while self.plateau(&["lab", "list"]).code != 0 {
            let ended = self.child.as_mut().map(Child::try_wait);
            let runs = matches!(ended, Some(Ok(None))) && begun.elapsed() < PATIENCE;
            assert!(runs, "plateaud does not answer: {}", self.end_of_the_log());
            std::thread::park_timeout(Duration::from_millis(25));
        }
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = Command::new(program("plateaud"));
        command.arg("--socket").arg(self.socket());
        command.arg("--state").arg(self.state());
        command.args(["--listen", "127.0.0.1:0", "--ssh", "127.0.0.1:0"]);
        if let Some(engine) = &self.engine {
            command.env("DOCKER_HOST", format!("unix://{}", engine.display()));
        }
        command.args(["--web", "labs.localhost"]);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        command.spawn()
    }

    /// Kills the daemon as a power cut would.
    ///
    /// # Panics
    /// Where it cannot be killed.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it is killed");
        child.wait().expect("it is gone");
    }

    /// Process of the daemon.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// The socket that it serves on.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("plateaud.sock")
    }

    /// The port that it serves SSH on, of the loopback.
    ///
    /// # Panics
    /// Where its log does not say.
    #[must_use]
    pub fn ssh_port(&self) -> u16 {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let told = log.lines().rev().find(|line| line.contains("serves SSH"));
        let told = told.and_then(|line| line.split("127.0.0.1:").nth(1));
        let port: Option<String> =
            told.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
        let port = port.and_then(|port| port.parse().ok());
        port.unwrap_or_else(|| panic!("no port of SSH: {}", self.end_of_the_log()))
    }

    /// Where it serves HTTP, as a browser writes it.
    ///
    /// # Panics
    /// Where its log does not say.
    #[must_use]
    pub fn origin(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let told = log
            .lines()
            .rev()
            .find(|line| line.contains("plateaud serves") && !line.contains("serves SSH"));
        let told = told.and_then(|line| line.split("127.0.0.1:").nth(1));
        let port: Option<String> =
            told.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
        let port = port.unwrap_or_else(|| panic!("no port of HTTP: {}", self.end_of_the_log()));
        format!("http://127.0.0.1:{port}")
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("plateaud.log")
    }

    fn end_of_the_log(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let mut tail: Vec<&str> = log.lines().rev().take(30).collect();
        tail.reverse();
        tail.join("\n")
    }

    /// `plateau ARGS…`, ready to be started.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program("plateau"));
        command
            .arg("--socket")
            .arg(self.socket())
            .args(args)
            .stdin(Stdio::null());
        command
    }

    /// Runs `plateau ARGS…` to its end.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn plateau(&self, args: &[&str]) -> Ended {
        Ended::of(&self.command(args).output().expect("plateau starts"))
    }

    /// Runs `plateau ARGS…`, which has to end with 0.
    ///
    /// # Panics
    /// Where it does not; the daemon's log is shown.
    pub fn good(&self, args: &[&str]) -> Ended {
        let ended = self.plateau(args);
        if ended.code != 0 {
            panic!(
                "`plateau {}` ended with {}\n{}\n{}\nlog:\n{}",
                args.join(" "),
                ended.code,
                ended.stdout,
                ended.stderr,
                self.end_of_the_log()
            );
        }
        ended
    }

    /// Builds a lab of a scenario's folder.
    pub fn up(&self, scenario: &Path, name: &str) {
        self.good(&[
            "lab",
            "up",
            &scenario.display().to_string(),
            "--seed",
            "test",
            "--name",
            name,
        ]);
    }

    /// Runs a shell's command line in a node, which has to end with 0, and gives its output.
    pub fn sh(&self, lab: &str, node: &str, line: &str) -> String {
        self.good(&["lab", "exec", lab, node, "--", "sh", "-c", line])
            .stdout
            .trim_end()
            .to_owned()
    }

    /// The labs that are there.
    ///
    /// # Panics
    /// Where the answer cannot be read.
    #[must_use]
    pub fn labs(&self) -> Vec<LabView> {
        let listed = self.good(&["lab", "list", "--format", "json"]);
        serde_json::from_str(&listed.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", listed.stdout))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A failing test must not leave labs behind, also where it had killed the daemon, and must
        // not hide why it failed.
        if self.child.is_none() {
            self.child = self.spawn().ok();
        }
        let begun = Instant::now();
        let down = || self.command(&["lab", "down", "--all"]).output();
        while begun.elapsed() < PATIENCE && !down().is_ok_and(|done| done.status.success()) {
            std::thread::park_timeout(Duration::from_millis(100));
        }
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }
}

impl Ended {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Writes a scenario's folder.
///
/// # Panics
/// Where it cannot be written.
#[must_use]
pub fn scenario(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, content).expect("a file");
    }
    folder
}

/// What labs have left: their containers' names, by the engine's own word, for one lab's name.
///
/// # Panics
/// Where the engine does not answer.
#[must_use]
pub fn containers(lab: &str) -> Vec<String> {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--fail", "--unix-socket"])
        .arg(engine::host_socket())
        .args([
            "--get",
            "http://localhost/containers/json",
            "--data",
            "all=1",
        ])
        .output()
        .expect("curl");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let listed: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let names = listed
        .iter()
        .filter_map(|container| container["Names"][0].as_str());
    let names = names.map(|name| name.trim_start_matches('/').to_owned());
    // Nodes go by `plateau-LAB-NODE`, the others by `plateau-LAB.NAME`.
    let is_its = |name: &String| {
        let rest = name
            .strip_prefix("plateau-")
            .and_then(|rest| rest.strip_prefix(lab));
        rest.is_some_and(|rest| rest.starts_with(['-', '.']))
    };
    names.filter(is_its).collect()
}
