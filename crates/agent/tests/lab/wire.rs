//! Wiring on real network namespaces. Needs root.

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::machine::{Machine, grader_with_input, run, wire};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use base64::Engine as _;
use plateau_core::wire::{Bridge, FilePart, HOLD, Port, WireRequest, WireResponse};

fn port(node: &Machine, interface: &str, bridge: &str, fabric_port: &str) -> Port {
    Port {
        node: node.pid(),
        interface: interface.to_owned(),
        mac: "02:1f:00:00:00:01".to_owned(),
        bridge: bridge.to_owned(),
        fabric_port: fabric_port.to_owned(),
        rate: None,
        delay_ms: None,
        loss_ppm: None,
        cut: false,
        address: None,
        gateway: None,
    }
}

/// A port that the wirer configures, as it does for examiners.
fn addressed(node: &Machine, bridge: &str, fabric_port: &str, host: u8) -> Port {
    Port {
        mac: format!("02:1f:00:00:00:{host:02x}"),
        address: Some(format!("10.9.8.{host}/24").parse().unwrap()),
        gateway: Some("10.9.8.254".parse().unwrap()),
        ..port(node, "eth0", bridge, fabric_port)
    }
}

fn request(fabric: &Machine, ports: Vec<Port>) -> WireRequest {
    let bridge = |name: &str| Bridge {
        name: name.to_owned(),
    };
    WireRequest {
        fabric: fabric.pid(),
        bridges: vec![bridge("n0"), bridge("n1")],
        files: Vec::new(),
        release: Vec::new(),
        ports,
        containers: BTreeMap::new(),
    }
}

#[track_caller]
fn done(request: &WireRequest) {
    let answer = wire(request);
    assert!(matches!(answer, WireResponse::Done { .. }), "{answer:?}");
}

#[track_caller]
fn failed(request: &WireRequest) -> (String, String) {
    match wire(request) {
        WireResponse::Failed { doing, reason } => (doing, reason),
        WireResponse::Done { .. } => panic!("it was done"),
    }
}

/// Does something on a thread that lives in the machine's network namespace.
fn on<T: Send>(machine: &Machine, work: impl FnOnce() -> T + Send) -> T {
    let namespace = File::open(format!("/proc/{}/ns/net", machine.pid())).unwrap();
    std::thread::scope(|scope| {
        let enter = || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            work()
        };
        scope.spawn(enter).join().unwrap()
    })
}

/// Whether a message comes whole from one machine to another.
fn reaches(from: &Machine, to: &Machine, host: u8) -> bool {
    const MESSAGE: usize = 200_000;
    let listener = on(to, || TcpListener::bind("0.0.0.0:7").unwrap());
    let address = format!("10.9.8.{host}:7").parse().unwrap();
    let stream = on(from, || {
        TcpStream::connect_timeout(&address, Duration::from_secs(2))
    });
    let Ok(mut stream) = stream else {
        return false;
    };
    let receiver = std::thread::spawn(move || {
        let mut message = Vec::new();
        listener
            .accept()
            .unwrap()
            .0
            .read_to_end(&mut message)
            .unwrap();
        message
    });
    stream.write_all(&[7; MESSAGE]).unwrap();
    drop(stream);
    assert_eq!(receiver.join().unwrap(), [7; MESSAGE]);
    true
}

#[test]
fn packets_flow_within_a_network_and_not_between_networks() {
    let [fabric, a, b, c] = std::array::from_fn(|_| Machine::start());
    done(&request(
        &fabric,
        vec![
            addressed(&a, "n0", "p-a", 1),
            addressed(&b, "n0", "p-b", 2),
            addressed(&c, "n1", "p-c", 3),
        ],
    ));
    assert!(reaches(&a, &b, 2));
    assert!(reaches(&b, &a, 1));
    assert!(!reaches(&a, &c, 3));
    let link = a.says(&["ip", "link", "show", "eth0"]);
    assert!(link.contains("02:1f:00:00:00:01"), "{link}");
    let route = a.says(&["ip", "route"]);
    assert!(route.contains("default via 10.9.8.254 dev eth0"), "{route}");
}

