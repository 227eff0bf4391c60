//! Web applications of labs: who gets in, what passes, and that nothing else of the daemon is there.

use futures_util::{SinkExt as _, StreamExt as _};
use plateau_core::exam::session::AttemptState;
use plateau_gateway::tls::{Tls, TlsOptions};
use reqwest::{Certificate, Client, Method, Proxy, Response, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::house::{House, PATIENCE, builder, error};
use crate::room::Room;
use shop::{BASE, Shop, Visitor, view};

mod shop;

/// A refusal that a browser is shown: text, in which nothing can run.
async fn refused(response: Response, status: StatusCode, said: &str) {
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; charset=utf-8"
    );
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    assert!(!response.headers().contains_key("set-cookie"));
    let got = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(got, status, "{text}");
    assert!(text.contains(said), "{text}");
}

fn client() -> Client {
    builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn a_ticket_lets_in_once_and_leads_on_without_itself() {
    let shop = Shop::open().await;
    let address = shop.address(80).await;
    assert!(address.contains(&format!(
        ".{BASE}:{}/.plateau/enter?ticket=",
        shop.door().port()
    )));
    let browser = shop.browser(builder(), &address);
    let response = browser.get(&address).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let headers = response.headers();
    assert_eq!(headers["location"], "/");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    let cookie = headers["set-cookie"].to_str().unwrap();
    for part in ["plateau-web=", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(
        !cookie.contains("Domain") && !cookie.contains("Secure"),
        "{cookie}"
    );

    let again = browser.get(&address).send().await.unwrap();
    refused(again, StatusCode::FORBIDDEN, "was used already").await;
    let none = address.replace("ticket=", "ticket=0");
    let none = browser.get(&none).send().await.unwrap();
    refused(none, StatusCode::FORBIDDEN, "is none").await;
    // A page that has a browser post there does not use it up.
    let next = shop.address(80).await;
    let posted = browser.post(&next).send().await.unwrap();
    refused(posted, StatusCode::METHOD_NOT_ALLOWED, "POST").await;
    let visitor = shop.enter(&next).await;
    let (status, text) = visitor.get("/a?b=c").await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.starts_with("/a?b=c\n"), "{text}");
}

#[tokio::test]
async fn tickets_and_cookies_are_good_for_their_own_application_alone() {
    let shop = Shop::open().await;
    let address = shop.address(80).await;
    let other = address.replace("://p80-", "://p81-");
    let stranger = shop.browser(builder(), &other);
    let wrong = stranger.get(&other).send().await.unwrap();
    refused(wrong, StatusCode::FORBIDDEN, "is none").await;
    // Whoever tried it elsewhere has used it up.
    let browser = shop.browser(builder(), &address);
    let right = browser.get(&address).send().await.unwrap();
    refused(right, StatusCode::FORBIDDEN, "used already").await;

    let visitor = shop.enter(&shop.address(80).await).await;
    let other = visitor.origin.replace("://p80-", "://p81-");
    for cookie in [visitor.cookie.as_str(), "", "plateau-web=0"] {
        let request = stranger.get(&other).header("cookie", cookie);
        refused(
            request.send().await.unwrap(),
            StatusCode::FORBIDDEN,
            "nobody was let in",
        )
        .await;
    }
    let token = browser.get(&visitor.origin).bearer_auth(&shop.house.token);
    refused(
        token.send().await.unwrap(),
        StatusCode::FORBIDDEN,
        "nobody was let in",
    )
    .await;
}

#[tokio::test]
async fn an_application_is_asked_as_if_the_browser_reached_it_itself() {
    let shop = Shop::open().await;
    let visitor = shop.enter(&shop.address(80).await).await;
    let own = visitor.origin.strip_prefix("http://").unwrap().to_owned();
    let request = visitor
        .ask(Method::GET, "/")
        .header("cookie", format!("{}; own=1; plateau=x", visitor.cookie))
        .header("x-forwarded-for", "192.0.2.1")
        .header("origin", &visitor.origin)
        .bearer_auth(&shop.house.token);
    let mut told = request.send().await.unwrap().text().await.unwrap();
    told.make_ascii_lowercase();
    let mut told: Vec<&str> = told.lines().collect();
    told.sort_unstable();
    let expected = ["/", "accept: */*", "cookie: own=1"].map(str::to_owned);
    let expected: Vec<String> = expected
        .into_iter()
        .chain([format!("host: {own}"), format!("origin: http://{own}")])
        .collect();
    assert_eq!(told, expected);
    // What is shown to the application itself passes.
    let basic = visitor.ask(Method::GET, "/").basic_auth("ada", Some("x"));
    let told = basic.send().await.unwrap().text().await.unwrap();
    assert!(told.contains("authorization: Basic"), "{told}");

    let path = "/v1/labs/first/nodes/srv1/web";
    let named = json!({ "port": 80, "host": "intranet.lan" });
    let address = view(shop.house.post(path, named).await).await.address;
    let visitor = shop.enter(&address).await;
    let (_, told) = visitor.get("/").await;
    assert!(told.contains("host: intranet.lan\n"), "{told}");
    let led = visitor.ask(Method::GET, "/led").send().await.unwrap();
    assert_eq!(
        led.headers()["location"],
        format!("{}/led/", visitor.origin)
    );
}

#[tokio::test]
async fn an_answer_brings_nothing_that_reaches_beyond_the_application() {
    let shop = Shop::open().await;
    let visitor = shop.enter(&shop.address(80).await).await;
    let response = visitor.ask(Method::GET, "/set").send().await.unwrap();
    let headers = response.headers();
    let set: Vec<_> = headers.get_all("set-cookie").iter().collect();
    assert_eq!(set, ["theirs=1; Path=/"]);
    assert_eq!(headers["x-own"], "1");
    for gone in [
        "strict-transport-security",
        "clear-site-data",
        "x-request-id",
    ] {
        assert!(!headers.contains_key(gone), "{gone}");
    }
}

#[tokio::test]
async fn bodies_pass_as_they_come_and_have_no_limit() {
    let shop = Shop::open().await;
    let visitor = shop.enter(&shop.address(80).await).await;
    let response = visitor.ask(Method::GET, "/endless").send().await.unwrap();
    let mut parts = response.bytes_stream();
    assert_eq!(parts.next().await.unwrap().unwrap(), "first");
    let part = bytes::Bytes::from(vec![7; 1 << 20]);
    let most = plateaud::http::BODY_LIMIT + part.len();
    let parts = (0..most / part.len()).map(move |_| Ok::<_, std::io::Error>(part.clone()));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(parts));
    let counted = visitor.ask(Method::POST, "/count").body(body);
    let counted = counted.send().await.unwrap().text().await.unwrap();
    assert_eq!(counted, most.to_string());
}

