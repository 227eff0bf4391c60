//! Proofs: every lab of a proof built, worked on, graded and removed.

use plateau_core::api::{NewProof, ProofEvent};
use tokio::sync::mpsc;

use crate::lab::LabError;
use crate::labs::Labs;

/// Proves a scenario in the background. The receiver's last event is `Proven` or `Broken`; dropping
/// it ends the proof and removes its labs.
///
/// # Errors
/// The scenario has problems.
pub async fn prove(_labs: &Labs, _proof: NewProof) -> Result<mpsc::Receiver<ProofEvent>, LabError> {
    unimplemented!()
}
