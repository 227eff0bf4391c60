//! Every route of the OpenAPI document with every role: what is allowed is what one table says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use plateau_core::api::LabView;
use plateau_core::exam::rights::{AccessDecision, Actor, Resource, Right, Role, TABLE, answer};
use plateau_exam::access::LoginLifetimes;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::{AnyPool, Executor as _};

use crate::house::{House, PATIENCE, builder, error};

/// Who asks, in the order of the columns.
const WHO: [&str; 9] = [
    "nobody",
    "socket",
    "administrator",
    "trainer",
    "evaluator",
    "invigilator of A",
    "invigilator of B",
    "candidate at A",
    "candidate at B",
];

/// Whose the thing in the path is, in the order of the rows.
const WHOSE: [&str; 3] = ["A", "B", "spare"];

/// A house with two sessions of a seat and a lab each, and a lab of no attempt.
struct Exam {
    house: House,
    client: Client,
    /// Cookie of each client.
    cookies: BTreeMap<&'static str, String>,
    /// Identifier of each lab.
    labs: BTreeMap<&'static str, String>,
}

impl Exam {
    async fn open() -> Self {
        let house = House::open_lasting(LoginLifetimes::default()).await;
        let mut labs = BTreeMap::new();
        for whose in WHOSE {
            let lab: LabView = house.create(&whose.to_lowercase()).await;
            house.ready(&lab.id).await;
            labs.insert(whose, lab.id);
        }
        let mut exam = Self {
            client: builder().no_proxy().build().unwrap(),
            cookies: BTreeMap::new(),
            labs,
            house,
        };
        let pool = exam.pool().await;
        for whose in ["A", "B"] {
            let lab = &exam.labs[whose];
            let code = blake3::hash(code(whose).as_bytes()).to_hex();
            pool.execute(sqlx::AssertSqlSafe(format!(
                "INSERT INTO sessions (id, name, state, terms, created) \
                 VALUES ('session-{whose}', '{whose}', 'open', '{{}}', 0); \
                 INSERT INTO seats (id, session, number, name, blocks, factor, breaks_ms, notes, \
                 generation, code) VALUES ('seat-{whose}', 'session-{whose}', '01', 'Zoé', '[]', \
                 1000, 0, '', 0, '{code}'); \
                 INSERT INTO attempts (id, session, seat, scenario, state, seed, lab) VALUES \
                 ('attempt-{whose}', 'session-{whose}', 'seat-{whose}', 'pair', 'running', '1', \
                 '{lab}')"
            )))
            .await
            .unwrap();
        }
        pool.close().await;
        for who in WHO {
            if let Some(login) = exam.login_of(who).await {
                let response = exam.post("/v1/logins", login).await;
                assert_eq!(response.status(), StatusCode::CREATED, "{who}");
                exam.cookies.insert(who, cookie(&response));
            }
        }
        exam
    }

    async fn pool(&self) -> AnyPool {
        sqlx::any::install_default_drivers();
        let folder = self.house.socket.parent().unwrap().parent().unwrap();
        let url = format!("sqlite://{}", folder.join("plateau.db").display());
        AnyPool::connect(&url).await.unwrap()
    }

    /// Makes what is needed for somebody to log in, and says how.
    async fn login_of(&self, who: &str) -> Option<Value> {
        let session = who.split(' ').next_back().unwrap();
        match who {
            "nobody" | "socket" => return None,
            "candidate at A" | "candidate at B" => {
                return Some(json!({ "code": { "code": code(session) } }));
            }
            _ => {}
        }
        let role = who.split(' ').next().unwrap();
        let name = who.replace(' ', "-").to_lowercase();
        let password = "a long enough password";
        let account = json!({ "name": name, "role": role, "password": password });
        let made = self.house.post("/v1/accounts", account).await;
        assert_eq!(made.status(), StatusCode::CREATED);
        if role == "invigilator" {
            let account = self.house.access.account(&name).await.unwrap();
            let database = self.house.access.database();
            let session = format!("session-{session}");
            database
                .invigilators()
                .add(&session, &account.id)
                .await
                .unwrap();
        }
        Some(json!({ "account": { "name": name, "password": password } }))
    }

    /// Asks over the port without a cookie.
    async fn post(&self, path: &str, body: Value) -> Response {
        let request = self.client.post(format!("{}{path}", self.house.url));
        request.json(&body).send().await.unwrap()
    }

