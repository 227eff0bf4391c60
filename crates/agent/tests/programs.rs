//! The two programs: what each has and has not.

#![expect(
    clippy::unwrap_used,
    reason = "a program that does not start fails the test"
)]

use std::process::{Command, Output};

const AGENT: &str = env!("CARGO_BIN_EXE_plateau-agent");
const GRADER: &str = env!("CARGO_BIN_EXE_plateau-grader");

/// Texts that the crates of clients, of D-Bus and of netlink leave in a program.
const CLIENTS: [&str; 8] = [
    "ldap3",
    "mysql_async",
    "tokio_postgres",
    "smb2",
    "russh",
    "hickory",
    "zbus",
    "nlink",
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
fn each_program_leaves_the_questions_of_the_other_to_it() {
    let tcp = r#"{"tcp":{"host":"127.0.0.1","port":1}}"#;
    let answers = probe(AGENT, tcp);
    assert!(
        answers.contains("`tcp` is for the observer to ask"),
        "{answers}"
    );
    let file = r#"{"file":{"path":"/"}}"#;
    let answers = probe(AGENT, file);
    assert!(
        answers.contains("`file` is for the observer to ask"),
        "{answers}"
    );
    let command = r#"{"command":{"run":"true"}}"#;
    let answers = probe(GRADER, command);
    assert!(answers.contains("is for its agent"), "{answers}");
}

/// What a program answers to one question.
fn probe(program: &str, question: &str) -> String {
    use std::io::Write;
    let mut probe = Command::new(program)
        .arg("probe")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = probe.stdin.take().unwrap();
    writeln!(
        input,
        r#"{{"questions":[{{"id":"0","question":{question},"wants":[],"timeout_ms":1000}}]}}"#
    )
    .unwrap();
    drop(input);
    String::from_utf8(probe.wait_with_output().unwrap().stdout).unwrap()
}
