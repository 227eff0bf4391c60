//! A room on the real engine, of eight or with `--all` of thirty: four machines a seat, each seat worked in by its candidate.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use plateau_core::api::{AccessSlip, SeatView};
use plateau_core::exam::session::{AttemptState, SessionState};
use plateau_tests::{Daemon, containers, exam, scenario, wait_until};

const LIMIT: Duration = Duration::from_secs(900);

/// Candidates, numbered from 1.
struct Room {
    seats: usize,
    /// So many do all of their work.
    done: usize,
    /// Those after them, up to this one, make the mistake that the scenario declares, and the rest do
    /// nothing.
    mistaken: usize,
}

impl Room {
    fn of_this_run() -> Self {
        if plateau_tests::is_long_run() {
            return Self {
                seats: 30,
                done: 20,
                mistaken: 25,
            };
        }
        Self {
            seats: 8,
            done: 5,
            mistaken: 7,
        }
    }
}

/// Candidates who sit in front of their machines at the same time here.
const AT_ONCE: usize = 6;

/// A server behind a router, somebody who uses it, and a machine that nobody may enter.
const QUAD: &[(&str, &str)] = &[
    ("brief.md", "Serve the page, for ever, to the client."),
    (
        "serve.sh",
        "mkdir -p /srv/www && echo Bienvenue > /srv/www/index.html\n\
             cat > /etc/systemd/system/page.service <<'UNIT'\n\
             [Service]\n\
             ExecStart=/usr/bin/python3 -m http.server 80 --directory /srv/www\n\
             Restart=always\n\
             [Install]\n\
             WantedBy=multi-user.target\n\
             UNIT\n\
             systemctl daemon-reload && systemctl enable --now page.service\n\
             answers() { python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 80))'; }\n\
             until answers 2>/dev/null; do sleep 0.2; done\n",
    ),
    (
        "forward.sh",
        "echo 'net.ipv4.ip_forward = 1' > /etc/sysctl.d/90-forward.conf\n\
             sysctl --quiet --load /etc/sysctl.d/90-forward.conf\n",
    ),
    ("forget.sh", "systemctl disable page.service\n"),
    (
        "scenario.yaml",
        r#"
plateau: 1
id: quad
title: { en: Four machines }
duration: 60m
brief: { en: brief.md }
parameters:
  octet: { integer: { min: 20, max: 60 } }
networks: { left: {}, right: {} }
nodes:
  srv:
    image: debian-router
    interfaces: { eth0: { network: left, address: "10.{{ octet }}.1.10/24", gateway: "10.{{ octet }}.1.1" } }
    access: [terminal]
  gate:
    image: debian-router
    interfaces:
      eth0: { network: left, address: "10.{{ octet }}.1.1/24" }
      eth1: { network: right, address: "10.{{ octet }}.2.1/24" }
    setup: forward.sh
    access: []
  client:
    image: debian-server
    interfaces: { eth0: { network: right, address: "10.{{ octet }}.2.10/24", gateway: "10.{{ octet }}.2.1" } }
    access: [terminal]
  spare:
    image: debian-server
    interfaces: { eth0: { network: left, address: "10.{{ octet }}.1.20/24", gateway: "10.{{ octet }}.1.1" } }
    access: []
phases:
  after-reboot: { reboot: [srv] }
tasks:
  - id: page
    skill: tsgeri/1.2
    title: { en: A page }
    solution: [{ on: srv, run: serve.sh }]
    checks:
      - id: answers
        from: client
        that: { http: { url: "http://10.{{ octet }}.1.10/", status: 200, body: { contains: Bienvenue } } }
        points: 3
      - id: survives
        on: srv
        phase: after-reboot
        that: { service: { name: page, running: true, enabled: true } }
        points: 2
      - id: routed
        from: client
        that: { ping: { host: "10.{{ octet }}.1.20" } }
        points: 1
        holds_from_start: true
mistakes:
  - id: forgotten
    run: [{ on: srv, run: forget.sh }]
    loses: [page/survives]
"#,
    ),
];

