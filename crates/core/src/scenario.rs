//! A scenario in its folder: read, checked, and drawn into a topology.

use std::collections::{BTreeMap, BTreeSet};

use crate::disclosure::FeedbackPolicy;
use crate::folder::DOCUMENT;
use crate::parameter::{self, ParameterSpec};
use crate::problem::{Problem, SourceLocation};
use crate::resolve::{Declared, Resolver, render};

use crate::parameter::Value;
use crate::spec::ScenarioSpec;
use crate::template::Renderer;
use crate::topology::Topology;
use crate::tree::{Kind, Path, Tree};

pub use crate::folder::Folder;

/// Draws that a check looks at: what only some values bring about is found with them.
const CHECK_DRAWS: u32 = 8;

/// A scenario without problems.
#[derive(Clone, Debug)]
pub struct Scenario {
    folder: Folder,
    tree: Tree,
}

impl Scenario {
    /// Reads and checks a folder whole.
    ///
    /// # Errors
    /// Every problem found, in the order of their places.
    pub fn read(folder: Folder) -> Result<Self, Vec<Problem>> {
        let Some(content) = folder.0.get(DOCUMENT) else {
            return Err(vec![Problem {
                place: SourceLocation {
                    file: DOCUMENT.to_owned(),
                    line: 0,
                    column: 0,
                },
                code: "missing-file".to_owned(),
                message: format!("the folder has no `{DOCUMENT}`"),
                hint: Some("`plateau scenario new` writes a complete one".to_owned()),
            }]);
        };
        let tree = Tree::parse(DOCUMENT, content)?;
        let scenario = Self { folder, tree };
        let mut problems: Vec<Problem> = Vec::new();
        for draw in 0..CHECK_DRAWS {
            let found = scenario
                .draw(&format!("check-{draw}"))
                .err()
                .unwrap_or_default();
            // The same fault with other values is one problem.
            let known = problems.len();
            let is_new = |new: &Problem| {
                problems[..known]
                    .iter()
                    .all(|p| (&p.place, &p.code) != (&new.place, &new.code))
            };
            let new: Vec<Problem> = found.into_iter().filter(is_new).collect();
            problems.extend(new);
        }
        if problems.is_empty() {
            Ok(scenario)
        } else {
            Err(sorted(problems))
        }
    }

    /// The folder that it was read from.
    #[must_use]
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Draws the parameters and resolves every name. The same seed gives the same topology for ever.
    ///
    /// # Errors
    /// What only these values bring about, such as an address outside its network.
    pub fn draw(&self, seed: &str) -> Result<Topology, Vec<Problem>> {
        let mut problems = Vec::new();
        let declared = Declared::of(&self.tree);
        let values = self.values(seed, &mut problems);
        let renderer = Renderer::new(&values);
        let rendered = render(&self.tree, &renderer, &declared, &mut problems);
        // What the shapes say of a text whose template failed would be noise.
        let failed: Vec<SourceLocation> = problems
            .iter()
            .map(|problem| problem.place.clone())
            .collect();
        let mut misshapen = Vec::new();
        let read = rendered.read::<ScenarioSpec>(DOCUMENT, &fillers(), &mut misshapen);
        problems.extend(
            misshapen
                .into_iter()
                .filter(|problem| !failed.contains(&problem.place)),
        );
        let Some((spec, tree)) = read else {
            return Err(sorted(problems));
        };
        let declared = Declared {
            parameters: declared.parameters,
            ..Declared::of(&rendered)
        };
        let mut resolver = Resolver {
            tree: &tree,
            declared,
            folder: &self.folder,
            renderer,
            shown: FeedbackPolicy::default(),
            busy: std::collections::BTreeSet::new(),
            problems,
        };
        let before = resolver.problems.len();
        let topology = resolver.resolve(&spec, seed, values.clone());
        let mut problems = resolver.problems;
        // What is said of a filler stands where the document begins, and is noise.
        let root = rendered.at.in_file(DOCUMENT);
        let found = problems.split_off(before);
        problems.extend(found.into_iter().filter(|problem| problem.place != root));
        if problems.is_empty() {
            Ok(topology)
        } else {
            Err(sorted(problems))
        }
    }

    /// Reads the parameters and draws their values. A parameter that is wrong has been reported and
    /// gets a value that fits most places, so that what uses it is not reported as well.
    fn values(&self, seed: &str, problems: &mut Vec<Problem>) -> BTreeMap<String, Value> {
        let id = self.tree.get("id").and_then(Tree::text).unwrap_or_default();
        let Some(section) = self.tree.get("parameters") else {
            return BTreeMap::new();
        };
        let mut ignored = Vec::new();
        let specs = section.read::<BTreeMap<String, ParameterSpec>>(DOCUMENT, &[], &mut ignored);
        let specs = specs.map(|(specs, _)| specs).unwrap_or_default();
        for (name, spec) in &specs {
            if let Some((message, hint)) = spec.problem() {
                let path = Path::default().key(name);
                problems.push(Problem {
                    place: section.mark(&path).in_file(DOCUMENT),
                    code: "bad-parameter".to_owned(),
                    message,
                    hint: Some(hint.to_owned()),
                });
            }
            if !is_identifier(name) {
                problems.push(Problem {
                    place: section
                        .key_mark(&Path::default().key(name))
                        .in_file(DOCUMENT),
                    code: "bad-name".to_owned(),
                    message: format!("`{name}` cannot be the name of a parameter"),
                    hint: Some("letters, digits and `_`, beginning with a letter".to_owned()),
                });
            }
        }
        let mut values = parameter::draw(id, &specs, seed);
        for name in section.keys() {
            values.entry(name).or_insert(Value::Integer(1));
        }
        values
    }
}

/// For keys that a document must have, what lets the rest be looked at where they are missing.
fn fillers() -> [(&'static str, Kind); 7] {
    let text = |text: &str| Kind::Text {
        text: text.to_owned(),
        rendered: false,
    };
    [
        ("plateau", Kind::Integer(1)),
        ("id", text("x")),
        ("title", Kind::Map(vec![])),
        ("duration", text("1m")),
        ("brief", Kind::Map(vec![])),
        ("nodes", Kind::Map(vec![])),
        ("tasks", Kind::List(vec![])),
    ]
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn sorted(problems: Vec<Problem>) -> Vec<Problem> {
    let set: BTreeSet<Problem> = problems.into_iter().collect();
    set.into_iter().collect()
}
