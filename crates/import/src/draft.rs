//! A scenario while it is made from other programs' files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use plateau_core::problem::SourceLocation;
use plateau_core::quantity::Span;
use plateau_core::question::{Expectation, Vantage};
use plateau_core::scenario::Folder;
use plateau_core::spec::{
    CheckSpec, CriterionSpec, FromSpec, LevelSpec, NetworkSpec, NodeSpec, RunSpec, ScenarioSpec,
    TaskSpec,
};
use plateau_core::topology::Localized;
use plateau_core::tree::Path;
use serde::Serialize;

use super::layout::{self, Comments};
pub(crate) use super::names::UniqueNames;
use crate::error::ImportError;

/// How long a candidate has, until the trainer says otherwise.
const DURATION: Span = Span(90 * 60 * 1000);
/// The skill that is named until the trainer names the right one.
const SKILL: &str = "tsgeri/1.2";

/// Something that could not be carried over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Omission {
    /// Where it stands in what was imported.
    pub place: SourceLocation,
    /// What, and why not.
    pub what: String,
}

impl fmt::Display for Omission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: left out: {}", self.place, self.what)
    }
}

/// A scenario while it is being made. The maps are filled directly; [`Draft::finish`] adds what every
/// scenario has to have.
#[derive(Debug)]
pub struct Draft {
    id: String,
    title: Localized,
    /// Networks by name.
    pub(crate) networks: BTreeMap<String, NetworkSpec>,
    /// Nodes by name.
    pub(crate) nodes: BTreeMap<String, NodeSpec>,
    /// Tasks. One with checks and no solution gets the stub of one; where there is no task at all,
    /// one for an evaluator is added.
    pub(crate) tasks: Vec<TaskSpec>,
    files: BTreeMap<String, Vec<u8>>,
    comments: Comments,
    left_out: Vec<Omission>,
}

/// A finished draft.
#[derive(Debug)]
pub struct Finished {
    /// The scenario's folder.
    pub folder: Folder,
    /// Scripts that a person has to write yet, by their paths in the folder.
    pub unwritten: Vec<String>,
    /// What was left out, in the order in which it was come upon.
    pub left_out: Vec<Omission>,
}

impl Draft {
    /// An empty draft of a scenario that is called like what it is made from.
    pub(crate) fn new(name: &str, source: &str) -> Self {
        let mut comments = Comments::new();
        let head = vec![
            format!("Imported from {}.", one_line(source)),
            "`plateau scenario check` says what is wrong with this file, `plateau scenario prove`"
                .to_owned(),
            "whether it grades fairly. To be set by a person: title, duration, skills, points, briefs."
                .to_owned(),
        ];
        comments.insert(Path::default(), head);
        let mut draft = Self {
            id: UniqueNames::default().take(name),
            title: Localized::new(),
            networks: BTreeMap::new(),
            nodes: BTreeMap::new(),
            tasks: Vec::new(),
            files: BTreeMap::new(),
            comments,
            left_out: Vec::new(),
        };
        draft.set_title(name);
        draft
    }

    /// The scenario's identifier.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Sets the title, which is the material's name otherwise.
    pub(crate) fn set_title(&mut self, title: &str) {
        self.title = in_both(one_line(title), one_line(title));
    }

    /// Says that something cannot be carried over, and writes it as a comment on the part of the
    /// scenario that it would have belonged to.
    pub(crate) fn leave_out(&mut self, place: SourceLocation, at: &Path, what: impl Into<String>) {
        let what = one_line(&what.into());
        self.comment(at, &format!("Left out: {what}"));
        self.left_out.push(Omission { place, what });
    }

    /// Writes a comment on a part of the scenario. One on the value of a short map or of a scalar
    /// stands on the part around it.
    pub(crate) fn comment(&mut self, at: &Path, text: &str) {
        let lines = self.comments.entry(at.clone()).or_default();
        let text = one_line(text);
        if !lines.contains(&text) {
            lines.push(text);
        }
    }

    /// Puts a file into the folder, to be taken as it is (`verbatim: true` is written where that
    /// makes a difference), and returns the path under which it lies there.
    pub(crate) fn add_file(&mut self, path: &str, content: Vec<u8>) -> String {
        let path = self.free_path(path);
        self.files.insert(path.clone(), content);
        path
    }

