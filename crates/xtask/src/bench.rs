//! `cargo xtask bench`: measures what is promised, as ratios in one run.

use anyhow::{Result, bail};
use clap::Args;

/// What to measure.
#[derive(Args)]
pub(crate) struct Bench {
    /// Measurements to make; all where absent
    names: Vec<String>,
}

/// Measures.
pub(crate) fn run(bench: &Bench) -> Result<()> {
    bail!("nothing is measured yet (asked for: {:?})", bench.names)
}
