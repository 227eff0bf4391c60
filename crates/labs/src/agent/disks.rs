//! Measuring the disks of nodes, by the wirer.

use std::time::Duration;

use plateau_core::wire::{DisksRequest, DisksResponse};

use super::{Agent, AgentError};
use crate::layout;

/// The program of the wirer's container that measures disks.
const DISKS: [&str; 2] = [layout::GRADER, "disks"];

/// Most that measuring may take: what the wirer grants each disk, and as much again.
const TIMEOUT: Duration = Duration::from_secs(40);

impl Agent {
    /// Has the wirer measure the disks of nodes, one after the other, from outside.
    ///
    /// # Errors
    /// The engine or the wirer fails, or it takes too long.
    pub async fn measure_disks(&self, request: &DisksRequest) -> Result<DisksResponse, AgentError> {
        let failed = |reason: String| AgentError::Wire {
            doing: "measure disks".to_owned(),
            reason,
        };
        let text = serde_json::to_string(request).map_err(|error| failed(error.to_string()))?;
        let disks = u32::try_from(request.disks.len()).unwrap_or(u32::MAX);
        let limit = TIMEOUT.saturating_mul(disks.max(1));
        let answer = tokio::time::timeout(limit, self.ask_wirer(DISKS, &text))
            .await
            .map_err(|_| failed(format!("no answer within {limit:?}")))??;
        serde_json::from_str(&answer).map_err(|error| failed(error.to_string()))
    }
}
