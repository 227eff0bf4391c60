//! `cargo xtask …`: what a developer types to set up, build, try, test and measure Plateau.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod build;
mod command;
mod daemon;
mod demo;
mod engine;
mod setup;
mod test;
mod wait;

/// Set-up, build, demo, tests and benches of Plateau.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing on Debian, and start the Docker engine if none answers
    Setup,
    /// Build the agent, the daemon, the command and the typesetter
    Build {
        /// Optimized, and slower to build
        #[arg(long)]
        release: bool,
    },
    /// Build the images that nodes are made from
    Images {
        /// Images to build; all where absent
        names: Vec<String>,
    },
    /// Set up and build everything, build a lab, grade it, solve it, grade it again
    Demo {
        /// Leave lab and daemon running
        #[arg(long)]
        keep: bool,
    },
    /// Set up and build everything, and run every check and test
    Test {
        /// Only what needs no engine
        #[arg(long)]
        fast: bool,
    },
    /// Measure what is promised, as ratios in one run
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Setup => setup::run(),
        Task::Build { release } => build::run(release).map(drop),
        Task::Images { names } => demo::images(&names),
        Task::Demo { keep } => demo::run(keep),
        Task::Test { fast } => test::run(fast),
        Task::Bench(bench) => bench::run(&bench),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            command::say(&format!("error: {error:#}"));
            ExitCode::from(if error.is::<setup::NotDebian>() { 2 } else { 1 })
        }
    }
}

/// The repository's root.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map_or(here.clone(), PathBuf::from)
}
