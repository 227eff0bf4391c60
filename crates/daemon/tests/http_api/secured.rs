//! The port with TLS: an authority for the room, or files of the centre's own.

use std::net::SocketAddr;
use std::path::Path;

use plateau_gateway::tls::{Tls, TlsOptions};
use plateaud::http::Listeners;
use reqwest::{Certificate, Client, StatusCode, tls::Version};
use serde_json::json;

use crate::house::{House, builder, error};

/// A client that trusts an authority and no other.
fn trusting(pem: &str) -> reqwest::ClientBuilder {
    let authority = Certificate::from_pem(pem.as_bytes()).unwrap();
    builder().no_proxy().tls_certs_only([authority])
}

fn room() -> TlsOptions {
    TlsOptions {
        tls_room: Some("auto".into()),
        tls_name: vec!["salle.example".to_owned()],
        ..TlsOptions::default()
    }
}

fn open(options: &TlsOptions, state: &Path) -> Tls {
    let any = "127.0.0.1:0".parse().unwrap();
    Tls::open(options, state, any).unwrap().unwrap()
}

/// Whoever asks for a name of the room's is led to the house.
fn named(pem: &str, name: &str, house: &House) -> (Client, String) {
    let port = house.url.rsplit(':').next().unwrap();
    let address: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
    let client = trusting(pem).resolve(name, address).build().unwrap();
    (client, format!("https://{name}:{port}"))
}

#[tokio::test]
async fn a_room_trusts_the_daemons_own_authority() {
    let house = House::open_secured(|state| open(&room(), state)).await;
    // The first time somebody has to carry it there, or trust blindly.
    let blind = builder().no_proxy().tls_danger_accept_invalid_certs(true);
    let blind = blind.build().unwrap();
    let response = blind.get(format!("{}/v1/authority.pem", house.url)).send();
    let response = response.await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/x-pem-file");
    let pem = response.text().await.unwrap();
    assert!(!pem.contains("PRIVATE"));

    for name in ["localhost", "salle.example"] {
        let (client, url) = named(&pem, name, &house);
        let response = client
            .get(format!("{url}/v1/version"))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        // Browsers would go on to insist where nobody trusts the authority any more.
        assert!(!response.headers().contains_key("strict-transport-security"));
    }
    let (client, url) = named(&pem, "elsewhere.example", &house);
    let refused = client.get(format!("{url}/v1/version")).send().await;
    assert!(refused.unwrap_err().is_connect());
    let distrusting = builder().no_proxy().build().unwrap();
    let refused = distrusting
        .get(format!("{}/v1/version", house.url))
        .send()
        .await;
    assert!(refused.unwrap_err().is_connect());
}

#[tokio::test]
async fn the_cookie_is_secure_and_another_hosts_name_is_refused() {
    let house = House::open_secured(|state| open(&room(), state)).await;
    let pem = house.authority.clone().unwrap();
    let client = trusting(&pem).build().unwrap();
    let account = json!({ "name": "ada", "role": "trainer", "password": "correct horse" });
    house.post("/v1/accounts", account).await;
    let login = json!({ "account": { "name": "ada", "password": "correct horse" } });
    let request = client.post(format!("{}/v1/logins", house.url)).json(&login);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    for part in [
        "__Host-plateau=",
        "Secure",
        "HttpOnly",
        "SameSite=Strict",
        "Path=/",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let sent = cookie.split(';').next().unwrap();
    let current = |cookie: String| {
        let request = client.get(format!("{}/v1/logins/current", house.url));
        request.header("cookie", cookie).send()
    };
    assert_eq!(
        current(sent.to_owned()).await.unwrap().status(),
        StatusCode::OK
    );
    // Another service of the host can set a cookie of the plain name, and it is worth nothing.
    let plain = sent.replace("__Host-", "");
    let response = current(plain).await.unwrap();
    error(response, StatusCode::UNAUTHORIZED, "unauthorized").await;
    let request = client.get(format!("{}/v1/version", house.url));
    let response = request.header("host", "evil.example").send().await.unwrap();
    error(response, StatusCode::FORBIDDEN, "host-not-allowed").await;
}

#[tokio::test]
async fn versions_1_2_and_1_3_are_spoken() {
    let house = House::open_secured(|state| open(&room(), state)).await;
    let pem = house.authority.clone().unwrap();
    for version in [Version::TLS_1_2, Version::TLS_1_3] {
        let client = trusting(&pem)
            .tls_version_min(version)
            .tls_version_max(version)
            .build()
            .unwrap();
        let request = client.get(format!("{}/v1/version", house.url));
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn files_of_the_centres_own_are_served_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let pair = |common: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let names = [common.to_owned(), "localhost".to_owned()];
        let params = rcgen::CertificateParams::new(names).unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        std::fs::write(folder.path().join("cert.pem"), &certificate).unwrap();
        std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
        certificate
    };
    let first = pair("centre.example");
    let options = TlsOptions {
        tls_cert: Some(folder.path().join("cert.pem")),
        tls_key: Some(folder.path().join("key.pem")),
        ..TlsOptions::default()
    };
    let tls = open(&options, folder.path());
    assert_eq!(tls.authority(), None);
    let house = House::open_secured(|_| tls.clone()).await;
    let (client, url) = named(&first, "centre.example", &house);
    let response = client
        .get(format!("{url}/v1/version"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.headers()["strict-transport-security"],
        "max-age=31536000"
    );
    let none = client
        .get(format!("{url}/v1/authority.pem"))
        .send()
        .await
        .unwrap();
    error(none, StatusCode::NOT_FOUND, "authority-not-found").await;

    let second = pair("neu.example");
    tls.look().unwrap();
    let (client, url) = named(&second, "neu.example", &house);
    let response = client
        .get(format!("{url}/v1/version"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    // Broken files change nothing for those who are served.
    std::fs::write(folder.path().join("key.pem"), "rubbish").unwrap();
    assert!(tls.look().is_err());
    let response = client
        .get(format!("{url}/v1/version"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn with_tls_any_address_is_listened_on() {
    let folder = tempfile::tempdir().unwrap();
    let any: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let tls = Tls::open(&room(), folder.path(), any).unwrap();
    let socket = folder.path().join("s.sock");
    let bound = Listeners::bind_with(&socket, any, tls).await.unwrap();
    assert!(bound.address().unwrap().ip().is_unspecified());
}

#[tokio::test]
async fn a_secured_daemon_stops_when_it_is_told() {
    let house = House::open_secured(|state| open(&room(), state)).await;
    let pem = house.authority.clone().unwrap();
    let client = trusting(&pem).build().unwrap();
    let following = client.get(format!("{}/v1/events", house.url));
    let following = following.bearer_auth(&house.token).send().await.unwrap();
    assert_eq!(following.status(), StatusCode::OK);
    house.stop.cancel();
    let served = tokio::time::timeout(crate::house::PATIENCE, house.served);
    served.await.unwrap().unwrap();
    assert!(!house.socket.exists());
}
