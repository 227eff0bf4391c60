//! What an administrator looks at: health, numbers, the log.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use plateaud::config::LogFormat;
use plateaud::log;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::house::{House, builder, error};

#[tokio::test]
async fn a_daemon_whose_engine_is_gone_lives_and_is_not_ready() {
    let house = House::open().await;
    let live = house.get("/v1/health/live").await;
    assert_eq!(live.status(), StatusCode::OK);
    let live: Value = live.json().await.unwrap();
    assert_eq!(live, json!({ "live": true }));
    let ready = house.get("/v1/health/ready").await;
    assert_eq!(ready.status(), StatusCode::OK);
    let ready: Value = ready.json().await.unwrap();
    assert_eq!(
        ready,
        json!({ "ready": true, "parts": { "database": true, "disk": true, "engine": true } })
    );

    house.fake.go_offline();
    assert_eq!(house.get("/v1/health/live").await.status(), StatusCode::OK);
    let ready = house.get("/v1/health/ready").await;
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let ready: Value = ready.json().await.unwrap();
    assert_eq!(
        ready,
        json!({ "ready": false, "parts": { "database": true, "disk": true, "engine": false } })
    );
    let health = house.get("/v1/health").await;
    error(
        health,
        StatusCode::SERVICE_UNAVAILABLE,
        "engine-unreachable",
    )
    .await;
}

/// The value of a line of the numbers, such as `plateau_labs{state="ready"}`.
fn value(numbers: &str, line: &str) -> f64 {
    let found = numbers.lines().find_map(|text| text.strip_prefix(line));
    found.map_or(0.0, |value| value.trim().parse().unwrap())
}