#[test]
fn bytes_flow_whole_over_a_limited_link() {
    let [fabric, a, b] = std::array::from_fn(|_| Machine::start());
    let mut ports = vec![addressed(&a, "n0", "p-a", 1), addressed(&b, "n0", "p-b", 2)];
    ports[0].rate = Some(8_000_000);
    done(&request(&fabric, ports.clone()));
    let limits = fabric.says(&["tc", "qdisc", "show", "dev", "p-a"]);
    assert!(
        limits.contains("tbf") && limits.contains("rate 8Mbit"),
        "{limits}"
    );
    let began = Instant::now();
    assert!(reaches(&b, &a, 1));
    // 1.6 million bits, less what may go at once.
    assert!(
        began.elapsed() > Duration::from_millis(100),
        "{:?}",
        began.elapsed()
    );

    ports[0].rate = Some(4_000_000);
    done(&request(&fabric, ports.clone()));
    let limits = fabric.says(&["tc", "qdisc", "show", "dev", "p-a"]);
    assert!(limits.contains("rate 4Mbit"), "{limits}");

    ports[0].rate = None;
    done(&request(&fabric, ports));
    let limits = fabric.says(&["tc", "qdisc", "show", "dev", "p-a"]);
    assert!(!limits.contains("tbf"), "{limits}");
    assert!(reaches(&b, &a, 1));
}

#[test]
fn a_second_call_changes_nothing() {
    let [fabric, a, b] = std::array::from_fn(|_| Machine::start());
    let mut limited = port(&b, "eth1", "n1", "p-b1");
    limited.rate = Some(1_000_000);
    let request = request(
        &fabric,
        vec![
            port(&a, "eth0", "n0", "p-a0"),
            port(&b, "eth0", "n0", "p-b0"),
            limited,
        ],
    );
    done(&request);
    // Numbers, names and hardware addresses; the kernel gets round to the state some time later.
    let state = || {
        [&fabric, &a, &b].map(|machine| {
            let links = machine.says(&["ip", "-o", "link"]);
            let known = |line: &str| {
                let (name, rest) = line.split_once('<').unwrap();
                format!("{name}{}", rest.split_once("link/").unwrap().1)
            };
            let links: Vec<String> = links.lines().map(known).collect();
            (links, machine.says(&["tc", "qdisc"]))
        })
    };
    let before = state();
    assert!(
        before[1].0.len() == 2 && before[2].0.len() == 3,
        "{before:?}"
    );
    done(&request);
    assert_eq!(state(), before);
}

#[test]
fn a_nodes_end_is_left_down_and_computes_checksums_itself() {
    let [fabric, node] = std::array::from_fn(|_| Machine::start());
    done(&request(&fabric, vec![port(&node, "eth0", "n0", "p-a")]));
    let link = node.says(&["ip", "-o", "addr", "show"]);
    assert!(!link.contains("eth0"), "it has an address: {link}");
    let fabric_has = fabric.says(&["ip", "-o", "addr", "show"]);
    assert!(
        !fabric_has.contains("p-a") && !fabric_has.contains("n0"),
        "{fabric_has}"
    );
    assert!(
        node.says(&["ip", "-o", "link", "show", "eth0"])
            .contains("state DOWN")
    );
    for (machine, name) in [(&node, "eth0"), (&fabric, "p-a")] {
        let features = machine.says(&["ethtool", "-k", name]);
        assert!(features.contains("tx-checksumming: off"), "{features}");
    }
}

#[test]
fn a_node_that_came_back_is_plugged_in_again() {
    let [fabric, b] = std::array::from_fn(|_| Machine::start());
    let a = Machine::start();
    let keep = addressed(&b, "n0", "p-b", 2);
    done(&request(
        &fabric,
        vec![addressed(&a, "n0", "p-a", 1), keep.clone()],
    ));
    drop(a);
    let again = Machine::start();
    done(&request(
        &fabric,
        vec![addressed(&again, "n0", "p-a", 1), keep],
    ));
    assert!(reaches(&again, &b, 2));
}

