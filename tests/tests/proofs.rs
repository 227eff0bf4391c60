//! Proofs on the real engine: the project's own scenarios hold, and each kind of flaw is found.
//!
//! In the long run of the suite every scenario is proven, with all labs of every draw. Without it further
//! draws are untouched and solved alone, and a scenario that was proven before with the same images,
//! programs and code is proven again every third day. A clean clone has proven nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use plateau_core::proof::Proof;
use plateau_core::scenario::Folder;
use plateau_tests::{Daemon, is_long_run, program, root, scenario};
use walkdir::WalkDir;

/// The project's own scenarios, each of which is proven here.
const SCENARIOS: [&str; 2] = ["intranet-server", "lan-vlans"];

/// Days until a scenario is proven again although nothing has changed.
const ROTATION: u64 = 3;

/// Where it stands what a scenario was when it was last proven.
fn record(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    target.expect("a folder").join("plateau/proofs").join(name)
}

/// What decides a scenario's proof, in one hash: the scenario, the images, the agent, and the code that
/// builds, grades and judges.
fn made_of(name: &str) -> String {
    let mut files = BTreeMap::new();
    for folder in [
        &format!("scenarios/{name}"),
        "images",
        "crates/core/src",
        "crates/labs/src",
    ] {
        for entry in WalkDir::new(root().join(folder)) {
            let path = entry.expect("an entry").into_path();
            if path.is_file() {
                let content = fs::read(&path).expect("it can be read");
                files.insert(path.display().to_string(), content);
            }
        }
    }
    for agent in ["plateau-agent", "plateau-grader"] {
        let content = fs::read(program(agent)).expect("it can be read");
        files.insert(agent.to_owned(), content);
    }
    Folder(files).hash()
}

/// Whether a scenario, by its place among all, is proven on a day although nothing has changed.
fn has_its_turn(place: usize, day: u64) -> bool {
    u64::try_from(place).is_ok_and(|place| place % ROTATION == day % ROTATION)
}

fn today() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("it is after 1970").as_secs() / 86_400
}

fn proof(daemon: &Daemon, path: &str, options: &[&str]) -> (i32, Proof) {
    let command = ["scenario", "prove", path, "--format", "json"];
    let ended = daemon.plateau(&[&command, options].concat());
    let proof = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", ended.stdout, ended.stderr));
    (ended.code, proof)
}

fn holds(name: &str) {
    let (made_of, record) = (made_of(name), record(name));
    let place = SCENARIOS.iter().position(|known| *known == name);
    let place = place.expect("one of the project's own");
    let known = fs::read_to_string(&record).is_ok_and(|proven| proven == made_of);
    if known && !is_long_run() && !has_its_turn(place, today()) {
        eprintln!("`{name}` was proven as it is, and is not proven again today");
        return;
    }
    let daemon = Daemon::new();
    let path = root().join("scenarios").join(name);
    let further = if is_long_run() {
        "all"
    } else {
        "untouched-and-solved"
    };
    let options = ["--draws", "1", "--further-draws", further];
    let (code, proof) = proof(&daemon, &path.display().to_string(), &options);
    assert_eq!(proof.flaws, vec![], "{name}");
    assert!(proof.holds && code == 0);
    assert!(
        proof
            .verdicts
            .values()
            .all(|row| row.iter().all(Option::is_some)),
        "not everything was graded"
    );
    assert_eq!(proof.complete, is_long_run());
    fs::create_dir_all(record.parent().expect("a folder")).expect("it is made");
    fs::write(&record, made_of).expect("it is written");
}

#[test]
fn every_scenario_of_the_project_is_proven() {
    let folders = fs::read_dir(root().join("scenarios")).expect("a folder");
    let folders = folders.map(|entry| entry.expect("an entry").path());
    let scenarios = folders.filter(|folder| folder.join("scenario.yaml").exists());
    let mut names: Vec<PathBuf> = scenarios.collect();
    names.sort();
    assert_eq!(
        names,
        SCENARIOS.map(|name| root().join("scenarios").join(name))
    );
}

#[test]
fn each_scenario_is_proven_again_within_three_days() {
    for place in 0..7 {
        for day in 0..9 {
            let turns = (day..day + ROTATION).filter(|day| has_its_turn(place, *day));
            assert_eq!(turns.count(), 1, "{place} from {day}");
        }
    }
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
    let (code, proof) = proof(
        &daemon,
        &folder.path().display().to_string(),
        &["--draws", "0"],
    );
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

/// What was in memory alone counts as well: a process that the set-up starts by hand, and an address
/// that the solution adds without writing it down.
#[test]
fn what_is_in_memory_alone_counts() {
    let document = r#"
plateau: 1
id: memory
title: { en: Memory }
duration: 10m
brief: { en: brief.md }
networks: { lan: {} }
nodes: { n: { image: debian-server, interfaces: { eth0: { network: lan } }, setup: setup.sh } }
phases:
  after-reboot: { reboot: [n] }
tasks:
  - id: t
    skill: tsgeri/1.2
    title: { en: Memory }
    solution: [{ on: n, run: solution.sh }]
    checks:
      - { id: by-hand, on: n, that: { process: { name: sleep, running: true } }, points: 1, holds_from_start: true }
      - { id: address, on: n, that: { address: { interface: eth0, ipv4: { contains: 192.0.2.7/24 } } }, points: 1 }
      - { id: written, on: n, that: { file: { path: /root/a } }, points: 1 }
      - { id: volatile, on: n, that: { file: { path: /run/b } }, points: 1 }
      - { id: lasting, on: n, phase: after-reboot, that: { file: { path: /root/a } }, points: 1 }
mistakes:
  - { id: ended, run: [{ on: n, run: ended.sh }], loses: [t/by-hand] }
  - { id: no-address, run: [{ on: n, run: no-address.sh }], loses: [t/address] }
  - { id: no-file, run: [{ on: n, run: no-file.sh }], loses: [t/written, t/lasting] }
"#;
    let folder = scenario(&[
        ("scenario.yaml", document),
        ("brief.md", "x"),
        ("setup.sh", "setsid sleep 3600 </dev/null >/dev/null 2>&1 &"),
        (
            "solution.sh",
            "ip address add 192.0.2.7/24 dev eth0\ntouch /root/a /run/b",
        ),
        ("ended.sh", "pkill -x sleep"),
        ("no-address.sh", "ip address del 192.0.2.7/24 dev eth0"),
        ("no-file.sh", "rm /root/a"),
    ]);
    let daemon = Daemon::new();
    let path = folder.path().display().to_string();
    let (code, proof) = proof(&daemon, &path, &["--draws", "0"]);
    assert_eq!(proof.flaws, vec![]);
    assert!(proof.holds && proof.complete && code == 0);
}
