//! The candidate's clock, and the events that it triggers.

use std::time::Duration;

use plateau_core::api::{LabState, LabView};

use super::Labs;
use crate::lab::LabError;
use crate::lab::task::Command;

impl Labs {
    /// Starts the candidate's clock, which triggers events; a running one is left alone.
    ///
    /// # Errors
    /// There is no such lab, it does not run, or the time cannot be kept.
    pub async fn start_clock(&self, lab: &str) -> Result<LabView, LabError> {
        self.tell(lab, Command::Start).await
    }

    /// Sets the candidate's clock of a lab to the time worked, and runs or stops it. It triggers the
    /// events. A lab that does not run is left alone.
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

    /// Triggers at once all events that have not happened yet, in the order of the scenario.
    ///
    /// # Errors
    /// There is no such lab, it does not run, or an event failed.
    pub async fn trigger_events(&self, lab: &str) -> Result<(), LabError> {
        self.tell(lab, Command::Happen).await
    }
}
