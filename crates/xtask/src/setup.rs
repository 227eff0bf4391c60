//! `cargo xtask setup`: installs what is missing on Debian, and starts the Docker engine.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{self, as_root, cargo, heading, is_there, say, succeeds};
use crate::{build, engine};

/// What has to be installed by hand, because this system is not Debian.
#[derive(Debug)]
pub(crate) struct NotDebian {
    missing: Vec<&'static str>,
}

impl std::fmt::Display for NotDebian {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "this is not Debian, where the set-up would install what is missing: \
             please install {} and start the Docker engine, then run this again",
            self.missing.join(", ")
        )
    }
}

impl std::error::Error for NotDebian {}

/// Something that Plateau needs of the host.
struct Need {
    /// A program that shows whether it is there.
    program: &'static str,
    /// What it is, for people.
    what: &'static str,
    /// The Debian package.
    package: &'static str,
}

const NEEDS: [Need; 4] = [
    Need {
        program: "cc",
        what: "a C compiler and linker",
        package: "build-essential",
    },
    Need {
        program: "curl",
        what: "curl, to talk to the engine",
        package: "curl",
    },
    Need {
        program: "dockerd",
        what: "the Docker engine, which labs run on",
        package: "docker.io",
    },
    Need {
        program: "mmdebstrap",
        what: "mmdebstrap, which makes the base of all images",
        package: "mmdebstrap",
    },
];

/// `cargo xtask setup`.
pub(crate) fn run() -> Result<()> {
    host()?;
    engine()?;
    test_tools()?;
    say("everything is there");
    Ok(())
}

/// Installs what the host lacks.
pub(crate) fn host() -> Result<()> {
    heading("set-up");
    let mut missing: Vec<&Need> = NEEDS
        .iter()
        .filter(|need| !is_there(need.program))
        .collect();
    // An engine may well run elsewhere than where its program would be looked for.
    if is_there("curl") && engine::answers() {
        missing.retain(|need| need.package != "docker.io");
    }
    if !missing.is_empty() {
        if !is_debian() {
            let missing = missing.iter().map(|need| need.what).collect();
            return Err(NotDebian { missing }.into());
        }
        install(&missing)?;
    }
    watchers()
}

/// Starts the engine if none answers.
pub(crate) fn engine() -> Result<()> {
    engine::start()
}

/// Every systemd of every lab holds some five inotify instances, and the kernel may count them all as one
/// user's: with its usual limit of 128, a room of candidates does not boot. With as many as fit into the
/// host's memory, no node can take those of the others: its own memory ends first.
fn watchers() -> Result<()> {
    const FOLDER: &str = "/proc/sys/fs/inotify";
    const FILE: &str = "/etc/sysctl.d/60-plateau.conf";
    let memory = memory().context("cannot read how much memory there is")?;
    // What an instance and a watch take of it at least, and the most that the kernel accepts.
    let fit = |bytes: u64| (memory / bytes).min(i32::MAX.unsigned_abs().into());
    let wanted = [
        ("max_user_instances", fit(1 << 10)),
        ("max_user_watches", fit(1 << 7)),
    ];
    let is_enough = wanted.iter().all(|(setting, enough)| {
        let now = std::fs::read_to_string(format!("{FOLDER}/{setting}")).unwrap_or_default();
        now.trim()
            .parse::<u64>()
            .is_ok_and(|limit| limit >= *enough)
    });
    if is_enough {
        return Ok(());
    }
    say(&format!(
        "raising what nodes may have of fs.inotify to what fits into memory, now and in {FILE}"
    ));
    let mut script = format!("mkdir -p /etc/sysctl.d && : > {FILE}");
    for (setting, enough) in wanted {
        let line = format!("fs.inotify.{setting} = {enough}");
        script.push_str(&format!(
            " && echo '{line}' >> {FILE} && echo {enough} > {FOLDER}/{setting}"
        ));
    }
    command::run(as_root("sh", &["-c", &script]))
}

/// Bytes of the host's memory.
fn memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes << 10)
}

