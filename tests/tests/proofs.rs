//! Proofs on the real engine: the project's own scenarios hold, and each kind of flaw is found.

use plateau_core::proof::Proof;
use plateau_tests::{Daemon, root, scenario};

fn proof(daemon: &Daemon, path: &str, draws: &str) -> (i32, Proof) {
    let ended = daemon.plateau(&[
        "scenario", "prove", path, "--draws", draws, "--format", "json",
    ]);
    let proof = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", ended.stdout, ended.stderr));
    (ended.code, proof)
}

fn holds(name: &str) {
    let daemon = Daemon::new();
    let path = root().join("scenarios").join(name);
    let (code, proof) = proof(&daemon, &path.display().to_string(), "1");
    assert_eq!(proof.flaws, vec![], "{name}");
    assert!(proof.holds && code == 0);
    assert!(
        proof
            .verdicts
            .values()
            .all(|row| row.iter().all(Option::is_some)),
        "not everything was graded"
    );
}

#[test]
fn the_server_scenario_is_proven() {
    holds("intranet-server");
}

#[test]
fn the_network_scenario_is_proven() {
    holds("lan-vlans");
}

/// One node; `a` and `b` are files that the solution makes, `hosts` is there from the start.
fn flawed(check: &str, loses: &str) -> tempfile::TempDir {
    let document = format!(
        r#"
plateau: 1
id: flawed
title: {{ en: Flawed }}
duration: 10m
brief: {{ en: brief.md }}
nodes: {{ n: {{ image: debian-server }} }}
tasks:
  - id: t
    skill: tsgeri/1.2
    title: {{ en: Files }}
    solution: [{{ on: n, run: solution.sh }}]
    checks:
      - {{ id: a, on: n, that: {{ file: {{ path: /root/a }} }}, points: 1 }}
      - {{ id: b, on: n, that: {{ file: {{ path: /root/b }} }}, points: 1 }}
      {check}
mistakes:
  - {{ id: no-a, run: [{{ on: n, run: mistake.sh }}], loses: [{loses}] }}
"#
    );
    scenario(&[
        ("scenario.yaml", document.as_str()),
        ("brief.md", "x"),
        ("solution.sh", "touch /root/a /root/b"),
        ("mistake.sh", "rm /root/a"),
    ])
}

fn flaws(check: &str, loses: &str) -> Vec<(String, Option<String>)> {
    let daemon = Daemon::new();
    let folder = flawed(check, loses);
    let (code, proof) = proof(&daemon, &folder.path().display().to_string(), "0");
    assert_eq!(code, i32::from(!proof.holds));
    let mut flaws: Vec<_> = proof
        .flaws
        .into_iter()
        .map(|flaw| (flaw.code, flaw.check.map(|check| check.id)))
        .collect();
    flaws.sort();
    flaws.dedup();
    flaws
}

fn found(code: &str, check: &str) -> (String, Option<String>) {
    (code.to_owned(), Some(check.to_owned()))
}

#[test]
fn a_fair_scenario_holds() {
    assert_eq!(flaws("", "t/a"), vec![]);
}

#[test]
fn a_check_that_passes_untouched_is_found() {
    let vacuous = "- { id: hosts, on: n, that: { file: { path: /etc/hosts } }, points: 1 }";
    assert_eq!(flaws(vacuous, "t/a"), vec![found("vacuous", "t/hosts")]);
}

#[test]
fn a_check_that_nothing_satisfies_is_found() {
    let never = "- { id: never, on: n, that: { file: { path: /root/c } }, points: 1 }";
    let flaws = flaws(never, "t/a");
    assert!(
        flaws.contains(&found("unsatisfiable", "t/never")),
        "{flaws:?}"
    );
}

#[test]
fn a_mistake_that_loses_the_wrong_check_is_found() {
    assert_eq!(
        flaws("", "t/b"),
        vec![
            found("mistake-keeps", "t/b"),
            found("mistake-loses-more", "t/a")
        ]
    );
}
