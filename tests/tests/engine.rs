//! A session whose container engine is killed, and restarted, in mid-exam.

use std::time::{Duration, Instant};

use plateau_core::api::AttemptView;
use plateau_core::exam::session::{AttemptState, SessionState};
use plateau_tests::engine::Engine;
use plateau_tests::{Daemon, exam, scenario, wait_until};

const LIMIT: Duration = Duration::from_secs(180);

/// What may be missing of a clock for which nobody noticed yet that the engine was away.
const UNNOTICED: Duration = Duration::from_secs(5);

fn attempt(daemon: &Daemon) -> AttemptView {
    exam::seats(daemon, "torn").remove(0).attempts.remove(0)
}

fn left(attempt: &AttemptView) -> Duration {
    Duration::from_millis(attempt.clock.remaining_ms)
}

fn until(daemon: &Daemon, state: AttemptState) -> AttemptView {
    wait_until(&format!("the attempt is {state}"), LIMIT, || {
        attempt(daemon).state == state
    });
    attempt(daemon)
}

#[test]
fn an_engine_that_is_killed_and_restarted_costs_neither_time_nor_work() {
    let mut engine = Engine::with_images(&["plateau/debian-server:latest"]);
    let daemon = Daemon::on(&engine.socket());
    let pair = scenario(exam::PAIR);
    let slips = exam::describe(
        &daemon,
        "torn",
        pair.path(),
        "number,name\n001,Ada\n",
        false,
    );
    daemon.good(&["session", "prepare", "torn"]);
    daemon.good(&["session", "open", "torn"]);
    let work = |line: &str| {
        let done = exam::ssh(&daemon, "left", &slips[0].code, line);
        assert!(done.status.success(), "{line}: {done:?}");
    };
    work("echo 1 > /root/kept && echo '10.9.0.9 printer' >> /etc/hosts");
    let begun = attempt(&daemon);

    for end in [Engine::kill, Engine::stop] {
        let before = attempt(&daemon);
        end(&mut engine);
        let away = Instant::now();
        let paused = until(&daemon, AttemptState::Paused);
        let shut = exam::ssh(&daemon, "left", &slips[0].code, "true");
        assert_eq!(
            shut.status.code(),
            Some(255),
            "the door is closed meanwhile"
        );
        wait_until("some time is over", LIMIT, || {
            away.elapsed() > 2 * UNNOTICED
        });
        engine.start();
        let back = until(&daemon, AttemptState::Running);
        assert_eq!(back.lab, begun.lab);
        assert!(
            left(&before) - left(&back) < UNNOTICED,
            "{before:?} {back:?}"
        );
        assert!(left(&paused) - left(&back) < Duration::from_secs(1));
        work("test -e /root/kept && grep printer /etc/hosts && ping -c 1 -W 5 10.9.0.2");
    }

    work("touch /root/done");
    daemon.good(&["session", "hand-in", "torn", "--reason", "the end"]);
    wait_until("all is graded", LIMIT, || {
        exam::session(&daemon, "torn").state == SessionState::Closed
    });
    assert_eq!(exam::points(&daemon, &begun.id), (6, 6, 0));
    daemon.good(&["session", "clear", "torn", "--kept"]);
    assert_eq!(daemon.labs(), vec![]);
}
