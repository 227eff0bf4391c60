//! `cargo xtask test`: every check and test, and nothing left behind.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::command::{cargo, heading, run as run_command, say, shown};
use crate::{build, demo, engine, setup};

/// Runs everything, or what needs no engine.
pub(crate) fn run(fast: bool) -> Result<()> {
    if !fast {
        setup::host()?;
    }
    setup::test_tools()?;
    heading("format");
    run_command(cargo(&["fmt", "--all", "--check"]))?;
    heading("lints");
    // The typesetter by itself, as it is built.
    for packages in [
        &["--workspace", "--exclude", "plateau-report"][..],
        &["--package", "plateau-report"],
    ] {
        let mut lints = cargo(&["clippy", "--all-targets"]);
        lints.args(packages).args(["--", "--deny", "warnings"]);
        run_command(lints)?;
    }
    heading("fast tests");
    let mut tally = nextest(&[], &[])?;
    tally.add(&nextest(&["--package", "plateau-report"], &[])?);
    if !fast {
        let before = Traces::look()?;
        let bin = build::run(false)?;
        images()?;
        heading("tests on the engine");
        tally.add(&on_engine(&bin)?);
        heading("what is left behind");
        before.nothing_more()?;
    }
    say("");
    say(&tally.to_string());
    if tally.failed > 0 {
        bail!("{} failed", tally.failed);
    }
    Ok(())
}

/// Builds the images whose recipes changed.
pub(crate) fn images() -> Result<()> {
    let daemon = demo::daemon()?;
    let built = demo::build_images(&daemon, []);
    let stopped = daemon.stop();
    built.and(stopped)
}

/// What labs would leave on the engine and on the host.
struct Traces {
    containers: BTreeSet<String>,
    interfaces: BTreeSet<String>,
}

impl Traces {
    fn look() -> Result<Self> {
        Ok(Self {
            containers: engine::containers_of_labs()?.into_iter().collect(),
            interfaces: engine::host_interfaces()
                .into_iter()
                .filter(|name| is_ours(name))
                .collect(),
        })
    }

    /// Nothing has come since; what was there before belongs to somebody.
    fn nothing_more(&self) -> Result<()> {
        let now = Self::look()?;
        let containers: Vec<&String> = now.containers.difference(&self.containers).collect();
        let interfaces: Vec<&String> = now.interfaces.difference(&self.interfaces).collect();
        if containers.is_empty() && interfaces.is_empty() {
            say("nothing: no container of a lab, no interface of a lab");
            return Ok(());
        }
        bail!("the tests left containers {containers:?} and interfaces {interfaces:?}")
    }
}

/// Names that the wirer gives: `p1`, `n1`, `x1` and so on, which belong in a lab's fabric alone.
fn is_ours(interface: &str) -> bool {
    interface
        .strip_prefix(['p', 'n', 'x'])
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
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
fn on_engine(bin: &Path) -> Result<Tally> {
    let mut env = vec![("PLATEAU_BIN_DIR".to_owned(), bin.display().to_string())];
    if !engine::is_ours() {
        // Who needs sudo for the engine needs it for the tests on it.
        let host = std::env::consts::ARCH.to_uppercase();
        let runner = format!("CARGO_TARGET_{host}_UNKNOWN_LINUX_GNU_RUNNER");
        env.push((runner, "sudo --preserve-env".to_owned()));
    }
    nextest(&["--package", "plateau-tests"], &env)
}

/// Runs tests, shows what the runner says, and reads its summary.
fn nextest(args: &[&str], env: &[(String, String)]) -> Result<Tally> {
    let mut command = cargo(&["nextest", "run", "--no-fail-fast"]);
    command.args(args).envs(env.iter().cloned());
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run `{}`", shown(&command)))?;
    let mut tally = None;
    let said = child.stderr.take().context("the runner says nothing")?;
    for line in BufReader::new(said).lines() {
        let line = line.context("cannot read what the runner says")?;
        say(&line);
        tally = Tally::read(&line).or(tally);
    }
    let status = child.wait().context("the runner did not end")?;
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

    #[test]
    fn only_the_wirers_names_are_ours() {
        assert!(["p1", "n0", "x12"].into_iter().all(is_ours));
        assert!(
            !["p", "eth0", "veth1a", "enp3s0", "nlmon0"]
                .into_iter()
                .any(is_ours)
        );
    }
}