    /// Puts a script, a text that is not a template, into the folder, and returns the path under which
    /// it lies there.
    pub(crate) fn add_script(&mut self, path: &str, text: &str) -> String {
        let path = self.free_path(path);
        let text = layout::literal(text);
        self.files.insert(path.clone(), text.into_bytes());
        path
    }

    /// Bytes that another file may have, so that the folder stays one that can be read.
    pub(crate) fn room(&self) -> u64 {
        let used: usize = self.files.values().map(Vec::len).sum();
        // The scenario itself, its briefs and scripts are written in the end.
        let reserved = 2 << 20;
        if self.files.len() + 100 > plateau_core::folder::MOST_FILES {
            return 0;
        }
        plateau_core::folder::MOST_BYTES.saturating_sub(used as u64 + reserved)
    }

    fn free_path(&self, wanted: &str) -> String {
        let parts = wanted.split(['/', '\\']);
        let parts: Vec<&str> = parts.filter(|p| !["", ".", ".."].contains(p)).collect();
        let wanted = parts.join("/");
        let is_free = |path: &str| {
            let below = format!("{path}/");
            let taken = |other: &String| {
                other == path || other.starts_with(&below) || path.starts_with(&format!("{other}/"))
            };
            !self.files.keys().any(taken)
        };
        let numbered = (2..).map(|number| format!("{wanted}.{number}"));
        let mut candidates = std::iter::once(wanted.clone()).chain(numbered);
        candidates.find(|path| is_free(path)).unwrap_or(wanted)
    }

    /// Adds what every scenario has to have, and writes it all down.
    ///
    /// # Errors
    /// The YAML cannot be written.
    pub fn finish(mut self) -> Result<Finished, ImportError> {
        self.verbatim();
        if self.tasks.is_empty() {
            self.tasks.push(for_evaluator());
            let path = Path::default().key("tasks");
            self.comment(
                &path.index(0),
                "Nothing is asked of these machines yet: write tasks with checks.",
            );
        }
        let unwritten = self.solutions();
        for language in ["fr", "en"] {
            let brief = layout::literal(&self.brief(language));
            self.files
                .insert(format!("brief.{language}.md"), brief.into_bytes());
        }
        let spec = ScenarioSpec {
            plateau: 1,
            id: self.id,
            title: self.title,
            duration: DURATION,
            brief: in_both("brief.fr.md".to_owned(), "brief.en.md".to_owned()),
            notes: None,
            parameters: BTreeMap::new(),
            networks: self.networks,
            nodes: self.nodes,
            phases: BTreeMap::new(),
            events: vec![],
            tasks: self.tasks,
            shown: None,
            mistakes: Vec::new(),
        };
        let yaml = layout::write(&spec, &self.comments)
            .map_err(|error| ImportError::Layout(Box::new(error)))?;
        self.files
            .insert("scenario.yaml".to_owned(), yaml.into_bytes());
        Ok(Finished {
            folder: Folder(self.files),
            unwritten,
            left_out: self.left_out,
        })
    }

    /// Files with what looks like a template, or that are not text, are taken as they are.
    fn verbatim(&mut self) {
        let files = &self.files;
        for file in self.nodes.values_mut().flat_map(|node| &mut node.files) {
            let content = file.source.as_ref().and_then(|source| files.get(source));
            let plain = |content: &Vec<u8>| {
                std::str::from_utf8(content).is_ok_and(|text| !layout::has_marks(text))
            };
            file.verbatim |= content.is_some_and(|content| !plain(content));
        }
    }

    /// Gives the stub of a solution to every task that needs one and has none.
    fn solutions(&mut self) -> Vec<String> {
        let mut unwritten = Vec::new();
        let first = self.nodes.keys().next().cloned();
        for index in 0..self.tasks.len() {
            let task = &self.tasks[index];
            let proven = task.checks.iter().all(|check| check.holds_from_start);
            if proven || !task.solution.is_empty() {
                continue;
            }
            let mut nodes: BTreeSet<String> =
                task.checks.iter().filter_map(|c| c.on.clone()).collect();
            if nodes.is_empty() {
                nodes.extend(first.clone());
            }
            let id = task.id.clone();
            for node in &nodes {
                let name = if nodes.len() == 1 {
                    format!("solutions/{id}.sh")
                } else {
                    format!("solutions/{id}-{node}.sh")
                };
                let path = self.add_script(&name, &stub(&id, node));
                unwritten.push(path.clone());
                self.tasks[index].solution.push(RunSpec {
                    on: node.clone(),
                    run: path,
                });
            }
        }
        unwritten
    }

