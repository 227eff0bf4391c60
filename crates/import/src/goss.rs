//! Goss files: what is tested becomes checks of one machine.
//!
//! The measure is Goss's documentation of the gossfile and, where that is silent, Goss itself
//! (goss-org/goss, `resource` and `matchers`). A file that includes others becomes several tasks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use plateau_core::spec::{InterfaceSpec, NetworkSpec, NodeSpec};
use plateau_core::tree::{Entry, Kind, Path as At, Position};

use super::document::{self, Document, entries, scalar};
use super::draft::{Draft, UniqueNames, check, task};
use crate::document::refused;
use crate::error::ImportError;
use resource::Resource;

mod expected;
mod pattern;
mod resource;

/// The machine that is tested.
const NODE: &str = "server";
/// Most files that one file may include, each through others too.
const MOST_FILES: usize = 200;
/// The key under which other files are included.
const INCLUDE: &str = "gossfile";

/// Reads a Goss file, YAML or JSON, and those that it includes.
pub fn read(path: &Path) -> Result<Draft, ImportError> {
    let mut reading = Reading::default();
    reading.file(path, None)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut draft = Draft::new(&stem, &path.display().to_string());
    machine(&mut draft, &reading.documents);
    for document in &reading.documents {
        add_task(&mut draft, document, &reading.documents);
    }
    Ok(draft)
}

/// Files as they are come upon.
#[derive(Default)]
struct Reading {
    documents: Vec<Document>,
    /// The files that the one being read was included from, itself last.
    open: Vec<PathBuf>,
}

/// Where a file is included, and how.
struct Include<'a> {
    document: &'a Document,
    at: Position,
}

impl Reading {
    fn file(&mut self, path: &Path, include: Option<&Include<'_>>) -> Result<(), ImportError> {
        let real = path.canonicalize().map_err(|source| match include {
            None => ImportError::Read {
                path: path.to_owned(),
                source,
            },
            Some(include) => missing(include, path),
        })?;
        if let Some(include) = include {
            if self.open.contains(&real) {
                let message = format!("`{}` includes itself", path.display());
                return Err(include.refuse("include-cycle", message, "take this include out"));
            }
            if self.documents.len() >= MOST_FILES {
                let message = format!("more than {MOST_FILES} files are included");
                return Err(include.refuse("too-many-files", message, "import them in parts"));
            }
        }
        let document = parse(path)?;
        self.documents.push(document.clone());
        self.open.push(real);
        let folder = path.parent().unwrap_or(Path::new(""));
        if let Some(includes) = document.root.get(INCLUDE) {
            for entry in entries(includes) {
                self.included(&document, entry, folder)?;
            }
        }
        self.open.pop();
        Ok(())
    }

    fn included(
        &mut self,
        document: &Document,
        entry: &Entry,
        folder: &Path,
    ) -> Result<(), ImportError> {
        let skip = entry.value.get("skip").map(|skip| &skip.kind);
        if skip == Some(&Kind::Bool(true)) {
            return Ok(());
        }
        let include = Include {
            document,
            at: entry.key_at,
        };
        let named = entry.value.get("file").and_then(scalar);
        let named = named.unwrap_or_else(|| entry.key.clone());
        let pattern = folder.join(&named);
        let found = glob::glob(&pattern.to_string_lossy()).map_err(|error| {
            let message = format!("`{named}` is not a pattern of file names: {error}");
            include.refuse(
                "bad-pattern",
                message,
                "`*`, `?` and `[…]` stand for characters",
            )
        })?;
        let paths: Vec<PathBuf> = found.filter_map(Result::ok).take(MOST_FILES).collect();
        if paths.is_empty() {
            return Err(missing(&include, &pattern));
        }
        for path in paths {
            self.file(&path, Some(&include))?;
        }
        Ok(())
    }
}

impl Include<'_> {
    fn refuse(&self, code: &str, message: String, hint: &str) -> ImportError {
        self.document.refuse(self.at, code, message, hint)
    }
}

fn missing(include: &Include<'_>, path: &Path) -> ImportError {
    let message = format!("no file `{}` is there to be included", path.display());
    include.refuse(
        "missing-file",
        message,
        "put it there, or take the include out",
    )
}

/// Reads one file. A template is none that could be read as YAML.
fn parse(path: &Path) -> Result<Document, ImportError> {
    let text = document::read_text(path)?;
    if let Some((line, column)) = template(&text) {
        let mut place = document::whole(path);
        (place.line, place.column) = (line, column);
        let message = "this is a template, which only Goss can render".to_owned();
        let hint = format!(
            "import what `goss --gossfile {} --vars FILE render` writes",
            path.display()
        );
        return Err(refused(place, "template", message, &hint));
    }
    let name = path.display().to_string();
    // A file of comments alone tests nothing, and may be included all the same.
    let tests = |line: &str| !matches!(line.trim().chars().next(), None | Some('#'));
    if !text.lines().any(tests) && !text.is_empty() {
        return Document::parse(&name, "{}");
    }
    let document = Document::parse(&name, &text)?;
    if !matches!(document.root.kind, Kind::Map(_)) {
        let message = format!(
            "{} stands where kinds of resources are expected",
            document::kind(&document.root)
        );
        let hint = "a Goss file begins like `package:` with `nginx: { installed: true }` below";
        return Err(document.refuse(document.root.at, "wrong-type", message, hint));
    }
    Ok(document)
}

