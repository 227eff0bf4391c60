//! What a grading writes down on the fake engine, and asking single checks of a kept lab.

#![expect(clippy::unwrap_used, reason = "tests outside a test function too")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use plateau_core::api::{CheckRequest, NodeState};
use plateau_core::error::ErrorCode;
use plateau_core::evidence::{Evidence, grade_evidence, preparation_hashes, regrade};
use plateau_core::grade::Verdict;
use plateau_core::probe::Fact;
use plateau_core::question::Observation;
use plateau_core::scenario::{Folder, Scenario};
use plateau_core::topology::{Observer, Topology};
use plateau_labs::labs::folder_of;
use plateau_labs::runtime::fake::Fake;

use crate::house::{House, files, house};

fn all() -> CheckRequest {
    CheckRequest { phases: None }
}

fn seen(json: serde_json::Value) -> Fact {
    let observation: Observation = serde_json::from_value(json).unwrap();
    Fact::Seen(observation)
}

/// A house in which every file is there and every port open, and who was asked what in it.
async fn good_house() -> (House, Arc<Mutex<Vec<String>>>) {
    let house = house(Fake::new()).await;
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&asked);
    house.fake.answering(move |node, _, question| {
        heard
            .lock()
            .unwrap()
            .push(format!("{node} {}", question.id));
        match question.question.kind() {
            "tcp" => seen(serde_json::json!({ "tcp": { "state": "open" } })),
            kind => seen(serde_json::json!({ kind: { "exists": true, "type": "file" } })),
        }
    });
    (house, asked)
}

/// The scenario with one text of it replaced.
fn mended(from: &str, to: &str) -> Topology {
    let Folder(mut files) = folder_of(&files()).unwrap();
    let document = String::from_utf8(files["scenario.yaml"].clone()).unwrap();
    assert!(document.contains(from), "{from}");
    let document = document.replace(from, to).into_bytes();
    files.insert("scenario.yaml".to_owned(), document);
    Scenario::read(Folder(files)).unwrap().draw("seed").unwrap()
}

fn same() -> Topology {
    mended("plateau: 1", "plateau: 1")
}

fn verdicts(evidence: &Evidence, topology: &Topology) -> BTreeMap<String, Verdict> {
    let grade = grade_evidence(topology, evidence);
    let checks = grade.checks();
    checks
        .map(|check| (check.id.clone(), check.verdict))
        .collect()
}

#[tokio::test]
async fn every_fact_is_written_down_with_all_that_is_known_of_it() {
    let (house, _) = good_house().await;
    house.ready("a").await;
    let evidence = house.labs.gather("a", all()).await.unwrap();
    assert_eq!(evidence.verify(), Ok(()));
    let topology = same();
    assert_eq!(evidence.hash, topology.hash);
    assert_eq!(evidence.seed, "seed");
    assert_eq!(evidence.parameters, topology.parameters);
    assert_eq!(evidence.left_out, Vec::<String>::new());
    let [gathering] = evidence.gatherings.as_slice() else {
        panic!("{} gatherings", evidence.gatherings.len());
    };
    assert_eq!(gathering.engine.as_deref(), Some("fake"));
    assert_eq!(gathering.kernel.as_deref(), Some("6.1.0"));
    assert!(gathering.begun_ms > 1_700_000_000_000 && gathering.done_ms >= gathering.begun_ms);

    let phases: Vec<&str> = gathering
        .phases
        .iter()
        .map(|phase| phase.name.as_str())
        .collect();
    assert_eq!(phases, ["as-left", "after-reboot"]);
    let ways = preparation_hashes(&topology, &phases);
    for phase in &gathering.phases {
        assert_eq!(phase.way, ways[phase.name.as_str()]);
        assert_eq!(phase.problem, None);
    }
    let steps: Vec<&str> = gathering.phases[1]
        .steps
        .iter()
        .map(|step| step.step.as_str())
        .collect();
    assert_eq!(steps, ["reboot srv1, srv2"]);

    assert_eq!(gathering.facts.len(), 3);
    for record in &gathering.facts {
        assert!(matches!(record.fact, Fact::Seen(_)), "{record:?}");
        assert_eq!(record.call.exit, Some(0));
        assert_eq!(record.call.answer.as_ref().map(String::len), Some(64));
        assert!(record.call.agent.is_some() && record.took_ms.is_some());
        assert!(record.call.asked_ms >= gathering.begun_ms);
        assert!(record.call.answered_ms >= record.call.asked_ms);
        let check = topology
            .checks()
            .find(|check| check.id == record.check)
            .unwrap();
        assert_eq!(record.observer, check.observer);
        assert_eq!(record.phase, check.phase);
        assert_eq!(record.question, check.expectation.question());
        assert_eq!(record.wants, check.expectation.wants());
        assert_eq!(record.timeout_ms, check.timeout.0);
    }
    assert!(matches!(gathering.facts[2].observer, Observer::Node(_)));
}

