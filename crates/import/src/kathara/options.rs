//! Options of a machine in `lab.conf`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use plateau_core::problem::{Problem, SourceLocation};
use plateau_core::quantity::Size;
use regex::Regex;

use super::conf::Assignment;

/// The image of a machine that names none, by Kathará's settings as they are delivered.
pub(super) const DEFAULT_IMAGE: &str = "kathara/base";
/// Least memory of a node.
const LEAST_MEMORY: Size = Size(32 << 20);
/// Options that have no counterpart, and why.
const WITHOUT_COUNTERPART: &[(&str, &str)] = &[
    ("args", "a node's first process is systemd"),
    (
        "bridged",
        "an interface that leads to the host's network; a lab reaches nothing outside it",
    ),
    ("entrypoint", "a node's first process is systemd"),
    (
        "num_terms",
        "a candidate opens the terminals that they need",
    ),
    ("port", "a port of the host; none is published"),
    ("privileged", "no node is privileged"),
    ("shell", "a candidate's shell is that of their user"),
    (
        "ulimit",
        "limits are set in the node, in /etc/security/limits.d",
    ),
];

/// What a machine's options say.
#[derive(Debug, Default)]
pub(super) struct Options<'a> {
    pub(super) image: Option<&'a Assignment>,
    pub(super) memory: Option<Size>,
    pub(super) cpus: Option<f64>,
    pub(super) ipv6: Option<bool>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) sysctls: BTreeMap<String, String>,
    /// Commands to be run after the start-up scripts.
    pub(super) commands: Vec<String>,
    /// Paths of the host, where they are mounted, and where that is said.
    pub(super) volumes: Vec<(String, String, SourceLocation)>,
    /// What has no counterpart.
    pub(super) left_out: Vec<(SourceLocation, String)>,
}

impl<'a> Options<'a> {
    /// Reads options; of one that stands twice and can have one value, the last holds.
    pub(super) fn read(options: &'a [Assignment], problems: &mut Vec<Problem>) -> Self {
        let mut read = Self::default();
        for option in options {
            if let Err((message, hint)) = read.take(option) {
                problems.push(Problem {
                    place: option.place.clone(),
                    code: "kathara-option".to_owned(),
                    message,
                    hint: Some(hint.to_owned()),
                });
            }
        }
        read
    }

    fn take(&mut self, option: &'a Assignment) -> Result<(), (String, &'static str)> {
        let value = option.value.as_str();
        match option.name.as_str() {
            "image" => self.image = Some(option),
            "mem" => match memory(value)? {
                enough if enough >= LEAST_MEMORY => self.memory = Some(enough),
                little => {
                    let what = format!("mem: {little} are too little for systemd");
                    self.left_out.push((option.place.clone(), what));
                }
            },
            "cpus" => self.cpus = Some(cpus(value)?),
            "ipv6" => self.ipv6 = Some(boolean(value)?),
            "bridged" | "privileged" if !boolean(value)? => {}
            "exec" => self.commands.push(value.to_owned()),
            "env" => {
                let (name, value) = pair(value, ENVIRONMENT_HINT)?;
                self.environment.insert(name, value);
            }
            "sysctl" => {
                let (key, value) = sysctl(value)?;
                self.sysctls.insert(key, value);
            }
            "volume" => self.volume(option),
            name => {
                let why = WITHOUT_COUNTERPART.iter().find(|(known, _)| *known == name);
                let why = why.map_or("Kathará's manual does not know it", |(_, why)| why);
                self.left_out
                    .push((option.place.clone(), format!("{name}: {why}")));
            }
        }
        Ok(())
    }

    fn volume(&mut self, option: &Assignment) {
        let mut parts = option.value.split('|').filter(|part| !part.is_empty());
        match (parts.next(), parts.next()) {
            (Some(host), Some(guest)) if guest.starts_with('/') => self.volumes.push((
                host.to_owned(),
                guest.trim_end_matches('/').to_owned(),
                option.place.clone(),
            )),
            _ => {
                let what = format!("the volume `{}`, which names no two paths", option.value);
                self.left_out.push((option.place.clone(), what));
            }
        }
    }
}

/// What makes a machine a router by IPv6, where that is on.
pub(super) fn ipv6_router(ipv6: Option<bool>) -> &'static [(&'static str, &'static str)] {
    match ipv6 {
        Some(true) => &[
            ("net.ipv6.conf.all.forwarding", "1"),
            ("net.ipv6.conf.all.accept_ra", "0"),
        ],
        Some(false) | None => &[],
    }
}

/// What turns IPv6 off, where that is asked for.
pub(super) fn ipv6_off(ipv6: Option<bool>) -> &'static [(&'static str, &'static str)] {
    match ipv6 {
        Some(false) => &[
            ("net.ipv6.conf.all.disable_ipv6", "1"),
            ("net.ipv6.conf.default.disable_ipv6", "1"),
        ],
        Some(true) | None => &[],
    }
}

type Refusal = (String, &'static str);

/// A number with `b`, `k`, `m` or `g`; without, it is megabytes.
fn memory(text: &str) -> Result<Size, Refusal> {
    let (number, unit) = match text.to_ascii_lowercase().as_bytes() {
        [.., b'b'] => (&text[..text.len() - 1], 1),
        [.., b'k'] => (&text[..text.len() - 1], 1 << 10),
        [.., b'm'] => (&text[..text.len() - 1], 1 << 20),
        [.., b'g'] => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1 << 20),
    };
    let bytes = number.parse().ok().and_then(|n: u64| n.checked_mul(unit));
    let refused = || {
        (
            format!("`{text}` is not a valid amount of memory"),
            "such as 128m or 1g",
        )
    };
    bytes.map(Size).ok_or_else(refused)
}

fn cpus(text: &str) -> Result<f64, Refusal> {
    let cpus: Option<f64> = text.parse().ok();
    let refused = || {
        let message = format!("`{text}` is not a valid number of processors");
        (message, "between 0.05 and 256, such as 1.5")
    };
    cpus.filter(|cpus| (0.05..=256.0).contains(cpus))
        .ok_or_else(refused)
}

/// What Python's `strtobool` takes.
fn boolean(text: &str) -> Result<bool, Refusal> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Ok(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Ok(false),
        _ => Err((
            format!("`{text}` is neither true nor false"),
            "true or false",
        )),
    }
}

const ENVIRONMENT_HINT: &str = "write NAME=value";

fn pair(text: &str, hint: &'static str) -> Result<(String, String), Refusal> {
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    match text.split_once('=') {
        Some((name, value)) if is_name(name) => Ok((name.to_owned(), value.trim().to_owned())),
        Some(_) | None => Err((format!("`{text}` sets no variable"), hint)),
    }
}

fn sysctl(text: &str) -> Result<(String, String), Refusal> {
    #[allow(clippy::expect_used, reason = "a constant pattern that a test reads")]
    static SETTING: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(net\.(?:[\w-]+\.)+[\w-]+)=([^=]*)$").expect("it is a pattern")
    });
    let refused = || {
        let message = format!("`{text}` sets nothing of the network");
        (message, "write net.KEY=value; Kathará allows no others")
    };
    let found = SETTING.captures(text).ok_or_else(refused)?;
    Ok((found[1].to_owned(), found[2].trim().to_owned()))
}
