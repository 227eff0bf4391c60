//! Judging through the front door: a lab is graded, regraded, judged, exported and verified.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plateau_core::api::{
    CheckRequest, EvidenceKeyView, GradingView, JudgementsView, LabView, RegradeRequest,
    RegradingProposal, ScenarioFiles,
};
use plateau_core::exam::bundle::{Trust, public_of_pem, verify};
use plateau_core::exam::judgement::{Judgement, Outcome};
use plateau_core::probe::Fact;
use plateau_exam::store::Database;
use reqwest::{Method, Response, StatusCode};
use serde_json::json;
use sqlx::Executor as _;
use sqlx::any::AnyPoolOptions;

use crate::house::{House, builder, error, scenario};

/// The attempt `a1` at the small scenario, graded from a lab `kept` in which nothing was done.
async fn graded() -> House {
    let house = House::open().await;
    let url = Database::in_folder(house.state.path());
    let rows = AnyPoolOptions::new().connect(&url).await.unwrap();
    for row in [
        "INSERT INTO sessions (id, name, state, terms, created) VALUES ('s1', 'june', 'closed', '{\"title\":\"tsgeri\",\"centre\":\"Nantes\",\"from\":\"2026-06-01\",\"to\":\"2026-06-01\",\"responsible\":\"M. Durand\",\"jurors\":[],\"mode\":\"exam\"}', 0)",
        "INSERT INTO seats (id, session, number, name, blocks, factor, breaks_ms, notes, generation, code) VALUES ('t1', 's1', '01', 'Zoé', '[]', 1000, 0, '', 0, 'c1')",
        "INSERT INTO attempts (id, session, seat, scenario, state, seed) VALUES ('a1', 's1', 't1', 'pair', 'kept', '1')",
    ] {
        rows.execute(row).await.unwrap();
    }
    rows.close().await;
    house.fake.answering(|_, _, asked| {
        let path = serde_json::to_value(&asked.question).unwrap();
        let exists = path["file"]["path"] == "/etc/other";
        let seen = json!({ "file": { "exists": exists } });
        Fact::Seen(serde_json::from_value(seen).unwrap())
    });
    house.create("kept").await;
    house.ready("kept").await;
    let evidence = house.api.labs.gather("kept", CheckRequest { phases: None });
    let evidence = evidence.await.unwrap();
    house.api.labs.keep("kept", "a1").await.unwrap();
    let graded = house.api.judging.record("a1", evidence, "system", None);
    assert_eq!(graded.await.unwrap().points, 0);
    house
}

fn mended() -> ScenarioFiles {
    let mut files = scenario();
    let document = STANDARD.decode(&files["scenario.yaml"]).unwrap();
    let document = String::from_utf8(document).unwrap();
    let document = document.replace("/etc/looked", "/etc/other");
    files.insert("scenario.yaml".to_owned(), STANDARD.encode(document));
    files
}

#[tokio::test]
async fn an_attempt_is_regraded_from_its_lab_opened_again_and_the_new_grade_counts_once_it_is_accepted()
 {
    let house = graded().await;
    let new = RegradeRequest {
        files: mended(),
        reason: "the brief names another file".to_owned(),
        ask: true,
    };
    let path = "/v1/attempts/a1/gradings";
    let response = house.post(path, serde_json::to_value(new).unwrap()).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let proposal: RegradingProposal = response.json().await.unwrap();
    assert_eq!(proposal.asked, ["look/up"]);
    assert_eq!(proposal.unanswered, Vec::<String>::new());
    assert_eq!(proposal.comparison.points, (0, 1));
    let labs = house.api.labs.list();
    let names: Vec<&str> = labs.iter().map(|lab| lab.name.as_str()).collect();
    assert_eq!(names, ["kept"], "the one that was opened again is gone");
    let accept = format!("{path}/{}/accept", proposal.grading.id);
    let response = house
        .post(&accept, json!({ "reason": "it is right" }))
        .await;
    let gradings: Vec<GradingView> = response.json().await.unwrap();
    let counts: Vec<bool> = gradings.iter().map(|grading| grading.accepted).collect();
    assert_eq!(counts, [false, true]);
    let listed: Vec<GradingView> = house.get(path).await.json().await.unwrap();
    assert_eq!(listed, gradings);
    let unreasoned = house.post(&accept, json!({ "reason": "" })).await;
    error(unreasoned, StatusCode::BAD_REQUEST, "no-reason").await;
}

#[tokio::test]
async fn a_juror_is_heard_and_what_it_comes_to_is_shown() {
    let house = graded().await;
    let says = json!({ "juror": "ada", "says": { "override": { "check": "look/up", "ruling": "pass", "reason": "shown on the screen" } } });
    let response = house.post("/v1/attempts/a1/judgements", says).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let judgement: Judgement = response.json().await.unwrap();
    assert_eq!(judgement.version, 1);
    let outcome = house.get("/v1/attempts/a1/outcome?juror=ada").await;
    let outcome: Outcome = outcome.json().await.unwrap();
    assert_eq!((outcome.machine.points, outcome.grade.points), (0, 1));
    let said = house.get("/v1/attempts/a1/judgements").await;
    let said: JudgementsView = said.json().await.unwrap();
    assert_eq!(said.judgements, [judgement]);
    for (says, code) in [
        (
            json!({ "juror": "ada", "says": { "override": { "check": "look/up", "ruling": "pass", "reason": "" } } }),
            "no-reason",
        ),
        (
            json!({ "juror": "ada", "says": { "praise": {} } }),
            "bad-json",
        ),
    ] {
        let refused = house.post("/v1/attempts/a1/judgements", says).await;
        error(refused, StatusCode::BAD_REQUEST, code).await;
    }
    let nobody = house.get("/v1/attempts/none/outcome").await;
    error(nobody, StatusCode::NOT_FOUND, "attempt-not-found").await;
}

