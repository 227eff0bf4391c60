//! Metrics of labs and of the engine, and their names. `docs/operations.md` lists them.
//!
//! An installed recorder receives the metrics; without one nothing is counted.

use std::time::Duration;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use plateau_core::api::LabState;

const LABS: &str = "plateau_labs";
const GRADINGS: &str = "plateau_gradings_total";
const PHASES: &str = "plateau_grading_phase_seconds";
const ENGINE: &str = "plateau_engine_call_seconds";
const STATE_FREE: &str = "plateau_state_free_bytes";

/// Names of all metrics.
pub const NAMES: [&str; 5] = [LABS, GRADINGS, PHASES, ENGINE, STATE_FREE];

/// Describes the metrics to the recorder.
pub fn describe() {
    describe_gauge!(LABS, Unit::Count, "Labs by their state");
    describe_counter!(GRADINGS, Unit::Count, "Gradings by their outcome");
    describe_histogram!(PHASES, Unit::Seconds, "Grading one phase of a lab");
    describe_histogram!(
        ENGINE,
        Unit::Seconds,
        "Calls of the container engine, by verb and outcome"
    );
    describe_gauge!(
        STATE_FREE,
        Unit::Bytes,
        "Free bytes of the disk of the state folder, without the reserve"
    );
}

/// The engine was called: `outcome` is `ok`, or the code of the error.
pub(crate) fn called(verb: &'static str, outcome: &str, took: Duration) {
    histogram!(ENGINE, "verb" => verb, "outcome" => outcome.to_owned()).record(took);
}

/// A phase was graded.
pub(crate) fn phase_graded(phase: &str, took: Duration) {
    histogram!(PHASES, "phase" => phase.to_owned()).record(took);
}

/// A grading ended.
pub(crate) fn graded(done: bool) {
    let outcome = if done { "graded" } else { "refused" };
    counter!(GRADINGS, "outcome" => outcome).increment(1);
}

/// How many labs there are, by their state.
pub(crate) fn labs(states: &[LabState]) {
    for (state, name) in STATES {
        let count = states.iter().filter(|known| **known == state).count();
        // More than some thousand labs there are not.
        gauge!(LABS, "state" => name).set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    }
}

/// How many bytes of the disk of the state folder are free.
pub(crate) fn state_free(bytes: u64) {
    gauge!(STATE_FREE).set(in_float(bytes));
}

/// Every state, also those that no lab is in.
const STATES: [(LabState, &str); 6] = [
    (LabState::Building, "building"),
    (LabState::Ready, "ready"),
    (LabState::Recovering, "recovering"),
    (LabState::Failed, "failed"),
    (LabState::Removing, "removing"),
    (LabState::Removed, "removed"),
];

#[expect(
    clippy::cast_precision_loss,
    reason = "gauges are floats, and a byte more or less of 2^53 is none"
)]
fn in_float(bytes: u64) -> f64 {
    bytes as f64
}