/// Installs what the tests need: their own look at interfaces and documents, a database server, and
/// Rust's tools.
pub(crate) fn test_tools() -> Result<()> {
    const TOOLS: [Need; 10] = [
        Need {
            program: "ip",
            what: "iproute2, by which the tests look at links",
            package: "iproute2",
        },
        Need {
            program: "ethtool",
            what: "ethtool, by which the tests look at what interfaces offload",
            package: "ethtool",
        },
        Need {
            program: "pg_ctlcluster",
            what: "PostgreSQL, which the store's tests start servers of their own from",
            package: "postgresql",
        },
        Need {
            program: "podman",
            what: "Podman, the other engine that labs run on",
            package: "podman",
        },
        Need {
            program: "runc",
            what: "runc, which Podman starts containers by",
            package: "runc",
        },
        Need {
            program: "sftp",
            what: "OpenSSH's clients, by which the tests enter nodes",
            package: "openssh-client",
        },
        Need {
            program: "pdftotext",
            what: "poppler's programs, by which the tests read documents",
            package: "poppler-utils",
        },
        Need {
            program: "qpdf",
            what: "qpdf, by which the tests look into documents",
            package: "qpdf",
        },
        Need {
            program: "node",
            what: "Node.js, by which the tests read the OpenAPI document as its users do",
            package: "nodejs",
        },
        Need {
            program: "npm",
            what: "npm, which installs what the tests run on Node.js",
            package: "npm",
        },
    ];
    let missing: Vec<&Need> = TOOLS
        .iter()
        .filter(|tool| !is_there(tool.program))
        .collect();
    if !missing.is_empty() {
        install(&missing)?;
    }
    for (component, tool) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if !succeeds(cargo(&[tool, "--version"])) {
            say(&format!(
                "installing {component}: rustup component add {component}"
            ));
            command::run(command::command("rustup", &["component", "add", component]))
                .with_context(|| format!("please install {component} for this toolchain"))?;
        }
    }
    if !succeeds(cargo(&["nextest", "--version"])) {
        say("installing cargo-nextest, which runs the tests: a few minutes, once");
        command::run(cargo(&["install", "--locked", "cargo-nextest"]))?;
    }
    Ok(())
}

/// The cargo-deny that checks `deny.toml`: the one that is there, or one that is installed where cargo
/// builds, without what looks up advisories, and quick to compile rather than quick.
pub(crate) fn cargo_deny() -> Result<Command> {
    const VERSION: &str = "0.20.2";
    if succeeds(cargo(&["deny", "--version"])) {
        return Ok(cargo(&["deny"]));
    }
    let root = build::target_folder().join("tools");
    let program = root.join("bin/cargo-deny");
    if !program.exists() {
        say(
            "installing cargo-deny into the target folder, which checks dependencies: a minute, once",
        );
        let mut install = cargo(&["install", "--quiet", "--locked", "--debug"]);
        install
            .args(["--no-default-features", "cargo-deny", "--version", VERSION])
            .arg("--root")
            .arg(root);
        command::run(install)?;
    }
    Ok(command::command(program, &[]))
}

/// Installs what the benches measure us against.
pub(crate) fn bench_tools() -> Result<()> {
    const COMPOSE: Need = Need {
        program: "docker-compose",
        what: "docker-compose, to compare with",
        package: "docker-compose",
    };
    const VENV: Need = Need {
        program: "python3",
        what: "Python's virtual environments, for testinfra",
        package: "python3-venv",
    };
    let mut missing = Vec::new();
    if !is_there(COMPOSE.program) {
        missing.push(&COMPOSE);
    }
    if !succeeds(command::command("python3", &["-c", "import ensurepip"])) {
        missing.push(&VENV);
    }
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing)
}

fn install(missing: &[&Need]) -> Result<()> {
    for need in missing {
        say(&format!(
            "to be installed: {} (package {})",
            need.what, need.package
        ));
    }
    command::run(apt(&["update"]))?;
    let packages = missing.iter().map(|need| need.package);
    let args: Vec<&str> = ["install", "--yes", "--no-install-recommends"]
        .into_iter()
        .chain(packages)
        .collect();
    command::run(apt(&args))
}

/// apt-get that asks nothing. We start the engine ourselves: where systemd does not run, a package
/// that starts it would leave it holding our files.
fn apt(args: &[&str]) -> Command {
    let mut words = vec!["DEBIAN_FRONTEND=noninteractive"];
    if !Path::new("/run/systemd/system").is_dir() {
        words.push("RUNLEVEL=1");
    }
    words.push("apt-get");
    words.push("--quiet");
    words.extend(args);
    say(&format!("  {}", words.join(" ")));
    let mut apt = as_root("env", &words);
    apt.stdin(std::process::Stdio::null());
    apt
}

/// Debian, or a distribution that says it is like it.
fn is_debian() -> bool {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    release
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| matches!(*name, "ID" | "ID_LIKE"))
        .flat_map(|(_, value)| value.trim_matches('"').split(' '))
        .any(|name| name == "debian")
}
