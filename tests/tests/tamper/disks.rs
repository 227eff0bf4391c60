//! The disk of a node: what root in it can do to the disk of the host, and to the keeping of their work.

use std::time::Duration;

use plateau_core::api::{DiskAlertLevel, NodeState, NodeView};
use plateau_core::exam::session::SessionState;
use plateau_tests::{Daemon, exam, scenario, wait_until};
use tempfile::TempDir;

/// Most that being noticed may take: the longest pause between two measurements, and a busy machine.
const NOTICED: Duration = Duration::from_secs(90);

/// Two machines with small disks.
fn small_disks() -> TempDir {
    scenario(&[
        ("brief.md", "Nothing to do."),
        ("done.sh", "true"),
        (
            "scenario.yaml",
            r#"
plateau: 1
id: disks
title: { en: Disks }
duration: 10m
brief: { en: brief.md }
nodes:
  box: { image: debian-server, disk: 256MiB }
  next: { image: debian-server, disk: 256MiB }
tasks:
  - id: t
    skill: tsgeri/1.2
    title: { en: Disks }
    solution: [{ on: box, run: done.sh }]
    checks:
      - { id: hosts, on: box, that: { file: { path: /etc/hosts } }, points: 1, holds_from_start: true }
"#,
        ),
    ])
}

fn node(daemon: &Daemon, lab: &str, node: &str) -> NodeView {
    let labs = daemon.labs();
    let lab = labs.iter().find(|view| view.name == lab).expect("the lab");
    lab.nodes[node].clone()
}

fn is_stopped(daemon: &Daemon, lab: &str) {
    wait_until("the node is stopped", NOTICED, || {
        let view = node(daemon, lab, "box");
        let level = view.disk.map(|alert| alert.level);
        view.state == NodeState::Stopped && level == Some(DiskAlertLevel::Stopped)
    });
    assert_eq!(node(daemon, lab, "next").state, NodeState::Running);
    assert_eq!(node(daemon, lab, "next").disk, None);
}

/// Starts what goes on writing after its starter has ended.
fn in_background(daemon: &Daemon, lab: &str, script: &str) {
    let line = format!("setsid sh -c '{script}' </dev/null >/dev/null 2>&1 &");
    daemon.sh(lab, "box", &line);
}

#[test]
fn a_node_that_fills_its_disk_is_stopped_and_can_be_started_to_be_cleared_up() {
    let daemon = Daemon::new();
    let disks = small_disks();
    daemon.up(disks.path(), "fills");
    let fill = "for i in $(seq 40); do head -c 16M /dev/urandom >/srv/$i; done";
    in_background(&daemon, "fills", fill);
    is_stopped(&daemon, "fills");
    let shown = daemon.good(&["lab", "show", "fills"]).stdout;
    assert!(shown.contains("its disk is full"), "{shown}");
    daemon.good(&["lab", "reboot", "fills", "box"]);
    daemon.sh("fills", "box", "rm -f /srv/*; sync");
    wait_until("nothing is wrong any more", NOTICED, || {
        node(&daemon, "fills", "box").disk.is_none()
    });
    assert_eq!(node(&daemon, "fills", "box").state, NodeState::Running);
}

/// Below folders whose path no descriptor's link can show, held by a thread whose process has no main
/// thread any more, so that `/proc/PID/fd` shows nothing.
const HIDDEN: &str = r#"
cat >/root/hidden.pl <<'END'
  use threads;
  my $folder = "d" x 250; chdir "/srv"; for (1 .. 18) { mkdir $folder; chdir $folder or die }
  threads->create(sub {
    my $bytes = "x" x (1 << 20); my @held;
    for my $number (1 .. 3) {
      open(my $file, ">", $number) or die; unlink $number; push @held, $file;
      syswrite($file, $bytes) for 1 .. 150;
    }
    sleep 600;
  });
  syscall(60, 0);
END
setsid perl /root/hidden.pl </dev/null >/dev/null 2>&1 &
"#;

#[test]
fn files_without_a_name_count_wherever_they_are_held() {
    let daemon = Daemon::new();
    let disks = small_disks();
    daemon.up(disks.path(), "hidden");
    daemon.sh("hidden", "box", HIDDEN);
    is_stopped(&daemon, "hidden");
}

