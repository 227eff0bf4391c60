//! A whole exam on the real engine, through the interfaces that people have.

use std::process::Command;
use std::time::Duration;

use plateau_core::exam::session::{AttemptState, SessionState};
use plateau_tests::{Daemon, containers, exam, scenario, wait_until};

const LIMIT: Duration = Duration::from_secs(120);

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

/// A candidate is given a key, and comes in by it.
fn enters_by_a_key(daemon: &Daemon, seat: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    let drawn = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status();
    assert!(drawn.expect("ssh-keygen starts").success());
    let public = folder.path().join("key.pub").display().to_string();
    daemon.good(&["session", "keys", "exam", seat, "--set", &public]);
    let by_key = exam::ssh_by_key(daemon, "left", &key, "hostname");
    let said = String::from_utf8_lossy(&by_key.stdout);
    assert_eq!(said.trim(), "left", "{by_key:?}");
}

#[test]
fn an_exam_goes_from_its_list_to_sealed_grades_although_the_daemon_is_killed() {
    let mut daemon = Daemon::new();
    let pair = scenario(exam::PAIR);
    let list = "number;nom;facteur\n001;Ada;1,33\n002;Grace;\n";
    let slips = exam::describe(&daemon, "exam", pair.path(), list, false);
    let rehearsed = daemon.good(&["session", "rehearse", "exam"]);
    let holds = "this room holds 2 seat(s)";
    assert!(rehearsed.stdout.contains(holds), "{}", rehearsed.stdout);
    assert_eq!(daemon.labs(), vec![], "a rehearsal leaves nothing");
    daemon.good(&["session", "prepare", "exam"]);
    let early = exam::ssh(&daemon, "left", &slips[0].code, "true");
    assert_eq!(
        early.status.code(),
        Some(255),
        "nobody enters before the opening"
    );
    daemon.good(&["session", "open", "exam"]);

    let worked = exam::ssh(
        &daemon,
        "left",
        &slips[0].code,
        "touch /root/done && hostname",
    );
    assert_eq!(String::from_utf8_lossy(&worked.stdout).trim(), "left");
    enters_by_a_key(&daemon, "002");
    let wrong = exam::ssh(&daemon, "left", "AAAA-BBBB-CCCC", "true");
    assert_eq!(wrong.status.code(), Some(255));
    let before = exam::seats(&daemon, "exam");
    daemon.kill();
    daemon.start();
    for (was, is) in before.iter().zip(exam::seats(&daemon, "exam")) {
        let (was, is) = (&was.attempts[0], &is.attempts[0]);
        assert_eq!((is.state, &is.lab), (AttemptState::Running, &was.lab));
        // The time of the commands in between is the candidate's, the daemon's absence is not.
        let lost = was.clock.remaining_ms.abs_diff(is.clock.remaining_ms);
        assert!(lost < 5_000, "{lost} ms");
    }
    let again = exam::ssh(&daemon, "left", &slips[0].code, "ls /root/done");
    assert!(again.status.success(), "{again:?}");

    daemon.good(&["session", "hand-in", "exam", "--reason", "the end"]);
    daemon.kill();
    daemon.start();
    wait_until("all is graded", LIMIT, || {
        exam::session(&daemon, "exam").state == SessionState::Closed
    });
    let late = exam::ssh(&daemon, "left", &slips[0].code, "true");
    assert_eq!(late.status.code(), Some(255), "nobody enters after the end");
    let points: Vec<_> = exam::seats(&daemon, "exam")
        .iter()
        .map(|seat| exam::points(&daemon, &seat.attempts[0].id))
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
    for seat in exam::seats(&daemon, "exam") {
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
