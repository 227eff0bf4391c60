//! From the types of the document to the topology: every name resolved, every rule checked.

mod availability;
mod for_evaluators;
mod mistakes;
mod names;
mod network;
mod nodes;
mod phases;
mod scoring;
mod services;
mod tasks;

use std::collections::BTreeMap;

use crate::disclosure::FeedbackPolicy;
use crate::folder::Folder;
use crate::localized::Localized;
use crate::parameter::Value;
use crate::path::{FolderPath, FolderPathError};
use crate::problem::{Problem, SourceLocation, nearest};
use crate::spec::{ScenarioSpec, ShownSpec};
use crate::template::{RenderError, Renderer};
use crate::topology::{Network, Script, Topology};
use crate::tree::{Path, Tree};

pub(crate) use crate::folder::DOCUMENT;
pub(crate) use names::Declared;

/// What resolving goes by, and the problems it finds.
pub(crate) struct Resolver<'a> {
    /// The rendered tree that the shapes were read from.
    pub(crate) tree: &'a Tree,
    /// Names that the document declares, also where their content cannot be read.
    pub(crate) declared: Declared,
    /// The scenario's folder.
    pub(crate) folder: &'a Folder,
    /// Renders files and scripts.
    pub(crate) renderer: Renderer<'a>,
    /// What candidates are shown of a check that says nothing itself.
    pub(crate) shown: FeedbackPolicy,
    /// Phases in which something is done to the lab.
    pub(crate) busy: std::collections::BTreeSet<String>,
    /// What was found wrong.
    pub(crate) problems: Vec<Problem>,
}

impl Resolver<'_> {
    /// Resolves a scenario. What cannot be resolved is left out and reported.
    pub(crate) fn resolve(
        &mut self,
        spec: &ScenarioSpec,
        seed: &str,
        values: BTreeMap<String, Value>,
    ) -> Topology {
        let root = Path::default();
        if spec.plateau != 1 {
            let message = format!("version {} of the language is not known", spec.plateau);
            self.problem(
                &root.key("plateau"),
                "unknown-version",
                message,
                Some("write `plateau: 1`".to_owned()),
            );
        }
        self.name(&root.key("id"), &spec.id);
        if spec.duration.0 == 0 {
            self.problem(
                &root.key("duration"),
                "bad-duration",
                "the duration is nothing".to_owned(),
                None,
            );
        }
        self.languages(&root.key("title"), &spec.title);
        let brief = self.brief(&spec.brief);
        for name in spec.networks.keys() {
            self.name_of_key(&root.key("networks").key(name), name);
        }
        let networks = spec
            .networks
            .iter()
            .map(|(name, network)| (name.clone(), Network { rate: network.rate }))
            .collect();
        let nodes = self.nodes(spec);
        self.addresses(spec);
        let phases = self.phases(spec);
        let busy = phases.iter().filter(|phase| !phase.actions.is_empty());
        self.busy = busy.map(|phase| phase.name.clone()).collect();
        let events = self.events(spec);
        self.shown = chosen(FeedbackPolicy::default(), spec.shown);
        let tasks = self.tasks(spec);
        let mistakes = self.mistakes(spec);
        Topology {
            scenario: spec.id.clone(),
            hash: self.folder.hash(),
            seed: seed.to_owned(),
            title: spec.title.clone(),
            brief,
            duration: spec.duration,
            parameters: values,
            networks,
            nodes,
            phases,
            events,
            tasks,
            mistakes,
        }
    }

    /// Reports a problem of the value at a path.
    fn problem(&mut self, path: &Path, code: &str, message: String, hint: Option<String>) {
        let place = self.tree.mark(path).in_file(DOCUMENT);
        self.problems.push(Problem {
            place,
            code: code.to_owned(),
            message,
            hint,
        });
    }

    /// Reports a name that is not declared, with the nearest that is.
    fn unknown<'n>(
        &mut self,
        path: &Path,
        what: &str,
        name: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) {
        let hint = nearest(name, known);
        let code = format!("unknown-{what}");
        self.problem(path, &code, format!("no {what} named `{name}`"), Some(hint));
    }

    /// A file of the folder.
    fn source(&mut self, path: &Path, source: &str) -> Option<Vec<u8>> {
        if FolderPath::parse(source) == Err(FolderPathError::Leaves) {
            let message = format!("`{source}` leaves the scenario's folder");
            let hint = "name a file by its path from the folder, such as `files/index.html`";
            self.problem(path, "path-leaves-folder", message, Some(hint.to_owned()));
            return None;
        }
        let content = self.folder.0.get(source).cloned();
        if content.is_none() {
            let files: Vec<String> = self
                .folder
                .0
                .keys()
                .filter(|file| *file != DOCUMENT)
                .cloned()
                .collect();
            let hint = nearest(source, files.iter().map(String::as_str));
            self.problem(
                path,
                "missing-file",
                format!("the folder has no file `{source}`"),
                Some(hint),
            );
        }
        content
    }

    /// A text file of the folder, rendered.
    fn text(&mut self, path: &Path, source: &str) -> Option<String> {
        let content = self.source(path, source)?;
        let Ok(text) = String::from_utf8(content) else {
            let message = format!("`{source}` is not UTF-8, so nothing can be rendered in it");
            let hint = "save it as UTF-8; a node's binary file takes `verbatim: true`";
            self.problem(path, "not-utf-8", message, Some(hint.to_owned()));
            return None;
        };
        match self.renderer.render(&text) {
            Ok(rendered) => Some(rendered),
            Err(error) => {
                let problem = self.render_problem(source, &text, &error);
                self.problems.push(problem);
                None
            }
        }
    }

    fn render_problem(&self, file: &str, text: &str, error: &RenderError) -> Problem {
        let at = |line: u32, column: u32| SourceLocation {
            file: file.to_owned(),
            line,
            column,
        };
        match error {
            RenderError::UnknownParameter(name) => {
                let (line, column) = find(text, name);
                Problem {
                    place: at(line, column),
                    code: "unknown-parameter".to_owned(),
                    message: format!("no parameter named `{name}`"),
                    hint: Some(nearest(
                        name,
                        self.declared.parameters.iter().map(String::as_str),
                    )),
                }
            }
            RenderError::Failed { message, line } => Problem {
                place: at(*line, 1),
                code: "template".to_owned(),
                message: format!("the template cannot be rendered: {message}"),
                hint: Some(
                    "text that is not a template goes between `{% raw %}` and `{% endraw %}`"
                        .to_owned(),
                ),
            },
        }
    }

    /// A script of the folder, rendered.
    fn script(&mut self, path: &Path, source: &str) -> Option<Script> {
        self.text(path, source).map(|text| Script {
            source: source.to_owned(),
            text,
        })
    }

    fn languages(&mut self, path: &Path, text: &Localized) {
        const LANGUAGES: [&str; 2] = ["fr", "en"];
        if text.is_empty() {
            let hint = Some("write `{ fr: …, en: … }`".to_owned());
            self.problem(
                path,
                "missing-language",
                "the text is missing in every language".to_owned(),
                hint,
            );
        }
        for language in text
            .keys()
            .filter(|language| !LANGUAGES.contains(&language.as_str()))
        {
            let hint = nearest(language, LANGUAGES);
            self.problem(
                &path.key(language),
                "unknown-language",
                format!("language `{language}` is not known"),
                Some(hint),
            );
        }
    }

    fn brief(&mut self, brief: &Localized) -> Localized {
        let path = Path::default().key("brief");
        self.languages(&path, brief);
        let texts = brief.iter().filter_map(|(language, source)| {
            self.text(&path.key(language), source)
                .map(|text| (language.clone(), text))
        });
        texts.collect()
    }
}