#[test]
fn files_without_a_name_and_many_small_ones_count_too() {
    let daemon = Daemon::new();
    let disks = small_disks();
    daemon.up(disks.path(), "nameless");
    let hidden = "for i in 1 2 3; do (exec 3>/srv/$i; rm /srv/$i; head -c 150M /dev/urandom >&3; sleep 600) & done; wait";
    in_background(&daemon, "nameless", hidden);
    is_stopped(&daemon, "nameless");
    daemon.up(disks.path(), "many");
    let many = "mkdir /srv/many && cd /srv/many && seq 20000 | xargs touch";
    in_background(&daemon, "many", many);
    is_stopped(&daemon, "many");
}

#[test]
fn no_file_is_larger_than_its_disk_and_open_files_are_bounded() {
    let daemon = Daemon::new();
    let disks = small_disks();
    daemon.up(disks.path(), "ulimits");
    let large = daemon.plateau(&[
        "lab",
        "exec",
        "ulimits",
        "box",
        "--",
        "truncate",
        "-s",
        "200G",
        "/srv/hole",
    ]);
    assert_ne!(large.code, 0, "{}", large.stdout);
    // Its last log-ins would be a file with a hole of hundreds of gigabytes.
    daemon.sh("ulimits", "box", "useradd -u 2000000000 far; true");
    let largest = "find / -xdev -type f -size +256M -not -path '/proc/*' -not -path '/sys/*'";
    assert_eq!(daemon.sh("ulimits", "box", largest), "");
    let limits = "ulimit -Hn; ulimit -n 70000 2>/dev/null || echo refused";
    assert_eq!(daemon.sh("ulimits", "box", limits), "16384\nrefused");
    // What systemd starts has them as well, and everything runs.
    let unit = "systemd-run --quiet --wait --pipe -p LimitNOFILE=1048576 sh -c 'ulimit -Hn'";
    assert_eq!(daemon.sh("ulimits", "box", unit), "16384");
    let state = "systemctl is-system-running --wait";
    assert_eq!(daemon.sh("ulimits", "box", state), "running");
}

/// Eighty files of 3 GiB without a byte in them.
const HOLES: &str = "for i in $(seq 80); do truncate -s 3G /srv/hole$i; done; touch /root/done";

#[test]
fn holes_are_not_kept_and_their_lab_is_graded_all_the_same() {
    let daemon = Daemon::new();
    let text = exam::PAIR[2].1.replace(
        "after-reboot: { reboot: [left] }",
        "after-reboot: { reboot: [left] }\n  again: { from: as-left, steps: [ { reboot: [left] } ] }",
    );
    let text = text.replace(
        "\ntasks:",
        "\ntasks:\n  - id: u\n    skill: tsgeri/1.2\n    title: { en: Again }\n    solution: [{ on: left, run: done.sh }]\n    checks:\n      - { id: copied, on: left, phase: again, that: { file: { path: /root/done } }, points: 1 }",
    );
    let pair = scenario(&[exam::PAIR[0], exam::PAIR[1], ("scenario.yaml", &text)]);
    let list = "number,name\n001,Ada\n002,Alan\n";
    let slips = exam::describe(&daemon, "holes", pair.path(), list, false);
    daemon.good(&["session", "prepare", "holes"]);
    daemon.good(&["session", "open", "holes"]);
    let worked = exam::ssh(&daemon, "left", &slips[0].code, HOLES);
    assert!(worked.status.success(), "{worked:?}");
    let worked = exam::ssh(&daemon, "left", &slips[1].code, "touch /root/done");
    assert!(worked.status.success(), "{worked:?}");
    daemon.good(&["session", "hand-in", "holes", "--reason", "the end"]);
    let limit = Duration::from_secs(180);
    wait_until("all is graded", limit, || {
        exam::session(&daemon, "holes").state == SessionState::Closed
    });
    let seats = exam::seats(&daemon, "holes");
    let attempts: Vec<&str> = seats
        .iter()
        .map(|seat| seat.attempts[0].id.as_str())
        .collect();
    // Only what needs a copy could not be looked at, of this seat alone.
    assert_eq!(exam::points(&daemon, attempts[0]), (6, 7, 1));
    assert_eq!(exam::points(&daemon, attempts[1]), (7, 7, 0));
    let log = daemon.good(&["session", "log", "holes"]).stdout;
    assert!(log.contains("/srv/hole"), "{log}");
    daemon.good(&["session", "clear", "holes"]);
    let again = daemon.plateau(&["session", "revisit", "holes", "001"]);
    assert_ne!(again.code, 0, "{}", again.stdout);
    let said = format!("{}{}", again.stdout, again.stderr);
    assert!(said.contains("too large to be copied"), "{said}");
    assert!(said.contains("/srv/hole"), "{said}");
    daemon.good(&["session", "clear", "holes", "--kept"]);
}
