//! `cargo xtask demo` and `cargo xtask images`.

use std::time::Instant;

use anyhow::{Result, bail};

use crate::build::Build;
use crate::command::{heading, say};
use crate::daemon::Daemon;
use crate::{build, interrupt, parts, setup};

/// The lab's name.
const LAB: &str = "demo";
/// Where its daemon keeps its state, in cargo's folder.
const FOLDER: &str = "plateau-demo";
/// The scenario of the demonstration.
const SCENARIO: &str = "scenarios/intranet-server";
/// The images that its nodes are made from.
const IMAGES: [&str; 3] = ["debian-server", "debian-workstation", "debian-depot"];

/// Sets up, builds, and shows a lab's grade untouched, solved, and after a reboot.
pub(crate) fn run(keep: bool) -> Result<()> {
    let begin = Instant::now();
    let daemon = daemon()?;
    let shown = show(&daemon);
    if keep && shown.is_ok() {
        by_hand(&daemon);
        return Ok(());
    }
    heading("cleaning up");
    let stopped = daemon.stop();
    interrupt::none()?;
    shown.and(stopped)?;
    parts::write();
    say(&format!(
        "\nall is down again, {} s after the start; `cargo xtask demo --keep` leaves it running",
        begin.elapsed().as_secs()
    ));
    Ok(())
}

/// `cargo xtask images`.
pub(crate) fn images(names: &[String]) -> Result<()> {
    let daemon = daemon()?;
    let built = build_images(&daemon, names.iter().map(String::as_str));
    let stopped = daemon.stop();
    built.and(stopped)
}

/// Builds images with a daemon.
pub(crate) fn build_images<'a>(
    daemon: &Daemon,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<()> {
    heading("images");
    let args: Vec<&str> = ["images", "build"].into_iter().chain(names).collect();
    daemon.run(&args)
}

/// Everything that a daemon needs, and the daemon.
fn daemon() -> Result<Daemon> {
    setup::host()?;
    setup::engine()?;
    let bin = build::programs(Build::Development)?;
    heading("daemon");
    Daemon::start(&bin, &build::target_folder().join(FOLDER))
}

fn show(daemon: &Daemon) -> Result<()> {
    build_images(daemon, IMAGES)?;
    heading("a lab of four machines and more, from one YAML file");
    // What an earlier demonstration left; there may be none.
    daemon.status(&["lab", "down", "--all"])?;
    daemon.run(&["lab", "up", SCENARIO, "--name", LAB, "--seed", "demo"])?;
    heading("what it is worth untouched");
    graded(daemon, false)?;
    heading("the work is done: the scenario's own solutions");
    daemon.run(&["lab", "solve", LAB])?;
    heading("what it is worth now, as left and after a reboot");
    graded(daemon, true)
}

/// Grades the lab, which must or must not be worth everything.
fn graded(daemon: &Daemon, full: bool) -> Result<()> {
    let status = daemon.status(&["lab", "check", LAB])?;
    match (status.code(), full) {
        (Some(0), true) | (Some(1), false) => Ok(()),
        (Some(0), false) => bail!("an untouched lab is worth everything"),
        (Some(1), true) => bail!("a solved lab is not worth everything"),
        _ => bail!("`plateau lab check {LAB}` ended with {status}"),
    }
}

fn by_hand(daemon: &Daemon) {
    let plateau = daemon.prefix();
    heading("lab and daemon are left running; go on by hand");
    for (what, args) in [
        ("a terminal in the server", "lab shell demo srv1"),
        (
            "break something",
            "lab exec demo srv1 -- systemctl stop nginx",
        ),
        ("grade again", "lab check demo"),
        ("take the lab down", "lab down demo"),
    ] {
        say(&format!("  {what:<26} {plateau} {args}"));
    }
    if let Some(stop) = daemon.stop_by_hand() {
        say(&format!("  {:<26} {stop}", "stop the daemon"));
    }
}
