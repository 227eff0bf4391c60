//! A lab's life.

use plateau_core::api::{ExecResult, LabEvent, LabEventKind, LabState, LabView, NodeState};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::house::{House, error, events, state};

#[tokio::test]
async fn a_lab_is_asked_for_followed_used_and_taken_down() {
    let house = House::open().await;
    let lab = house.create("first").await;
    assert_eq!(
        (lab.name.as_str(), lab.scenario.as_str()),
        ("first", "pair")
    );

    let told = house.ready("first").await;
    assert!(told.iter().all(|event| event.lab == lab.id));
    assert!(
        told.iter()
            .any(|event| matches!(event.what, LabEventKind::StepDone { .. }))
    );
    // Whoever listens later is told the same, from the first step on.
    let again = house.ready(&lab.id).await;
    let steps = |told: &[LabEvent]| -> Vec<LabEvent> {
        told.iter()
            .filter(|event| !is_of_state(&event.what))
            .cloned()
            .collect()
    };
    assert_eq!(steps(&again), steps(&told));

    let labs: Vec<LabView> = house.get("/v1/labs").await.json().await.unwrap();
    assert_eq!(labs.len(), 1);
    let shown: LabView = house.get("/v1/labs/first").await.json().await.unwrap();
    assert_eq!(shown.state, LabState::Ready);
    assert_eq!(shown.nodes["srv1"].state, NodeState::Running);

    let exec = json!({ "argv": ["true"] });
    let response = house.post("/v1/labs/first/nodes/srv1/exec", exec).await;
    let ended: ExecResult = response.json().await.unwrap();
    assert_eq!(ended.exit, 0);
    let reboot = house
        .post("/v1/labs/first/nodes/srv1/reboot", json!({}))
        .await;
    assert_eq!(reboot.status(), StatusCode::NO_CONTENT);

    let following = house.get("/v1/labs/first/events").await;
    let down = house.ask(Method::DELETE, "/v1/labs/first", None).await;
    assert_eq!(down.status(), StatusCode::NO_CONTENT);
    assert!(house.fake.of_role("node").is_empty());
    let last = events(following, &state(LabState::Removed)).await;
    assert_eq!(last.last().unwrap().what, state(LabState::Removed));
}

#[tokio::test]
async fn a_lab_is_found_by_the_beginning_of_its_identifier() {
    let house = House::open().await;
    let lab = house.create("first").await;
    let beginning = &lab.id[..12];
    let shown: LabView = house
        .get(&format!("/v1/labs/{beginning}"))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(shown.id, lab.id);
    let short = house.get(&format!("/v1/labs/{}", &lab.id[..3])).await;
    error(short, StatusCode::NOT_FOUND, "lab-not-found").await;
}

#[tokio::test]
async fn a_lab_that_is_not_there_is_answered_with_the_names_that_are() {
    let house = House::open().await;
    house.create("first").await;
    let unknown = [
        house.get("/v1/labs/frist").await,
        house.get("/v1/labs/frist/events").await,
        house.ask(Method::DELETE, "/v1/labs/frist", None).await,
        house.post("/v1/labs/frist/solve", json!({})).await,
        house.post("/v1/labs/frist/check", json!({})).await,
        house
            .post("/v1/labs/frist/nodes/a/exec", json!({ "argv": ["true"] }))
            .await,
        house.post("/v1/labs/frist/nodes/a/reboot", json!({})).await,
    ];
    for response in unknown {
        let refused = error(response, StatusCode::NOT_FOUND, "lab-not-found").await;
        assert!(refused.hint.unwrap().contains("`first`"));
    }
}

#[tokio::test]
async fn a_name_is_given_once_and_a_node_has_to_be_there() {
    let house = House::open().await;
    house.create("first").await;
    house.ready("first").await;
    let body = json!({ "files": crate::house::scenario(), "seed": "1", "name": "first" });
    let twice = house.post("/v1/labs", body).await;
    error(twice, StatusCode::CONFLICT, "name-taken").await;
    let exec = json!({ "argv": ["true"] });
    let response = house.post("/v1/labs/first/nodes/srv9/exec", exec).await;
    error(response, StatusCode::NOT_FOUND, "node-not-found").await;
    let empty = house
        .post("/v1/labs/first/nodes/srv1/exec", json!({ "argv": [] }))
        .await;
    error(empty, StatusCode::BAD_REQUEST, "bad-json").await;
}

#[tokio::test]
async fn solving_and_grading_answer_with_what_was_done() {
    let house = House::open().await;
    house.create("first").await;
    house.ready("first").await;
    let solved: serde_json::Value = house
        .post("/v1/labs/first/solve", json!({}))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(solved["solved"], true);
    assert_eq!(solved["scripts"][0]["script"], "look.sh");
    let unknown = house
        .post("/v1/labs/first/solve", json!({ "tasks": ["cook"] }))
        .await;
    error(unknown, StatusCode::NOT_FOUND, "part-not-found").await;
    let graded = house.post("/v1/labs/first/check", json!({})).await;
    assert_eq!(graded.status(), StatusCode::OK);
    let graded: serde_json::Value = graded.json().await.unwrap();
    assert!(graded["took_ms"]["as-left"].is_number(), "{graded}");
}

fn is_of_state(what: &LabEventKind) -> bool {
    matches!(what, LabEventKind::State { .. } | LabEventKind::Node { .. })
}
