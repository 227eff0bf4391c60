//! Gradings and judgements of attempts.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::ScenarioFiles;
use crate::evidence::{Comparison, ReusedFact};
use crate::exam::judgement::Judgement;

/// The default: new questions are asked.
fn asked() -> bool {
    true
}

messages! {
    /// The public key of the daemon's evidence: `GET /v1/evidence/key`.
    #[derive(Eq)]
    struct EvidenceKeyView {
        /// SHA-256 of its SubjectPublicKeyInfo, in hexadecimal.
        pub fingerprint: String,
        /// The key, in PEM.
        pub pem: String,
    }

    /// A grading of an attempt, as shown.
    #[derive(Eq)]
    struct GradingView {
        /// Identifier (UUID version 7).
        pub id: String,
        /// The attempt's identifier.
        pub attempt: String,
        /// BLAKE3 of the scenario's folder that the grade follows from.
        pub hash: String,
        /// When it was done, in milliseconds since the epoch.
        pub at_ms: u64,
        /// Who requested it.
        pub actor: String,
        /// The reason, if it is not the first.
        pub reason: Option<String>,
        /// Whether it counts.
        pub accepted: bool,
        /// Points earned.
        pub points: u32,
        /// Points to be earned.
        pub of: u32,
        /// Checks that nobody could look at.
        pub unknown: u32,
    }

    /// Grades an attempt by a corrected scenario: `POST /v1/attempts/{attempt}/gradings`. It counts only
    /// once it is accepted.
    struct RegradeRequest {
        /// The corrected scenario's folder.
        pub files: ScenarioFiles,
        /// Why.
        pub reason: String,
        /// Whether what no fact answers is asked of the lab, which is opened again for it where it does
        /// not stand as it was handed in. Else it stays unknown.
        #[serde(default = "asked")]
        pub ask: bool,
    }

    /// Result of grading by a corrected scenario, to be accepted or not.
    struct RegradingProposal {
        /// The grading.
        pub grading: GradingView,
        /// Comparison of the old grade with the new one.
        pub comparison: Comparison,
        /// Check → where its fact comes from.
        pub reused: BTreeMap<String, ReusedFact>,
        /// Checks that were asked of the lab for this.
        pub asked: Vec<String>,
        /// Checks that no fact answers, and that were not asked.
        pub unanswered: Vec<String>,
        /// Checks that were asked, but nobody could look.
        pub unobserved: Vec<String>,
        /// Checks of the old scenario that the new one does not have.
        pub removed_checks: Vec<String>,
        /// Parameters whose values differ from those that the candidate was told.
        pub changed_parameters: Vec<String>,
    }

    /// Lets a grading count: `POST /v1/attempts/{attempt}/gradings/{grading}/accept`.
    #[derive(Eq)]
    struct AcceptGradingRequest {
        /// Why.
        pub reason: String,
    }

    /// The judgements that a juror may see: `GET /v1/attempts/{attempt}/judgements`.
    #[derive(Eq)]
    struct JudgementsView {
        /// Jurors who judge independently; empty where they work together.
        pub independent_jurors: BTreeSet<String>,
        /// Those of them who have not finished.
        pub pending_jurors: BTreeSet<String>,
        /// The judgements: all of them, or the juror's own while a juror has not finished.
        pub judgements: Vec<Judgement>,
    }
}
