//! What candidates handed in.

use plateau_core::exam::deliverable::DeliverableView;
use serde::Serialize;

use super::{lines, moment, table};
use crate::style::{FAINT, GOOD, UNSURE, styled};

/// What was handed in for one attempt.
#[derive(Debug, Serialize)]
pub(crate) struct HandedIn {
    /// Candidate number.
    pub(crate) seat: String,
    /// The scenario's identifier.
    pub(crate) scenario: String,
    /// The attempt's identifier.
    pub(crate) attempt: String,
    /// Task by task.
    pub(crate) deliverables: Vec<DeliverableView>,
}

/// All that was saved, a version a line; what counts is marked.
pub(crate) fn deliverables(all: &[HandedIn]) -> String {
    let mut table = table([
        "NUMBER", "SCENARIO", "TASK", "VERSION", "FILE", "BYTES", "SAVED", "CONTENT",
    ]);
    let mut asked = false;
    for one in all {
        for deliverable in &one.deliverables {
            asked = true;
            let head = || [&one.seat, &one.scenario, &deliverable.task].map(String::clone);
            if deliverable.versions.is_empty() {
                table.add_row(head().into_iter().chain([styled(UNSURE, "nothing")]));
            }
            let last = deliverable.versions.len().saturating_sub(1);
            for (place, version) in deliverable.versions.iter().enumerate() {
                let number = version
                    .number
                    .map_or_else(|| "draft".to_owned(), |number| number.to_string());
                let number = match place == last {
                    true => styled(GOOD, format!("{number} counts")),
                    false => number,
                };
                let saved = moment(version.saved_ms);
                let hash: String = version.content.chars().take(12).collect();
                table.add_row(head().into_iter().chain([
                    number,
                    version.name.clone(),
                    version.size.to_string(),
                    saved,
                    styled(FAINT, hash),
                ]));
            }
        }
    }
    if !asked {
        return "no task asks for anything to be handed in\n".to_owned();
    }
    lines(&table)
}
