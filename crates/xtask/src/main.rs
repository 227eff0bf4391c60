//! `cargo xtask …`: commands to set up, build, try, test and measure Plateau.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod build;
mod command;
mod daemon;
mod demo;
mod engine;
mod engine_socket;
mod interrupt;
mod parts;
mod podman;
mod screen;
mod setup;
mod suite_engine;
mod test;
mod traces;
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
        /// The long way: every column of every proof, and thirty candidates in a room
        #[arg(long, conflicts_with = "fast")]
        all: bool,
        /// On an engine of its own that has nothing yet, as with `CI=true`
        #[arg(long, conflicts_with = "fast")]
        fresh: bool,
    },
    /// Measure what is promised, as ratios in one run
    Bench(bench::Bench),
    /// Run an engine for a run of the suite, until standard input ends
    #[command(hide = true)]
    KeepEngine {
        /// Where its sockets are
        folder: PathBuf,
        /// Where its data are
        data: PathBuf,
        /// Where its log goes
        log: PathBuf,
    },
}

fn main() -> ExitCode {
    let task = Cli::parse().task;
    let done = interrupt::listen().and_then(|()| match task {
        Task::Setup => setup::run(),
        Task::Build { release } => build::run(release).map(drop),
        Task::Images { names } => demo::images(&names),
        Task::Demo { keep } => demo::run(keep),
        Task::Test { fast: true, .. } => test::fast(),
        Task::Test { all, fresh, .. } => test::run(all, fresh || test::is_ci()),
        Task::Bench(bench) => bench::run(&bench),
        Task::KeepEngine { folder, data, log } => suite_engine::keep(&folder, &data, &log),
    });
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