#[tokio::test]
async fn a_check_is_the_grade_of_the_evidence() {
    let (house, _) = good_house().await;
    house.ready("a").await;
    let checked = house.labs.check("a", all()).await.unwrap();
    let evidence = house.labs.gather("a", all()).await.unwrap();
    assert_eq!(checked.grade, grade_evidence(&same(), &evidence));
    assert_eq!(checked.grade.points, 6);
    let took: Vec<&String> = checked.took_ms.keys().collect();
    assert_eq!(took, ["after-reboot", "as-left"]);
    let part = CheckRequest {
        phases: Some(vec!["as-left".to_owned()]),
    };
    let checked = house.labs.check("a", part.clone()).await.unwrap();
    let evidence = house.labs.gather("a", part).await.unwrap();
    assert_eq!(evidence.left_out, ["after-reboot"]);
    assert_eq!(checked.grade, grade_evidence(&same(), &evidence));
    assert_eq!(checked.grade.checks().count(), 2);
}

#[tokio::test]
async fn what_could_not_be_asked_is_evidence_too() {
    let (house, _) = good_house().await;
    let view = house.ready("a").await;
    house.fake.die(&format!("plateau-{}-srv1", view.name), 130);
    house.until("a", "srv1", NodeState::Stopped).await;
    let evidence = house.labs.gather("a", all()).await.unwrap();
    assert_eq!(evidence.verify(), Ok(()));
    let facts = &evidence.gatherings[0].facts;
    let record = facts
        .iter()
        .find(|record| record.check == "first/there")
        .unwrap();
    let Fact::CouldNotLook { reason } = &record.fact else {
        panic!("{record:?}");
    };
    assert!(reason.contains("stopped"), "{reason}");
    assert_eq!(
        (record.call.exit, &record.call.answer, &record.call.agent),
        (None, &None, &None)
    );
    assert_eq!(
        verdicts(&evidence, &same())["first/there"],
        Verdict::Unknown
    );
}

#[tokio::test]
async fn a_phase_that_cannot_be_brought_about_is_written_down_with_its_reason() {
    let (house, _) = good_house().await;
    let view = house.ready("a").await;
    let mut found = None;
    for call in 1..30 {
        house.fake.fail_in(call);
        let Ok(evidence) = house.labs.gather(&view.name, all()).await else {
            continue;
        };
        let phases = &evidence.gatherings[0].phases;
        if let Some(phase) = phases.iter().find(|phase| phase.problem.is_some()) {
            found = Some((phase.clone(), evidence));
            break;
        }
    }
    let (phase, evidence) = found.expect("a phase that could not be brought about");
    assert_eq!(phase.name, "after-reboot");
    assert!(
        phase
            .problem
            .unwrap()
            .contains("could not be brought about")
    );
    assert!(phase.steps[0].problem.is_some());
    assert_eq!(
        verdicts(&evidence, &same())["second/survives"],
        Verdict::Unknown
    );
    assert_eq!(evidence.verify(), Ok(()));
}

#[tokio::test]
async fn a_mended_scenario_asks_a_kept_lab_only_what_is_new() {
    let (house, asked) = good_house().await;
    house.ready("a").await;
    let evidence = house.labs.gather("a", all()).await.unwrap();
    let old = same();
    let new = mended("path: /srv/second", "path: /srv/other");
    let regrading = regrade(&old, &new, &evidence);
    assert_eq!(regrading.unanswered, ["second/survives"]);
    asked.lock().unwrap().clear();
    let unanswered: BTreeSet<String> = regrading.unanswered.into_iter().collect();
    let gathered = house
        .labs
        .gather_only("a", new.clone(), unanswered)
        .await
        .unwrap();
    assert_eq!(*asked.lock().unwrap(), ["srv2 second/survives"]);
    // In the condition in which it is to be asked: the phase was brought about.
    let phases: Vec<&str> = gathered
        .phases
        .iter()
        .map(|phase| phase.name.as_str())
        .collect();
    assert_eq!(phases, ["as-left", "after-reboot"]);
    assert_eq!(gathered.hash, new.hash);
    let whole = evidence.and(gathered);
    assert_eq!(whole.verify(), Ok(()));
    let after = regrade(&old, &new, &whole);
    assert_eq!(after.unanswered, Vec::<String>::new());
    assert_eq!(after.grade.points, 6);
    let unknown = house
        .labs
        .gather_only("a", new, BTreeSet::from(["no/such".to_owned()]));
    assert_eq!(unknown.await.unwrap_err().code(), ErrorCode::PartNotFound);
}
