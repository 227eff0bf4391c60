//! `cargo xtask bench`: measures the performance targets, as ratios in one run.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::command::{cargo, command, heading, run as run_command};
use crate::{build, setup};

/// What to measure.
#[derive(Args)]
pub(crate) struct Bench {
    /// Measurements to make: start, grading, keys, room, idle; all where absent
    names: Vec<String>,
}

/// Measures. Both sides of every ratio are measured here and now, with optimised builds.
pub(crate) fn run(bench: &Bench) -> Result<()> {
    setup::host()?;
    setup::engine()?;
    setup::bench_tools()?;
    let python = testinfra()?;
    let bin = build::run(true)?;
    crate::test::images(&bin)?;
    heading("measure");
    let mut measure = cargo(&[
        "run",
        "--quiet",
        "--release",
        "--package",
        "plateau-tests",
        "--bin",
        "plateau-bench",
        "--",
    ]);
    measure
        .args(&bench.names)
        .env("PLATEAU_BIN_DIR", bin)
        .env("PLATEAU_BENCH_PYTHON", python);
    run_command(measure)
}

/// A Python that has testinfra, in a folder of its own.
fn testinfra() -> Result<PathBuf> {
    let folder = build::target_folder().join("bench-python");
    let python = folder.join("bin/python");
    if !python.exists() {
        let text = folder
            .to_str()
            .context("the target folder's name is not UTF-8")?;
        run_command(command("python3", &["-m", "venv", text]))?;
    }
    let text = python
        .to_str()
        .context("the target folder's name is not UTF-8")?;
    run_command(command(
        text,
        &[
            "-m",
            "pip",
            "install",
            "--quiet",
            "pytest",
            "pytest-testinfra",
        ],
    ))?;
    Ok(python)
}
