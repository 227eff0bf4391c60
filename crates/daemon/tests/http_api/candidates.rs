//! Candidates who come in, are put out, and are told nothing more once they are done.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use plateau_core::api::{AccessSlip, SessionView};
use plateau_core::exam::log::{LogAction, LogEntry};
use plateau_exam::store::Database;
use reqwest::{Method, StatusCode};
use serde_json::json;
use sqlx::AnyPool;

use crate::house::{PATIENCE, error};
use crate::room::Room;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_in_is_written_down_and_is_out_once_their_code_is_replaced() {
    let room = Room::open().await;
    let log: Vec<LogEntry> = room.told("/v1/sessions/june/log").await;
    for seat in ["01", "02"] {
        let entered = LogAction::Entered {
            seat: seat.to_owned(),
            from: "127.0.0.1".to_owned(),
        };
        assert!(log.iter().any(|entry| entry.deed == entered), "{log:#?}");
    }
    let because = json!({ "reason": "the slip is lost" });
    let path = "/v1/sessions/june/seats/01/code";
    let slip = room.house.post(path, because).await;
    let slip: AccessSlip = slip.json().await.unwrap();
    let out = room.ask(0, Method::GET, "/v1/seats/own", "").await;
    error(out, StatusCode::UNAUTHORIZED, "unauthorized").await;
    let other = room.ask(1, Method::GET, "/v1/seats/own", "").await;
    assert_eq!(other.status(), StatusCode::OK);
    let login = json!({ "code": { "code": slip.code } });
    let url = format!("{}/v1/logins", room.house.url);
    let again = room.client.post(url).json(&login).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_is_told_nothing_more_of_their_lab_once_they_are_done() {
    let room = Room::open().await;
    let lab = room.own().await.attempts[0].lab.clone().unwrap();
    let path = format!("/v1/labs/{lab}/events");
    let told = room.ask(0, Method::GET, &path, "").await;
    assert_eq!(told.status(), StatusCode::OK);
    let done = json!({ "selection": { "seats": ["01"] }, "reason": "they are done" });
    let done = room.house.post("/v1/sessions/june/hand-in", done).await;
    assert_eq!(done.status(), StatusCode::OK);
    let mut told = told.bytes_stream();
    let all = async { while told.next().await.is_some() {} };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
    let again = room.ask(0, Method::GET, &path, "").await;
    error(again, StatusCode::FORBIDDEN, "attempt-not-open").await;
}

/// Entries of one code, as many as were written before they were bounded.
const ENTRIES: u64 = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_entries_by_one_code_leave_the_seats_quick() {
    let room = Room::open().await;
    let session: SessionView = room.told("/v1/sessions/june").await;
    let log: Vec<LogEntry> = room.told("/v1/sessions/june/log").await;
    sqlx::any::install_default_drivers();
    let url = Database::in_folder(room.house.state.path());
    let rows = AnyPool::connect(&url).await.unwrap();
    let mut tx = rows.begin().await.unwrap();
    let mut last = log.into_iter().next_back().unwrap();
    for number in 0..ENTRIES {
        let deed = LogAction::Entered {
            seat: "01".to_owned(),
            from: format!("2001:db8::{number:x}"),
        };
        let at = Some((last.seq, last.hash.as_str()));
        let mut entry = LogEntry::after(at, last.at_ms, "system", None, deed);
        // As long as a signature.
        entry.signature = Some("00".repeat(64));
        sqlx::query("INSERT INTO log (session, seq, hash, entry) VALUES ($1, $2, $3, $4)")
            .bind(&session.id)
            .bind(i64::try_from(entry.seq).unwrap())
            .bind(&entry.hash)
            .bind(serde_json::to_string(&entry).unwrap())
            .execute(&mut *tx)
            .await
            .unwrap();
        last = entry;
    }
    tx.commit().await.unwrap();
    rows.close().await;
    // The first reads all of it, as after a start of the daemon; the next only what is new.
    for _ in 0..2 {
        let begun = Instant::now();
        assert_eq!(room.seats().await.len(), 2);
        let took = begun.elapsed();
        println!("the seats took {took:?}");
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
}
