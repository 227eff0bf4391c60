//! An engine for one run of the suite: its data are empty at the start and gone at the end.
//!
//! It lives in a network namespace of its own, with a way out through the host, because two engines in one
//! namespace take each other's bridges and rules away. A process of its own looks after it, and ends it
//! when whoever started it has gone, however that happened: the pipe between them tells.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command::{as_root, command, output, run, say, succeeds, tail};
use crate::{build, engine, engine_socket, wait};

/// Most that its start may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most that its end may take, with all of its containers.
const FAREWELL: Duration = Duration::from_secs(90);
/// Between two looks at whether it still runs.
const PAUSE: Duration = Duration::from_millis(200);

const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";

/// What it does before it becomes the engine: it waits for its interface, and sets it up.
const ENTER: &str = r#"
    read -r us router || exit 1
    ip link set lo up
    ip address add "$us/30" dev eth0
    ip link set eth0 up
    ip route add default via "$router"
    exec "$@" </dev/null
"#;

/// A running engine; whatever is started by [`command`] talks to it.
pub(crate) struct SuiteEngine {
    keeper: Option<Child>,
    log: PathBuf,
}

impl SuiteEngine {
    /// Starts one and waits until it answers.
    pub(crate) fn start() -> Result<Self> {
        let unique = std::process::id();
        // Paths of sockets may not be long.
        let folder = PathBuf::from(format!("/tmp/plateau-suite-{unique}"));
        // On a disk, where layers can lie over one another.
        let data = build::target_folder().join(format!("suite-engine-{unique}"));
        let log = build::target_folder().join("suite-engine.log");
        let us = std::env::current_exe().context("where this program is")?;
        let words = [us, folder.clone(), data, log.clone()];
        let words: Vec<String> = words
            .iter()
            .map(|path| path.to_str().map(str::to_owned))
            .collect::<Option<_>>()
            .context("the target folder's name is not UTF-8")?;
        say(&format!(
            "starting an engine for this run, in {}; its log is {}",
            words[2],
            log.display()
        ));
        let mut keeper = as_root(&words[0], &["keep-engine", &words[1], &words[2], &words[3]]);
        // Ctrl-C is for us: it ends after what talks to it.
        keeper.stdin(Stdio::piped()).process_group(0);
        let keeper = keeper.spawn().context("cannot start the engine")?;
        let mut engine = Self {
            keeper: Some(keeper),
            log,
        };
        engine_socket::choose(folder.join("docker.sock"));
        let mut ended = false;
        let answers = wait::until(PATIENCE, || {
            ended = engine.has_ended();
            ended || engine::answers()
        });
        if ended || !answers {
            bail!(
                "the engine does not start; the end of its log:\n{}",
                tail(&engine.log)
            );
        }
        Ok(engine)
    }

    fn has_ended(&mut self) -> bool {
        let keeper = self.keeper.as_mut();
        keeper.is_none_or(|keeper| !matches!(keeper.try_wait(), Ok(None)))
    }

    /// Ends it and removes everything of it.
    pub(crate) fn end(mut self) -> Result<()> {
        let Some(status) = self.close() else {
            return Ok(());
        };
        if status.context("what the engine ran in")?.success() {
            return Ok(());
        }
        bail!(
            "the engine was not removed whole; the end of its log:\n{}",
            tail(&self.log)
        )
    }

    fn close(&mut self) -> Option<std::io::Result<std::process::ExitStatus>> {
        let mut keeper = self.keeper.take()?;
        drop(keeper.stdin.take());
        Some(keeper.wait())
    }
}

impl Drop for SuiteEngine {
    fn drop(&mut self) {
        // Whoever wants to know how it ended calls `end`.
        let _ = self.close();
    }
}

/// `cargo xtask keep-engine`: runs the engine until standard input ends.
pub(crate) fn keep(folder: &Path, data: &Path, log: &Path) -> Result<()> {
    for made in [folder, data] {
        fs::create_dir_all(made).with_context(|| format!("cannot make `{}`", made.display()))?;
    }
    let data = fs::canonicalize(data).context("the engine's data")?;
    let kept = Namespace::open(folder, &data, log).and_then(|mut inside| {
        let until_then = inside.until_input_ends();
        until_then.and(inside.close())
    });
    let killed = kill_what_uses(&data);
    let removed = fs::remove_dir_all(&data)
        .and(fs::remove_dir_all(folder))
        .context("cannot remove the engine's data");
    kept.and(killed).and(removed)
}

