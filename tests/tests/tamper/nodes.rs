//! The walls of a node: what root in it can do to the host and to the nodes beside it.

use plateau_tests::{Daemon, scenario};
use tempfile::TempDir;

/// A lab of one machine.
fn one_node() -> TempDir {
    scenario(&[
        ("brief.md", "Nothing to do."),
        ("done.sh", "true"),
        (
            "scenario.yaml",
            r#"
plateau: 1
id: walls
title: { en: Walls }
duration: 10m
brief: { en: brief.md }
nodes:
  box: { image: debian-server }
tasks:
  - id: t
    skill: tsgeri/1.2
    title: { en: Walls }
    solution: [{ on: box, run: done.sh }]
    checks:
      - { id: hosts, on: box, that: { file: { path: /etc/hosts } }, points: 1, holds_from_start: true }
"#,
        ),
    ])
}

/// Tries to join every control group that can be seen, under version 1 and 2, and to remount them.
/// The hierarchy that systemd sorts its units in is the node's own and limits nothing.
const LEAVE: &str = r#"
limits() { grep -v name=systemd /proc/self/cgroup; }
before=$(limits)
for all in /sys/fs/cgroup/*; do
  mount -o remount,bind,rw $all 2>/dev/null && echo "remounted $all"
done
for file in $(find -L /sys/fs/cgroup -maxdepth 8 \( -name cgroup.procs -o -name tasks \) 2>/dev/null); do
  case $file in /sys/fs/cgroup/systemd/*) continue ;; esac
  { echo $$ >$file && [ -d /sys/fs/cgroup/devices ] && echo "joined $file"; } 2>/dev/null
done
for limit in pids/pids.max memory/memory.limit_in_bytes devices/devices.allow freezer/freezer.state pids.max memory.max; do
  [ ! -e /sys/fs/cgroup/$limit ] || { echo 1 >/sys/fs/cgroup/$limit && echo "wrote $limit"; } 2>/dev/null
done
[ -d /sys/fs/cgroup/devices ] && [ "$before" != "$(limits)" ] && limits
find -L /sys/fs/cgroup -maxdepth 8 -type d 2>/dev/null | grep -E '[0-9a-f]{64}'
true
"#;

#[test]
fn root_in_a_node_leaves_no_control_group_and_sees_no_other_container() {
    let daemon = Daemon::new();
    let walls = one_node();
    daemon.up(walls.path(), "walls");
    assert_eq!(daemon.sh("walls", "box", LEAVE), "");
    // systemd has what it needs, also after a restart.
    let state = "systemctl is-system-running --wait";
    assert_eq!(daemon.sh("walls", "box", state), "running");
    daemon.good(&["lab", "reboot", "walls", "box"]);
    assert_eq!(daemon.sh("walls", "box", state), "running");
    assert_eq!(daemon.sh("walls", "box", LEAVE), "");
}

/// Asks for a socket of AF_VSOCK, for a ring that could open one, and for one of each other
/// family that technicians use.
const SOCKETS: &str = r#"
perl -e '
  socket(my $vsock, 40, 1, 0) and print "vsock ";
  syscall(425, 8, 0) < 0 or print "ring ";
  for my $family (1, 2, 10, 16, 17) { socket(my $one, $family, 3, 0) or socket($one, $family, 1, 0) or print "no $family " }'
"#;

#[test]
fn a_node_reaches_no_hypervisor() {
    let daemon = Daemon::new();
    let walls = one_node();
    daemon.up(walls.path(), "vsock");
    assert_eq!(daemon.sh("vsock", "box", SOCKETS), "");
    // What systemd and terminals start is filtered alike, and technicians' tools work.
    let unit = "systemd-run --quiet --wait --pipe perl -e 'socket(my $s, 40, 1, 0) and print 1'";
    assert_eq!(daemon.sh("vsock", "box", unit), "");
    let tools =
        "su -s /bin/sh nobody -c true && ip link add v0 type veth peer name v1 && nft list ruleset";
    assert_eq!(daemon.sh("vsock", "box", tools), "");
    let state = "systemctl is-system-running --wait";
    assert_eq!(daemon.sh("vsock", "box", state), "running");
}

/// Opens as many pseudo terminals as it gets, and says how many.
const TERMINALS: &str = r#"
perl -e 'my @all; while (@all < 1000 and open(my $one, "+<", "/dev/ptmx")) { push @all, $one } print scalar @all'
"#;

#[test]
fn a_node_has_no_more_terminals_than_its_own() {
    let daemon = Daemon::new();
    let walls = one_node();
    daemon.up(walls.path(), "ptys");
    let opened: usize = daemon
        .sh("ptys", "box", TERMINALS)
        .parse()
        .expect("a number");
    assert!((32..=64).contains(&opened), "{opened}");
}
