//! Labs on the fake engine, through the front door.

#![expect(clippy::unwrap_used, reason = "tests outside a test function too")]

use plateau_core::api::{
    CheckRequest, ExecRequest, LabEventKind, LabState, NodeState, SolveRequest,
};
use plateau_core::error::ErrorCode;
use plateau_core::grade::{Reason, Verdict};
use plateau_labs::lab::LabError;
use plateau_labs::runtime::Labels;
use plateau_labs::runtime::fake::Fake;

use crate::house::{House, as_the_scripts_left_it, house, new_lab, until};

async fn grade(house: &House, lab: &str) -> (u32, u32, u32) {
    let all = CheckRequest { phases: None };
    let grade = house.labs.check(lab, all).await.unwrap().grade;
    (grade.points, grade.of, grade.unknown)
}

#[tokio::test]
async fn a_lab_is_built_with_every_node_plugged_in_and_removed_whole() {
    let house = house(Fake::new()).await;
    let view = house.ready("one").await;
    assert_eq!(view.name, "one");
    assert_eq!(house.fake.of_role("node").len(), 3);
    assert_eq!(house.fake.of_role("fabric"), ["plateau-one.fabric"]);
    let wired = house.fake.wired();
    assert_eq!(wired.len(), 1);
    assert_eq!(wired[0].bridges.len(), 2);
    assert_eq!(wired[0].ports.len(), 4);
    assert!(house.fake.files("plateau-one-srv1") > 0);
    let (events, _) = house.labs.follow("one").unwrap();
    assert!(events.iter().any(
        |event| matches!(&event.what, LabEventKind::StepDone { step, .. } if step == "set up srv1")
    ));
    house.labs.down("one").await.unwrap();
    assert_eq!(house.left(), <[String; 0]>::default());
    assert_eq!(house.markers(), 0);
    assert!(house.labs.list().is_empty());
}

#[tokio::test]
async fn a_node_has_no_more_rights_than_it_needs() {
    let house = house(Fake::new()).await;
    house.ready("one").await;
    let node = house.fake.spec("plateau-one-srv1").unwrap();
    assert_eq!(node.cap_add, ["NET_ADMIN", "NET_RAW", "SYS_BOOT"]);
    assert_eq!(node.security, <[String; 0]>::default());
    assert!(!node.host_pids && node.private_cgroups && node.node_calls);
    assert_eq!(node.open_files, Some(16_384));
    assert_eq!(node.disk, Some(4 << 30));
    assert!(node.memory.is_some() && node.pids.is_some() && node.cpu_millis.is_some());
    let fabric = house.fake.spec("plateau-one.fabric").unwrap();
    assert_eq!(fabric.cap_drop, ["ALL"]);
    assert_eq!(fabric.cap_add, <[String; 0]>::default());
}

#[tokio::test]
async fn a_failure_at_any_step_leaves_nothing() {
    let dry = house(Fake::new()).await;
    let before = dry.fake.calls();
    dry.create_blindly("one").await;
    dry.labs.built("one").await.unwrap();
    let calls = dry.fake.calls() - before;
    assert!(calls > 10);
    for call in 1..=calls {
        let house = house(Fake::new()).await;
        house.fake.fail_in(call);
        house.create_blindly("one").await;
        let view = house.labs.built("one").await.unwrap();
        assert_eq!(view.state, LabState::Failed, "call {call}");
        let problem = view.problem.unwrap();
        // The wirer, which is asked by lines, gives its failure as an answer.
        assert!(
            problem.code == ErrorCode::Injected
                || problem.code == ErrorCode::WiringFailed
                    && problem.message.contains("was told to fail"),
            "call {call}: {problem:?}"
        );
        assert_eq!(house.left(), <[String; 0]>::default(), "call {call}");
        assert_eq!(house.markers(), 0, "call {call}");
        house.labs.down("one").await.unwrap();
        // What failed once does not stand in the way of the next.
        house.ready("one").await;
    }
}

