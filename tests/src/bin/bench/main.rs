//! Measures the performance targets, as ratios in one run: `cargo xtask bench`.
//!
//! Each figure is the median of several rounds, and what is compared is measured in turns, so that
//! a machine that is busy for a while slows both sides.

mod grading;
mod idle;
mod keys;
mod room;
mod start;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use plateau_labs::labs::Labs;
use plateau_labs::runtime::{Runtime, docker};
use plateau_labs::settings::Settings;

/// A figure and its bound.
struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
    bound: Bound,
    /// What it was computed from.
    detail: String,
}

/// What a figure has to be.
#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Figure {
    fn holds(&self) -> bool {
        match self.bound {
            Bound::AtMost(most) => self.value <= most,
            Bound::AtLeast(least) => self.value >= least,
        }
    }

    fn line(&self) -> String {
        let Self {
            name,
            value,
            unit,
            detail,
            ..
        } = self;
        let bound = match self.bound {
            Bound::AtMost(most) => format!("at most {most}"),
            Bound::AtLeast(least) => format!("at least {least}"),
        };
        let mark = if self.holds() { "good" } else { "MISSED" };
        format!("{mark:6} {name}: {value:.3}{unit} ({bound}{unit}); {detail}")
    }
}

/// The middle of several measurements, in seconds.
fn median(mut rounds: Vec<Duration>) -> f64 {
    rounds.sort();
    rounds
        .get(rounds.len() / 2)
        .map_or(f64::NAN, Duration::as_secs_f64)
}

/// Labs with a state folder of their own.
struct Bench {
    runtime: Arc<dyn Runtime>,
    labs: Labs,
    /// Steps at the same time, for both sides.
    concurrency: usize,
    _state: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let state = tempfile::tempdir().expect("a folder");
        let runtime = docker::connect(None).await.expect("an engine");
        let settings = Settings {
            agent: plateau_tests::program("plateau-agent"),
            ..Settings::in_folder(state.path())
        };
        let concurrency = settings.concurrency;
        let labs = Labs::open(Arc::clone(&runtime), settings)
            .await
            .expect("labs");
        Self {
            runtime,
            labs,
            concurrency,
            _state: state,
        }
    }
}

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut figures = Vec::new();
    runtime.block_on(async {
        if is_wanted("start") {
            figures.extend(start::measure(&Bench::new().await).await);
        }
        if is_wanted("grading") {
            figures.extend(grading::measure(&Bench::new().await).await);
        }
        if is_wanted("keys") {
            figures.extend(keys::measure(&Bench::new().await).await);
        }
        if is_wanted("room") {
            figures.extend(room::measure(&Bench::new().await).await);
        }
    });
    drop(runtime);
    if is_wanted("idle") {
        figures.extend(idle::measure());
    }
    let mut out = std::io::stdout();
    let all = !figures.is_empty() && figures.iter().all(Figure::holds);
    for figure in figures {
        let _ = writeln!(out, "{}", figure.line());
    }
    if all {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