/// The engine's process, and what leads from its namespace to the world.
struct Namespace {
    engine: Child,
    way_out: WayOut,
}

impl Namespace {
    fn open(folder: &Path, data: &Path, log: &Path) -> Result<Self> {
        let way_out = WayOut::new(std::process::id())?;
        let log = File::create(log).with_context(|| format!("cannot write `{}`", log.display()))?;
        let path = |name: &str| folder.join(name).display().to_string();
        // Its mounts are its own too, and go with it.
        let mut engine = command(
            "unshare",
            &["--net", "--mount", "--", "sh", "-c", ENTER, "sh"],
        );
        engine
            .arg("dockerd")
            .arg(format!("--data-root={}", data.display()))
            .arg(format!("--exec-root={}", path("exec")))
            .arg(format!("--pidfile={}", path("pid")))
            .arg(format!("--host=unix://{}", path("docker.sock")))
            .arg(format!("--mtu={}", way_out.mtu))
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut engine = engine.spawn().context("cannot start dockerd")?;
        let opened = way_out.open(&engine).and_then(|()| {
            let mut told = engine
                .stdin
                .take()
                .context("nobody is told the addresses")?;
            writeln!(told, "{} {}", way_out.inside, way_out.outside)
                .context("cannot tell the addresses")
        });
        let mut inside = Self { engine, way_out };
        match opened {
            Ok(()) => Ok(inside),
            Err(error) => {
                let _ = inside.close();
                Err(error)
            }
        }
    }

    /// Waits until nobody writes to us any more.
    fn until_input_ends(&mut self) -> Result<()> {
        let (over, is_over) = channel();
        std::thread::spawn(move || {
            let mut rest = Vec::new();
            let _ = std::io::stdin().read_to_end(&mut rest);
            let _ = over.send(());
        });
        loop {
            match is_over.recv_timeout(PAUSE) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            if let Some(status) = self.engine.try_wait().context("look at the engine")? {
                bail!("dockerd ended with {status}");
            }
        }
    }

    /// Ends the engine as its service manager does, so that it stops its containers.
    fn close(&mut self) -> Result<()> {
        if matches!(self.engine.try_wait(), Ok(None)) {
            let id = self.engine.id().to_string();
            run(command("sh", &["-c", "kill -TERM \"$0\"", &id]))?;
        }
        let ended = wait::until(FAREWELL, || !matches!(self.engine.try_wait(), Ok(None)));
        if !ended {
            let _ = self.engine.kill();
            let _ = self.engine.wait();
        }
        self.way_out.close();
        if ended {
            return Ok(());
        }
        bail!("dockerd did not end within {} s", FAREWELL.as_secs())
    }
}

/// A pair of interfaces between a namespace and the host, which passes on what comes.
struct WayOut {
    interface: String,
    inside: String,
    outside: String,
    mtu: String,
    /// Whether the host passes packets on only since we told it to.
    forwards_for_us: bool,
}

impl WayOut {
    fn new(unique: u32) -> Result<Self> {
        let [outside, inside] = addresses(unique);
        let default = output(command("ip", &["-4", "route", "show", "default"]))?;
        let device = default.split_once(" dev ").map(|(_, rest)| rest);
        let device = device.and_then(|rest| rest.split_whitespace().next());
        let mtu = device
            .and_then(|name| fs::read_to_string(format!("/sys/class/net/{name}/mtu")).ok())
            .map_or_else(|| "1500".to_owned(), |mtu| mtu.trim().to_owned());
        Ok(Self {
            interface: format!("plateau{unique}"),
            inside,
            outside,
            mtu,
            forwards_for_us: fs::read_to_string(FORWARDING).is_ok_and(|is| is.trim() == "0"),
        })
    }