/// Does something for each of these, some at the same time.
fn each<T: Sync>(of: &[T], what: impl Fn(&T) + Sync) {
    let next = Mutex::new(of.iter());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let one = next.lock().expect("nobody panicked").next();
                    let Some(one) = one else { return };
                    what(one);
                }
            });
        }
    });
}

#[test]
fn a_room_is_prepared_opened_worked_in_handed_in_and_graded() {
    let room = Room::of_this_run();
    let daemon = Daemon::new();
    let quad = scenario(QUAD);
    // What the proof says is what every candidate's grade has to be.
    let folder = quad.path().display().to_string();
    daemon.good(&["scenario", "prove", &folder, "--draws", "0"]);
    let lines: String = (1..=room.seats)
        .map(|seat| format!("{seat:03},Candidate {seat}\n"))
        .collect();
    let list = format!("number,name\n{lines}");
    let slips = exam::describe(&daemon, "room", quad.path(), &list, true);
    daemon.good(&["session", "prepare", "room"]);
    assert_eq!(daemon.labs().len(), room.seats);
    daemon.good(&["session", "open", "room"]);
    let opened = exam::seats(&daemon, "room");
    let starts: Vec<u64> = opened
        .iter()
        .map(|seat| &seat.attempts[0].clock)
        .map(|clock| clock.deadline_ms.expect("a deadline") - clock.granted_ms)
        .collect();
    assert!(starts.iter().all(|start| *start == starts[0]), "{starts:?}");

    work(&daemon, &room, quad.path(), &slips);
    // Half of them hand in themselves, and the invigilator ends it for the others.
    let attempts: Vec<(&AccessSlip, &str)> = slips
        .iter()
        .zip(&opened)
        .map(|(slip, seat)| (slip, seat.attempts[0].id.as_str()))
        .collect();
    each(&attempts[..room.seats / 2], |(slip, attempt)| {
        exam::hand_in(&daemon, &slip.code, attempt);
    });
    daemon.good(&["session", "hand-in", "room", "--reason", "the end"]);
    wait_until("all is graded", LIMIT, || {
        exam::session(&daemon, "room").state == SessionState::Closed
    });

    for (seat, (slip, attempt)) in (1..).zip(&attempts) {
        let expected = match seat {
            seat if seat <= room.done => (6, 6, 0),
            seat if seat <= room.mistaken => (4, 6, 0),
            _ => (1, 6, 0),
        };
        let points = exam::points(&daemon, attempt);
        assert_eq!(points, expected, "seat {}", slip.number);
    }
    let ended = exam::seats(&daemon, "room");
    let graded = |seat: &&SeatView| seat.attempts[0].state == AttemptState::Graded;
    assert_eq!(ended.iter().filter(graded).count(), room.seats);
    assert!(ended.iter().all(|seat| seat.attempts[0].problem.is_none()));
    daemon.good(&["session", "log", "room"]);
    daemon.good(&["session", "clear", "room", "--kept"]);
    assert_eq!(containers("room"), Vec::<String>::new());
    assert_eq!(daemon.labs(), vec![]);
}

/// The candidates do what they can, in their own nodes.
fn work(daemon: &Daemon, room: &Room, scenario: &Path, slips: &[AccessSlip]) {
    let script = |name| std::fs::read_to_string(scenario.join(name)).expect("a script");
    let (serve, forget) = (script("serve.sh"), script("forget.sh"));
    let numbered: Vec<(usize, &AccessSlip)> = (1..).zip(slips).collect();
    each(&numbered[..room.mistaken], |(seat, slip)| {
        let line = match *seat {
            seat if seat <= room.done => serve.clone(),
            _ => format!("{serve}\n{forget}"),
        };
        let worked = exam::ssh(daemon, "srv", &slip.code, &line);
        assert!(worked.status.success(), "{seat}: {worked:?}");
    });
}
