//! Topologies that are Go templates, with the variables that stand beside them.
//!
//! Containerlab takes every topology for a template, merges the files called
//! `NAME_vars….yaml` (or `.yml`, `.json`) beside it into its variables, adds the templates of
//! `clab_templates`, and offers some functions of gomplate's. At last it puts in what stands in the
//! environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use gotmpl::{Template, TemplateError, Value};
use plateau_core::problem::SourceLocation;
use plateau_core::tree::{Kind, Tree};

use super::functions;
use crate::document::refused;
use crate::document::{self, Document};
use crate::error::ImportError;

/// Steps of all loops together.
const MOST_STEPS: u64 = 100_000;
/// Most bytes of a rendered topology.
const MOST_BYTES: usize = 1 << 20;
/// Longest that rendering may take.
const LIMIT: Duration = Duration::from_secs(5);
/// Stack of the thread that renders, for templates that call themselves.
const STACK: usize = 64 << 20;
/// What Go writes for a variable that is not there.
const NO_VALUE: &str = "<no value>";
/// Endings of files with variables.
const VARIABLES: [&str; 3] = ["yaml", "yml", "json"];
/// How a topology is rendered by its own program.
const ELSEWHERE: &str = "containerlab renders it itself: `containerlab deploy --export-rendered FILE` writes what can be imported";

/// A topology as it is once its templates are rendered.
#[derive(Clone, Debug)]
pub(super) struct Rendered {
    /// The YAML.
    pub(super) text: String,
    /// What it is called in messages: the places of a rendered text are not those of its file.
    pub(super) name: String,
}

/// What a variable of the environment holds, where it is set.
pub type Environment = dyn Fn(&str) -> Option<String>;

/// Reads a topology's file and renders it.
///
/// # Errors
/// It cannot be read or rendered.
pub(super) fn render(path: &Path, environment: &Environment) -> Result<Rendered, ImportError> {
    let source = document::read_text(path)?;
    let name = path.display().to_string();
    let (text, name) = if source.contains("{{") {
        let variables = variables(path)?;
        let text = executed(path, source, variables)?;
        (text, rendered_name(path))
    } else {
        (source, name)
    };
    Ok(Rendered {
        text: with_environment(&text, environment),
        name,
    })
}

/// The variables beside a topology, those of later files over those of earlier ones.
fn variables(path: &Path) -> Result<Value, ImportError> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let begins = format!("{stem}_vars.");
    let mut merged: Option<Tree> = None;
    for file in files_of(path.parent().unwrap_or(Path::new(""))) {
        let ending = file.extension().unwrap_or_default().to_string_lossy();
        if !file_name(&file).starts_with(&begins) || !VARIABLES.contains(&&*ending) {
            continue;
        }
        let document = Document::read(&file)?;
        match &mut merged {
            Some(merged) => merge(merged, document.root),
            None => merged = Some(document.root),
        }
    }
    Ok(merged.as_ref().map_or(Value::Nil, value))
}

/// The files of a folder by name; none where there is no folder.
fn files_of(folder: &Path) -> Vec<PathBuf> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort_unstable();
    files
}

/// Maps are merged key by key; anything else is replaced.
fn merge(into: &mut Tree, from: Tree) {
    match (&mut into.kind, from.kind) {
        (Kind::Map(into), Kind::Map(from)) => {
            for entry in from {
                match into.iter_mut().find(|known| known.key == entry.key) {
                    Some(known) => merge(&mut known.value, entry.value),
                    None => into.push(entry),
                }
            }
        }
        (into, from) => *into = from,
    }
}

fn value(tree: &Tree) -> Value {
    match &tree.kind {
        Kind::Null => Value::Nil,
        Kind::Bool(value) => Value::Bool(*value),
        Kind::Integer(value) => Value::Int(*value),
        Kind::Float(value) => Value::Float(*value),
        Kind::Text { text, .. } => Value::String(text.as_str().into()),
        Kind::List(elements) => Value::List(elements.iter().map(value).collect()),
        Kind::Map(entries) => {
            let pairs = entries
                .iter()
                .map(|e| (e.key.as_str().into(), value(&e.value)));
            Value::Map(std::sync::Arc::new(pairs.collect()))
        }
    }
}

