//! Proofs on the fake engine.

#![expect(clippy::unwrap_used, reason = "tests outside a test function too")]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plateau_core::api::{ProofEvent, ProofRequest};
use plateau_core::error::ErrorCode;
use plateau_core::probe::Fact;
use plateau_core::proof::{FurtherDraws, Proof};
use plateau_core::question::Observation;
use plateau_core::scenario::{Folder, Scenario};
use plateau_core::topology::Topology;
use plateau_labs::lab::LabError;
use plateau_labs::proof::{prove, prove_drawn};
use plateau_labs::runtime::fake::Fake;
use tokio::sync::mpsc::Receiver;

use crate::house::{files, house, until};

fn new_proof(draws: u32) -> ProofRequest {
    ProofRequest {
        files: files(),
        draws,
        further_draws: FurtherDraws::All,
        parallel: Some(3),
        again: false,
    }
}

fn honest(fake: &Fake) {
    fake.answering(|_, ran, asked| {
        let ran = |part: &str| ran.iter().any(|(_, text)| text.contains(part));
        let json = match asked.id.as_str() {
            "first/seen" if ran("touch /srv/first") => r#"{"tcp":{"state":"open"}}"#,
            "first/seen" => r#"{"tcp":{"state":"refused"}}"#,
            "first/there" if ran("touch /srv/first") => r#"{"file":{"exists":true,"type":"file"}}"#,
            "second/survives" if ran("touch /srv/second") && !ran("rm /srv/second") => {
                r#"{"file":{"exists":true,"type":"file"}}"#
            }
            _ => r#"{"file":{"exists":false}}"#,
        };
        Fact::Seen(serde_json::from_str::<Observation>(json).unwrap())
    });
}

async fn last(mut events: Receiver<ProofEvent>) -> ProofEvent {
    let mut last = None;
    while let Some(event) = events.recv().await {
        last = Some(event);
    }
    last.unwrap()
}

async fn proven(events: Receiver<ProofEvent>) -> Proof {
    let last = last(events).await;
    let ProofEvent::Proven { proof, .. } = last else {
        panic!("{last:?}");
    };
    *proof
}

#[tokio::test]
async fn a_fair_scenario_is_proven_and_leaves_nothing() {
    let house = house(Fake::new()).await;
    honest(&house.fake);
    let proof = proven(prove(&house.labs, new_proof(1)).await.unwrap()).await;
    assert!(proof.holds, "{:?}", proof.flaws);
    assert_eq!(proof.rows.len(), 3);
    assert!(proof.columns.len() >= 7);
    assert_eq!(house.left(), <[String; 0]>::default());
    assert!(house.labs.list().is_empty());
}

#[tokio::test]
async fn a_script_that_fails_is_a_flaw_of_the_scenario() {
    let house = house(Fake::new()).await;
    honest(&house.fake);
    house.fake.fail_scripts("rm /srv/second", 4);
    let proof = proven(prove(&house.labs, new_proof(0)).await.unwrap()).await;
    assert!(!proof.holds);
    assert!(proof.flaws.iter().all(|flaw| flaw.code == "script-failed"));
    assert!(proof.flaws[0].message.contains("half.sh"));
}

#[tokio::test]
async fn a_failure_of_the_outside_costs_one_more_try_and_not_the_proof() {
    let house = house(Fake::new()).await;
    honest(&house.fake);
    house.fake.fail_in(25);
    let proof = proven(prove(&house.labs, new_proof(0)).await.unwrap()).await;
    assert!(
        proof.holds || proof.flaws.iter().all(|flaw| flaw.code == "unknown"),
        "{:?}",
        proof.flaws
    );
    assert_eq!(house.left(), <[String; 0]>::default());
}

