//! Asks the real program.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use plateau_core::probe::{Fact, ProbeQuestion, ProbeRequest, ProbeResponse};
use plateau_core::question::{Observation, Question};
use serde_json::Value;

/// Runs the grader's probe on any input.
pub(crate) fn run(input: &[u8]) -> Output {
    run_program(env!("CARGO_BIN_EXE_plateau-grader"), input)
}

fn run_program(program: &str, input: &[u8]) -> Output {
    let mut probe = Command::new(program)
        .arg("probe")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = probe.stdin.take().unwrap();
    let input = input.to_vec();
    let writing = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = probe.wait_with_output().unwrap();
    writing.join().unwrap();
    output
}

/// Asks questions together, each with what is wanted and its limit in milliseconds.
pub(crate) fn ask_all(questions: Vec<(Value, &[&str], u64)>) -> ProbeResponse {
    let questions = questions.into_iter().enumerate();
    let questions = questions.map(|(index, (question, wants, timeout_ms))| ProbeQuestion {
        id: index.to_string(),
        question: serde_json::from_value::<Question>(question).unwrap(),
        wants: wants
            .iter()
            .map(|want| (*want).to_owned())
            .collect::<BTreeSet<_>>(),
        timeout_ms,
    });
    let batch = ProbeRequest {
        questions: questions.collect(),
    };
    // What runs programs is asked of the agent, which stands in the node.
    let inside = |asked: &ProbeQuestion| asked.question.runs_programs();
    let program = match batch.questions.first().is_some_and(inside) {
        true => env!("CARGO_BIN_EXE_plateau-agent"),
        false => env!("CARGO_BIN_EXE_plateau-grader"),
    };
    let output = run_program(program, &serde_json::to_vec(&batch).unwrap());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Asks one question with a limit of ten seconds.
pub(crate) fn ask(question: Value, wants: &[&str]) -> Fact {
    let mut answers = ask_all(vec![(question, wants, 10_000)]);
    answers.answers.remove(0).fact
}

/// What was seen for one question, as JSON and without its kind.
pub(crate) fn see(question: Value, wants: &[&str]) -> Value {
    inner(&seen(ask(question, wants)))
}

/// The observation in a fact.
pub(crate) fn seen(fact: Fact) -> Observation {
    match fact {
        Fact::Seen(observation) => observation,
        Fact::CouldNotLook { reason } => panic!("could not look: {reason}"),
    }
}

/// Why nobody could look.
pub(crate) fn reason(fact: Fact) -> String {
    match fact {
        Fact::CouldNotLook { reason } => reason,
        Fact::Seen(observation) => panic!("seen: {observation:?}"),
    }
}

/// An observation's attributes as JSON.
pub(crate) fn inner(observation: &Observation) -> Value {
    let value = serde_json::to_value(observation).unwrap();
    let Value::Object(kinds) = value else {
        panic!("not an observation")
    };
    kinds.into_iter().next().unwrap().1
}
