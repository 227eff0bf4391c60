//! Labs on the real engine: apart from one another, true to a machine, and gone when they should be.

use std::time::Duration;

use plateau_core::api::{LabState, NodeState};
use plateau_tests::{Daemon, containers, scenario, wait_until};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);

/// Two machines with fixed addresses on one network.
fn pair() -> TempDir {
    scenario(&[
        ("brief.md", "Nothing to do."),
        ("done.sh", "touch /root/done"),
        (
            "scenario.yaml",
            r#"
plateau: 1
id: pair
title: { en: A pair }
duration: 10m
brief: { en: brief.md }
networks: { lan: { rate: 50Mbit } }
nodes:
  left:
    image: debian-server
    interfaces: { eth0: { network: lan, address: 10.9.0.1/24 } }
  right:
    image: debian-server
    interfaces: { eth0: { network: lan, address: 10.9.0.2/24 } }
phases:
  after-reboot: { reboot: [left] }
tasks:
  - id: t
    skill: tsgeri/1.2
    title: { en: A file }
    solution: [{ on: left, run: done.sh }]
    checks:
      - { id: there, on: left, that: { file: { path: /root/done } }, points: 1 }
      - { id: still-there, on: left, phase: after-reboot, that: { file: { path: /root/done } }, points: 1 }
      - { id: reaches, from: left, phase: after-reboot, that: { ping: { host: 10.9.0.2 } }, points: 1, holds_from_start: true }
      - { id: seen, from: { examiner: lan, address: 10.9.0.250/24 }, that: { ping: { host: 10.9.0.1 } }, points: 1, holds_from_start: true }
"#,
        ),
    ])
}

#[test]
fn two_labs_of_one_scenario_have_the_same_addresses_and_no_packet_between_them() {
    let daemon = Daemon::new();
    let pair = pair();
    daemon.up(pair.path(), "twin-a");
    daemon.up(pair.path(), "twin-b");
    for lab in ["twin-a", "twin-b"] {
        assert!(
            daemon
                .sh(lab, "left", "ip -4 -o addr show eth0")
                .contains("10.9.0.1/24")
        );
        daemon.sh(lab, "left", "ping -c 1 -W 2 10.9.0.2");
    }
    // An address that only the other lab has is not to be reached, while at home it is.
    daemon.sh("twin-b", "right", "ip addr add 10.9.0.77/24 dev eth0");
    daemon.sh("twin-b", "left", "ping -c 1 -W 2 10.9.0.77");
    let across = daemon.plateau(&[
        "lab",
        "exec",
        "twin-a",
        "left",
        "--",
        "ping",
        "-c",
        "3",
        "-W",
        "1",
        "10.9.0.77",
    ]);
    assert_ne!(across.code, 0, "{}", across.stdout);
    // Lab b floods its segment, broadcasts too: its own nodes count the packets, lab a's count none.
    let count = "nft add table ip t && nft add chain ip t c '{ type filter hook prerouting priority -300; }' \
                 && nft add rule ip t c ip protocol icmp counter";
    let counted = |lab: &str| -> u64 {
        let rule = daemon.sh(lab, "right", "nft list chain ip t c");
        let words: Vec<&str> = rule.split_whitespace().collect();
        let at = words
            .iter()
            .position(|word| *word == "packets")
            .expect("a counter");
        words[at + 1].parse().expect("a number")
    };
    daemon.sh("twin-a", "right", count);
    daemon.sh("twin-b", "right", count);
    daemon.sh(
        "twin-b",
        "left",
        "ping -q -f -c 500 10.9.0.2; ping -q -f -b -c 500 10.9.0.255 || true",
    );
    assert!(counted("twin-b") >= 500, "the counter does not count");
    assert_eq!(counted("twin-a"), 0, "packets of another lab");
    daemon.good(&["lab", "down", "twin-a", "twin-b"]);
    assert_eq!(containers("twin"), Vec::<String>::new());
}

#[test]
fn a_reboot_from_outside_and_one_from_inside_keep_the_links() {
    let daemon = Daemon::new();
    let pair = pair();
    daemon.up(pair.path(), "boots");
    let boot = || daemon.sh("boots", "left", "stat -c %Y.%z /proc/1");
    let linked = || {
        daemon
            .plateau(&[
                "lab", "exec", "boots", "left", "--", "ping", "-c", "1", "-W", "1", "10.9.0.2",
            ])
            .code
            == 0
    };
    let first = boot();
    daemon.good(&["lab", "reboot", "boots", "left"]);
    assert_ne!(boot(), first, "it did not reboot");
    assert!(linked());
    let second = boot();
    // The connection dies with the node, so how the command ends says nothing.
    let _ = daemon.plateau(&["lab", "exec", "boots", "left", "--", "systemctl", "reboot"]);
    wait_until("it has rebooted from inside and is linked", LIMIT, || {
        let now = daemon.plateau(&[
            "lab", "exec", "boots", "left", "--", "stat", "-c", "%Y.%z", "/proc/1",
        ]);
        now.code == 0 && now.stdout.trim() != second && linked()
    });
    let _ = daemon.plateau(&[
        "lab",
        "exec",
        "boots",
        "right",
        "--",
        "systemctl",
        "poweroff",
    ]);
    wait_until("a node that was switched off stays off", LIMIT, || {
        let lab = &daemon.labs()[0];
        lab.nodes["right"].state == NodeState::Stopped
    });
}