    /// Leads into the namespace of a process.
    fn open(&self, process: &Child) -> Result<()> {
        let id = process.id().to_string();
        let own = fs::read_link("/proc/self/ns/net").context("our namespace")?;
        let its = format!("/proc/{id}/ns/net");
        if !wait::until(PATIENCE, || fs::read_link(&its).is_ok_and(|its| its != own)) {
            bail!("the engine does not get a namespace of its own");
        }
        let (name, mtu) = (self.interface.as_str(), self.mtu.as_str());
        let pair = ["link", "add", name, "mtu", mtu, "type", "veth"];
        let peer = ["peer", "name", "eth0", "mtu", mtu, "netns", &id];
        run(command("ip", &[&pair[..], &peer[..]].concat()))?;
        let ours = format!("{}/30", self.outside);
        run(command("ip", &["address", "add", &ours, "dev", name]))?;
        run(command("ip", &["link", "set", name, "up"]))?;
        for rule in self.rules() {
            run(iptables("--insert", &rule))?;
        }
        if self.forwards_for_us {
            fs::write(FORWARDING, "1").context("cannot have the host pass packets on")?;
        }
        Ok(())
    }

    /// Of table, chain and what is matched: what the host hides behind its own address, and what passes
    /// where an engine has forbidden all that is not its own.
    fn rules(&self) -> [[String; 8]; 3] {
        let rule = |words: [&str; 8]| words.map(str::to_owned);
        let (name, from) = (self.interface.as_str(), format!("{}/32", self.inside));
        [
            rule([
                "nat",
                "POSTROUTING",
                "-s",
                &from,
                "-m",
                "comment",
                "--comment",
                "plateau",
            ]),
            rule([
                "filter",
                "FORWARD",
                "-i",
                name,
                "-m",
                "comment",
                "--comment",
                "plateau",
            ]),
            rule([
                "filter",
                "FORWARD",
                "-o",
                name,
                "-m",
                "comment",
                "--comment",
                "plateau",
            ]),
        ]
    }

    /// Removes everything that there is of it.
    fn close(&self) {
        for rule in self.rules() {
            succeeds(iptables("--delete", &rule));
        }
        // The kernel has removed it where the namespace has gone.
        succeeds(command("ip", &["link", "delete", &self.interface]));
        if self.forwards_for_us {
            let _ = fs::write(FORWARDING, "0");
        }
    }
}

/// Two of the four addresses that belong to a number, of those that no network has (RFC 2544).
fn addresses(unique: u32) -> [String; 2] {
    let first = (unique % (1 << 15)) * 4;
    [1, 2].map(|last| {
        let [_, second, third, fourth] = (first + last).to_be_bytes();
        format!("198.{}.{third}.{fourth}", 18 + u32::from(second))
    })
}

fn iptables(what: &str, [table, chain, rest @ ..]: &[String; 8]) -> Command {
    let target = if table == "nat" {
        "MASQUERADE"
    } else {
        "ACCEPT"
    };
    let mut iptables = command("iptables", &["--wait", "-t", table, what, chain]);
    iptables.args(rest).args(["-j", target]);
    iptables
}

/// Kills what an engine left that did not end in order: whatever has mounts of its data, which the host's
/// own processes have not.
fn kill_what_uses(data: &Path) -> Result<()> {
    let data = data
        .to_str()
        .context("the target folder's name is not UTF-8")?;
    let all_gone = wait::until(PATIENCE, || {
        let left: Vec<String> = engine::processes()
            .filter(|(id, _)| {
                let mounts = fs::read_to_string(format!("/proc/{id}/mountinfo"));
                mounts.is_ok_and(|mounts| mounts.contains(data))
            })
            .map(|(id, _)| id)
            .collect();
        for id in &left {
            succeeds(command("sh", &["-c", "kill -KILL \"$0\"", id]));
        }
        left.is_empty()
    });
    if all_gone {
        return Ok(());
    }
    bail!("processes of the engine cannot be ended")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_a_runs_own_and_in_pairs() {
        assert_eq!(addresses(0), ["198.18.0.1", "198.18.0.2"]);
        assert_eq!(addresses(32767), ["198.19.255.253", "198.19.255.254"]);
        assert_eq!(addresses(64), addresses(64 + (1 << 15)));
    }
}