#[tokio::test]
async fn a_removal_that_fails_anywhere_is_told_and_goes_on_when_asked_again() {
    for call in 1..=4 {
        let house = house(Fake::new()).await;
        house.ready("one").await;
        house.fake.fail_in(call);
        let error = house.labs.down("one").await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::DownIncomplete, "call {call}");
        assert_eq!(house.left().len(), 1, "call {call}");
        house.labs.down("one").await.unwrap();
        assert_eq!(house.left(), <[String; 0]>::default(), "call {call}");
        assert_eq!(house.markers(), 0);
    }
}

#[tokio::test]
async fn a_missing_image_is_named_with_its_remedy() {
    let house = house(Fake::new()).await;
    house.fake.without_image("plateau/debian-router:latest");
    let api = house.labs.create(new_lab("one")).await.unwrap_err().api();
    assert_eq!(api.code, ErrorCode::HostLacks);
    assert!(api.message.contains("debian-router") && api.hint.is_some());
    // One that disappears while labs are built.
    house.create_blindly("one").await;
    let problem = house.labs.built("one").await.unwrap().problem.unwrap();
    assert_eq!(problem.code, ErrorCode::ImageMissing);
    assert!(problem.message.contains("plateau/debian-router:latest"));
    assert!(problem.hint.is_some());
}

#[tokio::test]
async fn a_lab_that_is_still_being_built_can_be_removed() {
    let house = house(Fake::new()).await;
    house.fake.hold_boots(true);
    house.labs.create(new_lab("one")).await.unwrap();
    assert!(house.fake.await_boot_attempt().await);
    let error = house.labs.check("one", CheckRequest { phases: None }).await;
    assert!(matches!(error, Err(LabError::NotReady { .. })));
    house.labs.down("one").await.unwrap();
    assert_eq!(house.left(), <[String; 0]>::default());
    assert_eq!(house.markers(), 0);
}

#[tokio::test]
async fn removing_a_lab_gives_up_what_is_under_way_in_it() {
    let house = house(Fake::new()).await;
    house.ready("one").await;
    house.fake.hold_boots(true);
    let labs = house.labs.clone();
    let rebooting = tokio::spawn(async move { labs.reboot("one", "srv1").await });
    assert!(house.fake.await_boot_attempt().await);
    house.labs.down("one").await.unwrap();
    let given_up = rebooting.await.unwrap().unwrap_err();
    assert_eq!(given_up.code(), ErrorCode::LabRemoved);
    assert_eq!(house.left(), <[String; 0]>::default());
}

#[tokio::test]
async fn two_labs_side_by_side_do_not_mix() {
    let house = house(Fake::new()).await;
    as_the_scripts_left_it(&house.fake);
    let (one, two) = tokio::join!(house.ready("one"), house.ready("two"));
    assert_ne!(one.id, two.id);
    house
        .labs
        .solve(
            "one",
            SolveRequest {
                tasks: None,
                mistake: None,
            },
        )
        .await
        .unwrap();
    assert_eq!(grade(&house, "one").await, (6, 6, 0));
    assert_eq!(grade(&house, "two").await, (0, 6, 0));
    house.labs.down("one").await.unwrap();
    assert_eq!(house.left().len(), 4);
    assert_eq!(grade(&house, "two").await, (0, 6, 0));
    assert!(
        house
            .left()
            .iter()
            .all(|name| name.starts_with("plateau-two"))
    );
}

#[tokio::test]
async fn a_name_is_taken_by_a_lab_or_by_one_of_its_containers() {
    let house = house(Fake::new()).await;
    house.ready("one").await;
    let taken = house.labs.create(new_lab("one")).await.unwrap_err();
    assert_eq!(taken.code(), ErrorCode::NameTaken);
    let bad = house.labs.create(new_lab("One!")).await.unwrap_err();
    assert_eq!(bad.code(), ErrorCode::BadName);
    let unnamed = plateau_core::api::CreateLabRequest {
        name: None,
        ..new_lab("")
    };
    assert_eq!(
        house.labs.create(unnamed).await.unwrap().name,
        "two-servers-1"
    );
}

