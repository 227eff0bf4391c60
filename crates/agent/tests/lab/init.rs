//! Holding a boot, and sleeping.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use plateau_core::wire::{Bridge, Port, WireRequest, WireResponse};

use crate::machine::{AGENT, Machine, until, wire};

/// Starts `init` inside and waits until it waits.
fn hold(machine: &Machine, interfaces: &str) -> (Child, BufReader<impl Read + use<>>) {
    let mut child = machine
        .command(&[AGENT, "init", "--", "sh", "-c", "env; hostname"])
        .env("PLATEAU_INTERFACES", interfaces)
        .env("PLATEAU_OTHER", "x")
        .env("container", "docker")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    assert!(
        line.starts_with("plateau: waiting for interfaces"),
        "{line}"
    );
    (child, log)
}

fn signal(child: &Child, signal: &str) {
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-s", signal, &pid])
            .status()
            .unwrap()
            .success()
    );
}

fn plug(fabric: &Machine, node: &Machine, interfaces: &[&str]) -> WireRequest {
    let port = |interface: &&str| Port {
        node: node.pid(),
        interface: (*interface).to_owned(),
        mac: "02:1f:00:00:00:01".to_owned(),
        bridge: "n0".to_owned(),
        fabric_port: format!("p-{interface}"),
        rate: None,
        delay_ms: None,
        loss_ppm: None,
        cut: false,
        address: None,
        gateway: None,
    };
    WireRequest {
        fabric: fabric.pid(),
        bridges: vec![Bridge {
            name: "n0".to_owned(),
        }],
        files: Vec::new(),
        release: Vec::new(),
        ports: interfaces.iter().map(port).collect(),
        containers: BTreeMap::new(),
    }
}

#[test]
fn a_boot_is_held_until_every_interface_is_there_and_every_mount_is_gone() {
    let [fabric, node] = std::array::from_fn(|_| Machine::start());
    node.shell(
        "mount -t tmpfs none /etc && cd /etc && echo named > hostname && touch hosts && \
         mount --bind /etc/hosts /etc/hosts",
    );
    let (mut child, mut log) = hold(&node, "eth0,eth1");
    assert!(matches!(
        wire(&plug(&fabric, &node, &["eth0"])),
        WireResponse::Done { .. }
    ));
    assert!(child.try_wait().unwrap().is_none());
    assert!(matches!(
        wire(&plug(&fabric, &node, &["eth0", "eth1"])),
        WireResponse::Done { .. }
    ));
    assert!(child.try_wait().unwrap().is_none());
    let mut release = plug(&fabric, &node, &[]);
    release.release = vec![node.pid()];
    assert!(matches!(wire(&release), WireResponse::Done { .. }));

    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert!(
        rest.starts_with("plateau: interfaces ready after "),
        "{rest}"
    );
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(
        said.contains("container=docker") && !said.contains("PLATEAU_"),
        "{said}"
    );
    assert!(said.ends_with("named\n"), "{said}");
}

#[test]
fn a_held_boot_ends_when_it_is_told_to() {
    let node = Machine::start();
    for name in ["TERM", "RTMIN+3"] {
        let (mut child, _log) = hold(&node, "eth0");
        signal(&child, name);
        assert!(child.wait().unwrap().success(), "{name}");
    }
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let node = Machine::start();
    let output = node.inside(&[AGENT, "init", "/no/such/init"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot run `/no/such/init`"));
}

#[test]
fn a_sleeper_reaps_orphans_and_ends_at_once() {
    let mut sleeper = Command::new("unshare")
        .args(["--pid", "--fork", "--kill-child", AGENT, "sleep"])
        .spawn()
        .unwrap();
    let children = |pid: u32| {
        std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default()
    };
    until("it sleeps", || !children(sleeper.id()).is_empty());
    let pid: u32 = children(sleeper.id()).trim().parse().unwrap();
    let listens = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let caught = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:\t"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask, 16).ok());
        // SIGINT, SIGTERM and SIGCHLD.
        caught.is_some_and(|mask| mask & 0x1_4002 == 0x1_4002)
    };
    until("it listens for signals", listens);
    // The shell ends first, and its child becomes the sleeper's.
    let orphan = Command::new("nsenter")
        .args([
            "-t",
            &pid.to_string(),
            "-p",
            "sh",
            "-c",
            "sh -c 'read x' <&0 & exit 0",
        ])
        .stdin(Stdio::piped())
        .spawn();
    let mut orphan = orphan.unwrap();
    let input = orphan.stdin.take();
    orphan.wait().unwrap();
    drop(input);
    until("the orphan is reaped", || children(pid).is_empty());
    assert!(
        Command::new("kill")
            .arg(pid.to_string())
            .status()
            .unwrap()
            .success()
    );
    assert!(sleeper.wait().unwrap().success());
}
