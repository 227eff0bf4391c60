//! Names: which are declared, and their syntax.

use super::Resolver;
use crate::name::Name;
use crate::problem::Problem;
use crate::topology::AS_LEFT;
use crate::tree::{Path, Tree};

/// Names that the document declares. They are read off the tree and not off the shapes, so that a
/// node whose content is wrong is not reported as missing as well.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declared {
    pub(crate) parameters: Vec<String>,
    pub(crate) networks: Vec<String>,
    pub(crate) nodes: Vec<String>,
    pub(crate) phases: Vec<String>,
    pub(crate) tasks: Vec<String>,
    /// `task/check`.
    pub(crate) checks: Vec<String>,
}

impl Declared {
    /// Reads the names off a document.
    pub(crate) fn of(tree: &Tree) -> Self {
        let keys = |section: &str| tree.get(section).map(Tree::keys).unwrap_or_default();
        let mut phases = vec![AS_LEFT.to_owned()];
        phases.extend(keys("phases"));
        let mut tasks = Vec::new();
        let mut checks = Vec::new();
        for task in tree.get("tasks").map(Tree::elements).unwrap_or_default() {
            let Some(id) = task.get("id").and_then(Tree::text) else {
                continue;
            };
            tasks.push(id.to_owned());
            let below = task.get("checks").map(Tree::elements).unwrap_or_default();
            let names = below
                .iter()
                .filter_map(|check| check.get("id").and_then(Tree::text));
            checks.extend(names.map(|check| format!("{id}/{check}")));
        }
        Self {
            parameters: keys("parameters"),
            networks: keys("networks"),
            nodes: keys("nodes"),
            phases,
            tasks,
            checks,
        }
    }
}

impl Resolver<'_> {
    /// Checks a name that is a value.
    pub(super) fn name(&mut self, path: &Path, name: &str) {
        let place = self.tree.mark(path);
        self.name_at(place, name);
    }

    /// Checks a name that is a key.
    pub(super) fn name_of_key(&mut self, path: &Path, name: &str) {
        let place = self.tree.key_mark(path);
        self.name_at(place, name);
    }

    fn name_at(&mut self, mark: crate::tree::Position, name: &str) {
        if Name::parse(name, Name::LONGEST).is_none() {
            self.problems.push(Problem {
                place: mark.in_file(super::DOCUMENT),
                code: "bad-name".to_owned(),
                message: format!("`{name}` is not a name"),
                hint: Some(format!(
                    "a name has lower-case letters, digits and hyphens, begins and ends with a letter or digit, and has at most {} characters",
                    Name::LONGEST
                )),
            });
        }
    }

    /// Checks that a node is declared.
    pub(super) fn node(&mut self, path: &Path, name: &str) -> bool {
        self.known(path, "node", name, |declared| &declared.nodes)
    }

    /// Checks that a network is declared.
    pub(super) fn network(&mut self, path: &Path, name: &str) -> bool {
        self.known(path, "network", name, |declared| &declared.networks)
    }

    /// Checks that a phase is declared.
    pub(super) fn phase(&mut self, path: &Path, name: &str) -> bool {
        self.known(path, "phase", name, |declared| &declared.phases)
    }

    /// Checks that a task is declared.
    pub(super) fn task(&mut self, path: &Path, name: &str) -> bool {
        self.known(path, "task", name, |declared| &declared.tasks)
    }

    /// Checks that a check is declared.
    pub(super) fn check(&mut self, path: &Path, name: &str) -> bool {
        self.known(path, "check", name, |declared| &declared.checks)
    }

    fn known(
        &mut self,
        path: &Path,
        what: &str,
        name: &str,
        list: fn(&Declared) -> &Vec<String>,
    ) -> bool {
        let known = list(&self.declared).clone();
        let found = known.iter().any(|declared| declared == name);
        if !found {
            self.unknown(path, what, name, known.iter().map(String::as_str));
        }
        found
    }
}
