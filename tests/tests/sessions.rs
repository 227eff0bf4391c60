//! A whole exam on the real engine, through the interfaces that people have.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use plateau_core::exam::message::{SeatView, SessionView, Slip};
use plateau_core::exam::session::{AttemptState, SessionState};
use plateau_core::grade::Grade;
use plateau_tests::{Daemon, containers, scenario, wait_until};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(120);

/// Two machines, of which a candidate may enter one.
fn pair() -> TempDir {
    scenario(&[
        ("brief.md", "Make /root/done."),
        ("done.sh", "touch /root/done"),
        (
            "scenario.yaml",
            r#"
plateau: 1
id: pair
title: { en: A pair }
duration: 30m
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
    ])
}

/// What a candidate runs in his node over SSH, by his access code.
fn ssh(daemon: &Daemon, askpass: &Path, code: &str, line: &str) -> Output {
    Command::new("ssh")
        .args(["-F", "/dev/null", "-o", "StrictHostKeyChecking=no"])
        .args(["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"])
        .args(["-o", "NumberOfPasswordPrompts=1", "-p"])
        .arg(daemon.ssh_port().to_string())
        .args(["left@127.0.0.1", line])
        .env("SSH_ASKPASS", askpass)
        .env("SSH_ASKPASS_REQUIRE", "force")
        .env("CODE", code)
        .stdin(Stdio::null())
        .output()
        .expect("ssh starts")
}

fn seats(daemon: &Daemon) -> Vec<SeatView> {
    let shown = daemon.good(&["--format", "json", "session", "seats", "exam"]);
    serde_json::from_str(&shown.stdout).expect("seats")
}

fn state(daemon: &Daemon) -> SessionState {
    let shown = daemon.good(&["--format", "json", "session", "show", "exam"]);
    let session: SessionView = serde_json::from_str(&shown.stdout).expect("a session");
    session.state
}

/// The grade in the evidence of an attempt, which has to be what it says.
fn grade(daemon: &Daemon, folder: &Path, attempt: &str) -> Grade {
    let bundle = folder.join(format!("{attempt}.tar"));
    let bundle = bundle.to_str().expect("a path");
    daemon.good(&["evidence", "export", attempt, "-o", bundle]);
    daemon.good(&["evidence", "verify", bundle]);
    let grade = Command::new("tar")
        .args(["-xOf", bundle, "grade.json"])
        .output()
        .expect("tar starts");
    serde_json::from_slice(&grade.stdout).expect("a grade")
}

/// A juror has nothing to add.
fn say_done(daemon: &Daemon, attempt: &str, juror: &str) {
    let said = Command::new("curl")
        .args(["--silent", "--show-error", "--fail", "--unix-socket"])
        .arg(daemon.socket())
        .args(["--header", "Content-Type: application/json", "--data"])
        .arg(format!(
            r#"{{ "juror": "{juror}", "says": {{ "done": {{}} }} }}"#
        ))
        .arg(format!("http://localhost/v1/attempts/{attempt}/judgements"))
        .output()
        .expect("curl starts");
    assert!(said.status.success(), "{said:?}");
}

#[test]
fn an_exam_goes_from_its_list_to_sealed_grades_although_the_daemon_is_killed() {
    let mut daemon = Daemon::new();
    let (pair, folder) = (pair(), tempfile::tempdir().expect("a folder"));
    let list = folder.path().join("seats.csv");
    std::fs::write(&list, "number;nom;facteur\n001;Ada;1,33\n002;Grace;\n").expect("a list");
    let askpass = folder.path().join("askpass");
    std::fs::write(&askpass, "#!/bin/sh\necho \"$CODE\"\n").expect("a script");
    let chmod = Command::new("chmod").arg("700").arg(&askpass).status();
    assert!(chmod.expect("chmod starts").success());
    let path = |path: &Path| path.to_str().expect("a path").to_owned();

    daemon.good(&[
        "session",
        "new",
        "exam",
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
        &path(pair.path()),
        "--insist",
        "a test of its own",
    ]);
    daemon.good(&["session", "seats", "exam", "--import", &path(&list)]);
    let slips = daemon.good(&["--format", "json", "session", "slips", "exam"]);
    let slips: Vec<Slip> = serde_json::from_str(&slips.stdout).expect("slips");
    daemon.good(&["session", "prepare", "exam"]);
    let early = ssh(&daemon, &askpass, &slips[0].code, "true");
    assert_eq!(
        early.status.code(),
        Some(255),
        "nobody enters before the opening"
    );
    daemon.good(&["session", "open", "exam"]);

    let worked = ssh(
        &daemon,
        &askpass,
        &slips[0].code,
        "touch /root/done && hostname",
    );
    assert_eq!(String::from_utf8_lossy(&worked.stdout).trim(), "left");
    let wrong = ssh(&daemon, &askpass, "AAAA-BBBB-CCCC", "true");
    assert_eq!(wrong.status.code(), Some(255));
    let before = seats(&daemon);
    daemon.kill();
    daemon.start();
    for (was, is) in before.iter().zip(seats(&daemon)) {
        let (was, is) = (&was.attempts[0], &is.attempts[0]);
        assert_eq!((is.state, &is.lab), (AttemptState::Running, &was.lab));
        // What the commands in between took is his, what the daemon was away is not.
        let lost = was.clock.remaining_ms.abs_diff(is.clock.remaining_ms);
        assert!(lost < 5_000, "{lost} ms");
    }
    let again = ssh(&daemon, &askpass, &slips[0].code, "ls /root/done");
    assert!(again.status.success(), "{again:?}");

    daemon.good(&["session", "hand-in", "exam", "--reason", "the end"]);
    daemon.kill();
    daemon.start();
    wait_until("all is graded", LIMIT, || {
        state(&daemon) == SessionState::Closed
    });
    let late = ssh(&daemon, &askpass, &slips[0].code, "true");
    assert_eq!(late.status.code(), Some(255), "nobody enters after the end");
    let points: Vec<(u32, u32, u32)> = seats(&daemon)
        .iter()
        .map(|seat| grade(&daemon, folder.path(), &seat.attempts[0].id))
        .map(|grade| (grade.points, grade.of, grade.unknown))
        .collect();
    assert_eq!(points, [(6, 6, 0), (1, 6, 0)]);

    daemon.good(&["session", "clear", "exam", "--kept"]);
    let early = daemon.plateau(&["session", "seal", "exam"]);
    assert_eq!(early.code, 2, "{}", early.stderr);
    assert!(
        early.stderr.contains("juror petit is not done"),
        "{}",
        early.stderr
    );
    for seat in seats(&daemon) {
        for juror in ["petit", "moreau"] {
            say_done(&daemon, &seat.attempts[0].id, juror);
        }
    }
    daemon.good(&["session", "seal", "exam"]);
    let sealed = daemon.plateau(&["session", "clear", "exam"]);
    assert_eq!(sealed.code, 2, "{}", sealed.stderr);
    // Ends with 1 where an entry was changed or is missing.
    daemon.good(&["session", "log", "exam"]);
    assert_eq!(containers("exam-001"), Vec::<String>::new());
    assert_eq!(daemon.labs(), vec![]);
}
