//! Collecting the evidence of labs.

use std::collections::BTreeSet;

use plateau_core::api::CheckRequest;
use plateau_core::evidence::{Evidence, Gathering};
use plateau_core::topology::Topology;

use super::Labs;
use crate::lab::LabError;
use crate::lab::task::Command;

impl Labs {
    /// Runs the checks of a lab as [`Labs::check`] does, and returns the evidence instead of a grade.
    ///
    /// # Errors
    /// There is no such lab or phase, or the lab does not run. A check that cannot be made is a
    /// fact, not an error.
    pub async fn gather(&self, lab: &str, check: CheckRequest) -> Result<Evidence, LabError> {
        self.tell(lab, |reply| Command::Gather(check, reply)).await
    }

    /// Runs only these checks (`task/check`) of a scenario, which may be a corrected version of the one
    /// that the lab was built from. [`Evidence::and`] adds the result to earlier evidence.
    ///
    /// # Errors
    /// There is no such lab or check, or the lab does not run.
    pub async fn gather_only(
        &self,
        lab: &str,
        scenario: Topology,
        checks: BTreeSet<String>,
    ) -> Result<Gathering, LabError> {
        let scenario = Box::new(scenario);
        self.tell(lab, |reply| Command::GatherOnly(scenario, checks, reply))
            .await
    }
}
