//! Tricks of a candidate's root, each by its name: nothing passes by it, nothing hangs, no other seat
//! notices, and nothing is read or reached that is not the node's.

use std::collections::BTreeMap;

use plateau_core::grade::{CheckResult, Verdict};
use plateau_tests::{Daemon, scenario};
use tempfile::TempDir;

use super::check;

#[path = "tricks/files.rs"]
mod files;
#[path = "tricks/kernel.rs"]
mod kernel;
#[path = "tricks/network.rs"]
mod network;
#[path = "tricks/processes.rs"]
mod processes;
#[path = "tricks/services.rs"]
mod services;

/// What a script writes where it reached what is not the node's.
const REACHED: &str = "REACHED";

/// Most bytes that results may quote of what a node shows.
const QUOTED: usize = 1 << 20;

/// Something that root does in a node to be graded better than they worked.
struct Trick {
    /// What it is.
    name: &'static str,
    /// The script that does it, which ends with 0 where it was done; it writes [`REACHED`] where it
    /// reached beyond the node.
    act: &'static str,
    /// The script that undoes it.
    undo: &'static str,
    /// Whether no command can be run in the node afterwards, so that another one takes its place.
    locks_the_node: bool,
    /// Checks that it does deceive: the node's own services give their answers, as the reference says.
    deceives: &'static [&'static str],
}

impl Trick {
    /// One that leaves nothing to undo.
    const fn new(name: &'static str, act: &'static str) -> Self {
        Self {
            name,
            act,
            undo: "true",
            locks_the_node: false,
            deceives: &[],
        }
    }

    const fn undo(self, undo: &'static str) -> Self {
        Self { undo, ..self }
    }

    const fn locks_the_node(self) -> Self {
        Self {
            locks_the_node: true,
            ..self
        }
    }

    const fn deceives(self, deceives: &'static [&'static str]) -> Self {
        Self { deceives, ..self }
    }
}

/// What the candidate would like to be so, asked in every way that looks into a node; `next` holds.
const INSIDE: &str = r#"
plateau: 1
id: tricks
title: { en: Tricks }
duration: 10m
brief: { en: brief.md }
networks: { lan: {} }
nodes:
  liar:
    image: debian-server
    interfaces: { eth0: { network: lan, address: 10.9.0.1/24 } }
  next:
    image: debian-server
    interfaces: { eth0: { network: lan, address: 10.9.0.2/24 } }
tasks:
  - id: t
    skill: tsgeri/1.2
    title: { en: Wishes }
    solution: [{ on: liar, run: done.sh }]
    checks:
      - { id: file, on: liar, that: { file: { path: /srv/checked, content: { contains: done } } }, points: 1 }
      - { id: below, on: liar, that: { file: { path: /srv/folder/checked, content: { contains: done } } }, points: 1 }
      - { id: package, on: liar, that: { package: { name: nginx } }, points: 1 }
      - { id: service, on: liar, that: { service: { name: nginx } }, points: 1 }
      - { id: process, on: liar, that: { process: { name: nginx } }, points: 1 }
      - { id: port, on: liar, that: { port: { number: 80, programs: { contains: nginx } } }, points: 1 }
      - { id: user, on: liar, that: { user: { name: alice } }, points: 1 }
      - { id: group, on: liar, that: { group: { name: admins } }, points: 1 }
      - { id: mount, on: liar, that: { mount: { path: /srv/data } }, points: 1 }
      - { id: address, on: liar, that: { address: { interface: eth0, ipv4: { contains: 10.9.0.77/24 } } }, points: 1 }
      - { id: route, on: liar, that: { route: { to: 10.77.0.0/16 } }, points: 1 }
      - { id: resolver, on: liar, that: { resolver: { nameservers: { contains: 10.9.0.53 } } }, points: 1 }
      - { id: sysctl, on: liar, that: { sysctl: { key: net.ipv4.ip_forward, value: "1" } }, points: 1 }
      - { id: schedule, on: liar, that: { schedule: { command: { contains: backup-of-the-firm } } }, points: 1 }
      - { id: firewall, on: liar, that: { firewall: { hook: input, policy: drop } }, points: 1 }
      - { id: certificate, on: liar, that: { certificate: { path: /srv/www.pem, names: { contains: www.firm.lan } } }, points: 1 }
      - { id: journal, on: liar, that: { journal: { identifier: nginx, lines: { contains: done } } }, points: 1 }
      - { id: next, on: next, that: { file: { path: /etc/hosts } }, points: 1, holds_from_start: true }
