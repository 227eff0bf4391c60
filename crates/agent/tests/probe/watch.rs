//! A server that goes away and comes back while the probe watches it.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use plateau_core::probe::{Fact, ProbeQuestion, ProbeRequest, ProbeResponse};
use plateau_core::question::Expectation;
use serde_json::{Value, json};

use crate::ask::seen;

/// Longest that anything may take; a busy machine must not fail a test.
const LIMIT: Duration = Duration::from_secs(20);

/// A probe that watches, and its input.
struct Watching {
    probe: Child,
    expectation: Expectation,
}

impl Watching {
    /// Watches `tcp` at a port every 100 ms, with another question in the batch.
    fn start(port: u16) -> Self {
        Self::of(json!({ "tcp": { "host": "127.0.0.1", "port": port } }))
    }

    /// Watches anything every 100 ms, with another question in the batch.
    fn of(question: Value) -> Self {
        let check = json!({ "availability": { "of": question, "every": "100ms" } });
        let expectation: Expectation = serde_json::from_value(check).unwrap();
        let file = json!({ "file": { "path": "/" } });
        let asked = |id: &str, question| ProbeQuestion {
            id: id.to_owned(),
            question,
            wants: expectation.wants(),
            timeout_ms: 5000,
        };
        let batch = ProbeRequest {
            questions: vec![
                asked("watched", expectation.question()),
                asked("file", serde_json::from_value(file).unwrap()),
            ],
        };
        let mut probe = Command::new(env!("CARGO_BIN_EXE_plateau-grader"))
            .arg("probe")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = serde_json::to_vec(&batch).unwrap();
        line.push(b'\n');
        probe.stdin.as_mut().unwrap().write_all(&line).unwrap();
        Self { probe, expectation }
    }

    /// Ends the watch by a line, and gives what was seen as JSON.
    fn end(mut self) -> (Expectation, Fact) {
        self.probe.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        let mut text = Vec::new();
        let mut output = self.probe.stdout.take().unwrap();
        output.read_to_end(&mut text).unwrap();
        assert!(self.probe.wait().unwrap().success());
        let answers: ProbeResponse = serde_json::from_slice(&text).unwrap();
        let [watched, file] = <[_; 2]>::try_from(answers.answers).unwrap();
        assert_eq!((watched.id.as_str(), file.id.as_str()), ("watched", "file"));
        seen(file.fact);
        (self.expectation, watched.fact)
    }
}

/// Lets some attempts arrive.
fn accept(listener: &TcpListener, attempts: usize) {
    for _ in 0..attempts {
        listener.accept().unwrap();
    }
}

fn finding(expectation: &Expectation, fact: Fact, attribute: &str) -> i64 {
    let mut check = serde_json::to_value(expectation).unwrap();
    check["availability"][attribute] = json!(0);
    let check: Expectation = serde_json::from_value(check).unwrap();
    let findings = check.judge(&seen(fact)).unwrap();
    let finding = findings.iter().find(|one| one.attribute == attribute);
    finding.unwrap().seen.as_ref().unwrap().parse().unwrap()
}

#[test]
fn a_server_that_stays_is_available_all_the_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let watching = Watching::start(listener.local_addr().unwrap().port());
    accept(&listener, 5);
    let (expectation, fact) = watching.end();
    assert_eq!(finding(&expectation, fact.clone(), "share"), 100);
    assert_eq!(finding(&expectation, fact.clone(), "longest_silence"), 0);
    let runs = serde_json::to_value(seen(fact)).unwrap();
    // Equal attempts are one run.
    assert_eq!(
        runs["availability"]["runs"].as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn a_server_that_goes_and_comes_back_was_silent_for_as_long() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let watching = Watching::start(address.port());
    accept(&listener, 3);
    drop(listener);
    let gone = Instant::now();
    while gone.elapsed() < Duration::from_millis(1500) {
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let listener = TcpListener::bind(address).unwrap();
    let silent = gone.elapsed();
    accept(&listener, 3);
    let (expectation, fact) = watching.end();
    let longest = finding(&expectation, fact.clone(), "longest_silence");
    assert!(
        (1..=1 + silent.as_secs() as i64).contains(&longest),
        "{longest}"
    );
    let share = finding(&expectation, fact, "share");
    assert!((1..100).contains(&share), "{share}");
}

#[test]
fn a_probe_whose_daemon_is_gone_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut watching = Watching::start(listener.local_addr().unwrap().port());
    accept(&listener, 1);
    drop(watching.probe.stdin.take());
    let begun = Instant::now();
    while watching.probe.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < LIMIT, "it watches on");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn an_attempt_that_cannot_be_made_is_not_a_silence() {
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = agent.local_addr().unwrap().port();
    let oid = "1.3.6.1.2.1.1.5.0";
    let question = json!({ "snmp": { "host": "127.0.0.1", "port": port, "oid": oid } });
    let watching = Watching::of(question);
    for _ in 0..2 {
        let (_, asker) = agent.recv_from(&mut [0; 1500]).unwrap();
        agent.send_to(b"nonsense", asker).unwrap();
    }
    let (expectation, fact) = watching.end();
    let reason = expectation.undecided(&seen(fact)).unwrap_or_default();
    assert!(reason.contains("could not be made"), "{reason}");
}
