//! `lab.conf`, see kathara-lab.conf(5).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use plateau_core::problem::{Problem, SourceLocation};
use regex::Regex;

use crate::emulator::is_mac;
use crate::error::ImportError;

/// Facts about the lab as a whole.
const METADATA: &[&str] = &[
    "LAB_NAME",
    "LAB_DESCRIPTION",
    "LAB_VERSION",
    "LAB_AUTHOR",
    "LAB_EMAIL",
    "LAB_WEB",
];
/// Names that no machine may have.
const RESERVED: &[&str] = &["shared", "_test"];

/// What a `lab.conf` says.
#[derive(Debug, Default)]
pub(super) struct Conf {
    /// Facts about the lab, by name.
    pub(super) metadata: BTreeMap<String, String>,
    /// Machines by name.
    pub(super) machines: BTreeMap<String, MachineConf>,
}

/// What it says about a machine.
#[derive(Debug)]
pub(super) struct MachineConf {
    /// Where it is first named.
    pub(super) place: SourceLocation,
    /// Interfaces by number.
    pub(super) interfaces: BTreeMap<u32, Plug>,
    /// Options, in their order.
    pub(super) options: Vec<Assignment>,
}

/// An interface.
#[derive(Debug)]
pub(super) struct Plug {
    /// The collision domain that it is connected to.
    pub(super) domain: String,
    /// Its hardware address.
    pub(super) mac: Option<String>,
}

/// An option.
#[derive(Debug)]
pub(super) struct Assignment {
    /// Its name.
    pub(super) name: String,
    /// Its value.
    pub(super) value: String,
    /// Where it stands.
    pub(super) place: SourceLocation,
}

impl Conf {
    /// Reads a `lab.conf`.
    ///
    /// # Errors
    /// Every line that Kathará would refuse.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, ImportError> {
        let mut conf = Self::default();
        let mut problems = Vec::new();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let place = |column: usize| SourceLocation {
                file: file.to_owned(),
                line: u32::try_from(index + 1).unwrap_or(u32::MAX),
                column: u32::try_from(column).unwrap_or(u32::MAX),
            };
            if let Err((column, code, message, hint)) = conf.line(line.trim_end(), &place) {
                problems.push(Problem {
                    place: place(column),
                    code: code.to_owned(),
                    message,
                    hint: Some(hint.to_owned()),
                });
            }
        }
        if problems.is_empty() {
            Ok(conf)
        } else {
            Err(ImportError::Problems(problems))
        }
    }

    fn line(&mut self, line: &str, place: &dyn Fn(usize) -> SourceLocation) -> Result<(), Refusal> {
        if line.trim_start().starts_with('#') || line.trim().is_empty() {
            return Ok(());
        }
        if let Some((name, value)) = metadata(line) {
            self.metadata.insert(name.to_owned(), value);
            return Ok(());
        }
        let first = 1 + line.len() - line.trim_start().len();
        let Some(found) = assignment().captures(line.trim()) else {
            let message = "this is not a valid assignment".to_owned();
            return Err((first, "kathara-syntax", message, SYNTAX));
        };
        let name = found[1].to_owned();
        if RESERVED.contains(&name.as_str()) {
            let message = format!("`{name}` cannot be the name of a machine");
            return Err((first, "reserved-name", message, "give it another name"));
        }
        let value = (3..=5).find_map(|group| found.get(group));
        let (value, at) = value.map_or(("", 0), |value| (value.as_str(), value.start()));
        let machine = self.machines.entry(name).or_insert_with(|| MachineConf {
            place: place(first),
            interfaces: BTreeMap::new(),
            options: Vec::new(),
        });
        match found[2].parse() {
            Ok(number) => machine.connect(number, value, first + at),
            Err(_) => {
                machine.options.push(Assignment {
                    name: found[2].to_owned(),
                    value: value.to_owned(),
                    place: place(first),
                });
                Ok(())
            }
        }
    }
}

/// The column, a code, a message and a hint.
type Refusal = (usize, &'static str, String, &'static str);

const SYNTAX: &str = "write `machine[0]=\"A\"` or `machine[option]=\"value\"`: names of lower-case letters, digits and `_`, no space around `=`, and a comment only after quotes";

impl MachineConf {
    fn connect(&mut self, number: u32, value: &str, column: usize) -> Result<(), Refusal> {
        let parts: Vec<&str> = value.split('/').filter(|part| !part.is_empty()).collect();
        let (domain, mac) = match parts[..] {
            [domain] => (domain, None),
            [domain, mac] => (domain, Some(mac)),
            _ => {
                let message = format!("`{value}` is not a collision domain");
                return Err((column, "kathara-interface", message, DOMAIN));
            }
        };
        if !domain.chars().all(|c| c.is_alphanumeric() || c == '_') {
            let message = format!("`{domain}` cannot be the name of a collision domain");
            return Err((column, "kathara-interface", message, DOMAIN));
        }
        if let Some(mac) = mac.filter(|mac| !is_mac(mac)) {
            let message = format!("`{mac}` is not a hardware address");
            return Err((
                column,
                "kathara-interface",
                message,
                "such as 02:42:ac:11:00:02",
            ));
        }
        if self.interfaces.contains_key(&number) {
            let message = format!("interface {number} is connected for the second time");
            return Err((
                column,
                "kathara-interface",
                message,
                "give each its own number",
            ));
        }
        if self.interfaces.values().any(|plug| plug.domain == domain) {
            let message = format!("the machine is connected to `{domain}` already");
            let hint = "Kathará connects a machine once to a collision domain";
            return Err((column, "kathara-interface", message, hint));
        }
        let plug = Plug {
            domain: domain.to_owned(),
            mac: mac.map(str::to_owned),
        };
        self.interfaces.insert(number, plug);
        Ok(())
    }
}

const DOMAIN: &str = "write its name in letters, digits and `_`, with `/` and a hardware address where wanted, such as `A/02:42:ac:11:00:02`; quote it where a comment follows";

/// Kathará's own pattern, its back reference to the quote spelled out.
fn assignment() -> &'static Regex {
    #[allow(
        clippy::expect_used,
        reason = "a constant pattern that every test reads"
    )]
    static ASSIGNMENT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"^([a-z0-9_]{1,30})\[(\w+)\]=(?:"([^"']+)"|'([^"']+)'|([^"']+))(?:\s+#.*)?$"#)
            .expect("it is a pattern")
    });
    &ASSIGNMENT
}

fn metadata(line: &str) -> Option<(&'static str, String)> {
    let (name, value) = line.split_once('=')?;
    let name = METADATA.iter().find(|known| **known == name)?;
    Some((name, value.replace(['"', '\''], "").trim().to_owned()))
}
