//! The candidate's clock, and the events that happen by it.

use std::time::Duration;

use plateau_core::api::{LabState, LabView};

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

    /// Has the candidate's clock of a lab show how long the candidate has worked, and run or stand still; events
    /// happen by it. A lab that does not run is left alone.
    ///
    /// # Errors
    /// There is no such lab, or the time cannot be kept.
    pub async fn set_clock(&self, lab: &str, worked: Duration, runs: bool) -> Result<(), LabError> {
        let known = self.inner.find(lab)?;
        if known.lab.state() != LabState::Ready {
            return Ok(());
        }
        let set = known.tell(|reply| Command::SetClock(worked, runs, reply));
        match set.await {
            // It stopped running meanwhile.
            Err(LabError::NotReady { .. } | LabError::GivenUp { .. }) => Ok(()),
            set => set,
        }
    }

    /// Lets every event happen at once that has not happened yet, in the scenario's order.
    ///
    /// # Errors
    /// There is no such lab, it does not run, or an event failed.
    pub async fn trigger_events(&self, lab: &str) -> Result<(), LabError> {
        self.tell(lab, Command::Happen).await
    }
}
