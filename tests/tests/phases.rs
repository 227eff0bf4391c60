//! Phases and events on the real engine: links, nodes, disks and processes, and all of it undone.

use std::process::Command;
use std::time::Duration;

use plateau_core::api::{EventProgress, LabGradeView, LabState, LabView};
use plateau_core::grade::{CheckResult, Verdict};
use plateau_tests::{Daemon, containers, scenario, wait_until};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);

const HEAD: &str = r#"
plateau: 1
id: faults
title: { en: Faults }
duration: 30m
brief: { en: brief.md }
networks: { lan: {} }
nodes:
  left:
    image: debian-server
    interfaces: { eth0: { network: lan, address: 10.9.0.1/24 } }
  right:
    image: debian-server
    interfaces: { eth0: { network: lan, address: 10.9.0.2/24 } }
"#;

/// A scenario with these phases, events and tasks.
fn faults(rest: &str) -> TempDir {
    scenario(&[
        ("brief.md", "Mend it."),
        ("done.sh", "touch /root/done"),
        (
            "wreck.sh",
            "rm -f /root/kept; echo 10.9.0.9 other >> /etc/hosts",
        ),
        ("break.sh", "echo broken >> /root/broken"),
        ("scenario.yaml", &format!("{HEAD}{rest}")),
    ])
}