#[tokio::test]
async fn solutions_earn_every_point_and_a_mistake_loses_its_own() {
    let house = house(Fake::new()).await;
    as_the_scripts_left_it(&house.fake);
    house.ready("one").await;
    assert_eq!(grade(&house, "one").await, (0, 6, 0));
    let solve = SolveRequest {
        tasks: None,
        mistake: Some("half".to_owned()),
    };
    let solved = house.labs.solve("one", solve).await.unwrap();
    assert!(solved.solved);
    assert_eq!(solved.scripts.len(), 3);
    assert_eq!(grade(&house, "one").await, (3, 6, 0));
    // Examiners are gone, and the reboots of the phase were wired.
    assert_eq!(house.fake.of_role("examiner"), <[String; 0]>::default());
    assert_eq!(house.left().len(), 4);
}

#[tokio::test]
async fn a_script_that_fails_ends_solving_and_says_how() {
    let house = house(Fake::new()).await;
    house.ready("one").await;
    house.fake.fail_scripts("touch /srv/first", 3);
    let solve = SolveRequest {
        tasks: None,
        mistake: None,
    };
    let solved = house.labs.solve("one", solve).await.unwrap();
    assert!(!solved.solved);
    assert_eq!(solved.scripts.len(), 1);
    assert_eq!(solved.scripts[0].result.exit, 3);
    let unknown = SolveRequest {
        tasks: Some(vec!["third".to_owned()]),
        mistake: None,
    };
    let error = house.labs.solve("one", unknown).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PartNotFound);
}

#[tokio::test]
async fn a_set_up_script_that_fails_fails_the_lab() {
    let house = house(Fake::new()).await;
    house.fake.fail_scripts("echo set up", 7);
    house.labs.create(new_lab("one")).await.unwrap();
    let problem = house.labs.built("one").await.unwrap().problem.unwrap();
    assert_eq!(problem.code, ErrorCode::ScriptFailed);
    assert!(problem.message.contains("setup.sh") && problem.message.contains("told to fail"));
    assert_eq!(house.left(), <[String; 0]>::default());
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_unknown_and_not_failed() {
    let house = house(Fake::new()).await;
    house.ready("one").await;
    let check = CheckRequest {
        phases: Some(vec!["as-left".to_owned()]),
    };
    let checked = house.labs.check("one", check).await.unwrap();
    assert_eq!(checked.grade.unknown, 2);
    assert_eq!(checked.grade.checks().count(), 2);
    assert_eq!(checked.took_ms.len(), 1);
    let no_such = CheckRequest {
        phases: Some(vec!["later".to_owned()]),
    };
    let error = house.labs.check("one", no_such).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PartNotFound);
}

#[tokio::test]
async fn a_grading_survives_a_failure_at_any_call_as_unknown_checks() {
    let dry = house(Fake::new()).await;
    as_the_scripts_left_it(&dry.fake);
    dry.ready("one").await;
    let before = dry.fake.calls();
    grade(&dry, "one").await;
    for call in 1..=dry.fake.calls() - before {
        let house = house(Fake::new()).await;
        as_the_scripts_left_it(&house.fake);
        house.ready("one").await;
        house.fake.fail_in(call);
        let all = CheckRequest { phases: None };
        let checked = house.labs.check("one", all).await.unwrap();
        let points: u32 = checked.grade.checks().map(|check| check.points).sum();
        assert_eq!(points, 0, "call {call}");
        let unknown = checked
            .grade
            .checks()
            .filter(|check| check.verdict == Verdict::Unknown);
        assert!(unknown.count() <= 1, "call {call}");
        house.labs.down("one").await.unwrap();
        assert_eq!(house.left(), <[String; 0]>::default(), "call {call}");
    }
}

