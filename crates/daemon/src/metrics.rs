//! Metrics of the daemon and their names, for Prometheus. `docs/operations.md` lists them.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Unit, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
/// Seconds from one request to one grading.
const BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];

/// How often observations are put into their buckets, so that they do not pile up unread.
const UPKEEP: Duration = Duration::from_secs(5);

const REQUESTS: &str = "plateau_http_request_seconds";
const BUILD: &str = "plateau_build_info";
const RESIDENT: &str = "process_resident_memory_bytes";
const VIRTUAL: &str = "process_virtual_memory_bytes";
const FILES: &str = "process_open_fds";
const THREADS: &str = "process_threads";
const STARTED: &str = "process_start_time_seconds";

/// Names of the daemon's own metrics.
pub const NAMES: [&str; 7] = [REQUESTS, BUILD, RESIDENT, VIRTUAL, FILES, THREADS, STARTED];

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Installs the recorder, if there is none yet. A process has one recorder.
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
        plateau_labs::metrics::describe();
        plateau_gateway::metrics::describe();
        gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        handle
    })
}

/// Limits the memory of metrics that nothing reads.
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

/// All numbers, in Prometheus's format of text. `measure` sets those that follow from what there is now.
pub(crate) fn render(measure: impl FnOnce()) -> String {
    let handle = install();
    measure();
    if let Err(error) = measure_us() {
        tracing::debug!(%error, "our own memory cannot be read");
    }
    handle.render()
}

/// Metrics of the daemon's process, from the kernel.
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
        let others = plateau_labs::metrics::NAMES.into_iter();
        let others = others.chain(plateau_gateway::metrics::NAMES);
        for name in NAMES.into_iter().chain(others) {
            assert!(
                page.contains(&format!("`{name}`")),
                "`{name}` is not on the page"
            );
        }
    }
}