    /// Asks as somebody, from our own page where it is a browser.
    async fn ask(&self, who: &str, method: Method, path: &str, body: Option<Value>) -> Response {
        if who == "socket" {
            return self.house.ask(method, path, body).await;
        }
        let url = format!("{}{path}", self.house.url);
        let mut request = self.client.request(method, url);
        if let Some(cookie) = self.cookies.get(who) {
            request = request
                .header("cookie", cookie)
                .header("origin", &self.house.url)
                .header("x-plateau", "1");
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let sent = tokio::time::timeout(PATIENCE, request.send()).await;
        sent.unwrap().unwrap()
    }

    /// A path with what is somebody's in it.
    fn filled(&self, path: &str, whose: &str) -> String {
        path.replace("{lab}", &self.labs[whose])
            .replace("{node}", "srv1")
            .replace("{session}", &format!("session-{whose}"))
            .replace("{seat}", &format!("seat-{whose}"))
            .replace("{attempt}", &format!("attempt-{whose}"))
            .replace("{task}", "none-of-this-name")
            .replace("{content}", "none-of-this-hash")
            .replace("{account}", "nobody-of-this-name")
            .replace("{token}", "none-of-this-name")
    }
}

fn code(whose: &str) -> &'static str {
    match whose {
        "A" => "AAAA-2222-AAAA",
        _ => "BBBB-2222-BBBB",
    }
}

/// What a browser sends back.
fn cookie(response: &Response) -> String {
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// How somebody is answered.
async fn told(response: Response) -> String {
    let status = response.status();
    let refused = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::NOT_FOUND,
    ];
    if !refused.contains(&status) {
        return "yes".to_owned();
    }
    let error: Value = response.json().await.unwrap();
    match error["code"].as_str().unwrap() {
        // Nobody who may not see accounts and tokens gets so far.
        "account-not-found"
        | "token-not-found"
        | "authority-not-found"
        | "recording-not-found"
        | "web-not-found" => "yes".to_owned(),
        "deliverable-not-found" | "scenario-not-found" => "yes".to_owned(),
        // Reached, and refused as a log-in.
        "login-refused" => "yes".to_owned(),
        _ => status.as_u16().to_string(),
    }
}

/// Methods and paths of the document, what ends things last.
fn routes() -> Vec<(String, String)> {
    let document = serde_json::to_value(plateaud::http::document()).unwrap();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, _) in item.as_object().unwrap() {
            routes.push((method.clone(), path.clone()));
        }
    }
    let last = |(method, path): &(String, String)| {
        (
            path.ends_with("/current"),
            method == "delete",
            path.clone(),
            method.clone(),
        )
    };
    routes.sort_by_key(last);
    routes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_answers_every_role_as_the_table_says() {
    let mut cells: BTreeMap<(String, &str), BTreeMap<&str, String>> = BTreeMap::new();
    for who in WHO {
        // Each has a house of their own: what one removes is not missing to the next.
        let exam = Exam::open().await;
        for (method, path) in routes() {
            for whose in WHOSE {
                let is_of_lab = path.contains("{lab}");
                let is_of_session = ["{session}", "{seat}", "{attempt}"]
                    .iter()
                    .any(|name| path.contains(name));
                let row = match whose {
                    _ if is_of_lab => whose,
                    "spare" if is_of_session => continue,
                    _ if is_of_session => whose,
                    "A" => "",
                    _ => continue,
                };
                let asked: Method = method.to_uppercase().parse().unwrap();
                // Whoever gets through is refused by what they send, and changes nothing.
                let body = (method != "get" && method != "delete").then(|| json!([]));
                let response = exam.ask(who, asked, &exam.filled(&path, whose), body).await;
                let key = (format!("{path} {method}"), row);
                let told = told(response).await;
                cells.entry(key).or_default().insert(who, told);
            }
        }
    }
    for ((route, whose), row) in &cells {
        for (who, told) in row {
            assert_eq!(
                *told,
                expected(route, whose, who),
                "{route} of {whose} by {who}"
            );
        }
    }
    insta::assert_snapshot!("rights", table(&cells));
}

/// What the table of rights says, by the right that the document names for the route.
fn expected(route: &str, whose: &str, who: &str) -> &'static str {
    let (path, method) = route.split_once(' ').unwrap();
    let document = serde_json::to_value(plateaud::http::document()).unwrap();
    let operation = &document["paths"][path][method];
    let right = &operation["x-right"];
    assert_eq!(
        right == "open",
        operation["security"] == json!([{}]),
        "{route}"
    );
    let (role, place) = match who {
        "nobody" if right == "open" => return "yes",
        "nobody" => return "401",
        "socket" => (Role::Administrator, ""),
        "candidate at A" => (Role::Candidate, "A"),
        "candidate at B" => (Role::Candidate, "B"),
        "invigilator of A" => (Role::Invigilator, "A"),
        "invigilator of B" => (Role::Invigilator, "B"),
        other => (Role::of(other).unwrap(), ""),
    };
    if right == "open" || right == "known" {
        return "yes";
    }
    let right: Right = serde_json::from_value(right.clone()).unwrap();
    let about = match whose {
        "A" | "B" => Resource {
            session: Some(format!("session-{whose}")),
            seat: Some(format!("seat-{whose}")),
            open: true,
            reopened: false,
        },
        _ => Resource::default(),
    };
    let person = Actor {
        role,
        named: (role == Role::Invigilator)
            .then(|| format!("session-{place}"))
            .into_iter()
            .collect(),
        seat: (role == Role::Candidate).then(|| format!("seat-{place}")),
    };
    match answer(&person, right, &about) {
        AccessDecision::Allowed => "yes",
        AccessDecision::NoRight | AccessDecision::OfAttempt | AccessDecision::NotOpen => "403",
        AccessDecision::OutOfReach => "404",
    }
}

