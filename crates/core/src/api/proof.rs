//! Proofs of scenarios: the request, and the progress.

use serde::{Deserialize, Serialize};

use super::{ApiError, ScenarioFiles};
use crate::proof::{FurtherDraws, Proof};

messages! {
    /// Proves a scenario: `POST /v1/proofs`. The answer is a stream of [`ProofEvent`], a JSON text a line;
    /// a client that goes away ends the proof and removes its labs.
    struct ProofRequest {
        /// The scenario's folder.
        pub files: ScenarioFiles,
        /// Draws of the parameters beyond the first.
        pub draws: u32,
        /// The labs that are built for each of these draws.
        #[serde(default)]
        pub further_draws: FurtherDraws,
        /// Labs at the same time; the daemon's choice where absent.
        #[serde(default)]
        pub parallel: Option<u32>,
        /// Whether all labs are built although the same was proven before.
        #[serde(default)]
        pub again: bool,
    }

    /// Progress of a proof.
    #[serde(rename_all = "kebab-case")]
    enum ProofEvent {
        /// A column was begun.
        Started {
            /// The column, in words.
            column: String,
        },
        /// A column was done.
        Done {
            /// The column, in words.
            column: String,
            /// Columns done so far.
            done: u32,
            /// Columns in all.
            of: u32,
        },
        /// The result: the last event.
        Proven {
            /// The proof.
            proof: Box<Proof>,
            /// Whether it was made earlier, of the same scenario with the same images and programs.
            #[serde(default)]
            cached: bool,
        },
        /// A failure of the engine or the host: the last event.
        Failed {
            /// What failed.
            error: ApiError,
        },
    }
}
