//! The parts of a task that people judge: deliverables, and rubrics.

use std::collections::BTreeSet;

use super::Resolver;
use crate::spec::{CriterionSpec, DeliverableSpec, TaskSpec};
use crate::topology::{Criterion, DELIVERABLE_LIMIT, Deliverable, Level};
use crate::tree::Path;

impl Resolver<'_> {
    /// Tells what is wrong with a task's deliverable and its rubric.
    pub(super) fn for_evaluator(&mut self, path: &Path, spec: &TaskSpec) {
        if let Some(deliverable) = &spec.deliverable {
            let path = path.key("deliverable");
            if deliverable.accept.is_empty() {
                let hint = Some("name the endings, such as `[pdf, odt]`".to_owned());
                self.problem(
                    &path.key("accept"),
                    "empty-accept",
                    "nothing is accepted".to_owned(),
                    hint,
                );
            }
            for (index, ending) in deliverable.accept.iter().enumerate() {
                let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
                if ending.is_empty() || !ending.bytes().all(is_plain) {
                    self.problem(
                        &path.key("accept").index(index),
                        "bad-ending",
                        format!("`{ending}` is not a valid file name extension"),
                        Some("small letters and digits without a dot, such as `pdf`".to_owned()),
                    );
                }
            }
            if deliverable.at_most.0 == 0 {
                self.problem(
                    &path.key("at_most"),
                    "bad-limit",
                    "nothing fits into 0 bytes".to_owned(),
                    None,
                );
            }
            if deliverable.at_most.0 > DELIVERABLE_LIMIT {
                self.problem(
                    &path.key("at_most"),
                    "bad-limit",
                    format!("{} is more than is kept of a file", deliverable.at_most),
                    Some("at most 32MiB".to_owned()),
                );
            }
        }
        let mut seen = BTreeSet::new();
        for (index, criterion) in spec.rubric.iter().enumerate() {
            let path = path.key("rubric").index(index);
            self.name(&path.key("id"), &criterion.id);
            self.languages(&path.key("title"), &criterion.title);
            if !seen.insert(criterion.id.as_str()) {
                let message = format!("task `{}` has two criteria `{}`", spec.id, criterion.id);
                self.problem(&path.key("id"), "duplicate-criterion", message, None);
            }
            if criterion.levels.len() < 2 || criterion.levels.iter().all(|level| level.points == 0)
            {
                let message = format!("criterion `{}` leaves nothing to judge", criterion.id);
                let hint = Some("give at least two levels, one of them with points".to_owned());
                self.problem(&path.key("levels"), "bad-levels", message, hint);
            }
        }
    }
}

pub(super) fn deliverable(spec: &DeliverableSpec) -> Deliverable {
    Deliverable {
        accept: spec.accept.clone(),
        at_most: spec.at_most,
    }
}

pub(super) fn criterion(spec: &CriterionSpec) -> Criterion {
    let levels = spec.levels.iter().map(|level| Level {
        label: level.label.clone(),
        points: level.points,
    });
    Criterion {
        id: spec.id.clone(),
        title: spec.title.clone(),
        levels: levels.collect(),
    }
}