/// Line and column of the first action of a template.
fn template(text: &str) -> Option<(u32, u32)> {
    let (number, line) = text
        .lines()
        .enumerate()
        .find(|(_, line)| line.contains("{{") && !line.trim_start().starts_with("# "))?;
    let before = line.split("{{").next().unwrap_or_default();
    let from_one = |index: usize| u32::try_from(index + 1).unwrap_or(u32::MAX);
    Some((from_one(number), from_one(before.chars().count())))
}

/// The machine, with the interfaces that are tested, each in a network of its own.
fn machine(draft: &mut Draft, documents: &[Document]) {
    let tested = documents
        .iter()
        .filter_map(|document| document.root.get("interface"))
        .flat_map(entries)
        .map(|entry| {
            entry
                .value
                .get("name")
                .and_then(scalar)
                .unwrap_or(entry.key.clone())
        });
    let mut interfaces: BTreeSet<String> = tested.filter(|name| is_port(name)).collect();
    if interfaces.is_empty() {
        interfaces.insert("eth0".to_owned());
    }
    let mut node = NodeSpec {
        image: "debian-server".to_owned(),
        ..NodeSpec::default()
    };
    for (number, interface) in interfaces.into_iter().enumerate() {
        let network = match number {
            0 => "lan".to_owned(),
            _ => format!("lan{}", number + 1),
        };
        let port = InterfaceSpec {
            network: network.clone(),
            ..InterfaceSpec::default()
        };
        node.interfaces.insert(interface, port);
        draft.networks.insert(network, NetworkSpec::default());
    }
    draft.nodes.insert(NODE.to_owned(), node);
}

/// Whether a machine of ours can have an interface of this name.
fn is_port(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name != "lo" && (1..=15).contains(&name.len()) && name.chars().all(plain)
}

/// One task with the checks of one file; none where it has none.
fn add_task(draft: &mut Draft, document: &Document, all: &[Document]) {
    let index = draft.tasks.len();
    let path = At::default().key("tasks").index(index);
    let stem = Path::new(&document.file).file_stem().unwrap_or_default();
    let stem = stem.to_string_lossy();
    let mut names = UniqueNames::default();
    for task in &draft.tasks {
        names.take(&task.id);
    }
    let mut made = task(
        &names.take(&stem),
        &format!("Ce que vérifie {stem}"),
        &format!("What {stem} tests"),
    );
    let mut ids = UniqueNames::default();
    for section in entries(&document.root) {
        if section.key == INCLUDE {
            continue;
        }
        if !resource::KINDS.contains(&section.key.as_str()) {
            draft.leave_out(
                document.place(section.key_at),
                &path,
                resource::refusal(&section.key),
            );
            continue;
        }
        for entry in entries(&section.value) {
            if is_overridden(document, &section.key, &entry.key, all) {
                let what = format!(
                    "{} {}: a file that is included says it anew",
                    section.key, entry.key
                );
                draft.leave_out(document.place(entry.key_at), &path, what);
                continue;
            }
            let resource = Resource::new(&section.key, entry);
            let converted = resource.convert();
            let first = made.checks.len();
            for question in converted.questions {
                let id = ids.take(&question.id);
                let mut asked = check(&id, question.title, NODE, question.that);
                asked.timeout = question.timeout;
                made.checks.push(asked);
            }
            // What is said of a resource stands at its first check, or at the task where it has none.
            let at = match made.checks.len() > first {
                true => path.key("checks").index(first),
                false => path.clone(),
            };
            for comment in &converted.comments {
                draft.comment(&at, comment);
            }
            for (mark, what) in converted.left_out {
                let what = format!("{} {}: {what}", section.key, entry.key);
                draft.leave_out(document.place(mark), &at, what);
            }
        }
    }
    if made.checks.is_empty() {
        return;
    }
    draft.tasks.push(made);
}

/// Whether a file read later has a resource of the same kind and name, which Goss takes instead.
fn is_overridden(document: &Document, kind: &str, key: &str, all: &[Document]) -> bool {
    let later = all
        .iter()
        .skip_while(|other| other.file != document.file)
        .skip(1);
    later
        .filter(|other| other.file != document.file)
        .filter_map(|other| other.root.get(kind))
        .any(|section| section.get(key).is_some())
}
