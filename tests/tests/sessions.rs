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

/// The evidence of a seat has the entry that its candidate has a receipt for; that of another seat is not
/// theirs.
fn verifies_with_its_receipt(daemon: &Daemon, session: &str, number: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (bundle, receipt, key) = (path("bundle.tar"), path("receipt"), path("key.pem"));
    let line = daemon.good(&["session", "receipts", session, "--seat", number]);
    assert!(
        line.stdout.starts_with("plateau-receipt-1:"),
        "{}",
        line.stdout
    );
    std::fs::write(&receipt, &line.stdout).expect("written");
    let public = daemon.good(&["evidence", "key"]).stdout;
    std::fs::write(&key, public).expect("written");
    for seat in exam::seats(daemon, session) {
        let attempt = &seat.attempts[0].id;
        let bundle = format!("{bundle}.{}", seat.number);
        daemon.good(&["evidence", "export", attempt, "-o", &bundle]);
        let verify = [
            "evidence",
            "verify",
            &bundle,
            "--key",
            &key,
            "--receipt",
            &receipt,
        ];
        let verified = daemon.plateau(&verify);
        let is_own = seat.number == number;
        assert_eq!(verified.code == 0, is_own, "{}", verified.stdout);
    }
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
    verifies_with_its_receipt(&daemon, "exam", "001");
    daemon.good(&["session", "seal", "exam"]);
    let sealed = daemon.plateau(&["session", "clear", "exam"]);
    assert_eq!(sealed.code, 2, "{}", sealed.stderr);
    // Ends with 1 where an entry was changed or is missing.
    daemon.good(&["session", "log", "exam"]);
    assert_eq!(containers("exam-001"), Vec::<String>::new());
    assert_eq!(daemon.labs(), vec![]);
}

/// A node that writes the time each fifth of a second, from its boot on.
const DATES: &[(&str, &str)] = &[
    ("brief.md", "Wait."),
    ("done.sh", "touch /root/done"),
    (
        "setup.sh",
        "printf '[Service]\\nExecStart=/bin/sh -c \"while sleep 0.2; do date +%%%%s%%%%3N >> /root/dates; done\"\\n\
         [Install]\\nWantedBy=multi-user.target\\n' > /etc/systemd/system/dates.service\n\
         systemctl enable --now dates\n",
    ),
    (
        "scenario.yaml",
        r#"
plateau: 1
id: dates
title: { en: Dates }
duration: 20s
brief: { en: brief.md }
networks: { lan: {} }
nodes:
  left:
    image: debian-server
    setup: setup.sh
    interfaces: { eth0: { network: lan, address: 10.9.0.1/24 } }
    access: [terminal]
tasks:
  - id: t
    skill: tsgeri/1.2
    title: { en: A file }
    solution: [{ on: left, run: done.sh }]
    checks:
      - { id: there, on: left, that: { file: { path: /root/done } }, points: 1 }
      - { id: slow, on: left, that: { command: { run: "sleep 8", exit: 1 } }, points: 1 }
"#,
    ),
];

/// By when a node writes nothing any more, in milliseconds.
const STOPS_MS: u64 = 2000;

fn docker(args: &[&str]) -> String {
    let ended = Command::new("docker").args(args).output();
    let ended = ended.expect("docker starts");
    assert!(ended.status.success(), "{args:?}: {ended:?}");
    String::from_utf8_lossy(&ended.stdout).trim().to_owned()
}

