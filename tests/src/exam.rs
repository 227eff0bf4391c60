//! Exams as people conduct them: by commands, and over SSH.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use plateau_core::api::{AccessSlip, SeatView, SessionView};
use plateau_core::grade::Grade;
use serde::de::DeserializeOwned;

use crate::Daemon;

/// A scenario of two machines, of which a candidate may enter one; its solution earns 6 of 6 points,
/// and whoever does nothing has 1.
pub const PAIR: &[(&str, &str)] = &[
    ("brief.md", "Make /root/done."),
    ("done.sh", "touch /root/done"),
    (
        "scenario.yaml",
        r#"
plateau: 1
id: pair
title: { en: A pair }
duration: 60m
brief: { en: brief.md }
networks: { lan: {} }
nodes:
  left:
    image: debian-server
    interfaces: { eth0: { network: lan, address: 10.9.0.1/24 } }
    access: [terminal]
  right:
    image: debian-server
    interfaces: { eth0: { network: lan, address: 10.9.0.2/24 } }
    access: []
phases:
  after-reboot: { reboot: [left] }
tasks:
  - id: t
    skill: tsgeri/1.2
    title: { en: A file }
    solution: [{ on: left, run: done.sh }]
    checks:
      - { id: there, on: left, that: { file: { path: /root/done } }, points: 2 }
      - { id: still-there, on: left, phase: after-reboot, that: { file: { path: /root/done } }, points: 3 }
      - { id: reaches, from: left, phase: after-reboot, that: { ping: { host: 10.9.0.2 } }, points: 1, holds_from_start: true }
"#,
    ),
];

/// Describes a session of a scenario with the candidates of a list, and gives their access codes.
///
/// # Panics
/// Where a command fails.
pub fn describe(
    daemon: &Daemon,
    name: &str,
    scenario: &Path,
    list: &str,
    proven: bool,
) -> Vec<AccessSlip> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("seats.csv");
    fs::write(&file, list).expect("a list");
    let scenario = scenario.display().to_string();
    let mut new = vec![
        "session",
        "new",
        name,
        "--centre",
        "Nantes",
        "--from",
        "2026-12-01",
        "--responsible",
        "M. Durand",
        "--juror",
        "petit",
        "--juror",
        "moreau",
        "--scenario",
        &scenario,
    ];
    if !proven {
        new.extend(["--insist", "a test of its own"]);
    }
    daemon.good(&new);
    let file = file.display().to_string();
    daemon.good(&["session", "seats", name, "--import", &file]);
    told(daemon, "slips", name)
}

/// A session's seats.
///
/// # Panics
/// Where they cannot be read.
#[must_use]
pub fn seats(daemon: &Daemon, session: &str) -> Vec<SeatView> {
    told(daemon, "seats", session)
}

/// A session.
///
/// # Panics
/// Where it cannot be read.
#[must_use]
pub fn session(daemon: &Daemon, session: &str) -> SessionView {
    told(daemon, "show", session)
}

fn told<T: DeserializeOwned>(daemon: &Daemon, what: &str, session: &str) -> T {
    let shown = daemon.good(&["--format", "json", "session", what, session]);
    serde_json::from_str(&shown.stdout).unwrap_or_else(|error| panic!("{error}: {}", shown.stdout))
}

/// The points in the evidence of an attempt, which has to be what it says: earned, to be earned, and
/// checks that nobody could look at.
///
/// # Panics
/// Where the evidence is not what it says.
#[must_use]
pub fn points(daemon: &Daemon, attempt: &str) -> (u32, u32, u32) {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = folder.path().join("bundle.tar").display().to_string();
    daemon.good(&["evidence", "export", attempt, "-o", &bundle]);
    daemon.good(&["evidence", "verify", &bundle]);
    let grade = Command::new("tar")
        .args(["-xOf", &bundle, "grade.json"])
        .output()
        .expect("tar starts");
    let grade: Grade = serde_json::from_slice(&grade.stdout).expect("a grade");
    (grade.points, grade.of, grade.unknown)
}

/// What a candidate runs in a node over SSH, by their access code.
///
/// # Panics
/// Where `ssh` cannot be started.
#[must_use]
pub fn ssh(daemon: &Daemon, node: &str, code: &str, line: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let askpass = folder.path().join("askpass");
    fs::write(&askpass, "#!/bin/sh\necho \"$CODE\"\n").expect("a script");
    fs::set_permissions(&askpass, fs::Permissions::from_mode(0o700)).expect("a program");
    client(daemon)
        .args([&format!("{node}@127.0.0.1"), line])
        .env("SSH_ASKPASS", askpass)
        .env("SSH_ASKPASS_REQUIRE", "force")
        .env("CODE", code)
        .stdin(Stdio::null())
        .output()
        .expect("ssh starts")
}

/// What a candidate runs in a node over SSH, by a private key in a file.
///
/// # Panics
/// Where `ssh` cannot be started.
#[must_use]
pub fn ssh_by_key(daemon: &Daemon, node: &str, key: &Path, line: &str) -> Output {
    client(daemon)
        .args(["-o", "BatchMode=yes", "-i"])
        .arg(key)
        .args([&format!("{node}@127.0.0.1"), line])
        .stdin(Stdio::null())
        .output()
        .expect("ssh starts")
}

/// `ssh`, without anything that its user has set up.
fn client(daemon: &Daemon) -> Command {
    let mut command = Command::new("ssh");
    command
        .args(["-F", "/dev/null", "-o", "StrictHostKeyChecking=no"])
        .args(["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"])
        .args(["-o", "NumberOfPasswordPrompts=1"])
        .args(["-o", &format!("Port={}", daemon.ssh_port())])
        .env_remove("SSH_AUTH_SOCK");
    command
}

/// A candidate logs in with their code as their browser does, and hands in.
///
/// # Panics
/// Where the candidate is refused.
pub fn hand_in(daemon: &Daemon, code: &str, attempt: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let jar = folder.path().join("cookies");
    let call = |route: &str, body: &str| {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--fail-with-body"])
            .arg("--cookie-jar")
            .arg(&jar)
            .arg("--cookie")
            .arg(&jar)
            .args(["--header", "X-Plateau: 1"])
            .args(["--header", &format!("Origin: {}", daemon.origin())])
            .args(["--header", "Content-Type: application/json"])
            .args(["--data", body])
            .arg(format!("{}{route}", daemon.origin()))
            .output()
            .expect("curl starts");
        assert!(output.status.success(), "{route}: {output:?}");
    };
    call("/v1/logins", &format!(r#"{{"code":{{"code":"{code}"}}}}"#));
    call(&format!("/v1/attempts/{attempt}/hand-in"), "{}");
}