#[test]
fn a_port_in_the_wrong_network_is_moved() {
    let [fabric, a, b] = std::array::from_fn(|_| Machine::start());
    let keep = addressed(&b, "n0", "p-b", 2);
    done(&request(
        &fabric,
        vec![addressed(&a, "n1", "p-a", 1), keep.clone()],
    ));
    assert!(!reaches(&a, &b, 2));
    done(&request(&fabric, vec![addressed(&a, "n0", "p-a", 1), keep]));
    assert!(reaches(&a, &b, 2));
}

#[test]
fn a_process_that_is_not_there_is_named() {
    let [fabric, node] = std::array::from_fn(|_| Machine::start());
    let mut wrong = port(&node, "eth0", "n0", "p-a");
    wrong.node = 4_194_300;
    let (doing, reason) = failed(&request(&fabric, vec![wrong]));
    assert_eq!(doing, "inspect process `4194300`");
    assert!(reason.contains("No such process"), "{reason}");
}

#[test]
fn an_interface_that_somebody_made_is_not_taken_over() {
    let [fabric, node] = std::array::from_fn(|_| Machine::start());
    node.says(&["ip", "link", "add", "eth0", "type", "bridge"]);
    let (doing, reason) = failed(&request(&fabric, vec![port(&node, "eth0", "n0", "p-a")]));
    assert_eq!(
        doing,
        format!(
            "plug `eth0` of process `{}` into `n0`: inspect the existing interfaces",
            node.pid()
        )
    );
    assert!(reason.contains("plugged in nowhere"), "{reason}");
}

#[test]
fn the_hosts_namespaces_are_refused() {
    let before = run(&["ip", "-o", "link"]);
    let node = Machine::start();
    let mut host = request(&node, Vec::new());
    host.fabric = std::process::id();
    let (_, reason) = failed(&host);
    assert!(reason.contains("that of the host"), "{reason}");
    let mut host = request(&node, Vec::new());
    host.release = vec![std::process::id()];
    let (_, reason) = failed(&host);
    assert!(reason.contains("that of the host"), "{reason}");
    assert_eq!(
        run(&["ip", "-o", "link"]).matches("n0:").count(),
        before.matches("n0:").count()
    );
}

#[test]
fn a_process_of_another_container_is_refused_before_it_is_changed() {
    let [fabric, node] = std::array::from_fn(|_| Machine::start());
    let mut request = request(&fabric, vec![port(&node, "eth0", "n0", "p0")]);
    request.containers = BTreeMap::from([(node.pid(), "8d1b".repeat(16))]);
    let (doing, reason) = failed(&request);
    assert_eq!(doing, format!("enter process `{}`", node.pid()));
    assert!(
        reason.starts_with("it is not a process of container"),
        "{reason}"
    );
    assert!(!fabric.shell("ip -o link").contains("n0"));
}

