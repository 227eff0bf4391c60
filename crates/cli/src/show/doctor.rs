//! What the host has and what is missing.

use plateau_core::api::{Diagnosis, Health};

use crate::style::{GOOD, HEAD, UNSURE, WRONG, styled};

/// Findings, a line each, with the remedy below where one is needed.
pub(crate) fn diagnosis(diagnosis: &Diagnosis) -> String {
    let width = diagnosis
        .findings
        .iter()
        .map(|finding| finding.subject.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for finding in &diagnosis.findings {
        let mark = match finding.health {
            Health::Good => styled(GOOD, "✓"),
            Health::Limited => styled(UNSURE, "!"),
            Health::Bad => styled(WRONG, "✗"),
        };
        text.push_str(&format!(
            "{mark} {:<width$}  {}\n",
            finding.subject, finding.seen
        ));
        for line in finding.remedy.iter().flat_map(|remedy| remedy.lines()) {
            text.push_str(&format!("  {:width$}  {} {line}\n", "", styled(HEAD, "→")));
        }
    }
    text.push_str(if diagnosis.healthy {
        "\nlabs can run here\n"
    } else {
        "\nlabs cannot run here yet\n"
    });
    text
}