/// Says something and hears it again.
async fn echoes(socket: &mut WebSocketStream<TcpStream>) {
    let message = Message::binary(b"hello".to_vec());
    socket.send(message.clone()).await.unwrap();
    let heard = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap();
    assert_eq!(heard.unwrap().unwrap(), message);
}

/// That a WebSocket ends although nobody has left it.
async fn ends(mut socket: WebSocketStream<TcpStream>) {
    let ended = async { while let Some(Ok(_)) = socket.next().await {} };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
}

#[tokio::test]
async fn a_websocket_is_opened_by_the_applications_own_page_alone() {
    let shop = Shop::open().await;
    let visitor = shop.enter(&shop.address(80).await).await;
    let mut socket = visitor.socket(Some(&visitor.origin)).await.unwrap();
    echoes(&mut socket).await;
    let other = visitor.origin.replace("://p80-", "://p81-");
    for origin in [
        None,
        Some("null"),
        Some(shop.house.url.as_str()),
        Some(&other),
    ] {
        let Err(Error::Http(response)) = visitor.socket(origin).await else {
            panic!("{origin:?} has opened it");
        };
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{origin:?}");
    }
    shop.house.stop.cancel();
    ends(socket).await;
}

#[tokio::test]
async fn nothing_of_the_daemon_is_at_an_applications_name() {
    let shop = Shop::open().await;
    let visitor = shop.enter(&shop.address(80).await).await;
    // What the API has at these paths is the application's here, and it is not shown our token.
    for path in ["/v1/version", "/v1/labs", "/v1/proxy.pac", "/metrics"] {
        let request = visitor
            .ask(Method::GET, path)
            .bearer_auth(&shop.house.token);
        let text = request.send().await.unwrap().text().await.unwrap();
        assert!(text.starts_with(&format!("{path}\n")), "{text}");
        assert!(!text.contains(&shop.house.token), "{text}");
    }
    let own = visitor.origin.strip_prefix("http://").unwrap();
    let label = own.split('.').next().unwrap();
    for name in [
        BASE.to_owned(),
        format!("x.{BASE}"),
        format!("p80-srv1.{BASE}"),
        format!("a.{label}.{BASE}"),
        format!("P080-srv1-{}.{BASE}", "0".repeat(32)),
    ] {
        let request = client().get(format!("{}/v1/version", shop.house.url));
        let request = request.header("host", &name).bearer_auth(&shop.house.token);
        let response = request.send().await.unwrap();
        refused(response, StatusCode::NOT_FOUND, "no web application").await;
    }
    // A lab or a node that is not there is nobody's to be let in to.
    let name = format!("p80-srv1-{}.{BASE}", "0".repeat(32));
    let request = client().get(&shop.house.url).header("host", &name);
    let request = request
        .header("cookie", &visitor.cookie)
        .send()
        .await
        .unwrap();
    refused(request, StatusCode::FORBIDDEN, "nobody was let in").await;
    // Two names in one request.
    let mut stream = TcpStream::connect(shop.door()).await.unwrap();
    let request = format!(
        "GET http://localhost/v1/version HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\
         Cookie: {}\r\n\r\n",
        visitor.cookie
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 404"), "{text}");
}

#[tokio::test]
async fn the_api_refuses_what_a_page_of_an_application_sends() {
    let shop = Shop::open().await;
    let house = &shop.house;
    let visitor = shop.enter(&shop.address(80).await).await;
    let account = json!({ "name": "ada", "role": "administrator", "password": "correct horse" });
    house.post("/v1/accounts", account).await;
    let login = json!({ "account": { "name": "ada", "password": "correct horse" } });
    let logged_in = client()
        .post(format!("{}/v1/logins", house.url))
        .json(&login);
    let logged_in = logged_in.send().await.unwrap();
    let cookie = logged_in.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    // Its own cookie is worth nothing there.
    let foreign = client().get(format!("{}/v1/labs", house.url));
    let foreign = foreign
        .header("cookie", &visitor.cookie)
        .send()
        .await
        .unwrap();
    error(foreign, StatusCode::UNAUTHORIZED, "unauthorized").await;
    for site in ["same-site", "cross-site"] {
        let request = client()
            .post(format!("{}/v1/labs/first/nodes/srv1/reboot", house.url))
            .header("cookie", &cookie)
            .header("origin", &visitor.origin)
            .header("sec-fetch-site", site)
            .header("x-plateau", "1");
        let response = request.send().await.unwrap();
        assert!(
            !response
                .headers()
                .contains_key("access-control-allow-origin")
        );
        error(response, StatusCode::FORBIDDEN, "cross-site").await;
    }
    // And a browser is not told that it may send the header, so that it does not even ask so.
    let asking = client()
        .request(Method::OPTIONS, format!("{}/v1/labs", house.url))
        .header("origin", &visitor.origin)
        .header("access-control-request-headers", "x-plateau");
    let response = asking.send().await.unwrap();
    assert!(
        !response
            .headers()
            .contains_key("access-control-allow-headers")
    );
    let stream = TcpStream::connect(shop.door()).await.unwrap();
    let address = format!("ws://{}/v1/labs/first/nodes/srv1/shell", shop.door());
    let mut request = address.into_client_request().unwrap();
    for (name, value) in [("cookie", &cookie), ("origin", &visitor.origin)] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let Err(Error::Http(response)) = client_async(request, stream).await else {
        panic!("a terminal was opened");
    };
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_is_not_there_is_said_in_words() {
    let shop = Shop::open().await;
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    shop.house.fake.lead(81, gone.local_addr().unwrap());
    drop(gone);
    let visitor = shop.enter(&shop.address(81).await).await;
    let response = visitor.ask(Method::GET, "/").send().await.unwrap();
    refused(response, StatusCode::BAD_GATEWAY, "Connection refused").await;
    // What says again what it hears speaks no HTTP.
    let visitor = shop.enter(&shop.address(82).await).await;
    let response = visitor.ask(Method::GET, "/").send().await.unwrap();
    refused(response, StatusCode::BAD_GATEWAY, "not by HTTPS").await;
    let down = shop.house.ask(Method::DELETE, "/v1/labs/first", None).await;
    assert_eq!(down.status(), StatusCode::NO_CONTENT);
    let response = visitor.ask(Method::GET, "/").send().await.unwrap();
    assert!(response.status().is_client_error(), "{response:?}");

    let house = House::open().await;
    house.create("first").await;
    let path = "/v1/labs/first/nodes/srv1/web";
    let unserved = house.post(path, json!({ "port": 80 })).await;
    error(unserved, StatusCode::NOT_FOUND, "web-not-found").await;
    error(
        house.get("/v1/proxy.pac").await,
        StatusCode::NOT_FOUND,
        "web-not-found",
    )
    .await;
}

#[tokio::test]
async fn what_cannot_be_an_application_has_no_address() {
    let shop = Shop::open().await;
    let ask = async |node: &str, body| {
        let path = format!("/v1/labs/first/nodes/{node}/web");
        shop.house.post(&path, body).await
    };
    let none = ask("none", json!({ "port": 80 })).await;
    error(none, StatusCode::NOT_FOUND, "node-not-found").await;
    for (body, code) in [
        (json!({}), "bad-json"),
        (json!({ "port": 0 }), "bad-port"),
        (json!({ "port": 65536 }), "bad-json"),
        (json!({ "port": 80, "host": "" }), "bad-host"),
        (json!({ "port": 80, "host": "a b" }), "bad-host"),
        (
            json!({ "port": 80, "host": "ada@intranet.lan" }),
            "bad-host",
        ),
        (json!({ "port": 80, "host": "intranet.lan/x" }), "bad-host"),
    ] {
        error(ask("srv1", body).await, StatusCode::BAD_REQUEST, code).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_is_let_in_to_their_own_lab_while_their_attempt_is_open() {
    let room = Room::open_in(House::open_web(BASE, |_| None).await).await;
    let lab = room.own().await.attempts[0].lab.clone().unwrap();
    let path = format!("/v1/labs/{lab}/nodes/srv1/web");
    let body = || json!({ "port": 80 }).to_string();
    let ask = async |who: usize| {
        let url = format!("{}{path}", room.house.url);
        let request = room.client.post(url).header("cookie", &room.cookies[who]);
        let request = request
            .header("origin", &room.house.url)
            .header("x-plateau", "1");
        let request = request.header("content-type", "application/json");
        request.body(body()).send().await.unwrap()
    };
    error(ask(1).await, StatusCode::NOT_FOUND, "lab-not-found").await;
    let address = view(ask(0).await).await.address;
    let waiting = view(ask(0).await).await.address;
    let application = shop::application().await;
    room.house.fake.lead(80, application);
    let door = room
        .house
        .url
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap();
    let name = reqwest::Url::parse(&address).unwrap();
    let browser = builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .resolve(name.host_str().unwrap(), door)
        .build()
        .unwrap();
    let visitor = Visitor::enter(browser.clone(), door, &address).await;
    assert_eq!(visitor.get("/").await.0, StatusCode::OK);
    let endless = visitor.ask(Method::GET, "/endless").send().await.unwrap();
    let mut socket = visitor.socket(Some(&visitor.origin)).await.unwrap();
    echoes(&mut socket).await;

    let pause = json!({ "kind": "incident", "reason": "a test" });
    let paused = room.house.post("/v1/sessions/june/pause", pause).await;
    assert_eq!(paused.status(), StatusCode::OK);
    room.until(AttemptState::Paused).await;
    // What is under way ends, and nothing else begins.
    let rest = async { endless.bytes_stream().collect::<Vec<_>>().await };
    let rest = tokio::time::timeout(PATIENCE, rest).await.unwrap();
    assert!(rest.last().unwrap().is_err(), "{rest:?}");
    ends(socket).await;
    let response = visitor.ask(Method::GET, "/").send().await.unwrap();
    refused(response, StatusCode::FORBIDDEN, "attempt is not open").await;
    let response = browser.get(&waiting).send().await.unwrap();
    refused(response, StatusCode::FORBIDDEN, "attempt is not open").await;
    error(ask(0).await, StatusCode::FORBIDDEN, "attempt-not-open").await;

    room.order("resume").await;
    room.until(AttemptState::Running).await;
    // The nodes were frozen, and go on a moment after the clock.
    let opens = async {
        while visitor.get("/").await.0 != StatusCode::OK {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, opens).await.unwrap();
    room.order("hand-in").await;
    let response = visitor.ask(Method::GET, "/").send().await.unwrap();
    refused(response, StatusCode::FORBIDDEN, "attempt is not open").await;
}

#[tokio::test]
async fn whoever_is_logged_out_is_out_of_the_applications_too() {
    let shop = Shop::open().await;
    let house = &shop.house;
    for name in ["ada", "bea"] {
        let account = json!({ "name": name, "role": "trainer", "password": "correct horse" });
        house.post("/v1/accounts", account).await;
    }
    let log_in = async |name: &str| {
        let login = json!({ "account": { "name": name, "password": "correct horse" } });
        let made = client()
            .post(format!("{}/v1/logins", house.url))
            .json(&login);
        let made = made.send().await.unwrap();
        let cookie = made.headers()["set-cookie"].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    };
    let ask = async |cookie: &str| {
        let request = client()
            .post(format!("{}/v1/labs/first/nodes/srv1/web", house.url))
            .header("cookie", cookie)
            .header("origin", &house.url)
            .json(&json!({ "port": 80 }));
        let marked = request.try_clone().unwrap().header("x-plateau", "1");
        let unmarked = request.send().await.unwrap();
        error(unmarked, StatusCode::FORBIDDEN, "cross-site").await;
        view(marked.send().await.unwrap()).await.address
    };
    let (ada, bea) = (log_in("ada").await, log_in("bea").await);
    let hers = shop.enter(&ask(&ada).await).await;
    let others = shop.enter(&ask(&bea).await).await;
    let waiting = ask(&ada).await;
    let mut socket = hers.socket(Some(&hers.origin)).await.unwrap();
    echoes(&mut socket).await;
    let ended = house
        .ask(Method::DELETE, "/v1/accounts/ada/logins", None)
        .await;
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    ends(socket).await;
    // Also where they are logged in again: what they had was of that log-in.
    log_in("ada").await;
    let response = hers.ask(Method::GET, "/").send().await.unwrap();
    refused(response, StatusCode::FORBIDDEN, "is logged out").await;
    let response = hers.ask(Method::GET, "/").send().await.unwrap();
    refused(response, StatusCode::FORBIDDEN, "nobody was let in").await;
    let browser = shop.browser(builder(), &waiting);
    let response = browser.get(&waiting).send().await.unwrap();
    refused(response, StatusCode::FORBIDDEN, "is logged out").await;
    assert_eq!(others.get("/").await.0, StatusCode::OK);
    // A role that is taken away is gone at the next request.
    let change = json!({ "role": "evaluator" });
    house
        .ask(Method::PATCH, "/v1/accounts/bea", Some(change))
        .await;
    assert_eq!(others.get("/").await.0, StatusCode::FORBIDDEN);
}

/// Sends something to the port as it is, and reads what comes until the end.
async fn raw(stream: &mut TcpStream, text: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = vec![];
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer));
    read.await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn the_daemon_is_a_proxy_for_applications_and_for_nothing_else() {
    let shop = Shop::open().await;
    let visitor = shop.enter(&shop.address(80).await).await;
    let own = visitor.origin.strip_prefix("http://").unwrap();
    for name in [
        "example.org:443",
        "localhost:80",
        "127.0.0.1:22",
        BASE,
        "x.labs.localhost:1",
    ] {
        let mut stream = TcpStream::connect(shop.door()).await.unwrap();
        let name = if name.contains(':') {
            name.to_owned()
        } else {
            format!("{name}:80")
        };
        let text = format!("CONNECT {name} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
        let answer = raw(&mut stream, &text).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{name}: {answer}");
    }
    for (host, status, said) in [
        (own, 200, "/v1/version\n"),
        // Not even through the proxy is there anything of the API.
        ("localhost", 404, "no web application"),
        ("127.0.0.1", 404, "no web application"),
    ] {
        let mut stream = TcpStream::connect(shop.door()).await.unwrap();
        let connect = format!("CONNECT {own} HTTP/1.1\r\nHost: {own}\r\n\r\n");
        stream.write_all(connect.as_bytes()).await.unwrap();
        let mut head = vec![];
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 200"), "{head:?}");
        let request = format!(
            "GET /v1/version HTTP/1.1\r\nHost: {host}\r\nCookie: {}\r\nConnection: close\r\n\
             Authorization: Bearer {}\r\n\r\n",
            visitor.cookie, shop.house.token
        );
        let answer = raw(&mut stream, &request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{host}: {answer}"
        );
        assert!(answer.contains(said), "{host}: {answer}");
    }
    let pac = client().get(format!("{}/v1/proxy.pac", shop.house.url));
    let pac = pac.send().await.unwrap();
    assert_eq!(
        pac.headers()["content-type"],
        "application/x-ns-proxy-autoconfig"
    );
    let text = pac.text().await.unwrap();
    assert!(
        text.contains(&format!("\"PROXY {}\"", shop.door())),
        "{text}"
    );
    // Over the socket it is the port all the same.
    assert_eq!(
        shop.house.get("/v1/proxy.pac").await.text().await.unwrap(),
        text
    );
}

#[tokio::test]
async fn a_room_without_a_name_server_reaches_applications_through_the_daemon_by_tls() {
    let options = TlsOptions {
        tls_room: Some("auto".into()),
        tls_name: vec!["exam.salle.example".to_owned()],
        web: Some("*.labs.salle.example".to_owned()),
        ..TlsOptions::default()
    };
    let any = "127.0.0.1:0".parse().unwrap();
    let tls = |state: &std::path::Path| Tls::open(&options, state, any).unwrap().unwrap();
    let shop = Shop::open_secured("labs.salle.example", tls).await;
    let pem = shop.house.authority.clone().unwrap();
    let trusting = || {
        let authority = Certificate::from_pem(pem.as_bytes()).unwrap();
        builder().tls_certs_only([authority])
    };
    let address = shop.address(80).await;
    let port = shop.door().port();
    assert!(address.starts_with("https://p80-srv1-"), "{address}");
    assert!(
        address.contains(&format!(".labs.salle.example:{port}/")),
        "{address}"
    );
    // No name server knows it: the proxy's name is all that a browser looks up.
    let proxy = Proxy::https(format!("https://exam.salle.example:{port}")).unwrap();
    let browser = trusting()
        .proxy(proxy)
        .resolve("exam.salle.example", shop.door())
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let response = browser.get(&address).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let set = response.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .to_owned();
    for part in [
        "__Host-plateau-web=",
        "Secure",
        "HttpOnly",
        "SameSite=Lax",
        "Path=/",
    ] {
        assert!(set.contains(part), "{set}");
    }
    let cookie = set.split(';').next().unwrap();
    let origin = reqwest::Url::parse(&address)
        .unwrap()
        .origin()
        .ascii_serialization();
    let request = browser.get(format!("{origin}/x")).header("cookie", cookie);
    let text = request.send().await.unwrap().text().await.unwrap();
    assert!(
        text.starts_with("/x\n") && !text.contains("plateau-web"),
        "{text}"
    );
    // The plain cookie, which others can set, is worth nothing here.
    let plain = cookie.replace("__Host-", "");
    let request = browser.get(&origin).header("cookie", plain);
    refused(
        request.send().await.unwrap(),
        StatusCode::FORBIDDEN,
        "nobody was let in",
    )
    .await;
    // With a name server it is there as well.
    let direct = shop.browser(trusting(), &address);
    let request = direct.get(&origin).header("cookie", cookie);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    let pac = trusting()
        .no_proxy()
        .resolve("exam.salle.example", shop.door());
    let pac = pac.build().unwrap();
    let pac = pac.get(format!("https://exam.salle.example:{port}/v1/proxy.pac"));
    let pac = pac.send().await.unwrap().text().await.unwrap();
    assert!(
        pac.contains(&format!("\"HTTPS exam.salle.example:{port}\"")),
        "{pac}"
    );
}
