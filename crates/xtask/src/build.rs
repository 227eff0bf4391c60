//! `cargo xtask build`: the daemon, the command, the typesetter, and agent and grader, which are static, side by side.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::{self, cargo, heading, output};

/// Builds them all, and returns the folder that they are in.
pub(crate) fn run(release: bool) -> Result<PathBuf> {
    heading("build");
    let host = host_triple()?;
    let target = target_folder();
    let agent = target.join(&host).join("agent");
    let profile = if release { "release" } else { "debug" };
    let rest_of_it = target.join(profile);
    // A folder of their own: in cargo's, the next build of the workspace puts the agent for our own
    // machine, which cannot run in a node. Until then the programs can be run from there as well.
    let folder = target.join("plateau").join(profile);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    static_agents(&host)?;
    for name in ["plateau-grader", "plateau-agent"] {
        for place_in in [&rest_of_it, &folder] {
            fs::create_dir_all(place_in)
                .with_context(|| format!("cannot make `{}`", place_in.display()))?;
            place(&agent.join(name), name, place_in)?;
        }
    }

    // The typesetter by itself: built together, the others would get the features that it wants of
    // what they share, and every build without it would build that again.
    for packages in [
        &["--package", "plateaud", "--package", "plateau"][..],
        &["--package", "plateau-report"],
    ] {
        let mut rest = cargo(&["build"]);
        rest.args(packages);
        if release {
            rest.arg("--release");
        }
        command::run(rest)?;
    }
    for program in ["plateaud", "plateau", "plateau-report"] {
        place(&rest_of_it.join(program), program, &folder)?;
    }
    Ok(folder)
}

/// Builds agent and grader, static, so that they run in whatever a node is made of.
fn static_agents(host: &str) -> Result<()> {
    let mut agent = cargo(&["build", "--profile", "agent", "--package", "plateau-agent"]);
    // The target has to be named, or the flags would reach the compiler's own plug-ins.
    agent.args(["--target", host]);
    let mut flags = std::env::var_os("RUSTFLAGS").unwrap_or_default();
    flags.push(" -C target-feature=+crt-static");
    agent.env("RUSTFLAGS", flags);
    command::run(agent)
}

/// Copies a program, which is never half there: a daemon may be running or reading the one before.
fn place(built: &Path, program: &str, folder: &Path) -> Result<()> {
    let (fresh, place) = (folder.join(format!(".{program}")), folder.join(program));
    fs::copy(built, &fresh).with_context(|| format!("cannot copy `{}`", built.display()))?;
    fs::rename(&fresh, &place).with_context(|| format!("cannot write `{}`", place.display()))
}

fn host_triple() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let version = output(command::command(rustc, &["-vV"]))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .context("rustc does not say which host it is for")
}

/// Where cargo builds.
pub(crate) fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from)
}