#[tokio::test]
async fn what_was_proven_before_is_not_proven_again_unless_that_is_asked_for() {
    let house = house(Fake::new()).await;
    honest(&house.fake);
    let first = proven(prove(&house.labs, new_proof(1)).await.unwrap()).await;
    // From now on no check passes, and nobody looks.
    house.fake.answering(|_, _, _| {
        Fact::Seen(serde_json::from_str(r#"{"file":{"exists":false}}"#).unwrap())
    });
    let told = last(prove(&house.labs, new_proof(1)).await.unwrap()).await;
    let ProofEvent::Proven { proof, cached } = told else {
        panic!("{told:?}");
    };
    assert!(cached && *proof == first);
    let again = ProofRequest {
        again: true,
        ..new_proof(1)
    };
    assert!(!proven(prove(&house.labs, again).await.unwrap()).await.holds);
    // Other labs are another proof.
    let reduced = ProofRequest {
        further_draws: FurtherDraws::UntouchedAndSolved,
        ..new_proof(1)
    };
    assert!(
        !proven(prove(&house.labs, reduced).await.unwrap())
            .await
            .holds
    );
    assert!(
        !proven(prove(&house.labs, new_proof(0)).await.unwrap())
            .await
            .holds
    );
}

#[tokio::test]
async fn a_proof_whose_further_draws_are_reduced_says_so() {
    let house = house(Fake::new()).await;
    honest(&house.fake);
    let reduced = ProofRequest {
        further_draws: FurtherDraws::UntouchedAndSolved,
        ..new_proof(1)
    };
    let proof = proven(prove(&house.labs, reduced).await.unwrap()).await;
    assert!(proof.holds && !proof.complete, "{:?}", proof.flaws);
    assert_eq!(
        proof
            .columns
            .iter()
            .filter(|column| column.draw() == 1)
            .count(),
        2
    );
    assert_eq!(house.left(), <[String; 0]>::default());
}

/// The small scenario with three mistakes, of which each is the same.
fn three_mistakes() -> ProofRequest {
    let mut proof = new_proof(0);
    let document = STANDARD.decode(&proof.files["scenario.yaml"]).unwrap();
    let mut document = String::from_utf8(document).unwrap();
    for name in ["third", "fourth"] {
        document += &format!(
            "  - id: {name}\n    run: [ {{ on: srv2, run: half.sh }} ]\n    loses: [second/survives]\n"
        );
    }
    let document = STANDARD.encode(document);
    proof.files.insert("scenario.yaml".to_owned(), document);
    proof
}

/// Answers as a lab does whose solutions stay on disk, or are lost with what is in memory. A lab that
/// starts from the disks of another is not set up.
fn solved_on_disk(fake: &Fake, stays: bool) {
    fake.answering(move |_, ran, asked| {
        let ran = |part: &str| ran.iter().any(|(_, text)| text.contains(part));
        let from_disks = !ran("set up");
        let done = |part: &str| ran(part) || (from_disks && stays);
        let json = match asked.id.as_str() {
            "first/seen" if done("touch /srv/first") => r#"{"tcp":{"state":"open"}}"#,
            "first/seen" => r#"{"tcp":{"state":"refused"}}"#,
            "first/there" if done("touch /srv/first") => {
                r#"{"file":{"exists":true,"type":"file"}}"#
            }
            "second/survives" if done("touch /srv/second") && !ran("rm /srv/second") => {
                r#"{"file":{"exists":true,"type":"file"}}"#
            }
            _ => r#"{"file":{"exists":false}}"#,
        };
        Fact::Seen(serde_json::from_str::<Observation>(json).unwrap())
    });
}

#[tokio::test]
async fn mistakes_start_from_the_disks_of_the_solved_lab() {
    let house = house(Fake::new()).await;
    solved_on_disk(&house.fake, true);
    let proof = proven(prove(&house.labs, three_mistakes()).await.unwrap()).await;
    assert!(proof.holds && proof.complete, "{:?}", proof.flaws);
    // Afresh: untouched, solved, and one for each of the two tasks.
    assert_eq!(house.fake.scripts_run("set up"), 4);
    assert_eq!(house.left(), <[String; 0]>::default());
    assert_eq!(
        house.fake.images_with_prefix("plateau/shared:"),
        <[String; 0]>::default()
    );
}

#[tokio::test]
async fn mistakes_have_labs_built_afresh_where_a_boot_loses_what_was_solved() {
    let house = house(Fake::new()).await;
    solved_on_disk(&house.fake, false);
    let proof = proven(prove(&house.labs, three_mistakes()).await.unwrap()).await;
    assert!(proof.holds && proof.complete, "{:?}", proof.flaws);
    assert_eq!(house.fake.scripts_run("set up"), 7);
    assert_eq!(house.left(), <[String; 0]>::default());
    assert_eq!(
        house.fake.images_with_prefix("plateau/shared:"),
        <[String; 0]>::default()
    );
}

fn drawn() -> (Folder, BTreeMap<u32, Topology>) {
    let folder = plateau_labs::labs::folder_of(&files()).unwrap();
    let scenario = Scenario::read(folder.clone()).unwrap();
    let topology = scenario.draw("proof-0").unwrap();
    (folder, BTreeMap::from([(0, topology)]))
}

#[tokio::test]
async fn what_the_host_lacks_refuses_a_proof_before_it_begins() {
    let house = house(Fake::new()).await;
    house.fake.without_image("plateau/debian-router:latest");
    let refused = prove(&house.labs, new_proof(0)).await;
    assert!(
        matches!(refused, Err(LabError::Preflight(_))),
        "{refused:?}"
    );
    assert_eq!(house.left(), <[String; 0]>::default());
}

#[tokio::test]
async fn a_failure_that_stays_breaks_the_proof_and_leaves_nothing() {
    let house = house(Fake::new()).await;
    house.fake.without_image("plateau/debian-router:latest");
    // Gone after the host was looked at: the proof itself meets it.
    let (folder, topologies) = drawn();
    let events = prove_drawn(&house.labs, folder, topologies, Some(3)).await;
    let last = last(events.unwrap()).await;
    let ProofEvent::Failed { error } = last else {
        panic!("{last:?}");
    };
    assert_eq!(error.code, ErrorCode::ImageMissing);
    assert_eq!(house.left(), <[String; 0]>::default());
}

#[tokio::test]
async fn a_proof_that_nobody_listens_to_ends_and_removes_its_labs() {
    let house = house(Fake::new()).await;
    house.fake.hold_boots(true);
    let events = prove(&house.labs, new_proof(0)).await.unwrap();
    assert!(house.fake.await_boot_attempt().await);
    drop(events);
    until("all labs are gone", || house.labs.list().is_empty()).await;
    assert_eq!(house.left(), <[String; 0]>::default());
}

#[tokio::test]
async fn a_restarted_daemon_removes_the_labs_of_a_proof_that_it_did_not_finish() {
    let house = house(Fake::new()).await;
    let (folder, mut topologies) = drawn();
    let topology = topologies.remove(&0).unwrap();
    let created = house
        .labs
        .create_fleeting(&folder, topology, "proof-1".to_owned());
    created.await.unwrap();
    house.labs.built("proof-1").await.unwrap();
    assert_eq!(house.left().len(), 4);
    let house = house.restarted().await;
    assert!(house.labs.list().is_empty());
    assert_eq!(house.left(), <[String; 0]>::default());
    assert_eq!(house.markers(), 0);
}
