//! Goss's resources as checks of ours: which attribute is which.

use std::collections::BTreeSet;
use std::net::IpAddr;

use plateau_core::matcher::{Matcher, Mode};
use plateau_core::problem::nearest;
use plateau_core::quantity::Span;
use plateau_core::question::Expectation;
use plateau_core::topology::Localized;
use plateau_core::tree::{Entry, Kind, Position, Tree};

use super::expected::{self, MatcherResult, Seen, Unsupported, retyped};
use crate::document::{self, entries, scalar};
use crate::draft::in_both;

mod account;
mod machine;
mod network;

/// Kinds of resources that become checks.
pub(super) const KINDS: &[&str] = &[
    "addr",
    "command",
    "dns",
    "file",
    "group",
    "http",
    "interface",
    "kernel-param",
    "mount",
    "package",
    "port",
    "process",
    "service",
    "user",
];
/// Attributes that every resource may have.
const EVERYWHERE: &[&str] = &[
    "title",
    "meta",
    "skip",
    "timeout",
    "retry_count",
    "retry_delay",
];
/// Looking may take as long without being told, in milliseconds.
const USUAL_TIMEOUT: i64 = 10_000;
/// Looking may take no longer, in milliseconds.
const LONGEST_TIMEOUT: i64 = 120_000;

/// Why resources of a kind become no checks.
pub(super) fn refusal(kind: &str) -> String {
    match kind {
        "matching" => {
            "matching: it compares texts of the Goss file itself, and asks nothing of a machine"
                .to_owned()
        }
        "registry" => "registry: there are no machines with Windows".to_owned(),
        other => format!(
            "{other}: Goss has no such resources; {}",
            nearest(other, KINDS.iter().copied())
        ),
    }
}

/// A question that a resource becomes.
pub(super) struct Question {
    /// The identifier that the check would like to have.
    pub(super) id: String,
    /// Its title.
    pub(super) title: Localized,
    /// What is asked and expected.
    pub(super) that: Expectation,
    /// Most that looking may take, where that is more than usual.
    pub(super) timeout: Option<Span>,
}

/// What a resource becomes.
#[derive(Default)]
pub(super) struct Converted {
    pub(super) questions: Vec<Question>,
    /// What a person should know.
    pub(super) comments: Vec<String>,
    /// What could not be carried over, and where it stands.
    pub(super) left_out: Vec<(Position, String)>,
}

/// One resource while it is read.
pub(super) struct Resource<'a> {
    kind: &'a str,
    entry: &'a Entry,
    known: BTreeSet<&'static str>,
    refused: bool,
    converted: Converted,
}

impl<'a> Resource<'a> {
    /// A resource of a kind.
    pub(super) fn new(kind: &'a str, entry: &'a Entry) -> Self {
        Self {
            kind,
            entry,
            known: EVERYWHERE.iter().copied().collect(),
            refused: false,
            converted: Converted::default(),
        }
    }

    /// What it becomes.
    pub(super) fn convert(mut self) -> Converted {
        if !matches!(self.entry.value.kind, Kind::Map(_)) {
            let what = format!(
                "{} stands where attributes are expected",
                document::kind(&self.entry.value)
            );
            self.leave_out(self.entry.value.at, what);
            return self.converted;
        }
        if matches!(
            self.get("skip").map(|tree| &tree.kind),
            Some(Kind::Bool(true))
        ) {
            self.converted.comments.push(format!(
                "{} {} is not asked: Goss skips it.",
                self.kind, self.entry.key
            ));
            return self.converted;
        }
        match self.kind {
            "addr" => self.addr(),
            "command" => self.command(),
            "dns" => self.dns(),
            "file" => self.file(),
            "group" => self.group(),
            "http" => self.http(),
            "interface" => self.interface(),
            "kernel-param" => self.kernel_param(),
            "mount" => self.mount(),
            "package" => self.package(),
            "port" => self.port(),
            "process" => self.process(),
            "service" => self.service(),
            _ => self.user(),
        }
        if !self.refused {
            self.everywhere();
        }
        self.converted
    }

    /// What every resource may have, and what none has.
    fn everywhere(&mut self) {
        if let Some(meta) = self.get("meta") {
            let said: Vec<String> = entries(meta)
                .iter()
                .filter_map(|entry| Some(format!("{}: {}", entry.key, scalar(&entry.value)?)))
                .collect();
            self.converted.comments.extend(said);
        }
        for entry in entries(&self.entry.value) {
            if !self.known.contains(entry.key.as_str()) {
                let hint = nearest(&entry.key, self.known.iter().copied());
                self.leave_out(
                    entry.key_at,
                    format!("`{}` is not an attribute of it; {hint}", entry.key),
                );
            }
        }
    }

