//! Numbers for Prometheus: what is counted, and how it is called. `docs/operations.md` lists them.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use plateau_core::api::LabState;

use crate::labs::Labs;

/// Seconds from one request to one grading.
const BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];

/// How often observations are put into their buckets, so that they do not pile up unread.
const UPKEEP: Duration = Duration::from_secs(5);

const REQUESTS: &str = "plateau_http_request_seconds";
const LABS: &str = "plateau_labs";
const GRADINGS: &str = "plateau_gradings_total";
const PHASES: &str = "plateau_grading_phase_seconds";
const ENGINE: &str = "plateau_engine_call_seconds";
const STATE_FREE: &str = "plateau_state_free_bytes";
const BUILD: &str = "plateau_build_info";
const RESIDENT: &str = "process_resident_memory_bytes";
const VIRTUAL: &str = "process_virtual_memory_bytes";
const FILES: &str = "process_open_fds";
const THREADS: &str = "process_threads";
const STARTED: &str = "process_start_time_seconds";

/// All numbers, by their names.
pub const NAMES: [&str; 12] = [
    REQUESTS, LABS, GRADINGS, PHASES, ENGINE, STATE_FREE, BUILD, RESIDENT, VIRTUAL, FILES, THREADS,
    STARTED,
];

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to count, where nobody has yet. There is one set of numbers in a process.
pub fn install() -> &'static PrometheusHandle {
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS);
        // It fails for an empty list alone.
        let recorder = builder.unwrap_or_default().build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("somebody else counts already: the metrics stay empty");
        }
        describe();
        gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        handle
    })
}

/// Keeps the numbers small where nobody reads them.
pub async fn keep_up() {
    let mut tick = tokio::time::interval(UPKEEP);
    loop {
        tick.tick().await;
        install().run_upkeep();
    }
}

fn describe() {
    describe_histogram!(
        REQUESTS,
        Unit::Seconds,
        "From a request to the head of its answer, by route template, method and status"
    );
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
    describe_gauge!(BUILD, "The running version, as a label");
    describe_gauge!(RESIDENT, Unit::Bytes, "Memory of the daemon in use");
    describe_gauge!(VIRTUAL, Unit::Bytes, "Addresses of the daemon in use");
    describe_gauge!(FILES, Unit::Count, "Open files of the daemon");
    describe_gauge!(THREADS, Unit::Count, "Threads of the daemon");
    describe_gauge!(
        STARTED,
        Unit::Seconds,
        "When the daemon was started, since 1970"
    );
}

/// A request was answered.
pub(crate) fn answered(method: &'static str, route: String, status: u16, took: Duration) {
    let labels = [
        ("method", method.to_owned()),
        ("route", route),
        ("status", status.to_string()),
    ];
    histogram!(REQUESTS, &labels).record(took);
}

/// The engine was called: `outcome` is `ok`, or the code of the error.
pub(crate) fn called(verb: &'static str, outcome: &'static str, took: Duration) {
    histogram!(ENGINE, "verb" => verb, "outcome" => outcome).record(took);
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

/// All numbers, in Prometheus's format of text.
pub(crate) fn render(labs: &Labs) -> String {
    let handle = install();
    let views = labs.list();
    for (state, name) in STATES {
        let count = views.iter().filter(|view| view.state == state).count();
        // More than some thousand labs there are not.
        gauge!(LABS, "state" => name).set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    }
    gauge!(STATE_FREE).set(in_float(labs.disk().look().free));
    if let Err(error) = measure_us() {
        tracing::debug!(%error, "our own memory cannot be read");
    }
    handle.render()
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

/// What the kernel says of our own process.
#[expect(
    clippy::cast_precision_loss,
    reason = "gauges are floats, and no process has 2^53 bytes"
)]
fn measure_us() -> procfs::ProcResult<()> {
    let us = procfs::process::Process::myself()?;
    let stat = us.stat()?;
    gauge!(RESIDENT).set((stat.rss * procfs::page_size()) as f64);
    gauge!(VIRTUAL).set(stat.vsize as f64);
    gauge!(THREADS).set(stat.num_threads as f64);
    gauge!(FILES).set(us.fd_count()? as f64);
    let ticks = procfs::ticks_per_second();
    let booted = procfs::boot_time_secs()?;
    gauge!(STARTED).set(booted as f64 + stat.starttime as f64 / ticks as f64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operations_page_lists_every_number() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
        let page = std::fs::read_to_string(page).unwrap();
        for name in NAMES {
            assert!(
                page.contains(&format!("`{name}`")),
                "`{name}` is not on the page"
            );
        }
    }
}
