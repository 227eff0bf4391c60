//! The two programs: what each has and has not.

#![expect(
    clippy::unwrap_used,
    reason = "a program that does not start fails the test"
)]

use std::process::{Command, Output};

const AGENT: &str = env!("CARGO_BIN_EXE_plateau-agent");
const GRADER: &str = env!("CARGO_BIN_EXE_plateau-grader");

/// Texts that the clients' crates leave in a program.
const CLIENTS: [&str; 6] = [
    "ldap3",
    "mysql_async",
    "tokio_postgres",
    "smb2",
    "russh",
    "hickory",
];

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

fn clients_in(program: &str) -> Vec<&'static str> {
    let bytes = std::fs::read(program).unwrap();
    let found = |text: &str| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    CLIENTS.into_iter().filter(|text| found(text)).collect()
}

#[test]
fn the_agent_has_no_network_clients() {
    assert_eq!(clients_in(GRADER), CLIENTS);
    assert_eq!(clients_in(AGENT), [""; 0]);
}

#[test]
fn the_grader_alone_serves_files() {
    let help = |program| String::from_utf8(run(program, &["--help"]).stdout).unwrap();
    assert!(help(GRADER).contains("  sftp  "));
    assert!(!help(AGENT).contains("  sftp  "));
    assert!(!run(AGENT, &["sftp"]).status.success());
}

#[test]
fn the_agent_leaves_questions_across_the_network_to_the_grader() {
    use std::io::Write;
    let mut probe = Command::new(AGENT)
        .arg("probe")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let batch = r#"{"questions":[{"id":"0","question":{"tcp":{"host":"127.0.0.1","port":1}},"wants":[],"timeout_ms":1000}]}"#;
    let mut input = probe.stdin.take().unwrap();
    writeln!(input, "{batch}").unwrap();
    drop(input);
    let output = probe.wait_with_output().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    assert!(
        answers.contains("`tcp` is for the grader to ask"),
        "{answers}"
    );
}