#[test]
fn a_node_behaves_like_a_machine_where_the_engine_would_not() {
    let daemon = Daemon::new();
    let pair = pair();
    daemon.up(pair.path(), "machine");
    daemon.sh(
        "machine",
        "left",
        "sed -i 's/localhost/localhost moi/' /etc/hosts && getent hosts moi",
    );
    daemon.sh(
        "machine",
        "left",
        "mv /etc/hostname /etc/hostname.old && echo autre > /etc/hostname",
    );
    daemon.sh(
        "machine",
        "left",
        "rm /etc/resolv.conf && echo nameserver 10.9.0.2 > /etc/resolv.conf",
    );
    daemon.sh("machine", "left", "sysctl -qw net.ipv4.ip_forward=1");
    let core_pattern = daemon.plateau(&[
        "lab",
        "exec",
        "machine",
        "left",
        "--",
        "sh",
        "-c",
        "echo x > /proc/sys/kernel/core_pattern",
    ]);
    assert_ne!(core_pattern.code, 0, "the host's kernel is within reach");
    assert_eq!(
        daemon.sh("machine", "left", "systemctl is-system-running"),
        "running"
    );
    daemon.good(&["lab", "reboot", "machine", "left"]);
    assert_eq!(daemon.sh("machine", "left", "hostname"), "autre");
    daemon.sh(
        "machine",
        "left",
        "getent hosts moi && grep -q 10.9.0.2 /etc/resolv.conf",
    );
    assert_eq!(
        daemon.sh("machine", "left", "systemctl is-system-running"),
        "running"
    );
}

/// The verdict of a check, in what `lab check` answered.
fn verdict(answer: &str, id: &str) -> String {
    let answer: serde_json::Value = serde_json::from_str(answer).expect("JSON");
    let checks = answer["grade"]["tasks"][0]["checks"]
        .as_array()
        .expect("checks");
    let check = checks
        .iter()
        .find(|check| check["id"] == id)
        .expect("the check");
    check["verdict"].as_str().expect("a verdict").to_owned()
}

#[test]
fn a_lab_is_graded_untouched_and_solved_by_node_and_examiner() {
    let daemon = Daemon::new();
    let pair = pair();
    daemon.up(pair.path(), "graded");
    let untouched = daemon.plateau(&["lab", "check", "graded", "--format", "json"]);
    assert_eq!(untouched.code, 1, "{}", untouched.stderr);
    let points = |text: &str| {
        let answer: serde_json::Value = serde_json::from_str(text).expect("JSON");
        (
            answer["grade"]["points"].as_u64(),
            answer["grade"]["of"].as_u64(),
            answer["grade"]["unknown"].as_u64(),
        )
    };
    assert_eq!(
        points(&untouched.stdout),
        (Some(2), Some(4), Some(0)),
        "{}",
        untouched.stdout
    );
    daemon.good(&["lab", "solve", "graded"]);
    let solved = daemon.good(&["lab", "check", "graded", "--format", "json"]);
    assert_eq!(
        points(&solved.stdout),
        (Some(4), Some(4), Some(0)),
        "{}",
        solved.stdout
    );
    // An answer that says "host unreachable" is not an echo.
    daemon.sh(
        "graded",
        "left",
        "nft add table inet t && nft add chain inet t in '{ type filter hook input priority 0; }' && \
         nft add rule inet t in icmp type echo-request reject with icmp type host-unreachable",
    );
    let shut = daemon.plateau(&[
        "lab", "check", "graded", "--phase", "as-left", "--format", "json",
    ]);
    assert_eq!(verdict(&shut.stdout, "t/seen"), "fail", "{}", shut.stdout);
    // A machine that is off cannot be looked at, which is unknown and not failed.
    let _ = daemon.plateau(&[
        "lab",
        "exec",
        "graded",
        "left",
        "--",
        "systemctl",
        "poweroff",
    ]);
    wait_until("the node is off", LIMIT, || {
        daemon.labs()[0].nodes["left"].state == NodeState::Stopped
    });
    let blind = daemon.plateau(&[
        "lab", "check", "graded", "--phase", "as-left", "--format", "json",
    ]);
    assert_eq!(
        verdict(&blind.stdout, "t/there"),
        "unknown",
        "{}",
        blind.stdout
    );
}

