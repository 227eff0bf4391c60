//! `cargo xtask test`: every check and test, and nothing left behind.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};

use crate::build::{Build, SELECTION, TYPESETTER};
use crate::command::{cargo, command, heading, run as run_command, say, shown};
use crate::daemon::Daemon;
use crate::podman::Podman;
use crate::suite_engine::SuiteEngine;
use crate::traces::Traces;
use crate::{build, engine, interrupt, parts, setup};

/// What needs no engine.
const FAST: &str = "not package(plateau-tests)";
/// What builds labs.
const ON_ENGINE: &str = "package(plateau-tests) and not binary(reports)";
/// What is shown on Podman each time: labs are built, behave like machines, are worked in, graded from
/// outside in all phases, and removed; and root in a node gets nowhere. Podman takes no filter of system
/// calls in a request, so that sockets to the hypervisor stay open there (decision 67).
const ON_PODMAN: &str = "package(plateau-tests) and (\
     binary(labs) and test(/^a_lab_is_graded|^a_node_behaves|^a_reboot_from/) \
     or binary(phases) and test(/^a_phase_from_as_left/) \
     or binary(tamper) and test(/^nodes::|^observer::|^preloaded/)) \
     and not test(/reaches_no_hypervisor/)";
/// What is shown there the long way: all that concerns labs of the images that are copied. Tests that
/// build images, start engines of their own or fill a room stay on Docker.
const ALL_ON_PODMAN: &str = "package(plateau-tests) and (\
     binary(labs) or binary(phases) or binary(tamper) or binary(terminals) or binary(tunnel) \
     or binary(ssh) or binary(web) or binary(reopening) or binary(sessions)) \
     and not test(/reaches_no_hypervisor/)";
/// The images that these tests need.
const PODMAN_IMAGES: [&str; 1] = ["plateau/debian-server:latest"];
const ALL_PODMAN_IMAGES: [&str; 6] = [
    "plateau/debian-base:latest",
    "plateau/debian-depot:latest",
    "plateau/debian-router:latest",
    "plateau/debian-server:latest",
    "plateau/debian-switch:latest",
    "plateau/debian-workstation:latest",
];
/// What builds labs, and documents about them.
const WITH_TYPESETTER: &str = "package(plateau-tests) and binary(reports)";

/// Whether this is a CI machine, which nobody needs to have prepared.
pub(crate) fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| ci == "true")
}

/// Runs what needs no engine.
pub(crate) fn fast() -> Result<()> {
    setup::test_tools()?;
    sources()?;
    heading("lints, and build of the tests");
    run_command(tests_of(&SELECTION))?;
    heading("fast tests");
    let mut tally = nextest(&SELECTION, FAST, &[], || {})?;
    heading("tests of the typesetter");
    run_command(tests_of(&["--package", TYPESETTER]))?;
    tally.add(&nextest(&["--package", TYPESETTER], "all()", &[], || {})?);
    close(&tally)
}

/// Runs everything: on an engine of its own, or on the host's.
pub(crate) fn run(all: bool, fresh: bool) -> Result<()> {
    setup::host()?;
    setup::test_tools()?;
    let before = Traces::of_host()?;
    let own = if fresh {
        heading("an engine of its own");
        Some(SuiteEngine::start()?)
    } else {
        setup::engine()?;
        None
    };
    let (tally, mut left) = everything(all)?;
    if let Some(own) = own {
        heading("the engine is removed");
        left = left.and(own.end()).and(before.unchanged(Traces::of_host));
    }
    // Also where something was left, the tests have their result.
    close(&tally).and(left)
}

