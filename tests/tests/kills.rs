//! A sitting whose daemon is killed at fifty random moments.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use plateau_core::api::SeatView;
use plateau_core::exam::session::{AttemptState, SessionState};
use plateau_tests::{Daemon, containers, exam, scenario, wait_until};

const LIMIT: Duration = Duration::from_secs(300);

/// Kills while labs are built, while candidates work, and while what they left is kept and graded.
const BUILDING: usize = 12;
const WORKING: usize = 22;
const GRADING: usize = 16;

/// Longest that a daemon lives before it is killed again, in milliseconds.
const LIFE_MS: u64 = 1800;

/// By how much a clock may be off in the end.
const OFF: Duration = Duration::from_secs(1);

/// Moments that nobody chose: SplitMix64, from a seed that is told where the test fails.
struct Moments {
    seed: u64,
    state: u64,
}

impl Moments {
    fn drawn() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seed = std::env::var("PLATEAU_SEED").ok();
        let seed = seed.and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| now.expect("after 1970").as_secs());
        Self { seed, state: seed }
    }

    fn next(&mut self) -> Duration {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Duration::from_millis((mixed ^ (mixed >> 31)) % LIFE_MS)
    }
}

impl Drop for Moments {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What cannot be written must not be a second panic.
            let _ = writeln!(std::io::stderr(), "PLATEAU_SEED={}", self.seed);
        }
    }
}

/// How long the daemon lived: certainly, and at most.
#[derive(Debug, Default)]
struct Lived {
    least: Duration,
    most: Duration,
}

/// Kills the daemon at random moments and starts it again, so many times.
fn kill(daemon: &mut Daemon, moments: &mut Moments, times: usize, lived: &mut Lived) {
    // It answers now.
    let mut certain = Instant::now();
    let mut possible = certain;
    for _ in 0..times {
        std::thread::park_timeout(moments.next());
        let before = Instant::now();
        daemon.kill();
        lived.least += before - certain;
        lived.most += Instant::now() - possible;
        possible = Instant::now();
        daemon.start();
        certain = Instant::now();
    }
    lived.most += certain - possible;
}

#[test]
fn fifty_kills_change_no_grade_and_no_clock() {
    let mut daemon = Daemon::new();
    let mut moments = Moments::drawn();
    let pair = scenario(exam::PAIR);
    let list = "number,name\n001,Ada\n002,Grace\n";
    exam::describe(&daemon, "fifty", pair.path(), list, false);
    prepare(&mut daemon, &mut moments);

    daemon.good(&["session", "open", "fifty"]);
    let before = exam::seats(&daemon, "fifty");
    let lab = before[0].attempts[0].lab.clone().expect("a lab");
    daemon.sh(&lab, "left", "touch /root/done");
    let (before, mut lived) = (exam::seats(&daemon, "fifty"), Lived::default());
    kill(&mut daemon, &mut moments, WORKING, &mut lived);
    for (was, is) in before.iter().zip(exam::seats(&daemon, "fifty")) {
        let (was, is) = (&was.attempts[0], &is.attempts[0]);
        assert_eq!((is.state, &is.lab), (AttemptState::Running, &was.lab));
        let used = was.clock.remaining_ms - is.clock.remaining_ms;
        let used = Duration::from_millis(used);
        assert!(
            used + OFF >= lived.least && used <= lived.most + OFF,
            "{used:?} were used, the daemon lived for {lived:?}"
        );
    }

    daemon.good(&["session", "hand-in", "fifty", "--reason", "the end"]);
    kill(&mut daemon, &mut moments, GRADING, &mut Lived::default());
    wait_until("all is graded", LIMIT, || {
        exam::session(&daemon, "fifty").state == SessionState::Closed
    });
    let points: Vec<_> = exam::seats(&daemon, "fifty")
        .iter()
        .map(|seat| exam::points(&daemon, &seat.attempts[0].id))
        .collect();
    assert_eq!(points, [(6, 6, 0), (1, 6, 0)]);
    daemon.good(&["session", "log", "fifty"]);
    daemon.good(&["session", "clear", "fifty", "--kept"]);
    assert_eq!(containers("fifty"), Vec::<String>::new());
    assert_eq!(daemon.labs(), vec![]);
}

/// Whoever waits for the labs loses the daemon, and they are built all the same.
fn prepare(daemon: &mut Daemon, moments: &mut Moments) {
    let mut prepare = daemon
        .command(&["session", "prepare", "fifty"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("plateau starts");
    wait_until("it is asked for", LIMIT, || {
        exam::session(daemon, "fifty").state != SessionState::Draft
    });
    kill(daemon, moments, BUILDING, &mut Lived::default());
    prepare.wait().expect("it ends");
    wait_until("all labs wait", LIMIT, || {
        exam::session(daemon, "fifty").state == SessionState::Ready
    });
    let ready = |seat: &SeatView| seat.attempts[0].state == AttemptState::Ready;
    assert!(exam::seats(daemon, "fifty").iter().all(ready));
    assert_eq!(daemon.labs().len(), 2);
}
