//! `plateau evidence verify`, typed as a person would, far from any daemon.
#![allow(
    clippy::unwrap_used,
    reason = "in a test, what does not hold is a failure"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use plateau_core::evidence::{Evidence, grade_evidence};
use plateau_core::exam::bundle::{Content, fingerprint, public_pem, seal, signing_of_pem};
use plateau_core::exam::log::{LogAction, LogEntry};
use plateau_core::exam::receipt::Receipt;
use plateau_core::exam::session::AttemptMove;
use plateau_core::scenario::{Folder, Scenario};
use tempfile::TempDir;

/// Two keys of nobody's (RFC 8410, PKCS #8).
const OURS: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH
-----END PRIVATE KEY-----
";
const THEIRS: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI
-----END PRIVATE KEY-----
";

const SCENARIO: &str = r#"
plateau: 1
id: pair
title: { en: Pair }
duration: 10m
brief: { en: brief.md }
nodes: { srv: { image: debian-server } }
tasks:
  - id: look
    skill: tsgeri/1.2
    title: { en: Look }
    solution: [ { on: srv, run: look.sh } ]
    checks: [ { id: up, on: srv, that: { file: { path: /etc/looked } }, points: 1 } ]
"#;

fn verify(folder: &TempDir, args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_plateau"))
        .args(["evidence", "verify", "evidence.tar"])
        .args(args)
        .current_dir(folder.path())
        .env("LC_ALL", "en_GB.UTF-8")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// An attempt was handed in.
fn log() -> Vec<LogEntry> {
    let deed = LogAction::Attempt {
        attempt: "attempt".to_owned(),
        by: AttemptMove::HandIn,
        pause: None,
    };
    let mut entry = LogEntry::after(None, 1, "ada", None, deed);
    let key = signing_of_pem(OURS).unwrap();
    entry.signature = Some(entry.head("session").sign(&key));
    vec![entry]
}

fn bundle() -> Vec<u8> {
    let files = [
        ("scenario.yaml", SCENARIO),
        ("brief.md", ""),
        ("look.sh", ""),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    let scenario = Folder(files.into());
    let topology = Scenario::read(scenario.clone()).unwrap().draw("1").unwrap();
    let evidence = Evidence {
        scenario: topology.scenario.clone(),
        hash: topology.hash.clone(),
        seed: topology.seed.clone(),
        parameters: BTreeMap::new(),
        left_out: vec![],
        gatherings: vec![],
        events: vec![],
    };
    let log = log();
    let content = Content {
        session: "session",
        attempt: "attempt",
        exported_by: "ada",
        exported_ms: 5,
        grade: &grade_evidence(&topology, &evidence),
        evidence: &evidence,
        judgements: &[],
        log: &log,
        scenario: &scenario,
        lab_scenario: None,
        extra: BTreeMap::new(),
    };
    seal(&content, &signing_of_pem(OURS).unwrap()).unwrap()
}

fn folder(bundle: &[u8]) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("evidence.tar"), bundle).unwrap();
    for (name, pem) in [("ours.pem", OURS), ("theirs.pem", THEIRS)] {
        let key = signing_of_pem(pem).unwrap().verifying_key();
        fs::write(folder.path().join(name), public_pem(&key).unwrap()).unwrap();
    }
    folder
}

#[test]
fn a_good_bundle_is_good_by_key_and_by_fingerprint_and_only_consistent_without() {
    let folder = folder(&bundle());
    let (code, out, _) = verify(&folder, &["--key", "ours.pem"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("it adds up"), "{out}");
    assert_eq!(out.matches(" good ").count(), 11, "{out}");
    let ours = signing_of_pem(OURS).unwrap().verifying_key();
    let ours = fingerprint(&ours).unwrap();
    assert_eq!(verify(&folder, &["--fingerprint", &ours]).0, 0);
    let (code, out, _) = verify(&folder, &[]);
    assert_eq!(code, 0);
    assert!(
        out.contains("only consistent with the key inside it"),
        "{out}"
    );
    let (code, out, _) = verify(&folder, &["--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 0);
    assert_eq!(
        (&json["good"], &json["trusted"]),
        (&true.into(), &false.into())
    );
}

#[test]
fn a_receipt_is_compared_with_the_log_of_the_bundle() {
    let folder = folder(&bundle());
    let ours = signing_of_pem(OURS).unwrap().verifying_key();
    let ours = fingerprint(&ours).unwrap();
    let entry = &log()[0];
    let receipt = Receipt::of(entry.head("session"), entry, "01", "attempt", &ours).unwrap();
    let later = Receipt {
        entry: 2,
        signature: {
            let mut later = entry.head("session");
            later.seq = 2;
            later.sign(&signing_of_pem(OURS).unwrap())
        },
        ..receipt.clone()
    };
    for (name, text) in [
        ("line", receipt.line()),
        ("json", serde_json::to_string(&receipt).unwrap()),
        ("later", later.line()),
        ("else", "hello".to_owned()),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    for name in ["line", "json"] {
        let (code, out, _) = verify(&folder, &["--key", "ours.pem", "--receipt", name]);
        assert_eq!(code, 0, "{out}");
        assert!(
            out.contains("the one that the receipt was given for"),
            "{out}"
        );
    }
    let (code, out, _) = verify(&folder, &["--key", "ours.pem", "--receipt", "later"]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("the log was cut off"), "{out}");
    let (code, _, error) = verify(&folder, &["--key", "ours.pem", "--receipt", "else"]);
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("`else` is not a valid receipt"), "{error}");
}

#[test]
fn what_is_not_so_ends_with_one_and_says_which_step_is_bad() {
    let folder = folder(&bundle());
    let (code, out, _) = verify(&folder, &["--key", "theirs.pem"]);
    assert_eq!(code, 1);
    assert!(out.contains("signature     bad"), "{out}");
    let (code, out, _) = verify(&folder, &["--fingerprint", "00"]);
    assert_eq!(code, 1);
    assert!(out.contains("the key in the bundle is another"), "{out}");
    let mut changed = bundle();
    let place = changed.windows(6).position(|w| w == b"\"ada\",").unwrap();
    changed[place + 1] = b'e';
    fs::write(folder.path().join("evidence.tar"), changed).unwrap();
    let (code, out, _) = verify(&folder, &["--key", "ours.pem"]);
    assert_eq!(code, 1);
    assert!(out.contains("bad"), "{out}");
}

#[test]
fn what_is_neither_a_bundle_nor_a_key_ends_with_two_in_plain_words() {
    let whole = bundle();
    let folder = folder(&whole[..whole.len() - 700]);
    let (code, _, err) = verify(&folder, &["--key", "ours.pem"]);
    assert_eq!(code, 2);
    assert!(err.contains("the archive is cut off"), "{err}");
    let (code, _, err) = verify(&folder, &["--key", "evidence.tar"]);
    assert_eq!(code, 2);
    assert!(
        err.contains("it is not a valid ed25519 public key"),
        "{err}"
    );
    let (code, _, err) = verify(&folder, &["--key", "nowhere.pem"]);
    assert_eq!(code, 2);
    assert!(err.contains("cannot read"), "{err}");
    assert!(!Path::new("evidence.tar").exists());
}
