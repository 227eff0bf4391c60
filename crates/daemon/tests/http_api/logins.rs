//! Log-ins by password and code, their cookies, and the tokens of programs.

use std::time::Duration;

use futures_util::StreamExt as _;
use plateau_core::api::{CreatedToken, Identity, LoginView, TokenView};
use plateau_core::exam::rights::{Right, Role};
use plateau_exam::access::LoginLifetimes;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::{AnyPool, Executor as _};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::house::{House, PATIENCE, builder, error};

const PASSWORD: &str = "correct horse battery";

fn client() -> Client {
    builder().no_proxy().build().unwrap()
}

/// Asks over the port.
fn ask(house: &House, method: Method, path: &str) -> RequestBuilder {
    client().request(method, format!("{}{path}", house.url))
}

async fn log_in(house: &House, login: &Value) -> Response {
    let request = ask(house, Method::POST, "/v1/logins").json(login);
    request.send().await.unwrap()
}

fn by_password(name: &str, password: &str) -> Value {
    json!({ "account": { "name": name, "password": password } })
}

fn by_code(code: &str) -> Value {
    json!({ "code": { "code": code } })
}

async fn add_account(house: &House, name: &str, role: &str) {
    let account = json!({ "name": name, "role": role, "password": PASSWORD });
    let made = house.post("/v1/accounts", account).await;
    assert_eq!(made.status(), StatusCode::CREATED);
}

async fn add_seat(house: &House, code: &str) {
    sqlx::any::install_default_drivers();
    let folder = house.socket.parent().unwrap().parent().unwrap();
    let url = format!("sqlite://{}", folder.join("plateau.db").display());
    let pool = AnyPool::connect(&url).await.unwrap();
    let code = blake3::hash(code.as_bytes()).to_hex();
    pool.execute(sqlx::AssertSqlSafe(format!(
        "INSERT INTO sessions (id, name, state, terms, created) VALUES ('s1', 'june', 'open', '', 0); \
         INSERT INTO seats (id, session, number, name, blocks, factor, breaks_ms, notes, generation, \
         code) VALUES ('t1', 's1', '07', 'Zoé Bel', '[]', 1000, 0, '', 0, '{code}')"
    )))
    .await
    .unwrap();
    pool.close().await;
}

/// The whole `Set-Cookie`, and what a browser sends back of it.
fn cookie(response: &Response) -> (String, String) {
    let set = response.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .to_owned();
    let sent = set.split(';').next().unwrap().to_owned();
    (set, sent)
}

async fn current(house: &House, cookie: &str) -> Response {
    let request = ask(house, Method::GET, "/v1/logins/current").header("cookie", cookie);
    request.send().await.unwrap()
}

