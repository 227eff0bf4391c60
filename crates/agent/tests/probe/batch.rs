//! Batches as a whole: order, limits, and what one question does to the others.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::ask::{ask_all, inner, reason, run, seen};

#[test]
fn answers_come_in_the_order_of_the_questions() {
    let slow = json!({ "command": { "run": "sleep 0.3" } });
    let fast = json!({ "command": { "run": "echo fast" } });
    let answers = ask_all(vec![(slow, &[], 5000), (fast, &[], 5000)]);
    assert_eq!(answers.answers[0].id, "0");
    assert_eq!(inner(&seen(answers.answers[0].fact.clone()))["exit"], 0);
    assert_eq!(
        inner(&seen(answers.answers[1].fact.clone()))["stdout"],
        "fast"
    );
}

#[test]
fn questions_are_asked_at_the_same_time_and_end_in_theirs() {
    let slow = json!({ "command": { "run": "sleep 30", "timeout": "20s" } });
    let started = Instant::now();
    let answers = ask_all(vec![(slow.clone(), &[], 1000); 20]);
    assert!(started.elapsed() < Duration::from_secs(3));
    for answer in answers.answers {
        assert!(reason(answer.fact).contains("took longer than"));
    }
}

#[test]
fn a_batch_whose_facts_are_too_large_loses_facts_and_not_the_message() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zeroes");
    // Each zero byte takes six in JSON.
    std::fs::write(&path, vec![0; 256 << 10]).unwrap();
    let question: (Value, &[&str], u64) =
        (json!({ "file": { "path": path } }), &["content"], 20_000);
    let answers = ask_all(vec![question; 40]).answers;
    assert_eq!(answers.len(), 40);
    seen(answers[0].fact.clone());
    assert!(reason(answers[39].fact.clone()).contains("too large"));
}

#[test]
fn what_is_not_a_batch_is_refused() {
    for input in [
        "",
        "[]",
        "{\"questions\":[{\"id\":\"a\",\"question\":{\"nonsense\":{}}}]}",
    ] {
        let output = run(input.as_bytes());
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains("not a batch of questions"));
    }
    let output = run(&vec![b' '; (32 << 20) + 1]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("larger than"));
}

#[test]
fn an_empty_batch_has_no_answers() {
    assert!(ask_all(Vec::new()).answers.is_empty());
}

#[test]
fn a_reader_that_has_gone_is_not_an_error() {
    let line = format!(
        "echo '{{\"questions\":[]}}' | {{ sleep 0.2; {} probe; echo $? >&2; }} | true",
        env!("CARGO_BIN_EXE_plateau-grader")
    );
    let output = Command::new("sh")
        .args(["-c", &line])
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "0\n");
}

#[test]
fn many_questions_take_little_time() {
    let kinds = [
        json!({ "file": { "path": "/etc/passwd" } }),
        json!({ "package": { "name": "bash" } }),
        json!({ "process": { "name": "init" } }),
        json!({ "port": { "number": 22 } }),
        json!({ "user": { "name": "root" } }),
        json!({ "group": { "name": "root" } }),
        json!({ "mount": { "path": "/proc" } }),
        json!({ "address": { "interface": "lo" } }),
        json!({ "route": { "to": "default" } }),
    ];
    let wants: &[&str] = &["content", "programs", "owner", "group"];
    let questions = kinds.iter().cycle().take(72);
    let questions = questions
        .map(|kind| (kind.clone(), wants, 10_000))
        .collect();
    let started = Instant::now();
    let answers = ask_all(questions);
    assert_eq!(answers.answers.len(), 72);
    // Generous, since tests run unoptimised and next to each other.
    assert!(started.elapsed() < Duration::from_secs(5));
}