#[tokio::test]
async fn numbers_move_with_what_happens() {
    let house = House::open().await;
    let numbers = async || house.get("/metrics").await.text().await.unwrap();
    let before = numbers().await;
    house.create("first").await;
    house.ready("first").await;
    let path = "/v1/labs/first/check";
    let graded = house.post(path, json!({})).await;
    assert_eq!(graded.status(), StatusCode::OK);
    let refused = house.post(path, json!({ "phases": ["never"] })).await;
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    house.get("/v1/labs/nobody").await;
    house.get("/v1/nothing").await;
    house
        .ask(Method::from_bytes(b"BREW").unwrap(), "/v1/labs", None)
        .await;
    let after = numbers().await;

    let moved = |line: &str| value(&after, line) - value(&before, line);
    let count = |method: &str, route: &str, status: u16| {
        let labels = format!(r#"method="{method}",route="{route}",status="{status}""#);
        moved(&format!("plateau_http_request_seconds_count{{{labels}}}"))
    };
    assert_eq!(count("POST", "/v1/labs", 201), 1.0, "{after}");
    assert_eq!(count("POST", "/v1/labs/{lab}/check", 200), 1.0, "{after}");
    assert_eq!(count("POST", "/v1/labs/{lab}/check", 404), 1.0, "{after}");
    assert_eq!(count("GET", "/v1/labs/{lab}", 404), 1.0, "{after}");
    assert_eq!(count("GET", "none", 404), 1.0, "{after}");
    assert_eq!(count("other", "/v1/labs", 405), 1.0, "{after}");
    assert_eq!(
        value(&after, r#"plateau_labs{state="ready"}"#),
        1.0,
        "{after}"
    );
    assert_eq!(
        moved(r#"plateau_gradings_total{outcome="graded"}"#),
        1.0,
        "{after}"
    );
    assert_eq!(
        moved(r#"plateau_gradings_total{outcome="refused"}"#),
        1.0,
        "{after}"
    );
    let phases = moved(r#"plateau_grading_phase_seconds_count{phase="as-left"}"#);
    assert_eq!(phases, 1.0, "{after}");
    for verb in ["create_container", "start_container", "exec"] {
        let line = format!(r#"plateau_engine_call_seconds_count{{verb="{verb}",outcome="ok"}}"#);
        assert!(moved(&line) >= 1.0, "{line} in {after}");
    }
    for raw in ["first", "nobody", "BREW"] {
        assert!(!after.contains(raw), "a name is not a label: {after}");
    }
}

#[tokio::test]
async fn an_engine_that_fails_is_counted_by_how_it_fails() {
    let house = House::open().await;
    house.fake.go_offline();
    house.get("/v1/health").await;
    let numbers = house.get("/metrics").await.text().await.unwrap();
    let line = r#"plateau_engine_call_seconds_count{verb="info",outcome="engine-unreachable"}"#;
    assert_eq!(value(&numbers, line), 1.0, "{numbers}");
}

#[tokio::test]
async fn every_number_is_there_with_its_meaning_and_in_prometheus_format() {
    let house = House::open().await;
    house.create("first").await;
    house.ready("first").await;
    house.post("/v1/labs/first/check", json!({})).await;
    let response = house.get("/metrics").await;
    let format = response.headers()["content-type"].to_str().unwrap();
    assert_eq!(format, "text/plain; version=0.0.4; charset=utf-8");
    let numbers = house.get("/metrics").await.text().await.unwrap();
    for name in plateaud::metrics::NAMES {
        assert!(
            numbers.contains(&format!("# HELP {name} ")),
            "{name} in {numbers}"
        );
        assert!(
            numbers.contains(&format!("# TYPE {name} ")),
            "{name} in {numbers}"
        );
    }
    let memory = value(&numbers, "process_resident_memory_bytes");
    assert!(memory > 1e6, "{memory}");
    let build = format!(
        r#"plateau_build_info{{version="{}"}}"#,
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(value(&numbers, &build), 1.0, "{numbers}");
}

#[tokio::test]
async fn the_port_tells_its_numbers_to_whoever_holds_the_token() {
    let house = House::open().await;
    let client = builder().no_proxy().build().unwrap();
    let url = format!("{}/metrics", house.url);
    let without = client.get(&url).send().await.unwrap();
    error(without, StatusCode::UNAUTHORIZED, "unauthorized").await;
    let with = client
        .get(&url)
        .bearer_auth(&house.token)
        .send()
        .await
        .unwrap();
    assert_eq!(with.status(), StatusCode::OK);
}

/// What is written is kept.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_line_of_a_request_has_its_number_also_where_only_warnings_are_told() {
    for filter in ["debug", "warn"] {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = log::subscriber(LogFormat::Json, filter, move || writer.clone());
        let _guard = tracing::subscriber::set_default(subscriber.unwrap());
        let house = House::open().await;
        house.fake.go_offline();
        kept.0.lock().unwrap().clear();
        let response = house.get("/v1/health/ready").await;
        let number = response.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        house.get("/v1/health").await;
        let bytes = kept.0.lock().unwrap().clone();
        let lines = String::from_utf8(bytes).unwrap();
        let lines = lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        // The client's own lines are here too, since both are one process.
        let ours = |line: &Value| {
            let target = line["target"].as_str().unwrap_or_default();
            target.starts_with("plateaud") || target.starts_with("tower_http")
        };
        let lines: Vec<Value> = lines.filter(ours).collect();
        assert!(lines.len() >= 2, "{filter}: {lines:?}");
        for line in &lines {
            let numbered = line["span"]["number"].as_str().unwrap_or_default();
            assert_eq!(numbered.len(), 36, "{filter}: {line}");
        }
        let of_the_first = |line: &Value| line["span"]["number"] == number.as_str();
        assert!(lines.iter().any(of_the_first), "{filter}: {lines:?}");
    }
}

#[tokio::test]
async fn a_line_break_in_what_a_client_sends_begins_no_line() {
    let kept = Kept::default();
    let writer = kept.clone();
    let subscriber = log::subscriber(LogFormat::Text, "trace", move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.unwrap());
    let house = House::open().await;
    let name = "x\nFORGED INFO plateaud: all passed\r\nFORGED";
    house
        .post(
            "/v1/labs",
            json!({ "files": {}, "seed": name, "name": name }),
        )
        .await;
    house.get("/v1/labs/x%0AFORGED%0D%0AFORGED").await;
    let bytes = kept.0.lock().unwrap().clone();
    let lines = String::from_utf8(bytes).unwrap();
    assert!(lines.contains("FORGED"), "nothing of it is told: {lines}");
    for line in lines.lines() {
        assert!(!line.starts_with("FORGED"), "{line}");
    }
    assert!(!lines.contains('\r'));
}
