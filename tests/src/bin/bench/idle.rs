//! The daemon at rest with one lab: memory and processor.

use std::fs;
use std::time::Duration;

use plateau_tests::{Daemon, scenario};

use super::{Bound, Figure};

/// How long it is watched.
const WATCH: Duration = Duration::from_secs(30);
/// The kernel's clock ticks per second (USER_HZ), the same on every Linux of today.
const TICKS: f64 = 100.0;

pub(super) fn measure() -> Vec<Figure> {
    let daemon = Daemon::new();
    let folder = scenario(&[
        ("b.md", "x"),
        (
            "scenario.yaml",
            "plateau: 1\nid: idle\ntitle: { en: Idle }\nduration: 1m\nbrief: { en: b.md }\n\
             nodes: { n: { image: debian-server } }\n\
             tasks:\n  - { id: t, skill: tsgeri/1.2, title: { en: T }, deliverable: { accept: [md], at_most: 1MiB } }\n",
        ),
    ]);
    daemon.up(folder.path(), "bench-idle");
    let before = ticks(daemon.pid());
    std::thread::sleep(WATCH);
    let used = (ticks(daemon.pid()) - before) / TICKS;
    let resident = resident_mib(daemon.pid());
    vec![
        Figure {
            name: "plateaud at rest, resident",
            value: resident,
            unit: " MB",
            bound: Bound::AtMost(55.0),
            detail: "with one lab".to_owned(),
        },
        Figure {
            name: "plateaud at rest, of one core",
            value: 100.0 * used / WATCH.as_secs_f64(),
            unit: " %",
            bound: Bound::AtMost(1.0),
            detail: format!("{used:.2} s in {} s", WATCH.as_secs()),
        },
    ]
}

/// User and system time, in ticks: fields 14 and 15 of proc(5)'s stat, counted after the name.
fn ticks(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the daemon runs");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let fields: Vec<&str> = fields.split_whitespace().collect();
    fields[11..=12]
        .iter()
        .map(|field| field.parse::<f64>().expect("a number"))
        .sum()
}

fn resident_mib(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the daemon runs");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("VmRSS");
    let kib = line
        .split_whitespace()
        .nth(1)
        .and_then(|number| number.parse::<f64>().ok())
        .expect("a number");
    kib / 1024.0
}
