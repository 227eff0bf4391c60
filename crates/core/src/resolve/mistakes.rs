//! Mistakes: wrong solutions, and the checks that each must lose.

use std::collections::BTreeSet;

use super::Resolver;
use crate::spec::ScenarioSpec;
use crate::topology::Mistake;
use crate::tree::Path;

impl Resolver<'_> {
    /// Resolves all mistakes.
    pub(super) fn mistakes(&mut self, spec: &ScenarioSpec) -> Vec<Mistake> {
        let root = Path::default().key("mistakes");
        let mut seen = BTreeSet::new();
        let mut mistakes = Vec::new();
        for (index, mistake) in spec.mistakes.iter().enumerate() {
            let path = root.index(index);
            self.name(&path.key("id"), &mistake.id);
            if !seen.insert(mistake.id.as_str()) {
                let message = format!("there are two mistakes `{}`", mistake.id);
                self.problem(&path.key("id"), "duplicate-mistake", message, None);
            }
            if mistake.loses.is_empty() {
                let hint = Some("name the checks that it must lose, as `task/check`".to_owned());
                self.problem(
                    &path.key("loses"),
                    "empty-mistake",
                    "it loses nothing".to_owned(),
                    hint,
                );
            }
            if mistake.run.is_empty() && mistake.instead_of.is_none() {
                let hint =
                    Some("add `run`, or `instead_of` to leave a task's solution out".to_owned());
                self.problem(&path, "empty-mistake", "it does nothing".to_owned(), hint);
            }
            if let Some(task) = &mistake.instead_of {
                self.task(&path.key("instead_of"), task);
            }
            for (index, check) in mistake.loses.iter().enumerate() {
                self.check(&path.key("loses").index(index), check);
            }
            let run = self.scripts(&path.key("run"), &mistake.run);
            let loses: BTreeSet<String> = mistake.loses.iter().cloned().collect();
            mistakes.push(Mistake {
                id: mistake.id.clone(),
                instead_of: mistake.instead_of.clone(),
                run,
                loses: loses.into_iter().collect(),
            });
        }
        mistakes
    }
}
