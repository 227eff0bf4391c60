//! Asks the real program in namespaces of its own.

use std::io::Write;
use std::process::{Command, Stdio};

use plateau_core::probe::{Fact, ProbeQuestion, ProbeRequest, ProbeResponse};
use serde_json::Value;

/// Asks one question after a shell's script was run by `program`, such as `unshare --net`.
pub(crate) fn ask_by(program: &[&str], script: &str, question: Value, wants: &[&str]) -> Fact {
    let batch = ProbeRequest {
        questions: vec![ProbeQuestion {
            id: "0".to_owned(),
            question: serde_json::from_value(question).unwrap(),
            wants: wants.iter().map(|want| (*want).to_owned()).collect(),
            timeout_ms: 10_000,
        }],
    };
    let line = format!("{script}\nexec \"$0\" probe");
    let mut probe = Command::new(program[0])
        .args(&program[1..])
        .args(["sh", "-ec", &line, env!("CARGO_BIN_EXE_plateau-grader")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = probe.stdin.take().unwrap();
    stdin
        .write_all(&serde_json::to_vec(&batch).unwrap())
        .unwrap();
    drop(stdin);
    let output = probe.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut answers: ProbeResponse = serde_json::from_slice(&output.stdout).unwrap();
    answers.answers.remove(0).fact
}