#[tokio::test]
async fn a_node_rebooted_from_inside_comes_back_plugged_in() {
    let house = house(Fake::new()).await;
    house.ready("one").await;
    let wired = house.fake.wired().len();
    house.fake.die("plateau-one-gate", 129);
    until("the gate is wired again", || {
        house.fake.wired().len() > wired
    })
    .await;
    house.until("one", "gate", NodeState::Running).await;
    let again = house.fake.wired().pop().unwrap();
    assert_eq!(again.ports.len(), 2);
    assert_eq!(again.release.len(), 1);
}

#[tokio::test]
async fn a_node_switched_off_stays_off_until_it_is_rebooted() {
    let house = house(Fake::new()).await;
    as_the_scripts_left_it(&house.fake);
    house.ready("one").await;
    house.fake.die("plateau-one-srv1", 130);
    house.until("one", "srv1", NodeState::Stopped).await;
    let exec = ExecRequest {
        argv: vec!["true".to_owned()],
        stdin: None,
        timeout_ms: None,
    };
    let error = house.labs.exec("one", "srv1", exec).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NodeStopped);
    let check = CheckRequest {
        phases: Some(vec!["as-left".to_owned()]),
    };
    let checked = house.labs.check("one", check).await.unwrap();
    let reasons: Vec<_> = checked
        .grade
        .checks()
        .filter_map(|c| c.reason.clone())
        .collect();
    let stopped = Reason::CouldNotLook("node `srv1` is stopped".to_owned());
    assert_eq!(reasons, [stopped]);
    house.labs.reboot("one", "srv1").await.unwrap();
    assert_eq!(house.nodes("one")["srv1"], NodeState::Running);
}

#[tokio::test]
async fn a_restarted_daemon_adopts_what_is_whole() {
    let house = house(Fake::new()).await;
    as_the_scripts_left_it(&house.fake);
    let before = house.ready("one").await;
    let house = house.restarted().await;
    let view = house.labs.built("one").await.unwrap();
    assert_eq!(view.state, LabState::Ready);
    assert_eq!(
        (view.id, view.seed, view.parameters),
        (before.id, before.seed, before.parameters)
    );
    assert!(
        house
            .nodes("one")
            .values()
            .all(|state| *state == NodeState::Running)
    );
    assert_eq!(grade(&house, "one").await, (0, 6, 0));
    house.labs.down("one").await.unwrap();
    assert_eq!(house.left(), <[String; 0]>::default());
}

#[tokio::test]
async fn a_restarted_daemon_does_what_it_missed() {
    let house = house(Fake::new()).await;
    house.ready("one").await;
    let fake = house.fake.clone();
    let left = house.left();
    let (restarted, ()) = {
        // Nobody is there to hear it.
        let reopened = house.restarted();
        fake.die("plateau-one-srv1", 129);
        fake.die("plateau-one-srv2", 130);
        (reopened.await, ())
    };
    restarted.until("one", "srv1", NodeState::Running).await;
    restarted.until("one", "srv2", NodeState::Stopped).await;
    assert_eq!(restarted.left(), left);
}

#[tokio::test]
async fn after_the_engine_was_restarted_every_node_comes_back() {
    let house = house(Fake::new()).await;
    house.ready("one").await;
    let fake = house.fake.clone();
    let left = house.left();
    let house = {
        // Nobody is there to hear it.
        let reopened = house.restarted();
        for container in left {
            fake.die(&container, 137);
        }
        reopened.await
    };
    let back = house.labs.built("one").await.unwrap();
    assert_eq!((back.state, back.problem), (LabState::Ready, None));
    for node in ["gate", "srv1", "srv2"] {
        assert_eq!(house.nodes("one")[node], NodeState::Running, "{node}");
    }
}