#[tokio::test]
async fn evidence_is_exported_and_verified_with_the_key_that_anybody_may_ask_for() {
    let house = graded().await;
    let key = reqwest::get(format!("{}/v1/evidence/key", house.url)).await;
    let key: EvidenceKeyView = key.unwrap().json().await.unwrap();
    let response = house.get("/v1/attempts/a1/evidence.tar").await;
    assert_eq!(response.headers()["content-type"], "application/x-tar");
    let bundle = response.bytes().await.unwrap();
    let public = public_of_pem(&key.pem).unwrap();
    let verification = verify(&bundle, &Trust::Key(Box::new(public)), None).unwrap();
    assert!(verification.good, "{verification:#?}");
    assert_eq!(verification.fingerprint, Some(key.fingerprint));
    let open = reqwest::get(format!("{}/v1/attempts/a1/evidence.tar", house.url)).await;
    assert_eq!(open.unwrap().status(), StatusCode::UNAUTHORIZED);
}

/// An evaluator's cookie.
async fn log_in(house: &House, name: &str) -> String {
    let password = "a long enough password";
    let account = json!({ "name": name, "role": "evaluator", "password": password });
    let made = house.post("/v1/accounts", account).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let login = json!({ "account": { "name": name, "password": password } });
    let client = builder().no_proxy().build().unwrap();
    let request = client.post(format!("{}/v1/logins", house.url));
    let response = request.json(&login).send().await.unwrap();
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn an_evaluator_enters_a_lab_that_was_opened_again_for_them() {
    let house = graded().await;
    let ada = log_in(&house, "ada").await;
    let opened = ask_as(&house, &ada, "lab", Some(json!({}))).await;
    assert_eq!(opened.status(), StatusCode::CREATED);
    let lab: LabView = opened.json().await.unwrap();
    assert_eq!(lab.reopened.as_deref(), Some("a1"));
    let again = ask_as(&house, &ada, "lab", Some(json!({}))).await;
    let again: LabView = again.json().await.unwrap();
    assert_eq!(again.id, lab.id, "it is there already");

    let shell = async |lab: &str| {
        let client = builder().no_proxy().build().unwrap();
        let url = format!("{}/v1/labs/{lab}/nodes/srv/shell", house.url);
        client.get(url).header("cookie", &ada).send().await.unwrap()
    };
    // Nobody asks for a WebSocket here, which is found out by whoever may.
    let allowed = shell(&lab.id).await.status();
    assert_eq!(allowed, StatusCode::BAD_REQUEST);
    error(shell("kept").await, StatusCode::FORBIDDEN, "forbidden").await;

    let left = house.ask(Method::DELETE, "/v1/attempts/a1/lab", None).await;
    assert_eq!(left.status(), StatusCode::NO_CONTENT);
    let labs = house.api.labs.list();
    assert_eq!(labs.len(), 1);
    let entries: Vec<serde_json::Value> = house
        .get("/v1/sessions/june/log")
        .await
        .json()
        .await
        .unwrap();
    let told = entries.iter().filter(|entry| {
        entry["actor"] == "ada"
            && entry["deed"]["changed"]["what"]
                .as_str()
                .unwrap_or("")
                .contains("opened again")
    });
    assert_eq!(told.count(), 1, "{entries:#?}");
}

async fn ask_as(
    house: &House,
    cookie: &str,
    path: &str,
    says: Option<serde_json::Value>,
) -> Response {
    let client = builder().no_proxy().build().unwrap();
    let method = if says.is_some() {
        Method::POST
    } else {
        Method::GET
    };
    let url = format!("{}/v1/attempts/a1/{path}", house.url);
    let request = client
        .request(method, url)
        .header("cookie", cookie)
        .header("origin", &house.url)
        .header("x-plateau", "1");
    let request = match says {
        Some(says) => request.json(&says),
        None => request,
    };
    request.send().await.unwrap()
}

#[tokio::test]
async fn jurors_speak_for_themselves_and_see_nothing_of_others_who_work_apart() {
    let house = graded().await;
    let url = Database::in_folder(house.state.path());
    let rows = AnyPoolOptions::new().connect(&url).await.unwrap();
    let apart = r#"UPDATE sessions SET terms = '{ "jurors": ["ada", "bob"] }'"#;
    rows.execute(apart).await.unwrap();
    rows.close().await;
    let (ada, bob) = (log_in(&house, "ada").await, log_in(&house, "bob").await);
    let word = |juror: &str| json!({ "juror": juror, "says": { "override": { "check": "look/up", "ruling": "pass", "reason": "seen" } } });
    let said = ask_as(&house, &ada, "judgements", Some(word("ada"))).await;
    assert_eq!(said.status(), StatusCode::CREATED);
    let as_bob = ask_as(&house, &ada, "judgements", Some(word("bob"))).await;
    error(as_bob, StatusCode::FORBIDDEN, "not-of-the-jury").await;
    for (cookie, path, count) in [
        (&ada, "judgements", 1),
        (&bob, "judgements", 0),
        (&bob, "judgements?juror=ada", 0),
    ] {
        let shown: JudgementsView = ask_as(&house, cookie, path, None)
            .await
            .json()
            .await
            .unwrap();
        assert_eq!(shown.judgements.len(), count, "{path}");
        assert_eq!(shown.pending_jurors.len(), 2);
    }
    let points = async |cookie: &str| {
        let outcome = ask_as(&house, cookie, "outcome?juror=ada", None).await;
        let outcome: Outcome = outcome.json().await.unwrap();
        outcome.grade.points
    };
    assert_eq!((points(&ada).await, points(&bob).await), (1, 0));
}
