//! A disk that is really full in the middle of an exam: a small file system of the test's own.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use plateau_core::api::LabState;
use plateau_core::exam::log::{LogAction, LogEntry, verify};
use plateau_core::exam::session::AttemptMove;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{AnyPool, Executor as _};

use crate::house::{House, PATIENCE, error, scenario};

/// Bytes of the file system.
const SIZE: &str = "size=64m";

/// A file system in memory, gone with it, also where the test panics.
struct Small(PathBuf);

impl Small {
    fn mount(path: &Path) -> Self {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", SIZE, "tmpfs"])
            .arg(path)
            .status();
        assert!(mounted.unwrap().success(), "mounting wants root");
        Self(path.to_owned())
    }

    /// Takes all that is left, also what is given up meanwhile.
    fn fill(&self) {
        let mut file = File::options()
            .append(true)
            .create(true)
            .open(self.0.join("filler"))
            .unwrap();
        for size in [1 << 20, 4096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: the daemon may still hold files.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// A session of one seat that works for so many seconds.
async fn open_session(house: &House, name: &str, duration: &str) {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    let mut files = scenario();
    let text = String::from_utf8(engine.decode(&files["scenario.yaml"]).unwrap()).unwrap();
    let text = text.replace("duration: 10m", &format!("duration: {duration}"));
    files.insert("scenario.yaml".to_owned(), engine.encode(text));
    let session = json!({
        "name": name,
        "terms": {
            "title": "tsgeri", "centre": "Nantes", "from": "2026-12-01", "to": "2026-12-02",
            "responsible": "M. Durand", "jurors": ["Mme Petit", "M. Moreau"], "mode": "exam",
        },
        "scenarios": [{ "files": files, "unproven_reason": "a test" }],
    });
    let made = house.post("/v1/sessions", session).await;
    assert_eq!(
        made.status(),
        StatusCode::CREATED,
        "{:?}",
        made.text().await
    );
    let path = format!("/v1/sessions/{name}");
    let list = "number,name\n1,Ada\n";
    let seats = house
        .ask_raw(
            reqwest::Method::PUT,
            &format!("{path}/seats"),
            "text/csv",
            list,
        )
        .await;
    assert_eq!(seats.status(), StatusCode::OK);
    let prepared = house.post(&format!("{path}/prepare"), json!({})).await;
    assert_eq!(prepared.status(), StatusCode::OK);
    until(house, name, "ready").await;
    let opened = house.post(&format!("{path}/open"), json!({})).await;
    assert_eq!(opened.status(), StatusCode::OK);
}

/// Waits until a session is somewhere.
async fn until(house: &House, session: &str, state: &str) {
    wait(&format!("{session} is {state}"), async || {
        let path = format!("/v1/sessions/{session}");
        let view: Value = house.get(&path).await.json().await.unwrap();
        view["state"] == state
    })
    .await;
}

async fn wait(what: &str, holds: impl AsyncFn() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    assert!(waited.is_ok(), "waited in vain until {what}");
}

async fn log(house: &House, session: &str) -> Vec<LogEntry> {
    let path = format!("/v1/sessions/{session}/log");
    let log: Vec<LogEntry> = house.get(&path).await.json().await.unwrap();
    verify(&log).unwrap();
    log
}

fn extensions(log: &[LogEntry]) -> usize {
    let extended = |entry: &&LogEntry| matches!(entry.deed, LogAction::Extended { .. });
    log.iter().filter(extended).count()
}

async fn attempt(house: &House, session: &str) -> Value {
    let path = format!("/v1/sessions/{session}/seats");
    let seats: Value = house.get(&path).await.json().await.unwrap();
    seats[0]["attempts"][0].clone()
}

async fn is_ready(house: &House) -> bool {
    let ready = house.get("/v1/health/ready").await;
    let status = ready.status();
    let parts: Value = ready.json().await.unwrap();
    assert_eq!(parts["parts"]["disk"] == true, status == StatusCode::OK);
    status == StatusCode::OK
}

/// Fills the disk and gives an order: whether it is refused. Either way the answer holds.
async fn is_refused(house: &House, small: &Small) -> bool {
    small.fill();
    let before = extensions(&log(house, "long").await);
    let extend = json!({ "by_ms": 600_000, "reason": "a fire drill" });
    let response = house.post("/v1/sessions/long/extend", extend).await;
    let after = extensions(&log(house, "long").await);
    if response.status() == StatusCode::OK {
        assert_eq!(after, before + 1, "what is acknowledged is there");
        return false;
    }
    let told = error(response, StatusCode::INSUFFICIENT_STORAGE, "disk-full").await;
    assert!(told.hint.unwrap().contains("nothing was changed"));
    assert_eq!(after, before, "what is refused is not there");
    true
}

/// The numbers tell that nothing is free, and a lab that is asked for is refused.
async fn no_lab_is_begun(house: &House) {
    let numbers = house.get("/metrics").await.text().await.unwrap();
    let line = numbers
        .lines()
        .find_map(|line| line.strip_prefix("plateau_state_free_bytes "));
    assert!(
        line.unwrap().parse::<f64>().unwrap() < f64::from(1 << 20),
        "{line:?}"
    );
    let body = json!({ "files": scenario(), "seed": "1", "name": "more" });
    let more = house.post("/v1/labs", body).await;
    error(more, StatusCode::INSUFFICIENT_STORAGE, "disk-full").await;
}

/// A session's attempt was handed in at the very moment at which its time was up.
async fn ended_in_time(house: &House, session: &str, duration_ms: u64) {
    let entries = log(house, session).await;
    let moment = |by: AttemptMove| {
        let moved = |entry: &&LogEntry| matches!(&entry.deed, LogAction::Attempt { by: was, .. } if *was == by);
        entries.iter().find(moved).unwrap().at_ms
    };
    assert_eq!(
        moment(AttemptMove::HandIn),
        moment(AttemptMove::Start) + duration_ms
    );
}

#[tokio::test]
async fn on_a_full_disk_orders_are_refused_clocks_go_on_and_nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let small = Small::mount(folder.path());
    let house = House::open_in(folder.path()).await;
    open_session(&house, "long", "30m").await;
    open_session(&house, "short", "15s").await;
    let lab = attempt(&house, "long").await["lab"]
        .as_str()
        .unwrap()
        .to_owned();
    let lab_of_short = attempt(&house, "short").await["lab"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(is_ready(&house).await);
    let before = log(&house, "long").await;
    assert!(house.state.path().join("reserve").exists());

    small.fill();
    wait("the reserve is given up", async || {
        !house.state.path().join("reserve").exists()
    })
    .await;
    wait("those who watch are told", async || {
        let log = log(&house, "long").await;
        log.iter()
            .any(|entry| matches!(entry.deed, LogAction::Alarmed { .. }))
    })
    .await;
    // Somebody reads on, so that what is written has to go behind what is there.
    let url = format!(
        "sqlite://{}",
        house.state.path().join("plateau.db").display()
    );
    let pool = AnyPool::connect(&url).await.unwrap();
    let mut reader = pool.begin().await.unwrap();
    reader.fetch_all("SELECT id FROM sessions").await.unwrap();
    // What was given up is gone as well now, until an order finds no room.
    let refused = async || is_refused(&house, &small).await;
    wait("an order is refused", &refused).await;
    wait("an order is refused again", &refused).await;
    let at_full = log(&house, "long").await;
    assert!(at_full.starts_with(&before));
    assert!(!is_ready(&house).await);
    no_lab_is_begun(&house).await;

    // Clocks and labs go on, and access ends for the candidate whose time is up.
    let running = attempt(&house, "long").await;
    assert_eq!(running["state"], "running");
    assert!(house.terminals.closing(&lab).is_ok());
    wait("the doors are closed", async || {
        house.terminals.closing(&lab_of_short).is_err()
    })
    .await;
    assert_eq!(attempt(&house, "short").await["state"], "running");
    let later = attempt(&house, "long").await["clock"]["remaining_ms"].as_u64();
    assert!(later < running["clock"]["remaining_ms"].as_u64());

    reader.rollback().await.unwrap();
    pool.close().await;
    small.free();
    until(&house, "short", "closed").await;
    wait("the daemon is ready", async || is_ready(&house).await).await;
    assert!(house.state.path().join("reserve").exists());
    ended_in_time(&house, "short", 15_000).await;
    let extend = json!({ "by_ms": 600_000, "reason": "a fire drill" });
    let extended = house.post("/v1/sessions/long/extend", extend).await;
    assert_eq!(extended.status(), StatusCode::OK);
    let after = log(&house, "long").await;
    assert!(after.starts_with(&at_full));
    assert_eq!(extensions(&after), extensions(&at_full) + 1);
    house.create("more").await;
    let events = house.ready("more").await;
    assert!(
        events
            .iter()
            .any(|event| event.what == crate::house::state(LabState::Ready))
    );
    tokio::time::timeout(Duration::from_secs(5), house.terminals.shut_down())
        .await
        .unwrap();
}
