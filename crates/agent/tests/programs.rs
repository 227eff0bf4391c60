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

/// What the kernel loads of a program (ELF, 64 bits, little-endian). Debug information is not part of
/// it: that also names code which the linker has left out.
fn loaded(program: &str) -> Vec<u8> {
    let bytes = std::fs::read(program).unwrap();
    let number = |at: usize, size: usize| {
        let digits = bytes[at..at + size].iter().rev();
        digits.fold(0, |sum, digit| sum << 8 | usize::from(*digit))
    };
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    let headers = (0..count).map(|index| table + index * size);
    let segments = headers.filter(|header| number(*header, 4) == 1);
    segments
        .flat_map(|header| {
            let from = number(header + 8, 8);
            bytes[from..from + number(header + 32, 8)].to_vec()
        })
        .collect()
}

fn clients_in(program: &str) -> Vec<&'static str> {
    let loaded = loaded(program);
    let text = String::from_utf8_lossy(&loaded);
    let clients = CLIENTS.into_iter();
    clients.filter(|client| text.contains(client)).collect()
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