/// What the tests came to, and whether they left everything as it was.
fn everything(all: bool) -> Result<(Tally, Result<()>)> {
    let before = Traces::look()?;
    sources()?;
    let bin = build::programs(Build::Linted)?;
    // Images are a matter of downloads and archives: they take little from what is compiled meanwhile.
    let mut tally = std::thread::scope(|scope| -> Result<Tally> {
        let images = scope.spawn(|| images_from(&bin));
        heading("lints, and build of the tests");
        run_command(tests_of(&SELECTION))?;
        heading("fast tests");
        let tally = nextest(&SELECTION, FAST, &[], || {})?;
        heading("waiting for the images");
        let built = images.join();
        let took = built.map_err(|_| anyhow!("what builds the images panicked"))??;
        parts::beside("images", took);
        Ok(tally)
    })?;
    tally.add(&on_engine(&bin, all)?);
    heading("what is left behind");
    Ok((tally, before.unchanged(Traces::look)))
}

/// What can be said of the sources without compiling them.
fn sources() -> Result<()> {
    heading("format");
    run_command(cargo(&["fmt", "--all", "--check"]))?;
    heading("dependencies");
    let mut deny = setup::cargo_deny()?;
    deny.args(["--locked", "check", "licenses", "bans", "sources"]);
    run_command(deny)
}

/// Lints some packages with all that belongs to them, and builds it in doing so.
fn tests_of(packages: &[&str]) -> std::process::Command {
    let mut build = Build::Linted.cargo(&["build", "--all-targets"]);
    build.args(packages);
    build
}

/// Where the time went, and the last line.
fn close(tally: &Tally) -> Result<()> {
    parts::write();
    say("");
    say(&tally.to_string());
    if tally.failed > 0 {
        bail!("{} failed", tally.failed);
    }
    Ok(())
}

/// Builds the images whose recipes changed, with the daemon from a folder.
pub(crate) fn images(bin: &Path) -> Result<()> {
    heading("images");
    images_from(bin).map(drop)
}

/// Builds the images whose recipes changed with a daemon from a folder, and says how long it took.
fn images_from(bin: &Path) -> Result<std::time::Duration> {
    let begun = Instant::now();
    let folder = build::target_folder().join("plateau-suite");
    let daemon = Daemon::start(bin, &folder)?;
    let built = daemon.run_into(&folder.join("images.log"), &["images", "build"]);
    let stopped = daemon.stop();
    built.and(stopped)?;
    Ok(begun.elapsed())
}