#[test]
fn a_release_takes_the_engines_mounts_away_and_opens_net_settings_alone() {
    let [fabric, node] = std::array::from_fn(|_| Machine::start());
    // As an engine does it.
    node.shell(
        "mount -t tmpfs none /etc && touch /etc/hosts /etc/hostname /etc/resolv.conf && \
         for f in hosts hostname resolv.conf; do mount --bind /proc/version /etc/$f; done && \
         mount --bind /etc/hosts /etc/hosts && \
         mount -t proc proc /proc && mount --bind /proc/sys /proc/sys && \
         mount -o remount,bind,ro,nosuid,nodev,noexec /proc/sys",
    );
    assert!(
        !node
            .inside(&["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
            .status
            .success()
    );
    let mut request = request(&fabric, Vec::new());
    request.release = vec![node.pid()];
    // A namespace begins with the host's forwarding; a machine that was just installed has none.
    for forwarding in ["0\n", "1\n"] {
        done(&request);
        assert_eq!(node.shell("cat /proc/sys/net/ipv4/ip_forward"), forwarding);
        node.shell(
            "echo x > /etc/hosts && sed -i s/x/y/ /etc/hosts && mv /etc/hosts /etc/hostname",
        );
        node.shell("echo 1 > /proc/sys/net/ipv4/ip_forward");
        let core = node.inside(&["sh", "-c", "echo x > /proc/sys/kernel/core_pattern"]);
        assert!(!core.status.success());
        let mounts = node.says(&["cat", "/proc/self/mountinfo"]);
        assert_eq!(mounts.matches(" /proc/sys/net ").count(), 1, "{mounts}");
    }
}

#[test]
fn an_invalid_request_is_an_error() {
    let output = grader_with_input(&["wire"], b"{}");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot read the request"));
}

fn part(node: &Machine, path: &str, append: bool, content: &str) -> FilePart {
    FilePart {
        node: node.pid(),
        path: path.to_owned(),
        mode: 0o4640,
        uid: 12,
        gid: 34,
        append,
        content: base64::engine::general_purpose::STANDARD.encode(content),
    }
}

#[test]
fn files_are_written_for_any_owner_before_the_node_is_let_go() {
    let [fabric, node] = std::array::from_fn(|_| Machine::start());
    node.shell(&format!(
        "mount -t tmpfs none /mnt && mount -t tmpfs none /run && mkdir {HOLD} && \
         mount -t tmpfs none {HOLD} && echo kept >/mnt/target && ln -s /mnt/target /mnt/link"
    ));
    let mut files = request(&fabric, vec![]);
    files.files = vec![
        part(&node, "/mnt/new/folder/a", false, "one, "),
        part(&node, "/mnt/new/folder/a", true, "two"),
        part(&node, "/mnt/link", false, "replaced"),
        part(&node, "/mnt/empty", false, ""),
    ];
    done(&files);
    assert_eq!(
        node.shell("cd /mnt && cat new/folder/a && stat -c ' %a %u %g' new/folder/a && cat link target && stat -c %s empty"),
        "one, two 4640 12 34\nreplacedkept\n0\n"
    );
    let held = format!("mountpoint -q {HOLD} && echo held || echo free");
    assert_eq!(node.shell(&held), "held\n");
    let mut release = request(&fabric, vec![]);
    release.release = vec![node.pid()];
    done(&release);
    assert_eq!(node.shell(&held), "free\n");
    assert!(!node.inside(&["test", "-e", HOLD]).status.success());
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let [fabric, node] = std::array::from_fn(|_| Machine::start());
    node.shell("mount -t tmpfs none /mnt && mkdir /mnt/folder");
    let mut files = request(&fabric, vec![]);
    files.files = vec![part(&node, "/mnt/folder", false, "x")];
    let (doing, reason) = failed(&files);
    assert!(
        doing.contains("`/mnt/folder`") && reason.contains("directory"),
        "{doing}: {reason}"
    );
}

#[test]
fn what_was_put_in_a_files_place_is_not_opened() {
    let [fabric, node] = std::array::from_fn(|_| Machine::start());
    node.shell(
        "mount -t tmpfs none /mnt && cd /mnt && touch file && ln -s file link && \
         mknod device c 1 3 && mkfifo pipe && (sleep 60 <>pipe >/dev/null 2>&1 &)",
    );
    for path in ["/mnt/link", "/mnt/device", "/mnt/pipe"] {
        let mut files = request(&fabric, vec![]);
        files.files = vec![part(&node, path, true, "x")];
        let (doing, reason) = failed(&files);
        assert!(
            doing.contains(path) && reason.contains("not a regular file"),
            "{doing}: {reason}"
        );
    }
}

#[test]
fn one_call_answers_one_request_after_the_other() {
    let [fabric, node] = std::array::from_fn(|_| Machine::start());
    let first = serde_json::to_string(&request(&fabric, vec![])).unwrap();
    let second = serde_json::to_string(&request(&node, vec![])).unwrap();
    let output = grader_with_input(&["wire"], format!("{first}\n{second}\n").as_bytes());
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<WireResponse> = answers
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        matches!(
            answers[..],
            [WireResponse::Done { .. }, WireResponse::Done { .. }]
        ),
        "{answers:?}"
    );
}
