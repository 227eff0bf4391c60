//! The candidate's clock, and the events that happen by it.

use plateau_core::api::LabView;

use super::Labs;
use crate::lab::LabError;
use crate::lab::task::Command;

impl Labs {
    /// Starts the candidate's clock, by which events happen; one that was started goes on.
    ///
    /// # Errors
    /// There is no such lab, it does not run, or the time cannot be kept.
    pub async fn start_clock(&self, lab: &str) -> Result<LabView, LabError> {
        self.tell(lab, Command::Start).await
    }

    /// Lets every event happen at once that has not happened yet, in the scenario's order.
    ///
    /// # Errors
    /// There is no such lab, it does not run, or an event failed.
    pub async fn let_events_happen(&self, lab: &str) -> Result<(), LabError> {
        self.tell(lab, Command::Happen).await
    }
}
