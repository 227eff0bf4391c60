//! The questions inside a node and over time, on real nodes: passing, failing and unanswered.

use std::time::Duration;

use plateau_core::api::{LabGradeView, NodeState};
use plateau_core::grade::Verdict;
use plateau_tests::{Daemon, root, wait_until};

#[test]
fn every_question_passes_fails_and_stays_unanswered_where_it_should() {
    let daemon = Daemon::new();
    daemon.up(&root().join("tests/scenarios/inside"), "inside");
    daemon.good(&["lab", "solve", "inside"]);
    // The connection dies with the node, so how the command ends says nothing.
    let _ = daemon.plateau(&[
        "lab",
        "exec",
        "inside",
        "gone",
        "--",
        "systemctl",
        "poweroff",
    ]);
    wait_until("the node is off", Duration::from_secs(60), || {
        daemon.labs()[0].nodes["gone"].state == NodeState::Stopped
    });
    let ended = daemon.plateau(&["lab", "check", "inside", "--format", "json"]);
    let view: LabGradeView = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", ended.stdout, ended.stderr));
    let mut wrong = Vec::new();
    for check in view.grade.checks() {
        let expected = match check.id.rsplit('-').next() {
            Some("pass") => Verdict::Pass,
            Some("fail") => Verdict::Fail,
            Some("unknown") => Verdict::Unknown,
            other => panic!("{other:?} says no verdict"),
        };
        if check.verdict != expected {
            wrong.push(check);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let counted = view.grade.checks().count();
    assert_eq!(counted, 24, "checks were lost");
}
