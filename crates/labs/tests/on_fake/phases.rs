//! Phases and events on the fake engine: their order, what is left of them, and failures anywhere.

#![expect(clippy::unwrap_used, reason = "tests outside a test function too")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plateau_core::api::{
    CheckRequest, CreateLabRequest, EventProgress, LabEvent, LabEventKind, LabState, LabView,
    NodeState, ProofEvent, ProofRequest,
};
use plateau_core::error::ErrorCode;
use plateau_core::grade::{Reason, Verdict};
use plateau_core::probe::Fact;
use plateau_core::proof::FurtherDraws;
use plateau_core::question::Observation;
use plateau_labs::proof::prove;
use plateau_labs::runtime::fake::Fake;

use crate::house::{House, house, until};

const HEAD: &str = r#"
plateau: 1
id: faults
title: { en: Faults }
duration: 30m
brief: { en: brief.md }
networks: { lan: {} }
nodes:
  a: { image: debian-server, interfaces: { eth0: { network: lan } } }
  b: { image: debian-server, interfaces: { eth0: { network: lan } } }
tasks:
  - id: t
    skill: tsgeri/1.2
    title: { en: T }
    solution: [ { on: a, run: solve.sh } ]
    checks:
      - { id: first, on: a, that: { file: { path: /x } }, points: 1 }
"#;

const PHASES: &str = r#"
      - { id: dark, on: a, phase: dark, that: { file: { path: /x } }, points: 1 }
      - { id: later, on: b, phase: later, that: { file: { path: /x } }, points: 1 }
      - { id: fresh, on: a, phase: fresh, that: { file: { path: /x } }, points: 1 }
phases:
  dark:
    steps:
      - cut: { node: a, interface: eth0 }
      - stop: [b]
      - fill: { node: a, path: /tmp, leave: 1MiB }
      - kill: { node: a, process: sshd }
      - run: { on: a, run: wreck.sh }
      - wait: { on: a, that: { file: { path: /x } }, at_most: 100ms }
  later:
    reboot: [a]
    steps:
      - start: [b]
      - mend: { node: a, interface: eth0 }
      - shape: { node: a, interface: eth0, rate: 1Mbit }
  fresh: { from: as-left, steps: [ { cut: { node: b, interface: eth0 } } ] }
"#;

const EVENTS: &str = r#"
events:
  - { id: outage, at: 0s, do: [ { cut: { node: a, interface: eth0 } }, { run: { on: a, run: wreck.sh } } ] }
  - { id: later, at: 29m, do: [ { stop: [b] } ] }
  - { id: sabotage, when: t/first, do: [ { kill: { node: a, process: sshd } } ] }
"#;

fn lab(name: &str, rest: &str) -> CreateLabRequest {
    let document = format!("{HEAD}{rest}");
    let texts = [
        ("scenario.yaml", document.as_str()),
        ("brief.md", "Do it."),
        ("solve.sh", "touch /x\n"),
        ("wreck.sh", "wreck\n"),
    ];
    let files = texts.map(|(path, text)| (path.to_owned(), STANDARD.encode(text)));
    CreateLabRequest {
        files: files.into(),
        seed: "seed".to_owned(),
        name: Some(name.to_owned()),
    }
}