"#;

/// The same across the network.
const ACROSS: &str = r#"
      - { id: ping, from: liar, that: { ping: { host: 10.9.0.99 } }, points: 1 }
      - { id: tcp, from: liar, that: { tcp: { host: 10.9.0.99, port: 22 } }, points: 1 }
      - { id: dns, from: liar, that: { dns: { name: www.firm.lan, server: 10.9.0.99, type: A, answers: { contains: 10.9.0.99 } } }, points: 1 }
      - { id: http, from: liar, that: { http: { url: "http://10.9.0.99/", body: { contains: done } } }, points: 1 }
      - { id: seen-from-next, from: next, that: { http: { url: "http://10.9.0.99/", body: { contains: done } } }, points: 1 }
      - { id: seen-from-outside, from: { examiner: lan, address: 10.9.0.200/24 }, that: { http: { url: "http://10.9.0.1/", body: { contains: done } } }, points: 1 }
"#;

fn scenario_of_wishes(across: &str) -> TempDir {
    let document = format!("{INSIDE}{}", across.trim_start_matches('\n'));
    scenario(&[
        ("brief.md", "Nothing to do."),
        ("done.sh", "true"),
        ("scenario.yaml", &document),
    ])
}

/// Plays each trick in a lab, and looks at it and at another one.
fn play(lab: &str, across: &str, tricks: &[Trick]) {
    let daemon = Daemon::new();
    let wishes = scenario_of_wishes(across);
    let neighbour = format!("{lab}-seat");
    daemon.up(wishes.path(), lab);
    daemon.up(wishes.path(), &neighbour);
    let as_root =
        |script: &str| daemon.plateau(&["lab", "exec", lab, "liar", "--", "sh", "-c", script]);
    let nobody: &[&str] = &[];
    judged("nothing", &check(&daemon, lab), nobody);
    for trick in tricks {
        let acted = as_root(trick.act);
        let wrote = format!("{}{}", acted.stdout, acted.stderr);
        assert_eq!(acted.code, 0, "{} was not done: {wrote}", trick.name);
        assert!(!wrote.contains(REACHED), "{}: {wrote}", trick.name);
        judged(trick.name, &check(&daemon, lab), trick.deceives);
        let heard = daemon.sh(&neighbour, "liar", "echo works");
        assert_eq!(heard, "works", "{}", trick.name);
        if trick.locks_the_node {
            daemon.good(&["lab", "down", lab]);
            daemon.up(wishes.path(), lab);
        } else {
            drop(as_root(trick.undo));
        }
    }
    judged("another seat", &check(&daemon, &neighbour), nobody);
}

/// Nothing passes but what holds and what is known to be deceived, and nothing is quoted at length.
#[track_caller]
fn judged(name: &str, results: &BTreeMap<String, CheckResult>, deceived: &[&str]) {
    assert!(results.len() >= 18, "{name}: {results:#?}");
    for (id, result) in results {
        let passes = result.verdict == Verdict::Pass;
        let may = id == "t/next" || deceived.iter().any(|one| format!("t/{one}") == *id);
        assert_eq!(passes, may, "{name}: {result:#?}");
        let quoted = result.findings.iter().filter_map(|one| one.seen.as_ref());
        let longest = quoted.map(String::len).max().unwrap_or(0);
        assert!(longest < QUOTED, "{name}: {id} quotes {longest} bytes");
    }
}

#[test]
fn there_are_fifty_tricks_and_no_two_have_one_name() {
    let all = [
        files::TRICKS,
        kernel::TRICKS,
        network::TRICKS,
        processes::TRICKS,
        services::TRICKS,
    ];
    let names: Vec<&str> = all
        .iter()
        .flat_map(|some| some.iter())
        .map(|one| one.name)
        .collect();
    let apart: std::collections::BTreeSet<&str> = names.iter().copied().collect();
    assert!(names.len() >= 50, "{} tricks", names.len());
    assert_eq!(apart.len(), names.len());
}
