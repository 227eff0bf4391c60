//! A stand-in for a container: a sleeping process with namespaces of its own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use plateau_core::wire::{WireRequest, WireResponse};

pub(crate) const AGENT: &str = env!("CARGO_BIN_EXE_plateau-agent");
const GRADER: &str = env!("CARGO_BIN_EXE_plateau-grader");

/// Longest that anything may take; a busy machine must not fail a test.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct Machine(Child);

impl Machine {
    pub(crate) fn start() -> Self {
        let mut child = Command::new("unshare")
            .args([
                "--net",
                "--mount",
                "--uts",
                "--cgroup",
                "sh",
                "-c",
                "echo up; exec sleep infinity",
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "up\n");
        Self(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// A program of the host's, started inside.
    pub(crate) fn command(&self, program: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["-t", &self.pid().to_string(), "-n", "-m", "-u"])
            .args(program);
        command
    }

    pub(crate) fn inside(&self, program: &[&str]) -> Output {
        self.command(program).output().unwrap()
    }

    #[track_caller]
    pub(crate) fn says(&self, program: &[&str]) -> String {
        text(program, self.inside(program))
    }

    #[track_caller]
    pub(crate) fn shell(&self, script: &str) -> String {
        self.says(&["sh", "-ec", script])
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[track_caller]
fn text(program: &[&str], output: Output) -> String {
    assert!(
        output.status.success(),
        "{program:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
pub(crate) fn run(program: &[&str]) -> String {
    text(
        program,
        Command::new(program[0])
            .args(&program[1..])
            .output()
            .unwrap(),
    )
}

pub(crate) fn grader_with_input(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(GRADER)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

#[track_caller]
pub(crate) fn wire(request: &WireRequest) -> WireResponse {
    let output = grader_with_input(&["wire"], &serde_json::to_vec(request).unwrap());
    serde_json::from_str(&text(&["plateau-grader", "wire"], output)).unwrap()
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < LIMIT, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
