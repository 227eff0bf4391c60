//! The port, its token, and the socket.

use std::os::unix::fs::PermissionsExt;

use plateaud::http::{ListenError, Listeners};
use reqwest::{Client, StatusCode};

use crate::house::{House, PATIENCE, builder, error};

fn client() -> Client {
    builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn the_port_wants_the_token() {
    let house = House::open().await;
    let labs = format!("{}/v1/labs", house.url);
    let without = client().get(&labs).send().await.unwrap();
    assert_eq!(without.headers()["www-authenticate"], "Bearer");
    error(without, StatusCode::UNAUTHORIZED, "unauthorized").await;
    for wrong in ["", "0", &house.token[1..], &"0".repeat(64)] {
        let response = client().get(&labs).bearer_auth(wrong).send().await.unwrap();
        error(response, StatusCode::UNAUTHORIZED, "unauthorized").await;
    }
    let response = client()
        .get(&labs)
        .bearer_auth(&house.token)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    // Not even whether a route is there is told without.
    let response = client()
        .get(format!("{}/v1/x", house.url))
        .send()
        .await
        .unwrap();
    error(response, StatusCode::UNAUTHORIZED, "unauthorized").await;
}

#[tokio::test]
async fn what_tells_nothing_needs_no_token() {
    let house = House::open().await;
    for path in [
        "/v1/version",
        "/v1/health",
        "/v1/health/live",
        "/v1/health/ready",
        "/v1/openapi.json",
    ] {
        let response = client()
            .get(format!("{}{path}", house.url))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_name_from_elsewhere_is_refused_on_the_port_even_with_the_token() {
    let house = House::open().await;
    let request = client()
        .get(format!("{}/v1/version", house.url))
        .bearer_auth(&house.token)
        .header("host", "exam.example:7417");
    let response = request.send().await.unwrap();
    error(response, StatusCode::FORBIDDEN, "host-not-allowed").await;
}

#[tokio::test]
async fn only_the_loopback_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s.sock");
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:7417"] {
        let bound = Listeners::bind(&socket, address.parse().unwrap()).await;
        assert!(
            matches!(bound, Err(ListenError::NotLoopback { .. })),
            "{address}"
        );
    }
}

#[tokio::test]
async fn a_socket_is_shared_by_owner_and_group_and_taken_once() {
    let house = House::open().await;
    let mode = std::fs::metadata(&house.socket)
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o660);
    let address = "127.0.0.1:0".parse().unwrap();
    let second = Listeners::bind(&house.socket, address).await;
    assert!(matches!(second, Err(ListenError::Taken { .. })));
    // The first one serves on.
    assert_eq!(house.get("/v1/version").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_another_file_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let address: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    let socket = folder.path().join("s.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    Listeners::bind(&socket, address).await.unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    let bound = Listeners::bind(&file, address).await;
    assert!(matches!(bound, Err(ListenError::NoSocket { .. })));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

#[tokio::test]
async fn the_daemon_stops_although_somebody_listens_and_takes_its_socket_away() {
    let house = House::open().await;
    house.create("first").await;
    house.ready("first").await;
    let following = house.get("/v1/events").await;
    house.stop.cancel();
    tokio::time::timeout(PATIENCE, house.served)
        .await
        .unwrap()
        .unwrap();
    drop(following);
    assert!(!house.socket.exists());
    assert!(!house.fake.of_role("node").is_empty());
}
