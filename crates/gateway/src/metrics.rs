//! Metrics of connections, and their names. `docs/operations.md` lists them.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

const OPEN: &str = "plateau_connections";
const REFUSED: &str = "plateau_connections_refused_total";
const DISPLACED: &str = "plateau_connections_displaced_total";

/// Names of all metrics.
pub const NAMES: [&str; 3] = [OPEN, REFUSED, DISPLACED];

/// Describes the metrics to the recorder.
pub fn describe() {
    describe_gauge!(OPEN, Unit::Count, "Open connections of clients");
    describe_counter!(REFUSED, "Connections for which there was no place");
    describe_counter!(
        DISPLACED,
        "Connections without a log-in that gave way to others"
    );
}

pub(crate) fn connection_opened(kind: &'static str) {
    gauge!(OPEN, "kind" => kind).increment(1.0);
}

pub(crate) fn connection_closed(kind: &'static str) {
    gauge!(OPEN, "kind" => kind).decrement(1.0);
}

pub(crate) fn connection_refused(kind: &'static str) {
    counter!(REFUSED, "kind" => kind).increment(1);
}

pub(crate) fn connection_displaced(kind: &'static str) {
    counter!(DISPLACED, "kind" => kind).increment(1);
}
