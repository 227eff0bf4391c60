//! A backup taken from a daemon that runs, and `plateaud restore` as an administrator types it.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plateau_core::exam::log::{LogEntry, verify};
use reqwest::Method;
use serde_json::{Value, json};

use crate::postgres::Postgres;

const PLATEAUD: &str = env!("CARGO_BIN_EXE_plateaud");

/// A daemon on the runtime in memory, which is killed at the latest with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Path) -> Daemon {
    start_with(folder, "state", &[])
}

fn start_with(folder: &Path, state: &str, more: &[&str]) -> Daemon {
    use std::io::{BufRead as _, BufReader};
    for program in ["plateau-agent", "plateau-grader"] {
        std::fs::write(folder.join(program), program).unwrap();
    }
    std::fs::write(folder.join("empty.yaml"), "").unwrap();
    let mut child = Command::new(PLATEAUD)
        .current_dir(folder)
        .args(["--runtime", "fake", "--listen", "127.0.0.1:0"])
        .args(["--state", state, "--socket", "s.sock"])
        .args(more)
        .args(["--agent", "plateau-agent", "--config", "empty.yaml"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let serves = log
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.contains("plateaud serves"));
    assert!(serves, "it does not serve");
    // Somebody has to read on, or the daemon would wait for it.
    std::thread::spawn(move || log.for_each(drop));
    Daemon(child)
}

async fn get(folder: &Path, path: &str) -> Vec<u8> {
    ask(folder, Method::GET, path, None).await
}

async fn ask(folder: &Path, method: Method, path: &str, body: Option<Value>) -> Vec<u8> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let socket = folder.join("s.sock");
    let client = reqwest::Client::builder()
        .no_proxy()
        .unix_socket(socket.as_path())
        .build()
        .unwrap();
    let mut request = client.request(method, format!("http://plateaud{path}"));
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await;
    let answer = answer.unwrap().error_for_status().unwrap();
    answer.bytes().await.unwrap().to_vec()
}

fn restore(folder: &Path, options: &[&str], more: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(PLATEAUD)
        .current_dir(folder)
        .args(["--config", "empty.yaml", "--state"])
        .args(options)
        .args(["restore", "backup.tar.gz"])
        .args(more)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[tokio::test]
async fn a_backup_is_taken_while_the_daemon_runs_and_put_back_where_none_does() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let daemon = start(folder);
    let archive = get(folder, "/v1/backup").await;
    let key = get(folder, "/v1/evidence/key").await;
    let mut names = Vec::new();
    let manifest = plateau_core::backup::read(archive.as_slice(), |name, _| {
        names.push(name.to_owned());
        Ok(())
    });
    assert_eq!(manifest.unwrap().members.len(), names.len());
    for name in ["codes.key", "evidence.key", "owner", "token"] {
        assert!(names.contains(&format!("state/{name}")), "{names:?}");
    }
    let ephemeral = |name: &&String| name.contains("/lock") || name.contains("plateau.db");
    assert_eq!(names.iter().find(ephemeral), None);
    std::fs::write(folder.join("backup.tar.gz"), &archive).unwrap();

    let (code, _, err) = restore(folder, &["state"], &["--force"]);
    assert_eq!(code, 3);
    assert!(err.contains("another plateaud uses"), "{err}");
    drop(daemon);
    let (code, _, err) = restore(folder, &["state"], &[]);
    assert_eq!(code, 2);
    assert!(err.contains("`state` is not empty"), "{err}");
    std::fs::rename(folder.join("state"), folder.join("old")).unwrap();
    let (code, out, err) = restore(folder, &["state"], &[]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("0 session(s)"), "{out}");
    assert!(out.contains("the log of every session is whole"), "{out}");
    let _daemon = start(folder);
    assert_eq!(get(folder, "/v1/evidence/key").await, key);
}

const SCENARIO: &str = "plateau: 1
id: alone
title: { en: Alone }
duration: 30m
brief: { en: b.md }
networks: { lan: {} }
nodes: { srv: { image: debian-server, interfaces: { eth0: { network: lan } } } }
tasks:
  - id: look
    skill: tsgeri/1.2
    title: { en: Look }
    solution: [ { on: srv, run: s.sh } ]
    checks: [ { id: up, on: srv, that: { file: { path: /x } }, points: 1 } ]
";

#[tokio::test]
async fn a_backup_of_one_database_is_put_back_into_the_other_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let postgres = Postgres::start();
    let other = ["--database", &postgres.url()];
    let daemon = start(folder);
    let texts = [
        ("scenario.yaml", SCENARIO),
        ("b.md", "Do it."),
        ("s.sh", "touch /x"),
    ];
    let files = texts.map(|(path, text)| (path, STANDARD.encode(text)));
    let session = json!({
        "name": "june",
        "terms": {
            "title": "tsgeri", "block": null, "centre": "Nantes", "mode": "exam", "seed": "1",
            "from": "2026-06-01", "to": "2026-06-02", "responsible": "M. Durand",
            "jurors": ["petit", "moreau"], "invigilators": [],
        },
        "scenarios": [{ "files": files.into_iter().collect::<std::collections::BTreeMap<_, _>>(), "unproven_reason": "a test" }],
    });
    ask(folder, Method::POST, "/v1/sessions", Some(session)).await;
    let shown = get(folder, "/v1/sessions/june").await;
    let log = get(folder, "/v1/sessions/june/log").await;
    let mut from = daemon;
    for (state, database) in [("there", &other[..]), ("back", &[])] {
        let archive = get(folder, "/v1/backup").await;
        std::fs::write(folder.join("backup.tar.gz"), &archive).unwrap();
        drop(from);
        let (code, out, err) = restore(folder, &[&[state], database].concat(), &[]);
        assert_eq!((code, err.as_str()), (0, ""), "{out}");
        assert!(out.contains("1 session(s)"), "{out}");
        from = start_with(folder, state, database);
        assert_eq!(get(folder, "/v1/sessions/june").await, shown);
        assert_eq!(get(folder, "/v1/sessions/june/log").await, log);
    }
    // What is written next follows on what was put back.
    let because = json!({ "reason": "it was a test" });
    ask(
        folder,
        Method::POST,
        "/v1/sessions/june/cancel",
        Some(because),
    )
    .await;
    let whole: Vec<LogEntry> =
        serde_json::from_slice(&get(folder, "/v1/sessions/june/log").await).unwrap();
    assert!(whole.len() > serde_json::from_slice::<Vec<LogEntry>>(&log).unwrap().len());
    verify(&whole).unwrap();
}

#[test]
fn a_backup_that_is_damaged_or_not_there_ends_with_two() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("empty.yaml"), "").unwrap();
    let (code, _, err) = restore(folder, &["state"], &[]);
    assert_eq!(code, 2);
    assert!(err.contains("open the backup `backup.tar.gz`"), "{err}");
    std::fs::write(folder.join("backup.tar.gz"), "hello").unwrap();
    let (code, _, err) = restore(folder, &["state"], &[]);
    assert_eq!(code, 2);
    assert!(err.contains("it is not a valid backup"), "{err}");
}