#[tokio::test]
async fn an_account_logs_in_is_told_who_it_is_and_logs_out() {
    let house = House::open().await;
    add_account(&house, "Ada", "trainer").await;
    let response = log_in(&house, &by_password(" ADA ", PASSWORD)).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let (set, sent) = cookie(&response);
    // On the loopback without TLS; with it the name is `__Host-plateau` and the cookie `Secure`.
    for part in ["plateau=", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    let told: LoginView = response.json().await.unwrap();
    let Identity::Account {
        name,
        display_name,
        sessions,
    } = &told.identity
    else {
        panic!("{told:?}");
    };
    assert_eq!((name.as_str(), display_name.as_str()), ("ada", "Ada"));
    assert!(sessions.is_empty());
    assert_eq!(told.role, Role::Trainer);
    assert!(told.rights.contains(&Right::Prove) && !told.rights.contains(&Right::Judge));
    let again: LoginView = current(&house, &sent).await.json().await.unwrap();
    assert_eq!(again, told);

    let out = ask(&house, Method::DELETE, "/v1/logins/current")
        .header("cookie", &sent)
        .header("origin", &house.url)
        .header("x-plateau", "1");
    let response = out.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert!(cookie(&response).0.contains("Max-Age=0"));
    let response = current(&house, &sent).await;
    error(response, StatusCode::UNAUTHORIZED, "unauthorized").await;
}

#[tokio::test]
async fn wrong_passwords_unknown_names_and_disabled_accounts_are_refused_alike() {
    let house = House::open().await;
    for name in ["ada", "bea"] {
        add_account(&house, name, "evaluator").await;
    }
    let disabled = json!({ "disabled": true });
    let changed = house
        .ask(Method::PATCH, "/v1/accounts/bea", Some(disabled))
        .await;
    assert_eq!(changed.status(), StatusCode::OK);
    let mut told = Vec::new();
    for login in [
        by_password("ada", "something else entirely"),
        by_password("nobody-here", PASSWORD),
        by_password("bea", PASSWORD),
        by_password("", ""),
        by_code("AAAA-2222-BBBB"),
        by_code("not a code"),
    ] {
        let response = log_in(&house, &login).await;
        assert!(!response.headers().contains_key("set-cookie"));
        told.push(error(response, StatusCode::UNAUTHORIZED, "login-refused").await);
    }
    told.dedup();
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn a_name_at_an_address_is_slowed_after_wrong_passwords_also_after_a_restart() {
    let house = House::open().await;
    for name in ["ada", "bea"] {
        add_account(&house, name, "trainer").await;
    }
    for _ in 0..5 {
        let response = log_in(&house, &by_password("ada", "something else")).await;
        error(response, StatusCode::UNAUTHORIZED, "login-refused").await;
    }
    // What is counted is in the database, so that a restart helps nobody.
    let database = house.access.database();
    let here = "127.0.0.1";
    let failed = database.failures().find("ada", here).await.unwrap();
    assert_eq!(failed.unwrap().count, 5);
    // So many more that this test is not done before the wait is over.
    for _ in 0..6 {
        let seen = database.failures().find("ada", here).await.unwrap();
        let now = seen.unwrap().last;
        assert!(
            database
                .failures()
                .count("ada", here, seen, now)
                .await
                .unwrap()
        );
    }
    let response = log_in(&house, &by_password("ada", PASSWORD)).await;
    let wait = response.headers()["retry-after"].to_str().unwrap();
    assert!((30..=61).contains(&wait.parse::<u64>().unwrap()), "{wait}");
    error(response, StatusCode::TOO_MANY_REQUESTS, "too-many-tries").await;
    // Another name at the same address gets in, and so does the first at another place.
    let other = log_in(&house, &by_password("bea", PASSWORD)).await;
    assert_eq!(other.status(), StatusCode::CREATED);
    let elsewhere = house.post("/v1/logins", by_password("ada", PASSWORD)).await;
    assert_eq!(elsewhere.status(), StatusCode::CREATED);
    assert_eq!(database.failures().find("bea", here).await.unwrap(), None);
}

#[tokio::test]
async fn a_right_code_gets_in_while_somebody_guesses_behind_the_same_address() {
    let house = House::open().await;
    add_seat(&house, "K7QF-2M9X-P4TB").await;
    // As one program that guesses as fast as it can.
    let (guesser, logins) = (client(), format!("{}/v1/logins", house.url));
    let wrong = by_code("AAAA-2222-BBBB");
    let guessing = async {
        loop {
            let guess = guesser.post(&logins).json(&wrong).send().await.unwrap();
            if guess.status() == StatusCode::TOO_MANY_REQUESTS {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, guessing).await.unwrap();
    let response = log_in(&house, &by_code("k7of 2m9x p4tb")).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let told: LoginView = response.json().await.unwrap();
    assert_eq!(told.role, Role::Candidate);
    let seat = Identity::Seat {
        seat: "t1".to_owned(),
        session: "s1".to_owned(),
        number: "07".to_owned(),
        name: "Zoé Bel".to_owned(),
    };
    assert_eq!(told.identity, seat);
}

#[tokio::test]
async fn a_code_is_one_computer_and_a_browser_one_log_in() {
    let house = House::open().await;
    add_seat(&house, "K7QF-2M9X-P4TB").await;
    let login = by_code("K7QF-2M9X-P4TB");
    let (_, first) = cookie(&log_in(&house, &login).await);
    assert_eq!(current(&house, &first).await.status(), StatusCode::OK);
    let (_, second) = cookie(&log_in(&house, &login).await);
    assert_ne!(first, second);
    assert_eq!(current(&house, &second).await.status(), StatusCode::OK);
    let response = current(&house, &first).await;
    error(response, StatusCode::UNAUTHORIZED, "unauthorized").await;

    // Whoever logs in again has a new cookie, and the old one is worth nothing.
    add_account(&house, "ada", "trainer").await;
    let again = ask(&house, Method::POST, "/v1/logins")
        .header("cookie", &second)
        .header("origin", &house.url)
        .header("x-plateau", "1")
        .json(&by_password("ada", PASSWORD));
    assert_eq!(again.send().await.unwrap().status(), StatusCode::CREATED);
    let response = current(&house, &second).await;
    error(response, StatusCode::UNAUTHORIZED, "unauthorized").await;

    let (_, third) = cookie(&log_in(&house, &login).await);
    let seat = house
        .access
        .database()
        .seats()
        .summary("t1")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(house.access.revoke_seat(&seat).await.unwrap(), 1);
    let response = current(&house, &third).await;
    error(response, StatusCode::UNAUTHORIZED, "unauthorized").await;
}

#[tokio::test]
async fn what_a_log_in_holds_open_ends_with_it() {
    let house = House::open().await;
    add_account(&house, "ada", "trainer").await;
    let lab = house.create("first").await;
    house.ready(&lab.id).await;
    let (_, sent) = cookie(&log_in(&house, &by_password("ada", PASSWORD)).await);
    let request = ask(&house, Method::GET, "/v1/events").header("cookie", &sent);
    let events = request.send().await.unwrap();
    let port = house.url.strip_prefix("http://").unwrap();
    let stream = tokio::net::TcpStream::connect(port).await.unwrap();
    let address = format!("ws://{port}/v1/labs/first/nodes/srv1/shell");
    let mut request = address.into_client_request().unwrap();
    for (name, value) in [("cookie", &sent), ("origin", &house.url)] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let (terminal, _) = client_async(request, stream).await.unwrap();
    // Somebody else's end is none of theirs.
    add_account(&house, "bea", "trainer").await;
    house.ask(Method::DELETE, "/v1/accounts/bea", None).await;
    let still = current(&house, &sent).await;
    assert_eq!(still.status(), StatusCode::OK);

    house
        .ask(Method::DELETE, "/v1/accounts/ada/logins", None)
        .await;
    let ended = async {
        let _ = terminal.for_each(|_| std::future::ready(())).await;
        events.bytes().await
    };
    let ended = tokio::time::timeout(PATIENCE, ended).await;
    assert!(ended.unwrap().is_ok());
}

#[tokio::test]
async fn a_log_in_ends_unused_and_in_any_case() {
    let idle = LoginLifetimes {
        idle: Duration::ZERO,
        ..LoginLifetimes::default()
    };
    let short = LoginLifetimes {
        account: Duration::ZERO,
        seat: Duration::ZERO,
        ..LoginLifetimes::default()
    };
    for (lasting, candidate) in [(idle, StatusCode::OK), (short, StatusCode::UNAUTHORIZED)] {
        let house = House::open_lasting(lasting).await;
        add_account(&house, "ada", "trainer").await;
        add_seat(&house, "K7QF-2M9X-P4TB").await;
        let (_, sent) = cookie(&log_in(&house, &by_password("ada", PASSWORD)).await);
        let response = current(&house, &sent).await;
        error(response, StatusCode::UNAUTHORIZED, "unauthorized").await;
        // A candidate who works in a terminal asks for nothing meanwhile.
        let (_, sent) = cookie(&log_in(&house, &by_code("K7QF-2M9X-P4TB")).await);
        assert_eq!(current(&house, &sent).await.status(), candidate);
    }
}

#[tokio::test]
async fn what_changes_something_with_a_cookie_comes_from_our_own_page() {
    let house = House::open().await;
    add_account(&house, "ada", "administrator").await;
    let (_, sent) = cookie(&log_in(&house, &by_password("ada", PASSWORD)).await);
    let token = json!({ "name": "nightly", "role": "trainer" });
    let post = || {
        ask(&house, Method::POST, "/v1/tokens")
            .header("cookie", &sent)
            .json(&token)
    };
    for request in [
        post(),
        post().header("x-plateau", "1"),
        post().header("origin", &house.url),
        post()
            .header("x-plateau", "1")
            .header("origin", "http://evil.example"),
        post()
            .header("x-plateau", "1")
            .header("sec-fetch-site", "same-site"),
    ] {
        let response = request.send().await.unwrap();
        error(response, StatusCode::FORBIDDEN, "cross-site").await;
    }
    let upgrade = ask(&house, Method::GET, "/v1/labs/none/nodes/none/shell")
        .header("cookie", &sent)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("origin", "http://evil.example");
    let response = upgrade.send().await.unwrap();
    error(response, StatusCode::FORBIDDEN, "cross-site").await;
    let foreign = ask(&house, Method::POST, "/v1/logins")
        .header("origin", "http://evil.example")
        .json(&by_password("ada", PASSWORD));
    let response = foreign.send().await.unwrap();
    error(response, StatusCode::FORBIDDEN, "cross-site").await;

    let ours = post().header("x-plateau", "1").header("origin", &house.url);
    assert_eq!(ours.send().await.unwrap().status(), StatusCode::CREATED);
    let again = post()
        .header("x-plateau", "1")
        .header("sec-fetch-site", "same-origin");
    let response = again.send().await.unwrap();
    error(response, StatusCode::CONFLICT, "name-taken").await;
}

#[tokio::test]
async fn a_program_uses_its_token_until_it_is_revoked() {
    let house = House::open().await;
    let token = json!({ "name": "Nightly", "role": "trainer", "days": 30 });
    let made: CreatedToken = house.post("/v1/tokens", token).await.json().await.unwrap();
    assert_eq!(
        (made.token.name.as_str(), made.token.last_used),
        ("nightly", None)
    );
    let get = |path: &'static str| ask(&house, Method::GET, path).bearer_auth(&made.secret);
    let labs = get("/v1/labs").send().await.unwrap();
    assert_eq!(labs.status(), StatusCode::OK);
    let accounts = get("/v1/accounts").send().await.unwrap();
    error(accounts, StatusCode::FORBIDDEN, "forbidden").await;
    // It needs no mark and no origin.
    let body = json!({ "files": {}, "seed": "1" });
    let post = ask(&house, Method::POST, "/v1/labs")
        .bearer_auth(&made.secret)
        .json(&body);
    assert_eq!(post.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    let kept: Vec<TokenView> = house.get("/v1/tokens").await.json().await.unwrap();
    assert!(kept[0].last_used.is_some() && kept[0].expires.is_some());
    assert!(!format!("{kept:?}").contains(&made.secret));

    let revoked = house.ask(Method::DELETE, "/v1/tokens/nightly", None).await;
    assert_eq!(revoked.status(), StatusCode::NO_CONTENT);
    let labs = get("/v1/labs").send().await.unwrap();
    error(labs, StatusCode::UNAUTHORIZED, "unauthorized").await;
}

#[tokio::test]
async fn what_cannot_be_an_account_or_a_token_is_refused() {
    let house = House::open().await;
    let account = |name: &str, role: &str, password: &str| json!({ "name": name, "role": role, "password": password });
    for (body, code) in [
        (account("ada bel", "trainer", PASSWORD), "bad-name"),
        (account("local", "trainer", PASSWORD), "bad-name"),
        (account("ada", "candidate", PASSWORD), "bad-role"),
        (account("ada", "trainer", "short"), "bad-password"),
        (account("ada", "trainer", &"x".repeat(257)), "bad-password"),
        (account("ada", "king", PASSWORD), "bad-json"),
    ] {
        let response = house.post("/v1/accounts", body).await;
        error(response, StatusCode::BAD_REQUEST, code).await;
    }
    for (body, code) in [
        (json!({ "name": "t", "role": "candidate" }), "bad-role"),
        (json!({ "name": "t", "role": "invigilator" }), "bad-role"),
        (
            json!({ "name": "t", "role": "trainer", "days": 0 }),
            "bad-days",
        ),
    ] {
        let response = house.post("/v1/tokens", body).await;
        error(response, StatusCode::BAD_REQUEST, code).await;
    }
    add_account(&house, "ada", "trainer").await;
    let again = house
        .post("/v1/accounts", account("ADA", "trainer", PASSWORD))
        .await;
    error(again, StatusCode::CONFLICT, "name-taken").await;
    let unknown = house.ask(Method::DELETE, "/v1/accounts/bea", None).await;
    error(unknown, StatusCode::NOT_FOUND, "account-not-found").await;
}

#[tokio::test]
async fn a_new_password_ends_the_log_ins_of_the_old_one() {
    let house = House::open().await;
    add_account(&house, "ada", "trainer").await;
    let (_, sent) = cookie(&log_in(&house, &by_password("ada", PASSWORD)).await);
    let change = json!({ "password": "another long password" });
    house
        .ask(Method::PATCH, "/v1/accounts/ada", Some(change))
        .await;
    let response = current(&house, &sent).await;
    error(response, StatusCode::UNAUTHORIZED, "unauthorized").await;
    let old = log_in(&house, &by_password("ada", PASSWORD)).await;
    error(old, StatusCode::UNAUTHORIZED, "login-refused").await;
    let new = log_in(&house, &by_password("ada", "another long password")).await;
    let (_, sent) = cookie(&new);
    let ended = house
        .ask(Method::DELETE, "/v1/accounts/ada/logins", None)
        .await;
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    assert_eq!(
        current(&house, &sent).await.status(),
        StatusCode::UNAUTHORIZED
    );
}