    fn get(&self, name: &str) -> Option<&'a Tree> {
        self.entry
            .value
            .get(name)
            .filter(|tree| tree.kind != Kind::Null)
    }

    /// An attribute's value; from here on it is known that there is such an attribute.
    fn attribute(&mut self, name: &'static str) -> Option<&'a Tree> {
        self.known.insert(name);
        self.get(name)
    }

    /// The attribute that may stand in the key's place, or the key.
    fn named(&mut self, name: &'static str) -> String {
        let named = self.attribute(name).and_then(scalar);
        named.unwrap_or_else(|| self.entry.key.clone())
    }

    /// Whether an attribute is `true`.
    fn is_set(&mut self, name: &'static str) -> bool {
        self.attribute(name)
            .is_some_and(|tree| tree.kind == Kind::Bool(true))
    }

    fn leave_out(&mut self, mark: Position, what: String) {
        self.converted.left_out.push((mark, what));
    }

    /// Leaves all of it out.
    fn refuse(&mut self, what: String) {
        self.refuse_for(self.entry.key_at, what);
    }

    /// Leaves all of it out because of one of its parts.
    fn refuse_for(&mut self, mark: Position, what: String) {
        self.refused = true;
        self.leave_out(mark, what);
    }

    /// Leaves an attribute out, where it is there and says something.
    fn without(&mut self, name: &'static str, why: &str) {
        if let Some(tree) = self.attribute(name) {
            let says_nothing = match &tree.kind {
                Kind::Text { text, .. } => text.is_empty(),
                Kind::List(elements) => elements.is_empty(),
                Kind::Bool(value) => !value,
                _ => false,
            };
            if !says_nothing {
                self.leave_out(tree.at, format!("`{name}`: {why}"));
            }
        }
    }

    /// What an attribute is expected to be. What has no equal here is left out and said.
    fn expect<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&Tree) -> MatcherResult<T>,
    ) -> Option<Matcher<T>> {
        let tree = self.attribute(name)?;
        match read(tree) {
            Ok(matcher) => matcher,
            Err(Unsupported { at, why }) => {
                self.leave_out(at, format!("`{name}`: {why}"));
                None
            }
        }
    }

    fn flag(&mut self, name: &'static str) -> Option<Matcher<bool>> {
        self.expect(name, expected::flag)
    }

    fn number(&mut self, name: &'static str) -> Option<Matcher<i64>> {
        self.expect(name, expected::number)
    }

    fn text(&mut self, name: &'static str, seen: Seen) -> Option<Matcher<String>> {
        self.expect(name, |tree| expected::text(tree, seen))
    }

    fn mode(&mut self, name: &'static str) -> Option<Matcher<Mode>> {
        self.expect(name, |tree| {
            let text = expected::text(tree, Seen::Line)?;
            let mode = text.map(retyped).transpose();
            mode.map_err(|why| Unsupported { at: tree.at, why })
        })
    }

    fn list(
        &mut self,
        name: &'static str,
        spell: impl Fn(&str) -> String,
    ) -> Option<Matcher<Vec<String>>> {
        self.expect(name, |tree| expected::list(tree, &spell))
    }

    /// Whether the thing is expected not to be there, so that Goss asks no more of it.
    fn is_absent(&mut self, matcher: Option<&Matcher<bool>>) -> bool {
        matcher == Some(&Matcher::Is(false))
    }

    /// How long looking may take, where that is more than usual. A shorter timeout of
    /// Goss is not an expectation: that looking takes longer tells nothing here.
    fn timeout(&self) -> Option<Span> {
        match self.get("timeout").map(|tree| &tree.kind) {
            Some(Kind::Integer(millis)) if *millis > USUAL_TIMEOUT => {
                Some(Span((*millis).min(LONGEST_TIMEOUT).unsigned_abs()))
            }
            _ => None,
        }
    }

    /// Adds a question about something. `what` is how its title begins in French and English.
    fn ask(&mut self, name: &str, what: (&str, &str), that: Expectation) {
        let title = match self.get("title").and_then(scalar) {
            Some(title) => in_both(title.clone(), title),
            None => in_both(format!("{} {name}", what.0), format!("{} {name}", what.1)),
        };
        let timeout = self.timeout();
        self.converted.questions.push(Question {
            id: format!("{}-{name}", self.kind),
            title,
            that,
            timeout,
        });
    }
}

/// An address and port, as in `192.0.2.1:53`, `[::1]:53` or `host:53`.
fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host
        .strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host);
    (!host.is_empty()).then_some((host.to_owned(), port.parse().ok()?))
}

/// Whether a text is an address of version 6, with or without a prefix length.
fn is_v6(text: &str) -> bool {
    let address = text.split('/').next().unwrap_or_default();
    address
        .parse::<IpAddr>()
        .map_or(address.contains(':'), |address| address.is_ipv6())
}

/// A list without the elements that are not so.
fn only(tree: &Tree, is_so: &dyn Fn(&str) -> bool) -> Tree {
    let Kind::List(elements) = &tree.kind else {
        return tree.clone();
    };
    let stays = |element: &&Tree| scalar(element).is_some_and(|text| is_so(&text));
    Tree {
        at: tree.at,
        kind: Kind::List(elements.iter().filter(stays).cloned().collect()),
    }
}