/// How many tests ended how.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// From the runner's summary: `Summary [   0.009s] 9 tests run: 7 passed (1 slow), 1 failed, 1 timed out, 0 skipped`.
    fn read(line: &str) -> Option<Self> {
        let (_, rest) = line.split_once("Summary [")?;
        let (_, counts) = rest.split_once(" run: ")?;
        let mut tally = Self::default();
        let mut depth = 0;
        let top: String = counts
            .chars()
            .filter(|c| {
                match c {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => return depth == 0,
                }
                false
            })
            .collect();
        for part in top.split(',') {
            let (number, how) = part.trim().split_once(' ')?;
            let number: u32 = number.parse().ok()?;
            match how.trim() {
                "passed" => tally.passed += number,
                "skipped" => tally.skipped += number,
                // `failed`, `timed out`, `exec failed`, and whatever else did not pass.
                _ => tally.failed += number,
            }
        }
        Some(tally)
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// The tests that build labs, with the programs of this folder.
fn on_engine(bin: &Path, all: bool) -> Result<Tally> {
    let mut env = vec![("PLATEAU_BIN_DIR".to_owned(), bin.display().to_string())];
    if all {
        env.push(("PLATEAU_TEST_ALL".to_owned(), "1".to_owned()));
    }
    if !engine::is_ours() {
        // Who needs sudo for the engine needs it for the tests on it.
        let host = std::env::consts::ARCH.to_uppercase();
        let runner = format!("CARGO_TARGET_{host}_UNKNOWN_LINUX_GNU_RUNNER");
        env.push((runner, "sudo --preserve-env".to_owned()));
    }
    heading("tests on the engine");
    // Labs wait for boots and reboots. What is left of the processor meanwhile builds the typesetter,
    // once the runner does not need cargo any more.
    let mut typesetter = None;
    let tally = nextest(&SELECTION, ON_ENGINE, &env, || {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let low = ["-n", "19", &cargo, "build", "--quiet", "--all-targets"];
        let low = Build::Linted.with(command("nice", &low));
        typesetter = Some(build::typesetter(low, Build::Linted).spawn());
    });
    if let Some(built) = typesetter {
        // What it found is said by the next part.
        let ended = built.and_then(|mut built| built.wait());
        ended.context("cannot build the typesetter")?;
    }
    let mut tally = tally?;
    tally.add(&on_podman(&env, all)?);
    heading("tests of the typesetter");
    run_command(tests_of(&["--package", TYPESETTER]))?;
    build::place_typesetter(Build::Linted)?;
    tally.add(&nextest(&["--package", TYPESETTER], "all()", &[], || {})?);
    tally.add(&nextest(&SELECTION, WITH_TYPESETTER, &env, || {})?);
    Ok(tally)
}

/// The same tests on Podman, where each node has users of its own: some of them, or all.
fn on_podman(env: &[(String, String)], all: bool) -> Result<Tally> {
    heading("tests on Podman");
    let podman = Podman::start()?;
    let (filter, images) = match all {
        true => (ALL_ON_PODMAN, ALL_PODMAN_IMAGES.as_slice()),
        false => (ON_PODMAN, PODMAN_IMAGES.as_slice()),
    };
    let mut env = env.to_vec();
    env.push(("DOCKER_HOST".to_owned(), podman.docker_host()));
    let tally = podman
        .copy_images(images)
        .and_then(|()| nextest(&SELECTION, filter, &env, || {}));
    let ended = podman.end();
    let tally = tally?;
    ended?;
    // Those that were not chosen have run on the other engine.
    Ok(Tally {
        skipped: 0,
        ..tally
    })
}

/// Runs those of the packages' tests that a filter lets through, shows what the runner says, and reads its
/// summary. `started` is called once everything is compiled.
fn nextest(
    packages: &[&str],
    filter: &str,
    env: &[(String, String)],
    started: impl FnOnce(),
) -> Result<Tally> {
    let mut command = Build::Linted.cargo(&["nextest", "run", "--no-fail-fast"]);
    command.args(packages).args(["--filterset", filter]);
    command.envs(env.iter().cloned());
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run `{}`", shown(&command)))?;
    let mut started = Some(started);
    let mut tally = None;
    let said = child.stderr.take().context("the runner says nothing")?;
    for line in BufReader::new(said).lines() {
        let line = line.context("cannot read what the runner says")?;
        say(&line);
        if line.trim_start().starts_with("Starting ")
            && let Some(started) = started.take()
        {
            started();
        }
        tally = Tally::read(&line).or(tally);
    }
    let status = child.wait().context("the runner did not end")?;
    interrupt::none()?;
    let tally = tally.with_context(|| {
        format!(
            "`{}` ended with {status}, without a summary",
            shown(&command)
        )
    })?;
    if !status.success() && tally.failed == 0 {
        bail!("`{}` ended with {status}", shown(&command));
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runners_summary_is_read_whole() {
        let tally = |passed, failed, skipped| {
            Some(Tally {
                passed,
                failed,
                skipped,
            })
        };
        for (line, read) in [
            (
                "     Summary [   0.009s] 9 tests run: 9 passed, 0 skipped",
                tally(9, 0, 0),
            ),
            (
                "     Summary [ 12.1s] 9 tests run: 5 passed (1 slow, 1 flaky), 2 failed, 1 timed out, 1 exec failed, 3 skipped",
                tally(5, 4, 3),
            ),
            (
                "     Summary [   0.009s] 1 test run: 1 passed, 0 skipped",
                tally(1, 0, 0),
            ),
            ("        PASS [   0.005s] plateau-core run: 3 passed", None),
        ] {
            assert_eq!(Tally::read(line), read, "{line}");
        }
    }
}