fn file(exists: bool) -> Fact {
    let json = format!(r#"{{"file":{{"exists":{exists}}}}}"#);
    Fact::Seen(serde_json::from_str::<Observation>(&json).unwrap())
}

async fn verdicts(house: &House, lab: &str) -> Vec<Verdict> {
    let all = CheckRequest { phases: None };
    let checked = house.labs.check(lab, all).await.unwrap();
    checked.grade.checks().map(|check| check.verdict).collect()
}

fn snapshots(house: &House) -> Vec<String> {
    let images = house.fake.images().into_iter();
    images.filter(|tag| tag.contains("snapshot")).collect()
}

fn assert_whole(house: &House, lab: &LabView, what: &str) {
    assert_eq!(
        house.left(),
        [
            format!("plateau-{}-a", lab.name),
            format!("plateau-{}-b", lab.name),
            format!("plateau-{}.fabric", lab.name)
        ],
        "{what}"
    );
    assert_eq!(snapshots(house), <[String; 0]>::default(), "{what}");
    assert!(
        !house.papers(&lab.id).contains(&"upset.json".to_owned()),
        "{what}"
    );
    let nodes = house.nodes(&lab.name);
    assert!(
        nodes.values().all(|state| *state == NodeState::Running),
        "{what}: {nodes:?}"
    );
}

#[tokio::test]
async fn steps_are_done_in_their_order_and_undone_afterwards() {
    let house = house(Fake::new()).await;
    house.fake.answering(|_, _, _| file(true));
    let lab = house.ready_with(lab("one", PHASES)).await;
    assert_eq!(verdicts(&house, "one").await, [Verdict::Pass; 4]);
    let (events, _) = house.labs.follow("one").unwrap();
    let failed = |event: &&LabEvent| matches!(event.what, LabEventKind::StepFailed { .. });
    assert_eq!(events.iter().find(failed), None);
    let steps: Vec<String> = events
        .iter()
        .filter_map(|event| {
            let LabEventKind::StepStarted { stage, step } = &event.what else {
                return None;
            };
            Some(format!("{stage}: {step}"))
        })
        .skip_while(|step| !step.starts_with("dark"))
        .collect();
    assert_eq!(
        steps,
        [
            "dark: cut eth0 of a",
            "dark: stop b",
            "dark: fill /tmp of a but 1MiB",
            "dark: kill sshd on a",
            "dark: run wreck.sh on a",
            "dark: wait for file from a, 100ms at most",
            "later: reboot a",
            "later: start b",
            "later: mend eth0 of a",
            "later: shape eth0 of a: rate 1Mbit",
            "fresh: put the nodes back as they were left",
            "fresh: cut eth0 of b",
        ]
    );
    // What the wirer had to do with each link: a rebooted node is plugged in as cut as it was, a
    // copy as the lab was left, and at the end all is as at the beginning.
    let a: Vec<(bool, Option<u64>)> = house
        .fake
        .wired()
        .iter()
        .flat_map(|request| &request.ports)
        .filter(|port| port.fabric_port == "p1")
        .map(|port| (port.cut, port.rate))
        .collect();
    let (plain, cut, slow) = ((false, None), (true, None), (false, Some(1_000_000)));
    assert_eq!(a, [plain, cut, cut, plain, slow, plain, plain]);
    let last = house.fake.wired().pop().unwrap();
    assert!(last.ports.iter().all(|port| !port.cut), "{last:?}");
    assert_whole(&house, &lab, "after grading");
    // Again and again.
    assert_eq!(verdicts(&house, "one").await, [Verdict::Pass; 4]);
    house.labs.down("one").await.unwrap();
    assert_eq!(house.left(), <[String; 0]>::default());
    assert_eq!(house.papers(&lab.id), <[String; 0]>::default());
}

#[tokio::test]
async fn a_failure_at_any_call_of_a_phase_costs_nothing_and_leaves_nothing() {
    let dry = house(Fake::new()).await;
    dry.fake.answering(|_, _, _| file(true));
    dry.ready_with(lab("one", PHASES)).await;
    let before = dry.fake.calls();
    verdicts(&dry, "one").await;
    let calls = dry.fake.calls() - before;
    assert!(calls > 30, "{calls}");
    for call in 1..=calls {
        let house = house(Fake::new()).await;
        house.fake.answering(|_, _, _| file(true));
        let lab = house.ready_with(lab("one", PHASES)).await;
        house.fake.fail_in(call);
        let seen = verdicts(&house, "one").await;
        assert!(!seen.contains(&Verdict::Fail), "call {call}: {seen:?}");
        // What could not be undone then is undone now.
        let again = verdicts(&house, "one").await;
        assert_eq!(again, [Verdict::Pass; 4], "call {call}");
        assert_whole(&house, &lab, &format!("call {call}"));
        house.labs.down("one").await.unwrap();
        assert_eq!(house.left(), <[String; 0]>::default(), "call {call}");
    }
}

#[tokio::test]
async fn what_builds_on_a_phase_that_failed_is_unknown_and_what_starts_afresh_is_not() {
    let house = house(Fake::new()).await;
    house.fake.answering(|_, _, _| file(true));
    house.fake.fail_scripts("wreck", 3);
    let lab = house.ready_with(lab("one", PHASES)).await;
    let all = CheckRequest { phases: None };
    let grade = house.labs.check("one", all).await.unwrap().grade;
    let verdicts: Vec<Verdict> = grade.checks().map(|check| check.verdict).collect();
    let (pass, unknown) = (Verdict::Pass, Verdict::Unknown);
    assert_eq!(verdicts, [pass, unknown, unknown, pass]);
    let reasons: Vec<_> = grade.checks().filter_map(|c| c.reason.as_ref()).collect();
    assert_eq!(reasons.len(), 2);
    for reason in reasons {
        assert!(
            matches!(reason, Reason::CouldNotLook(why) if why.contains("wreck")
                && why.contains("phase `dark` could not be brought about")),
            "{reason:?}"
        );
    }
    assert_whole(&house, &lab, "after grading");
}

#[tokio::test]
async fn a_condition_waited_for_in_vain_is_no_failure_and_one_that_nobody_can_see_is() {
    let house = house(Fake::new()).await;
    house.fake.answering(|_, _, asked| match asked.id.as_str() {
        "condition" => file(false),
        _ => file(true),
    });
    house.ready_with(lab("one", PHASES)).await;
    assert_eq!(verdicts(&house, "one").await, [Verdict::Pass; 4]);
    house.fake.answering(|_, _, asked| match asked.id.as_str() {
        "condition" => Fact::CouldNotLook {
            reason: "fog".to_owned(),
        },
        _ => file(true),
    });
    let (pass, unknown) = (Verdict::Pass, Verdict::Unknown);
    let seen = verdicts(&house, "one").await;
    assert_eq!(seen, [pass, unknown, unknown, pass]);
}

#[tokio::test]
async fn a_daemon_killed_in_the_middle_of_a_phase_leaves_it_to_the_next_to_undo() {
    let house = house(Fake::new()).await;
    house.fake.answering(|_, _, _| file(true));
    let lab = house.ready_with(lab("one", PHASES)).await;
    house.fake.hold_boots(true);
    let labs = house.labs.clone();
    let fresh = CheckRequest {
        phases: Some(vec!["fresh".to_owned()]),
    };
    let grading = tokio::spawn(async move { labs.check("one", fresh).await });
    assert!(house.fake.await_boot_attempt().await);
    assert!(house.left().iter().any(|name| name.ends_with("-a.copy")));
    assert_eq!(snapshots(&house).len(), 2);
    grading.abort();
    let again = house.again().await;
    house.fake.hold_boots(false);
    let view = again.built("one").await.unwrap();
    assert_eq!(view.state, LabState::Ready);
    until("the lab is whole", || {
        let view = again.show("one").unwrap();
        let nodes = view.nodes.values();
        nodes
            .map(|node| node.state)
            .all(|state| state == NodeState::Running)
            && house.left().len() == 3
            && snapshots(&house).is_empty()
            && house.papers(&lab.id).is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_lab_that_is_removed_in_the_middle_of_a_phase_leaves_neither_copies_nor_images() {
    let house = house(Fake::new()).await;
    house.ready_with(lab("one", PHASES)).await;
    house.fake.hold_boots(true);
    let labs = house.labs.clone();
    let fresh = CheckRequest {
        phases: Some(vec!["fresh".to_owned()]),
    };
    let grading = tokio::spawn(async move { labs.check("one", fresh).await });
    assert!(house.fake.await_boot_attempt().await);
    assert_eq!(snapshots(&house).len(), 2);
    house.labs.down("one").await.unwrap();
    assert_eq!(
        grading.await.unwrap().unwrap_err().code(),
        ErrorCode::LabRemoved
    );
    assert_eq!(house.left(), <[String; 0]>::default());
    assert_eq!(snapshots(&house), <[String; 0]>::default());
    assert_eq!(house.markers(), 0);
}

fn progress(house: &House, event: &str) -> Option<EventProgress> {
    let view = house.labs.show("one").unwrap();
    let mut events = view.events.into_iter();
    events.find(|known| known.id == event).unwrap().progress
}

fn wrecks(house: &House) -> usize {
    let (events, _) = house.labs.follow("one").unwrap();
    let begun = events.iter().filter(|event| {
        matches!(&event.what, LabEventKind::ScenarioEvent { event, progress: EventProgress::Begun {} } if event == "outage")
    });
    begun.count()
}

#[tokio::test]
async fn events_happen_once_by_the_clock_or_by_a_check_and_outlive_the_daemon() {
    let house = house(Fake::new()).await;
    house
        .fake
        .answering(|_, ran, _| file(ran.iter().any(|(_, text)| text.contains("solved at last"))));
    let view = house.ready_with(lab("one", EVENTS)).await;
    assert_eq!(view.started, None);
    assert!(view.events.iter().all(|event| event.begun.is_none()));
    assert_eq!(wrecks(&house), 0);
    let started = house.labs.start_clock("one").await.unwrap();
    assert!(started.started.is_some());
    let again = house.labs.start_clock("one").await.unwrap();
    assert_eq!(again.started, started.started);
    until("the outage is over", || {
        progress(&house, "outage") == Some(EventProgress::Done {})
    })
    .await;
    assert_eq!(progress(&house, "sabotage"), None);
    assert_eq!(wrecks(&house), 1);
    assert!(house.fake.wired().pop().unwrap().ports[0].cut);
    // The candidate solves the task, and what waits for it happens.
    let exec = plateau_core::api::ExecRequest {
        argv: vec!["sh".to_owned()],
        stdin: Some("solved at last".to_owned()),
        timeout_ms: None,
    };
    house.labs.exec("one", "a", exec).await.unwrap();
    until("the sabotage is done", || {
        progress(&house, "sabotage") == Some(EventProgress::Done {})
    })
    .await;
    assert_eq!(progress(&house, "later"), None);
    assert_eq!(house.papers(&view.id), ["clock.json", "events.jsonl"]);
    // Nothing of it twice, and what it did to links is still so.
    let house = house.restarted().await;
    let adopted = house.labs.built("one").await.unwrap();
    assert_eq!(adopted.started, started.started);
    assert_eq!(progress(&house, "outage"), Some(EventProgress::Done {}));
    assert_eq!(wrecks(&house), 0);
    let wired = house.fake.wired();
    let a = wired
        .iter()
        .rev()
        .flat_map(|request| &request.ports)
        .find(|port| port.fabric_port == "p1");
    assert!(a.unwrap().cut, "{a:?}");
    house.labs.down("one").await.unwrap();
    assert_eq!(house.papers(&view.id), <[String; 0]>::default());
}

#[tokio::test]
async fn an_event_that_fails_is_recorded_and_not_tried_again() {
    let house = house(Fake::new()).await;
    house.fake.answering(|_, _, _| file(true));
    house.fake.fail_scripts("wreck", 5);
    house.ready_with(lab("one", EVENTS)).await;
    house.labs.start_clock("one").await.unwrap();
    until("the outage failed", || {
        matches!(progress(&house, "outage"), Some(EventProgress::Failed { reason }) if reason.contains("wreck.sh"))
    })
    .await;
    until("the others go on", || {
        progress(&house, "sabotage") == Some(EventProgress::Done {})
    })
    .await;
    assert_eq!(verdicts(&house, "one").await, [Verdict::Pass]);
    let house = house.restarted().await;
    house.labs.built("one").await.unwrap();
    assert!(matches!(
        progress(&house, "outage"),
        Some(EventProgress::Failed { .. })
    ));
    assert_eq!(wrecks(&house), 0);
}

#[tokio::test]
async fn a_proof_lets_events_happen_before_the_work() {
    let house = house(Fake::new()).await;
    house.fake.answering(|_, ran, _| {
        let texts: Vec<&str> = ran.iter().map(|(_, text)| text.trim()).collect();
        file(texts == ["wreck", "touch /x"])
    });
    let proof = ProofRequest {
        files: lab("one", EVENTS).files,
        draws: 0,
        further_draws: FurtherDraws::All,
        parallel: Some(1),
        again: false,
    };
    let mut events = prove(&house.labs, proof).await.unwrap();
    let mut last = None;
    while let Some(event) = events.recv().await {
        last = Some(event);
    }
    match last {
        Some(ProofEvent::Proven { proof, .. }) => assert!(proof.holds, "{proof:?}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(house.left(), <[String; 0]>::default());
}