#[test]
fn labs_outlive_the_daemon_that_built_them() {
    let mut daemon = Daemon::new();
    let pair = pair();
    daemon.up(pair.path(), "outlives");
    daemon.good(&["lab", "solve", "outlives"]);
    let before = daemon.labs();
    daemon.kill();
    assert_eq!(containers("outlives").len(), 3, "the labs run on");
    daemon.start();
    wait_until("the lab is adopted", LIMIT, || {
        daemon.labs().iter().all(|lab| lab.state == LabState::Ready)
    });
    let after = daemon.labs();
    assert_eq!(after.len(), 1);
    assert_eq!(
        (&after[0].id, &after[0].seed, &after[0].hash),
        (&before[0].id, &before[0].seed, &before[0].hash)
    );
    daemon.good(&["lab", "check", "outlives"]);
    daemon.good(&["lab", "down", "outlives"]);
    assert_eq!(containers("outlives"), Vec::<String>::new());
}

#[test]
fn a_daemon_killed_at_ten_moments_of_up_leaves_nothing_once_it_is_back() {
    let pair = pair();
    // A whole start takes some seconds here; the moments are spread over it.
    for moment in 0..10u64 {
        let mut daemon = Daemon::new();
        let name = format!("killed{moment}");
        let folder = pair.path().display().to_string();
        let mut up = daemon
            .command(&["lab", "up", &folder, "--name", &name])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("plateau starts");
        let moment = Duration::from_millis(40 + moment * 230);
        std::thread::sleep(moment);
        daemon.kill();
        up.wait().expect("it ends");
        daemon.start();
        // What was whole is adopted, and everything else is gone.
        wait_until("labs are whole or gone", LIMIT, || {
            daemon.labs().iter().all(|lab| lab.state == LabState::Ready)
        });
        for lab in daemon.labs() {
            daemon.good(&["lab", "down", &lab.name]);
        }
        wait_until("nothing is left", LIMIT, || containers(&name).is_empty());
        assert!(
            daemon.labs().is_empty(),
            "after {} ms: {:?}",
            moment.as_millis(),
            daemon.labs()
        );
    }
}

#[test]
fn ctrl_c_in_the_middle_of_up_takes_the_lab_down() {
    let daemon = Daemon::new();
    let pair = pair();
    let folder = pair.path().display().to_string();
    let mut up = daemon
        .command(&["lab", "up", &folder, "--name", "ctrlc"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("plateau starts");
    wait_until("the lab is being built", LIMIT, || {
        !containers("ctrlc").is_empty()
    });
    let told = std::process::Command::new("kill")
        .args(["-INT", &up.id().to_string()])
        .status();
    assert!(told.expect("kill").success());
    assert_ne!(up.wait().expect("it ends").code(), Some(0));
    wait_until("nothing is left", LIMIT, || containers("ctrlc").is_empty());
    assert!(daemon.labs().is_empty());
}

#[test]
fn a_killed_client_leaves_a_lab_that_down_removes() {
    let daemon = Daemon::new();
    let pair = pair();
    let folder = pair.path().display().to_string();
    let mut up = daemon
        .command(&["lab", "up", &folder, "--name", "orphan"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("plateau starts");
    wait_until("the lab is being built", LIMIT, || {
        !containers("orphan").is_empty()
    });
    up.kill().expect("it is killed");
    up.wait().expect("it is gone");
    daemon.good(&["lab", "down", "orphan"]);
    assert_eq!(containers("orphan"), Vec::<String>::new());
}

#[test]
fn what_cannot_run_here_is_refused_before_anything_starts() {
    let daemon = Daemon::new();
    let text = std::fs::read_to_string(pair().path().join("scenario.yaml")).expect("the scenario");
    let text = text.replacen("image: debian-server", "image: plateau/none-such:1", 1);
    let folder = scenario(&[
        ("brief.md", "x"),
        ("done.sh", "true"),
        ("scenario.yaml", &text),
    ]);
    let up = daemon.plateau(&[
        "lab",
        "up",
        &folder.path().display().to_string(),
        "--name",
        "refused",
    ]);
    assert!([2, 3].contains(&up.code), "{}", up.stderr);
    assert!(up.stderr.contains("none-such"), "{}", up.stderr);
    assert_eq!(containers("refused"), Vec::<String>::new());
    let missing = daemon.plateau(&["lab", "show", "nobody"]);
    assert_eq!(missing.code, 2, "{}", missing.stderr);
}
