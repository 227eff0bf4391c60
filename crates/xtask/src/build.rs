//! `cargo xtask build`: the daemon, the command, the agents, which are static, and the typesetter, side by side.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{cargo, heading, run as run_command};

/// What is built, linted and tested, everywhere. Cargo unites what the selected packages want of those
/// that they share: with another selection, dependencies are other ones and are compiled once more.
///
/// The typesetter is by itself: it wants more of what it shares, and brings minutes of its own.
pub(crate) const SELECTION: [&str; 3] = ["--workspace", "--exclude", TYPESETTER];

/// The typesetter's package and program.
pub(crate) const TYPESETTER: &str = "plateau-report";

/// The programs of the host.
const HOST: [&str; 2] = ["plateaud", "plateau"];
/// The programs of nodes, which `.cargo/rustc` has linked statically.
const NODES: [&str; 2] = ["plateau-agent", "plateau-grader"];

/// How things are compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// Quickly.
    Development,
    /// As quickly, by a compiler that refuses what lints find: one build is lint, programs and tests.
    Linted,
    /// To be installed.
    Release,
}

impl Build {
    /// The cargo that compiles so.
    pub(crate) fn cargo(self, args: &[&str]) -> Command {
        self.with(cargo(args))
    }

    /// A command that runs cargo, which then compiles so.
    pub(crate) fn with(self, mut command: Command) -> Command {
        if self == Self::Linted {
            // What `cargo clippy` sets, but for the compiler, which it lets write no programs.
            command
                .env(
                    "RUSTC_WORKSPACE_WRAPPER",
                    crate::root().join(".cargo/clippy"),
                )
                .env("CLIPPY_ARGS", "-Dwarnings");
        }
        command
    }

    /// The folder in cargo's where it is built.
    fn folder(self) -> &'static str {
        match self {
            Self::Development | Self::Linted => "debug",
            Self::Release => "release",
        }
    }
}

/// Builds them all, and returns the folder that they are in.
pub(crate) fn run(release: bool) -> Result<PathBuf> {
    let how = match release {
        true => Build::Release,
        false => Build::Development,
    };
    let folder = programs(how)?;
    heading("build of the typesetter");
    run_command(typesetter(how.cargo(&["build"]), how))?;
    place_typesetter(how)?;
    Ok(folder)
}

/// Builds all but the typesetter, which labs need none of, and returns the folder that they are in.
pub(crate) fn programs(how: Build) -> Result<PathBuf> {
    heading("build");
    let folder = folder(how);
    match how {
        Build::Release => {
            // What is copied into every node is to be small.
            build(how, "agent", "agent", &NODES)?;
            build(how, "release", "release", &HOST)?;
        }
        Build::Development | Build::Linted => {
            build(how, "dev", "debug", &[NODES, HOST].concat())?;
        }
    }
    Ok(folder)
}

/// Builds some programs by a profile, whose folder in cargo's this is.
fn build(how: Build, profile: &str, built: &str, programs: &[&str]) -> Result<()> {
    let mut build = how.cargo(&["build", "--profile", profile]);
    build.args(SELECTION);
    build.args(programs.iter().flat_map(|program| ["--bin", program]));
    run_command(build)?;
    for program in programs {
        let built = target_folder().join(built).join(program);
        place(&built, program, &folder(how))?;
    }
    Ok(())
}

/// What builds the typesetter: a `cargo build` with what it has to be told.
pub(crate) fn typesetter(mut build: Command, how: Build) -> Command {
    build.args(["--package", TYPESETTER]);
    if how == Build::Release {
        build.arg("--release");
    }
    build
}

/// Puts the typesetter beside the others once it is built.
pub(crate) fn place_typesetter(how: Build) -> Result<()> {
    let built = target_folder().join(how.folder()).join(TYPESETTER);
    place(&built, TYPESETTER, &folder(how))
}

/// A folder of their own: cargo writes into its own at every build, also while they run.
fn folder(how: Build) -> PathBuf {
    target_folder().join("plateau").join(how.folder())
}

/// Copies a program, which is never half there: a daemon may be running or reading the one before.
fn place(built: &Path, program: &str, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let (fresh, place) = (folder.join(format!(".{program}")), folder.join(program));
    fs::copy(built, &fresh).with_context(|| format!("cannot copy `{}`", built.display()))?;
    fs::rename(&fresh, &place).with_context(|| format!("cannot write `{}`", place.display()))
}

/// Where cargo builds.
pub(crate) fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from)
}
