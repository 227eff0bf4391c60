//! Looking at labs for evidence.

use std::collections::BTreeSet;

use plateau_core::api::CheckRequest;
use plateau_core::evidence::{Evidence, Gathering};
use plateau_core::topology::Topology;

use super::Labs;
use crate::lab::LabError;
use crate::lab::task::Command;

impl Labs {
    /// Looks at a lab as [`Labs::check`] does, and gives back all that was seen instead of a grade.
    ///
    /// # Errors
    /// There is no such lab or phase, or the lab does not run. What cannot be looked at is a fact
    /// and no error.
    pub async fn gather(&self, lab: &str, check: CheckRequest) -> Result<Evidence, LabError> {
        self.tell(lab, |reply| Command::Gather(check, reply)).await
    }

    /// Asks these checks (`task/check`) alone, as a scenario has them that need not be the one that
    /// the lab was built from: one that was mended since. What comes of it is added to the evidence
    /// by [`Evidence::and`].
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
