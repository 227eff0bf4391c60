//! The result of verifying a bundle of evidence.

use plateau_core::exam::bundle::{StepKind, Verification};

use super::{lines, table};
use crate::style::{GOOD, UNSURE, WRONG, styled};

/// Step by step, then what it comes to.
pub(crate) fn verification(verification: &Verification) -> String {
    let mut table = table(["STEP", "RESULT", "FOUND"]);
    for step in &verification.steps {
        let result = match step.good {
            true => styled(GOOD, "good"),
            false => styled(WRONG, "bad"),
        };
        table.add_row([name(step.kind).to_owned(), result, step.found.clone()]);
    }
    let sum = match (verification.good, verification.trusted) {
        (false, _) => styled(WRONG, "This is not what was signed, or does not add up."),
        (true, true) => styled(GOOD, "This is what the key's owner signed, and it adds up."),
        (true, false) => styled(
            UNSURE,
            "This is only consistent with the key inside it, which anybody could have made: \
             name the daemon's with --key or --fingerprint.",
        ),
    };
    format!("{}\n{sum}\n", lines(&table))
}

fn name(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Manifest => "manifest",
        StepKind::Key => "key",
        StepKind::Signature => "signature",
        StepKind::Members => "members",
        StepKind::Log => "log",
        StepKind::Heads => "heads",
        StepKind::Receipt => "receipt",
        StepKind::Facts => "facts",
        StepKind::Judgements => "judgements",
        StepKind::Deliverables => "deliverables",
        StepKind::Scenario => "scenario",
        StepKind::Grade => "grade",
    }
}