/// The table as a reviewer reads it.
fn table(cells: &BTreeMap<(String, &str), BTreeMap<&str, String>>) -> String {
    let mut text = String::new();
    let _ = write!(text, "{:<50} {:<6}", "", "of");
    for who in WHO {
        let _ = write!(text, " {who:<16}");
    }
    for ((route, whose), row) in cells {
        let (path, method) = route.split_once(' ').unwrap();
        let _ = write!(text, "\n{:<50} {whose:<6}", format!("{method:<6} {path}"));
        for who in WHO {
            let _ = write!(text, " {:<16}", row[who]);
        }
    }
    let lines = text.lines().map(str::trim_end);
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_table_of_rights_is_as_it_was_reviewed() {
    let mut text = String::new();
    let rights: BTreeSet<String> = TABLE.iter().map(|row| format!("{:?}", row.1)).collect();
    let _ = write!(text, "{:<16}", "");
    for role in Role::ALL {
        let _ = write!(text, " {role:<14}");
    }
    for right in rights {
        let _ = write!(text, "\n{right:<16}");
        for role in Role::ALL {
            let row = TABLE
                .iter()
                .find(|row| row.0 == *role && format!("{:?}", row.1) == right);
            let reach = row.map_or_else(|| "-".to_owned(), |row| format!("{:?}", row.2));
            let _ = write!(text, " {reach:<14}");
        }
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    insta::assert_snapshot!("reach", lines.join("\n"));
}

#[tokio::test]
async fn a_candidate_sees_of_their_lab_what_they_need_and_only_while_their_attempt_is_open() {
    let exam = Exam::open().await;
    let (who, own) = ("candidate at A", exam.labs["A"].clone());
    let path = format!("/v1/labs/{own}");
    let shown: Value = exam
        .ask(who, Method::GET, &path, None)
        .await
        .json()
        .await
        .unwrap();
    let keys: Vec<&String> = shown.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "nodes", "started", "state", "title"]);
    assert_eq!(
        shown["nodes"]["srv1"],
        json!({ "state": "running", "access": ["terminal"] })
    );

    // They name their lab by its whole identifier; names and beginnings would tell them of others.
    for asked in ["a", "b", &own[..12], "none"] {
        let response = exam
            .ask(who, Method::GET, &format!("/v1/labs/{asked}"), None)
            .await;
        let refused = error(response, StatusCode::NOT_FOUND, "lab-not-found").await;
        assert_eq!(refused.hint, None);
        assert_eq!(refused.message, format!("no lab named `{asked}`"));
    }
    let node = exam
        .ask(who, Method::GET, &format!("{path}/nodes/none/shell"), None)
        .await;
    error(node, StatusCode::NOT_FOUND, "node-not-found").await;

    let pool = exam.pool().await;
    for state in ["ready", "paused", "handed-in", "graded"] {
        let text = format!("UPDATE attempts SET state = '{state}' WHERE id = 'attempt-A'");
        pool.execute(sqlx::AssertSqlSafe(text)).await.unwrap();
        for route in ["", "/events", "/nodes/srv1/shell"] {
            let response = exam
                .ask(who, Method::GET, &format!("{path}{route}"), None)
                .await;
            error(response, StatusCode::FORBIDDEN, "attempt-not-open").await;
        }
    }
    pool.close().await;
}

#[tokio::test]
async fn a_candidate_is_told_of_their_lab_and_its_nodes_alone() {
    use futures_util::StreamExt as _;
    let exam = Exam::open().await;
    let path = format!("/v1/labs/{}", exam.labs["A"]);
    let response = exam
        .ask(
            "candidate at A",
            Method::GET,
            &format!("{path}/events"),
            None,
        )
        .await;
    let reboot = format!("{path}/nodes/srv1/reboot");
    exam.ask("socket", Method::POST, &reboot, None).await;
    exam.ask("socket", Method::DELETE, &path, None).await;
    let mut text = String::new();
    let mut stream = response.bytes_stream();
    let all = async {
        while let Some(chunk) = stream.next().await {
            text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
    assert!(text.contains(r#""node":"srv1""#), "{text}");
    assert!(text.contains(r#""state":"removed""#), "{text}");
    assert!(!text.contains("step"), "{text}");
}
