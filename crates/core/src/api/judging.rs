//! Gradings and judgements of attempts, as they are told and shown.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::ScenarioFiles;
use crate::evidence::{Comparison, ReusedFact};
use crate::exam::judgement::Judgement;

/// Unless somebody says otherwise, what is new is asked.
fn asked() -> bool {
    true
}

messages! {
    /// The public key of the daemon's evidence: `GET /v1/evidence/key`.
    #[derive(Eq)]
    struct EvidenceKeyView {
        /// SHA-256 of its SubjectPublicKeyInfo, in hexadecimal.
        pub fingerprint: String,
        /// It, in PEM.
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
        /// Who had it done.
        pub actor: String,
        /// Why, where it is not the first.
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

    /// Grades an attempt by a mended scenario: `POST /v1/attempts/{attempt}/gradings`. It counts only
    /// once it is accepted.
    struct RegradeRequest {
        /// The mended scenario's folder.
        pub files: ScenarioFiles,
        /// Why.
        pub reason: String,
        /// Whether what no fact answers is asked of the lab, which is opened again for it where it does
        /// not stand as it was handed in. Else it stays unknown.
        #[serde(default = "asked")]
        pub ask: bool,
    }

    /// What grading by a mended scenario comes to, to be accepted or not.
    struct RegradingProposal {
        /// The grading.
        pub grading: GradingView,
        /// Old against new.
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
        /// Parameters that are drawn otherwise than what the candidate was told.
        pub changed_parameters: Vec<String>,
    }

    /// Lets a grading count: `POST /v1/attempts/{attempt}/gradings/{grading}/accept`.
    #[derive(Eq)]
    struct AcceptGradingRequest {
        /// Why.
        pub reason: String,
    }

    /// What a juror may see of what was said: `GET /v1/attempts/{attempt}/judgements`.
    #[derive(Eq)]
    struct JudgementsView {
        /// Those who work apart; empty where they work together.
        pub independent_jurors: BTreeSet<String>,
        /// Those of them who are not done yet.
        pub pending_jurors: BTreeSet<String>,
        /// What was said: all of it, or the juror's own words while somebody is at work.
        pub judgements: Vec<Judgement>,
    }
}
