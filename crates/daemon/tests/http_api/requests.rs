//! Requests that are wrong.

use plateau_core::api::Version;
use plateau_core::error::Blame;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::house::{House, error, scenario};

#[tokio::test]
async fn the_daemon_says_what_it_is() {
    let house = House::open().await;
    let response = house.get("/v1/version").await;
    assert!(response.headers().contains_key("x-request-id"));
    let version: Version = response.json().await.unwrap();
    assert_eq!(
        (version.name.as_str(), version.runtime.as_str()),
        ("plateaud", "fake")
    );
    assert_eq!(house.get("/v1/health").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_in_json() {
    let house = House::open().await;
    let json = "application/json";
    let broken = house.send("/v1/labs", json, "{\"files\":").await;
    let refused = error(broken, StatusCode::BAD_REQUEST, "bad-json").await;
    assert_eq!(refused.blame, Blame::Input);
    let lacking = house.post("/v1/labs", json!({ "seed": "1" })).await;
    let refused = error(lacking, StatusCode::BAD_REQUEST, "bad-json").await;
    assert!(refused.message.contains("files"), "{}", refused.message);
    let text = house.send("/v1/labs", "text/plain", "hello").await;
    error(text, StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json").await;
    let large = house
        .send("/v1/labs", json, vec![b' '; (96 << 20) + 1])
        .await;
    error(large, StatusCode::PAYLOAD_TOO_LARGE, "body-too-large").await;
}

#[tokio::test]
async fn a_route_that_is_not_there_is_answered_in_json() {
    let house = House::open().await;
    error(
        house.get("/v1/nodes").await,
        StatusCode::NOT_FOUND,
        "route-not-found",
    )
    .await;
    error(
        house.get("/").await,
        StatusCode::NOT_FOUND,
        "route-not-found",
    )
    .await;
    let wrong = house.ask(Method::PUT, "/v1/labs", None).await;
    error(wrong, StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed").await;
}

#[tokio::test]
async fn paths_out_of_the_scenario_are_refused() {
    let house = House::open().await;
    for path in ["../evil", "/etc/cron.d/evil", "a/../../evil", "a//b"] {
        let mut files = scenario();
        files.insert(path.to_owned(), String::new());
        for route in ["/v1/labs", "/v1/proofs"] {
            let body = json!({ "files": files, "seed": "1", "draws": 0 });
            error(
                house.post(route, body).await,
                StatusCode::BAD_REQUEST,
                "bad-file",
            )
            .await;
        }
    }
    assert!(house.fake.of_role("node").is_empty());
}

#[tokio::test]
async fn a_scenario_with_problems_is_answered_with_all_of_them() {
    let house = House::open().await;
    let mut files = scenario();
    files.remove("brief.md");
    files.remove("look.sh");
    let response = house
        .post("/v1/labs", json!({ "files": files, "seed": "1" }))
        .await;
    let refused = error(response, StatusCode::BAD_REQUEST, "scenario-problems").await;
    assert!(refused.problems.len() >= 2, "{refused:?}");
}

#[tokio::test]
async fn what_is_not_base64_is_refused() {
    let house = House::open().await;
    let mut files = scenario();
    files.insert("brief.md".to_owned(), "!!".to_owned());
    let response = house
        .post("/v1/labs", json!({ "files": files, "seed": "1" }))
        .await;
    error(response, StatusCode::BAD_REQUEST, "bad-file").await;
}