/// Renders in a thread of its own: a template can call others twice as often at every level, which
/// no count of its steps bounds. One that is not done in time is left behind, and ends with us.
fn executed(path: &Path, source: String, variables: Value) -> Result<String, ImportError> {
    let parts = parts(path)?;
    let main = file_name(path);
    let (done, waiting) = mpsc::channel();
    let render = move || {
        let mut text = BoundedText(String::new());
        let result = parsed(&main, &source, &parts)
            .and_then(|template| template.execute_fmt(&mut text, &variables));
        // Nobody waits any more where the time is over.
        let _ = done.send(result.map(|()| text.0));
    };
    let spawned = thread::Builder::new().stack_size(STACK).spawn(render);
    spawned.map_err(|source| ImportError::Read {
        path: path.to_owned(),
        source,
    })?;
    let refuse =
        |code: &str, message: String| Err(refused(document::whole(path), code, message, ELSEWHERE));
    match waiting.recv_timeout(LIMIT) {
        Ok(Ok(text)) => complete(path, text),
        Ok(Err(TemplateError::Write)) => refuse(
            "too-large",
            format!("what the template makes has more than {MOST_BYTES} bytes"),
        ),
        Ok(Err(error)) => Err(failed(path, &error)),
        Err(_) => refuse(
            "template",
            format!("the template is not done after {} s", LIMIT.as_secs()),
        ),
    }
}

/// A rendered text in which no variable was missing.
fn complete(path: &Path, text: String) -> Result<String, ImportError> {
    let missing = |(_, line): &(usize, &str)| line.contains(NO_VALUE);
    let Some((index, line)) = text.lines().enumerate().find(missing) else {
        return Ok(text);
    };
    let place = SourceLocation {
        file: rendered_name(path),
        line: u32::try_from(index + 1).unwrap_or(u32::MAX),
        column: 1,
    };
    let message = format!("a variable is missing: `{}`", line.trim());
    let hint = "variables are looked up in the files called NAME_vars.yaml beside the topology";
    Err(refused(place, "missing-variable", message, hint))
}

fn rendered_name(path: &Path) -> String {
    format!("{} (rendered)", path.display())
}

/// Templates of the folder beside the topology that are made for being called by others.
fn parts(path: &Path) -> Result<Vec<String>, ImportError> {
    let folder = path
        .parent()
        .unwrap_or(Path::new(""))
        .join("clab_templates");
    let mut parts = Vec::new();
    for file in files_of(&folder) {
        if file.extension().is_some_and(|ending| ending == "gotmpl") {
            // Read here for its bounds alone.
            document::read_text(&file)?;
            parts.push(file.display().to_string());
        }
    }
    Ok(parts)
}

fn parsed(name: &str, source: &str, parts: &[String]) -> Result<Template, TemplateError> {
    let template = Template::new(name)
        .max_range_iters(MOST_STEPS)
        .funcs(functions::all())
        .parse(source)?;
    match parts {
        [] => Ok(template),
        parts => template.parse_files(&parts.iter().map(String::as_str).collect::<Vec<_>>()),
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn failed(path: &Path, error: &TemplateError) -> ImportError {
    let mut place = document::whole(path);
    let mut message = error.to_string();
    if let TemplateError::Parse {
        name,
        line,
        col,
        message: said,
    }
    | TemplateError::Lex {
        name,
        line,
        col,
        message: said,
    } = error
    {
        if let Some(part) = name.as_ref().filter(|name| **name != file_name(path)) {
            let folder = path.with_file_name("clab_templates");
            place.file = folder.join(part).display().to_string();
        }
        place.line = u32::try_from(*line).unwrap_or(u32::MAX);
        place.column = u32::try_from(*col).unwrap_or(u32::MAX);
        message.clone_from(said);
    }
    let message = format!("the template cannot be rendered: {message}");
    refused(place, "template", message, ELSEWHERE)
}

/// A text that refuses to grow beyond its bound.
struct BoundedText(String);

impl std::fmt::Write for BoundedText {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        if self.0.len() + text.len() > MOST_BYTES {
            return Err(std::fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// Puts in what stands in the environment, as a shell would. A variable that is not set stays as it
/// is written, unless something is said for that case; `$$` is a dollar.
fn with_environment(text: &str, environment: &Environment) -> String {
    shellexpand::env_with_context_no_errors(text, |variable| {
        let at = variable.find([':', '=', '-', '+']);
        let (name, rest) = variable.split_at(at.unwrap_or(variable.len()));
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let set = environment(name);
        let (set, operator) = match rest.strip_prefix(':') {
            Some(operator) => (set.filter(|value| !value.is_empty()), operator),
            None => (set, rest),
        };
        let mut operator = operator.chars();
        match operator.next() {
            Some('=' | '-') => Some(set.unwrap_or_else(|| operator.as_str().to_owned())),
            Some('+') => Some(set.map_or_else(String::new, |_| operator.as_str().to_owned())),
            Some(_) => None,
            // An empty one may have `:-` after it, which is not shown here.
            None => set.filter(|value| !value.is_empty()),
        }
    })
    .into_owned()
}