/// Where a word stands in a text: line and column, from 1.
fn find(text: &str, word: &str) -> (u32, u32) {
    let is_word = |line: &str, at: usize| {
        let outside = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        outside(line[..at].chars().next_back()) && outside(line[at + word.len()..].chars().next())
    };
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.contains("{{") || line.contains("{%"))
    {
        if let Some((at, _)) = line.match_indices(word).find(|(at, _)| is_word(line, *at)) {
            let column = line[..at].chars().count() + 1;
            return (
                u32::try_from(number + 1).unwrap_or(1),
                u32::try_from(column).unwrap_or(1),
            );
        }
    }
    (1, 1)
}

/// Renders every text of a tree but the parameters themselves.
pub(crate) fn render(
    tree: &Tree,
    renderer: &Renderer<'_>,
    declared: &Declared,
    problems: &mut Vec<Problem>,
) -> Tree {
    use crate::tree::{Entry, Kind};
    let kind = match &tree.kind {
        Kind::Text { text, .. } if Renderer::concerns(text) => match renderer.render(text) {
            Ok(text) => Kind::Text {
                text,
                rendered: true,
            },
            Err(error) => {
                problems.push(scalar_problem(tree, &error, declared));
                tree.kind.clone()
            }
        },
        Kind::List(elements) => Kind::List(
            elements
                .iter()
                .map(|element| render(element, renderer, declared, problems))
                .collect(),
        ),
        Kind::Map(entries) => Kind::Map(
            entries
                .iter()
                .map(|entry| Entry {
                    value: render(&entry.value, renderer, declared, problems),
                    ..entry.clone()
                })
                .collect(),
        ),
        other @ (Kind::Null
        | Kind::Bool(_)
        | Kind::Integer(_)
        | Kind::Float(_)
        | Kind::Text { .. }) => other.clone(),
    };
    Tree { at: tree.at, kind }
}

fn scalar_problem(tree: &Tree, error: &RenderError, declared: &Declared) -> Problem {
    let (code, message, hint) = match error {
        RenderError::UnknownParameter(name) => (
            "unknown-parameter",
            format!("no parameter named `{name}`"),
            nearest(name, declared.parameters.iter().map(String::as_str)),
        ),
        RenderError::Failed { message, .. } => (
            "template",
            format!("the template cannot be rendered: {message}"),
            "text that is not a template goes between `{% raw %}` and `{% endraw %}`".to_owned(),
        ),
    };
    Problem {
        place: tree.at.in_file(DOCUMENT),
        code: code.to_owned(),
        message,
        hint: Some(hint),
    }
}

/// What a candidate is shown, with what a trainer chose.
fn chosen(shown: FeedbackPolicy, spec: Option<ShownSpec>) -> FeedbackPolicy {
    let training = spec.and_then(|spec| spec.training);
    shown.with(training, spec.and_then(|spec| spec.exam))
}
