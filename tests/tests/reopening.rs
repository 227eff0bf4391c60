//! Labs that were handed in and removed, opened again on the real engine: to be asked by a mended
//! scenario, and to be looked around in.

use std::time::Duration;

use plateau_core::api::{LabView, NodeState};
use plateau_core::exam::session::SessionState;
use plateau_tests::{Daemon, containers, exam, scenario, wait_until};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(120);

/// What a command shows, as JSON.
fn shown(daemon: &Daemon, arguments: &[&str]) -> Value {
    let arguments = [&["--format", "json", "session"], arguments].concat();
    let shown = daemon.good(&arguments);
    serde_json::from_str(&shown.stdout).expect("JSON")
}

/// A session whose candidate entered a printer among the hosts and made a file, graded and cleared.
fn cleared(daemon: &Daemon, session: &str) {
    let pair = scenario(exam::PAIR);
    let list = "number,name\n001,Ada\n";
    let slips = exam::describe(daemon, session, pair.path(), list, false);
    daemon.good(&["session", "prepare", session]);
    daemon.good(&["session", "open", session]);
    let work =
        "touch /root/done && echo '10.9.0.77 printer' >> /etc/hosts && echo lost > /run/note";
    let worked = exam::ssh(daemon, "left", &slips[0].code, work);
    assert!(worked.status.success(), "{worked:?}");
    daemon.good(&["session", "hand-in", session, "--reason", "the end"]);
    wait_until("all is graded", LIMIT, || {
        exam::session(daemon, session).state == SessionState::Closed
    });
    daemon.good(&["session", "clear", session]);
    assert_eq!(daemon.labs(), vec![]);
    assert_eq!(containers(&format!("{session}-001")), Vec::<String>::new());
}

#[test]
fn a_mended_scenario_is_asked_of_a_lab_that_was_removed() {
    let daemon = Daemon::new();
    cleared(&daemon, "anew");
    let attempt = exam::seats(&daemon, "anew")[0].attempts[0].id.clone();
    assert_eq!(exam::points(&daemon, &attempt), (6, 6, 0));

    // What was in memory is asked where nobody can know it, and what a candidate wrote where the
    // engine makes a file of its own.
    let text = exam::PAIR[2].1.replace(
        "file: { path: /root/done } }, points: 2",
        "file: { path: /etc/hosts, content: { contains: printer } } }, points: 4",
    );
    let text = text.replace(
        "holds_from_start: true }",
        "holds_from_start: true }\n      - { id: note, on: left, that: { file: { path: /run/note } }, points: 1 }",
    );
    let mended = scenario(&[exam::PAIR[0], exam::PAIR[1], ("scenario.yaml", &text)]);
    let path = mended.path().display().to_string();
    let because = ["--scenario", &path, "--reason", "the printer was forgotten"];
    let regrade = [&["regrade", "anew"], &because[..]].concat();
    let regraded = shown(&daemon, &regrade);
    let proposal = &regraded[0]["proposal"];
    assert_eq!(proposal["asked"], serde_json::json!(["t/note", "t/there"]));
    assert_eq!(proposal["unobserved"], serde_json::json!(["t/note"]));
    assert_eq!(proposal["comparison"]["points"], serde_json::json!([6, 8]));
    assert_eq!(daemon.labs(), vec![], "the lab that was asked is gone");
    assert_eq!(
        exam::points(&daemon, &attempt),
        (6, 6, 0),
        "nothing counts yet"
    );

    daemon.good(&["session", "accept", "anew", "--reason", "it is right"]);
    assert_eq!(exam::points(&daemon, &attempt), (8, 9, 1));
    let gradings = shown(&daemon, &["gradings", "anew"]);
    let first = gradings[0]["gradings"][0]["id"].as_str().expect("an id");
    let back = [
        "session",
        "accept",
        "anew",
        "--grading",
        first,
        "--reason",
        "it was not",
    ];
    daemon.good(&back);
    assert_eq!(exam::points(&daemon, &attempt), (6, 6, 0));

    daemon.good(&["session", "clear", "anew", "--kept"]);
    let text = text.replace("contains: printer", "contains: 10.9.0.77");
    let text = text.replace("path: /etc/hosts", "path: /etc/hostname");
    let other = scenario(&[exam::PAIR[0], exam::PAIR[1], ("scenario.yaml", &text)]);
    let path = other.path().display().to_string();
    let asked = [
        "session",
        "regrade",
        "anew",
        "--scenario",
        &path,
        "--reason",
        "x",
    ];
    let gone = daemon.plateau(&asked);
    assert_eq!(gone.code, 1, "{}", gone.stderr);
    assert!(gone.stdout.contains("nothing is kept"), "{}", gone.stdout);
    let facts = daemon.good(&[&asked[..], &["--from-facts"]].concat());
    assert!(
        facts.stdout.contains("new and not asked"),
        "{}",
        facts.stdout
    );
}

#[test]
fn a_lab_is_looked_around_in_as_it_was_handed_in() {
    let mut daemon = Daemon::new();
    cleared(&daemon, "look");
    let lab: LabView =
        serde_json::from_value(shown(&daemon, &["revisit", "look", "001"])).expect("a lab");
    assert!(
        lab.nodes
            .values()
            .all(|node| node.state == NodeState::Running)
    );
    let there =
        "test -e /root/done && grep -q '10.9.0.77 printer' /etc/hosts && ! test -e /run/note";
    daemon.sh(&lab.name, "left", there);
    // Its links are there, and what is done in it is lost with it.
    daemon.sh(
        &lab.name,
        "left",
        "ping -c 1 -W 5 10.9.0.2 && rm /root/done",
    );
    daemon.good(&["session", "revisit", "look", "001", "--end"]);
    assert_eq!(daemon.labs(), vec![]);
    let again = shown(&daemon, &["revisit", "look", "001"]);
    let name = again["name"].as_str().expect("a name");
    daemon.sh(name, "left", there);
    // Whoever comes after a crash finds nothing of it.
    daemon.kill();
    daemon.start();
    assert_eq!(daemon.labs(), vec![]);
    assert_eq!(containers(name), Vec::<String>::new());
    daemon.good(&["session", "clear", "look", "--kept"]);
}