/// Checks by name, without their task.
fn check(daemon: &Daemon, lab: &str) -> Vec<CheckResult> {
    let checked = daemon.plateau(&["lab", "check", lab, "--format", "json"]);
    let view: LabGradeView = serde_json::from_str(&checked.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", checked.stdout, checked.stderr));
    view.grade.checks().cloned().collect()
}

#[track_caller]
fn all_pass(checks: &[CheckResult]) {
    for check in checks {
        assert_eq!(check.verdict, Verdict::Pass, "{check:#?}");
    }
}

fn show(daemon: &Daemon, lab: &str) -> LabView {
    let shown = daemon.good(&["lab", "show", lab, "--format", "json"]);
    serde_json::from_str(&shown.stdout).unwrap_or_else(|error| panic!("{error}: {}", shown.stdout))
}

/// Tags of snapshots of a lab, by the engine's own word.
fn snapshots(lab: &LabView) -> String {
    let reference = format!("reference=plateau/snapshot:{}*", lab.id);
    let listed = Command::new("docker")
        .args(["images", "--quiet", "--filter", &reference])
        .output()
        .expect("docker");
    String::from_utf8_lossy(&listed.stdout).into_owned()
}

#[test]
fn links_nodes_disks_and_processes_are_as_the_phase_says_and_whole_afterwards() {
    let daemon = Daemon::new();
    let folder = faults(
        r#"
phases:
  cut: { steps: [ { cut: { node: right, interface: eth0 } } ] }
  cut-and-rebooted: { reboot: [right] }
  mended: { steps: [ { mend: { node: right, interface: eth0 } } ] }
  slow: { steps: [ { shape: { node: right, interface: eth0, rate: 1Mbit } } ] }
  off: { steps: [ { stop: [right] } ] }
  on:
    steps:
      - start: [right]
      - wait: { from: left, that: { ping: { host: 10.9.0.2 } }, at_most: 30s }
  worse:
    steps:
      - fill: { node: left, path: /tmp, leave: 1MiB }
      - kill: { node: left, process: victim }
      - run: { on: left, run: done.sh }
tasks:
  - id: t
    skill: tsgeri/1.2
    title: { en: T }
    solution: [ { on: left, run: done.sh } ]
    checks:
      - { id: reached, from: left, that: { ping: { host: 10.9.0.2 } }, points: 1, holds_from_start: true }
      - { id: cut, from: left, phase: cut, that: { ping: { host: 10.9.0.2, reachable: false } }, points: 1 }
      - { id: no-carrier, on: right, phase: cut, that: { interface: { name: eth0, carrier: false } }, points: 1 }
      - { id: still-cut, on: right, phase: cut-and-rebooted, that: { interface: { name: eth0, carrier: false } }, points: 1 }
      - { id: mended, from: left, phase: mended, that: { ping: { host: 10.9.0.2 } }, points: 1 }
      - { id: slow, from: left, phase: slow, that: { ping: { host: 10.9.0.2 } }, points: 1 }
      - { id: silent, from: left, phase: off, that: { ping: { host: 10.9.0.2, reachable: false } }, points: 1 }
      - { id: inside, on: right, phase: off, that: { file: { path: /etc/passwd } }, points: 1 }
      - { id: back, from: left, phase: on, that: { ping: { host: 10.9.0.2 } }, points: 1 }
      - { id: full, on: left, phase: worse, that: { file: { path: /tmp/.plateau-grading, size: { at_least: 200000000 } } }, points: 1 }
      - { id: killed, on: left, phase: worse, that: { process: { name: victim, running: false } }, points: 1 }
      - { id: script, on: left, phase: worse, that: { file: { path: /root/done } }, points: 1 }
"#,
    );
    daemon.up(folder.path(), "faults");
    // Something to kill that nobody starts again.
    let prepare = "cp /bin/sleep /usr/local/bin/victim; setsid victim 1000 >/dev/null 2>&1 </dev/null & \
                   sleep 0.2; kill -0 $!";
    daemon.sh("faults", "left", prepare);
    let checks = check(&daemon, "faults");
    for check in &checks {
        let wanted = match check.id.as_str() {
            // A node that is off cannot be looked into.
            "t/inside" => Verdict::Unknown,
            _ => Verdict::Pass,
        };
        assert_eq!(check.verdict, wanted, "{check:#?}");
    }
    // Whole afterwards, and again.
    daemon.sh("faults", "left", "ping -c 1 -W 2 10.9.0.2");
    daemon.sh("faults", "left", "test ! -e /tmp/.plateau-grading");
    let free = daemon.sh("faults", "left", "df --output=avail -m /tmp | tail -1");
    assert!(
        free.trim().parse::<u64>().is_ok_and(|free| free > 200),
        "{free}"
    );
    let view = show(&daemon, "faults");
    let states = view.nodes.values().map(|node| node.state);
    assert!(
        states
            .into_iter()
            .all(|s| s == plateau_core::api::NodeState::Running)
    );
    daemon.good(&["lab", "down", "faults"]);
    assert_eq!(containers("faults"), Vec::<String>::new());
}

#[test]
fn a_shaped_link_carries_no_more_than_its_rate_and_all_of_it_afterwards() {
    let daemon = Daemon::new();
    // 250 kB at 1 Mbit/s take 2 s, and no time at all otherwise.
    let fetch = |least: u32, most: u32| {
        format!(
            "bash -c 'exec 3<>/dev/tcp/10.9.0.1/7777; T0=$(date +%s%N); N=$(head -c 250000 <&3 | wc -c); \
             MS=$(( ($(date +%s%N) - T0) / 1000000 )); echo $N $MS; \
             test $N = 250000 && test $MS -ge {least} && test $MS -le {most}'"
        )
    };
    let folder = faults(&format!(
        r#"
phases:
  slow: {{ steps: [ {{ shape: {{ node: right, interface: eth0, rate: 1Mbit }} }} ] }}
  fast: {{ steps: [ {{ mend: {{ node: right, interface: eth0 }} }} ] }}
tasks:
  - id: t
    skill: tsgeri/1.2
    title: {{ en: T }}
    solution: [ {{ on: left, run: done.sh }} ]
    checks:
      - {{ id: slow, on: right, phase: slow, timeout: 60s, points: 1, that: {{ command: {{ run: "{}", exit: 0 }} }} }}
      - {{ id: fast, on: right, phase: fast, timeout: 60s, points: 1, that: {{ command: {{ run: "{}", exit: 0 }} }} }}
"#,
        fetch(1500, 50_000),
        fetch(0, 1400),
    ));
    daemon.up(folder.path(), "rates");
    let serve = r#"echo '$s = IO::Socket::INET->new(LocalPort => 7777, Listen => 5) or die;
        while ($c = $s->accept) { print $c "x" x 250000; close $c }' > /root/serve.pl
        setsid perl -MIO::Socket::INET /root/serve.pl >/dev/null 2>&1 </dev/null &
        sleep 1; kill -0 $!"#;
    daemon.sh("rates", "left", serve);
    all_pass(&check(&daemon, "rates"));
    daemon.good(&["lab", "down", "rates"]);
}

#[test]
fn a_phase_from_as_left_brings_back_what_an_earlier_phase_destroyed() {
    let daemon = Daemon::new();
    let folder = faults(
        r#"
phases:
  wrecked: { from: as-left, steps: [ { run: { on: left, run: wreck.sh } } ] }
  fresh: { from: as-left, steps: [ { wait: { from: left, that: { ping: { host: 10.9.0.2 } }, at_most: 30s } } ] }
tasks:
  - id: t
    skill: tsgeri/1.2
    title: { en: T }
    solution: [ { on: left, run: done.sh } ]
    checks:
      - { id: there, on: left, that: { file: { path: /root/kept } }, points: 1 }
      - { id: gone, on: left, phase: wrecked, that: { file: { path: /root/kept, exists: false } }, points: 1 }
      - { id: named, on: left, phase: wrecked, that: { file: { path: /etc/hosts, content: { contains: other } } }, points: 1 }
      - { id: back, on: left, phase: fresh, that: { file: { path: /root/kept } }, points: 1 }
      - { id: hosts, on: left, phase: fresh, that: { file: { path: /etc/hosts, content: { all: [ { contains: mine }, { not: { contains: other } } ] } } }, points: 1 }
      - { id: booted, on: left, phase: fresh, that: { file: { path: /run/in-memory, exists: false } }, points: 1 }
      - { id: reached, from: left, phase: fresh, that: { ping: { host: 10.9.0.2 } }, points: 1 }
"#,
    );
    daemon.up(folder.path(), "copies");
    let work = "touch /root/kept /run/in-memory; echo 10.9.0.8 mine >> /etc/hosts";
    daemon.sh("copies", "left", work);
    for _ in 0..2 {
        all_pass(&check(&daemon, "copies"));
        // The node itself was never touched.
        daemon.sh(
            "copies",
            "left",
            "test -e /root/kept && grep -q mine /etc/hosts",
        );
        daemon.sh(
            "copies",
            "left",
            "! grep -q other /etc/hosts && ping -c 1 -W 5 10.9.0.2",
        );
        assert_eq!(containers("copies").len(), 3, "{:?}", containers("copies"));
        assert_eq!(snapshots(&show(&daemon, "copies")), "");
    }
    daemon.good(&["lab", "down", "copies"]);
    assert_eq!(containers("copies"), Vec::<String>::new());
}

#[test]
fn a_daemon_killed_in_the_middle_of_a_phase_finds_the_lab_and_makes_it_whole() {
    let mut daemon = Daemon::new();
    let folder = faults(
        r#"
phases:
  dark:
    from: as-left
    steps:
      - cut: { node: right, interface: eth0 }
      - stop: [left]
      - wait: { on: right, that: { file: { path: /never } }, at_most: 5m }
tasks:
  - id: t
    skill: tsgeri/1.2
    title: { en: T }
    solution: [ { on: left, run: done.sh } ]
    checks:
      - { id: dark, on: right, phase: dark, that: { file: { path: /root/done } }, points: 1 }
"#,
    );
    daemon.up(folder.path(), "killed");
    let view = show(&daemon, "killed");
    daemon.sh("killed", "left", "touch /root/kept");
    let mut grading = daemon
        .command(&["lab", "check", "killed"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("plateau starts");
    wait_until("the copy of left is off", LIMIT, || {
        let copies = containers("killed");
        copies.iter().any(|name| name.ends_with("left.copy"))
            && show(&daemon, "killed").nodes["left"].state == plateau_core::api::NodeState::Stopped
            && !snapshots(&view).is_empty()
    });
    daemon.kill();
    let _ = grading.wait();
    daemon.start();
    wait_until("the lab is whole", LIMIT, || {
        let reached = daemon.plateau(&[
            "lab", "exec", "killed", "left", "--", "ping", "-c", "1", "-W", "1", "10.9.0.2",
        ]);
        reached.code == 0 && containers("killed").len() == 3 && snapshots(&view).is_empty()
    });
    daemon.sh("killed", "left", "test -e /root/kept");
    daemon.good(&["lab", "down", "killed"]);
}

#[test]
fn an_event_happens_once_also_when_the_daemon_is_killed() {
    let mut daemon = Daemon::new();
    let folder = faults(
        r#"
events:
  - id: break
    at: 1s
    do:
      - run: { on: left, run: break.sh }
      - cut: { node: right, interface: eth0 }
  - { id: later, at: 4s, do: [ { run: { on: right, run: break.sh } } ] }
  - { id: fails, at: 5s, do: [ { run: { on: right, run: fail.sh } } ] }
  - { id: solved, when: t/there, do: [ { mend: { node: right, interface: eth0 } } ] }
tasks:
  - id: t
    skill: tsgeri/1.2
    title: { en: T }
    solution: [ { on: left, run: done.sh } ]
    checks:
      - { id: there, on: left, that: { file: { path: /root/done } }, points: 1 }
"#,
    );
    std::fs::write(folder.path().join("fail.sh"), "echo no; false").expect("a file");
    daemon.up(folder.path(), "events");
    let progress = |daemon: &Daemon, event: &str| {
        let events = show(daemon, "events").events.into_iter();
        events
            .filter(|known| known.id == event)
            .find_map(|known| known.progress)
    };
    assert_eq!(progress(&daemon, "break"), None);
    daemon.good(&["lab", "start", "events"]);
    let started = show(&daemon, "events").started;
    wait_until("it happened", LIMIT, || {
        progress(&daemon, "break") == Some(EventProgress::Done {})
    });
    daemon.kill();
    // What came due meanwhile happens when the daemon is there again.
    daemon.start();
    wait_until("the lab is adopted", LIMIT, || {
        show(&daemon, "events").state == LabState::Ready
    });
    daemon.good(&["lab", "start", "events"]);
    assert_eq!(show(&daemon, "events").started, started);
    wait_until("the later one happened too", LIMIT, || {
        progress(&daemon, "later") == Some(EventProgress::Done {})
    });
    wait_until("the one that fails failed", LIMIT, || {
        matches!(
            progress(&daemon, "fails"),
            Some(EventProgress::Failed { .. })
        )
    });
    for node in ["left", "right"] {
        assert_eq!(daemon.sh("events", node, "cat /root/broken"), "broken");
    }
    // The cable is still out.
    let ping = [
        "lab", "exec", "events", "left", "--", "ping", "-c", "1", "-W", "1", "10.9.0.2",
    ];
    assert_ne!(daemon.plateau(&ping).code, 0);
    assert_eq!(progress(&daemon, "solved"), None);
    daemon.sh("events", "left", "touch /root/done");
    wait_until("it is rewarded", LIMIT, || {
        progress(&daemon, "solved") == Some(EventProgress::Done {})
    });
    assert_eq!(daemon.plateau(&ping).code, 0);
    all_pass(&check(&daemon, "events"));
    daemon.good(&["lab", "down", "events"]);
}

#[test]
fn a_delay_is_refused_beforehand_where_the_kernel_cannot_and_works_where_it_can() {
    let daemon = Daemon::new();
    let folder = faults(
        r#"
phases:
  late: { steps: [ { shape: { node: right, interface: eth0, delay: 100ms } } ] }
tasks:
  - id: t
    skill: tsgeri/1.2
    title: { en: T }
    solution: [ { on: left, run: done.sh } ]
    checks:
      - { id: late, from: left, phase: late, that: { ping: { host: 10.9.0.2, rtt: { at_least: 90 } } }, points: 1 }
"#,
    );
    let doctor = daemon.plateau(&["doctor", "--format", "json"]).stdout;
    let diagnosis: plateau_core::api::Diagnosis =
        serde_json::from_str(&doctor).unwrap_or_else(|error| panic!("{error}: {doctor}"));
    let netem = diagnosis
        .findings
        .iter()
        .find(|finding| finding.subject.contains("netem"))
        .expect("netem is looked at");
    let up = daemon.plateau(&[
        "lab",
        "up",
        &folder.path().display().to_string(),
        "--name",
        "late",
    ]);
    if netem.health == plateau_core::api::Health::Good {
        assert_eq!(up.code, 0, "{}", up.stderr);
        all_pass(&check(&daemon, "late"));
        daemon.good(&["lab", "down", "late"]);
    } else {
        assert_eq!(up.code, 3, "{}{}", up.stdout, up.stderr);
        assert!(up.stderr.contains("netem"), "{}", up.stderr);
        assert!(up.stderr.contains("eth0 of right"), "{}", up.stderr);
    }
    assert_eq!(containers("late"), Vec::<String>::new());
}