#[tokio::test]
async fn what_an_engine_ends_before_it_goes_comes_back() {
    let house = house(Fake::new()).await;
    house.ready("one").await;
    house.fake.hold_boots(true);
    for container in house.left() {
        house.fake.die(&container, 137);
    }
    assert!(house.fake.await_boot_attempt().await);
    let away = house.labs.show("one").unwrap();
    assert_eq!(away.state, LabState::Recovering);
    house.fake.hold_boots(false);
    let back = house.labs.built("one").await.unwrap();
    assert_eq!((back.state, back.problem), (LabState::Ready, None));
    for node in ["gate", "srv1", "srv2"] {
        assert_eq!(house.nodes("one")[node], NodeState::Running, "{node}");
    }
}

#[tokio::test]
async fn a_restarted_daemon_removes_what_is_half_built_and_leaves_strangers() {
    let house = house(Fake::new()).await;
    house.fake.hold_boots(true);
    house.labs.create(new_lab("half")).await.unwrap();
    assert!(house.fake.await_boot_attempt().await);
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    house.fake.add_foreign_container("theirs", Labels::new());
    let other = Labels::from([label("plateau.lab", "x"), label("plateau.owner", "another")]);
    house.fake.add_foreign_container("of-another-daemon", other);
    let owner = house.fake.spec("plateau-half.fabric").unwrap().labels["plateau.owner"].clone();
    let orphan = Labels::from([label("plateau.lab", "y"), label("plateau.owner", &owner)]);
    house.fake.add_foreign_container("orphan", orphan);
    let labs = house.again().await;
    assert!(labs.list().is_empty());
    assert_eq!(house.left(), ["of-another-daemon", "theirs"]);
}

#[tokio::test]
async fn the_wirer_that_was_lost_is_made_again() {
    let house = house(Fake::new()).await;
    house.ready("one").await;
    let wirer = house.fake.of_role("wirer").pop().unwrap();
    house.fake.die(&wirer, 137);
    house.labs.reboot("one", "srv1").await.unwrap();
    assert_eq!(house.fake.of_role("wirer"), [wirer]);
}

#[tokio::test]
async fn a_scenario_with_problems_is_refused_with_all_of_them() {
    let house = house(Fake::new()).await;
    let mut lab = new_lab("one");
    lab.files.remove("brief.md");
    let api = house.labs.create(lab).await.unwrap_err().api();
    assert_eq!(api.code, ErrorCode::ScenarioProblems);
    assert!(!api.problems.is_empty());
    let mut lab = new_lab("one");
    lab.files.insert("../out".to_owned(), String::new());
    assert_eq!(
        house.labs.create(lab).await.unwrap_err().code(),
        ErrorCode::BadFile
    );
}

#[tokio::test]
async fn programs_of_people_in_a_lab_have_a_limit_and_a_rate_of_their_own() {
    let house = house(Fake::new()).await;
    as_the_scripts_left_it(&house.fake);
    house.ready("one").await;
    house.ready("two").await;
    let argv = || vec!["/bin/cat".to_owned()];
    let exec = |lab: &'static str| {
        let exec = ExecRequest {
            argv: argv(),
            stdin: None,
            timeout_ms: None,
        };
        house.labs.exec(lab, "srv1", exec)
    };
    let busy = |error: LabError| assert_eq!(error.code(), ErrorCode::LabBusy);
    let mut running = Vec::new();
    for _ in 0..16 {
        running.push(house.labs.run("one", "srv1", argv()).await.unwrap());
    }
    busy(house.labs.run("one", "srv1", argv()).await.unwrap_err());
    busy(house.labs.run("one", "gate", argv()).await.unwrap_err());
    busy(exec("one").await.unwrap_err());
    house.labs.run("two", "srv1", argv()).await.unwrap();
    running.pop();
    house.labs.run("one", "srv1", argv()).await.unwrap();
    running.clear();
    // One after the other, faster than anybody works.
    let mut refused = None;
    for _ in 0..10_000 {
        refused = house.labs.run("one", "srv1", argv()).await.err();
        if refused.is_some() {
            break;
        }
    }
    busy(refused.unwrap());
    house.labs.run("two", "srv1", argv()).await.unwrap();
}