    /// A candidate's brief to begin from: the machines, and what is to be done.
    fn brief(&self, language: &str) -> String {
        let (machines, work, unfinished) = match language {
            "fr" => (
                "Machines",
                "Travail demandé",
                "À compléter : la situation, les consignes et ce qui est fourni.",
            ),
            _ => (
                "Machines",
                "What is to be done",
                "To be completed: the situation, the instructions and what is provided.",
            ),
        };
        let title = self.title.get(language).map_or("", String::as_str);
        let mut text = format!("# {title}\n\n{unfinished}\n\n## {machines}\n\n");
        for (name, node) in &self.nodes {
            let closed = node.access.as_ref().is_some_and(Vec::is_empty);
            let addresses: Vec<String> = node
                .interfaces
                .iter()
                .filter_map(|(name, port)| Some(format!("{name} {}", port.address?)))
                .collect();
            let mut line = format!("- `{name}`");
            if !addresses.is_empty() {
                line.push_str(&format!(" ({})", addresses.join(", ")));
            }
            match (closed, language) {
                (true, "fr") => line.push_str(", sans accès"),
                (true, _) => line.push_str(", without access"),
                (false, _) => {}
            }
            text.push_str(&line);
            text.push('\n');
        }
        text.push_str(&format!("\n## {work}\n\n"));
        for (number, task) in self.tasks.iter().enumerate() {
            let title = task.title.get(language).map_or("", String::as_str);
            text.push_str(&format!("{}. {title}\n", number + 1));
        }
        text
    }
}

/// A task without checks.
pub(crate) fn task(id: &str, fr: &str, en: &str) -> TaskSpec {
    TaskSpec {
        id: id.to_owned(),
        skill: SKILL.to_owned(),
        title: in_both(fr.to_owned(), en.to_owned()),
        solution: Vec::new(),
        groups: BTreeMap::new(),
        checks: Vec::new(),
        deliverable: None,
        rubric: Vec::new(),
    }
}

/// A check that carries one point, asked inside a node or from there, as its kind wants it.
pub(crate) fn check(id: &str, title: Localized, node: &str, that: Expectation) -> CheckSpec {
    let (on, from) = match that.vantage() {
        Vantage::Inside => (Some(node.to_owned()), None),
        Vantage::Across => (None, Some(FromSpec::Node(node.to_owned()))),
    };
    CheckSpec {
        id: id.to_owned(),
        title,
        on,
        from,
        phase: None,
        that,
        points: 1,
        holds_from_start: false,
        needs: Vec::new(),
        group: None,
        bonus: false,
        critical: false,
        hint: BTreeMap::new(),
        shown: None,
        timeout: None,
    }
}

fn for_evaluator() -> TaskSpec {
    let level = |fr: &str, en: &str, points| LevelSpec {
        label: in_both(fr.to_owned(), en.to_owned()),
        points,
    };
    let criterion = CriterionSpec {
        id: "done".to_owned(),
        title: in_both("Travail réalisé".to_owned(), "Work done".to_owned()),
        levels: vec![
            level("non", "no", 0),
            level("en partie", "in part", 1),
            level("oui", "yes", 2),
        ],
    };
    TaskSpec {
        rubric: vec![criterion],
        ..task("work", "Réaliser le travail demandé", "Do the work")
    }
}

/// A text in both languages.
pub(crate) fn in_both(fr: String, en: String) -> Localized {
    Localized::from([("fr".to_owned(), fr), ("en".to_owned(), en)])
}

fn stub(task: &str, node: &str) -> String {
    format!(
        "# What a good candidate does on {node} for task `{task}`, run by root with bash.\n\
         # Until it is written, `plateau scenario prove` ends here.\n\
         echo \"the solution of {task} is not written yet\" >&2\n\
         exit 1\n"
    )
}

/// White space and control characters folded to single spaces.
pub(crate) fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let text: String = text.chars().map(plain).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
