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
        let disks = u32::try_from(request.disks.len()).unwrap_or(u32::MAX);
        let limit = TIMEOUT.saturating_mul(disks.max(1));
        self.ask_within(DISKS, request, limit, "measure disks")
            .await
    }
}