#[test]
fn ten_nodes_write_nothing_any_more_two_seconds_after_their_deadline() {
    let daemon = Daemon::new();
    let dates = scenario(DATES);
    let numbers = (1..=10).map(|seat| format!("{seat:03},Ada {seat}\n"));
    let list = format!("number,name\n{}", numbers.collect::<String>());
    exam::describe(&daemon, "dates", dates.path(), &list, false);
    daemon.good(&["session", "prepare", "dates"]);
    daemon.good(&["session", "open", "dates"]);
    let deadlines: Vec<u64> = exam::seats(&daemon, "dates")
        .iter()
        .map(|seat| seat.attempts[0].clock.deadline_ms.expect("a deadline"))
        .collect();
    let left_ms = || {
        exam::seats(&daemon, "dates")[9].attempts[0]
            .clock
            .remaining_ms
    };
    wait_until("the end is near", LIMIT, || left_ms() < 4000);
    // Whoever is graded at the deadline keeps nobody else's nodes running.
    let mut early = vec!["session", "hand-in", "dates", "--reason", "done"];
    for seat in ["001", "002", "003", "004"] {
        early.extend(["--seat", seat]);
    }
    daemon.good(&early);
    wait_until("all is graded", LIMIT, || {
        exam::session(&daemon, "dates").state == SessionState::Closed
    });
    let mut late = vec![];
    for (seat, deadline) in exam::seats(&daemon, "dates").iter().zip(deadlines) {
        let attempt = &seat.attempts[0];
        let image = format!("plateau/kept:{}-left", attempt.id);
        let read = ["run", "--rm", "--network=none", "--entrypoint=tail", &image];
        let last = docker(&[&read[..], &["-n", "1", "/root/dates"]].concat());
        let last: u64 = last.parse().expect("a time");
        let is_early = ["001", "002", "003", "004"].contains(&seat.number.as_str());
        assert!(
            last + 1000 > deadline || is_early,
            "{} stopped",
            seat.number
        );
        late.push(last.saturating_sub(deadline));
        assert_eq!(exam::points(&daemon, &attempt.id), (0, 2, 0));
    }
    assert!(late.iter().all(|late| *late <= STOPS_MS), "{late:?} ms");
    daemon.good(&["session", "clear", "dates", "--kept"]);
    assert_eq!(containers("dates"), Vec::<String>::new());
}

#[test]
fn a_pause_freezes_the_nodes_although_the_daemon_is_killed() {
    let mut daemon = Daemon::new();
    let pair = scenario(exam::PAIR);
    let slips = exam::describe(
        &daemon,
        "still",
        pair.path(),
        "number,name\n001,Ada\n",
        false,
    );
    daemon.good(&["session", "prepare", "still"]);
    daemon.good(&["session", "open", "still"]);
    let worked = exam::ssh(&daemon, "left", &slips[0].code, "touch /root/done");
    assert!(worked.status.success(), "{worked:?}");
    let nodes: Vec<String> = containers("still")
        .into_iter()
        .filter(|name| name.ends_with("left") || name.ends_with("right"))
        .collect();
    assert_eq!(nodes.len(), 2, "{nodes:?}");
    let are_frozen = |frozen: bool| {
        nodes.iter().all(|node| {
            docker(&["inspect", "--format", "{{.State.Paused}}", node]) == frozen.to_string()
        })
    };
    daemon.good(&[
        "session", "pause", "still", "--seat", "001", "--reason", "an alarm",
    ]);
    wait_until("the nodes are frozen", Duration::from_secs(2), || {
        are_frozen(true)
    });
    daemon.kill();
    daemon.start();
    let paused = |state: AttemptState| exam::seats(&daemon, "still")[0].attempts[0].state == state;
    wait_until("it is there again", LIMIT, || paused(AttemptState::Paused));
    assert!(are_frozen(true));
    daemon.good(&[
        "session",
        "extend",
        "still",
        "--seat",
        "001",
        "--minutes",
        "5",
        "--reason",
        "an alarm",
    ]);
    daemon.good(&["session", "resume", "still", "--seat", "001"]);
    wait_until("the nodes go on", Duration::from_secs(10), || {
        are_frozen(false)
    });
    let again = exam::ssh(&daemon, "left", &slips[0].code, "ls /root/done");
    assert!(again.status.success(), "{again:?}");
    daemon.good(&["session", "hand-in", "still", "--reason", "the end"]);
    wait_until("all is graded", LIMIT, || {
        exam::session(&daemon, "still").state == SessionState::Closed
    });
    let attempt = exam::seats(&daemon, "still")[0].attempts[0].id.clone();
    assert_eq!(exam::points(&daemon, &attempt), (6, 6, 0));
    daemon.good(&["session", "clear", "still", "--kept"]);
    assert_eq!(containers("still"), Vec::<String>::new());
}
