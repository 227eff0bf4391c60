//! Reopened labs, as they were handed in.

use plateau_core::api::{LabState, LabView};
use plateau_core::scenario::Scenario;

use super::{LabSpec, Labs};
use crate::lab::{HandInRecord, LabError};
use crate::store::on_disk;

impl Labs {
    /// Reopens the lab of an attempt as it was handed in, from the disks of its nodes. Their memory is
    /// lost; nodes that ran boot again. It is a separate lab, and changes in it do not affect what was
    /// kept. Returns at once.
    ///
    /// # Errors
    /// Nothing was kept, the host does not meet the requirements, or the name is taken.
    pub async fn reopen(&self, attempt: &str, name: String) -> Result<LabView, LabError> {
        let nothing = || LabError::NothingKept {
            attempt: attempt.to_owned(),
        };
        let (store, key) = (self.inner.context.store.clone(), attempt.to_owned());
        let found = on_disk(move || {
            let Some(kept) = store.read_attempt_record::<HandInRecord>(&key)? else {
                return Ok(None);
            };
            let folder = store.thaw(&kept.hash)?;
            Ok(Some((kept, folder)))
        });
        let (kept, folder) = found.await?.ok_or_else(nothing)?;
        let scenario = Scenario::read(folder.clone()).map_err(LabError::Scenario)?;
        let topology = scenario.draw(&kept.seed).map_err(LabError::Scenario)?;
        self.preflight(&topology).await?;
        let again = kept.again(attempt)?;
        self.start(LabSpec {
            ephemeral: true,
            again: Some(again),
            ..LabSpec::lab(&folder, topology, Some(name))
        })
        .await
    }

    /// Reopens the lab of an attempt, and waits until it is ready.
    ///
    /// # Errors
    /// Those of [`Labs::reopen`], or it cannot be built; then all of it is removed.
    pub async fn reopened(&self, attempt: &str, name: String) -> Result<LabView, LabError> {
        let lab = self.reopen(attempt, name).await?;
        let built = self.built(&lab.id).await?;
        if built.state == LabState::Ready {
            return Ok(built);
        }
        self.down(&lab.id).await?;
        let problem = built.problem.map(|problem| problem.message);
        Err(LabError::Lost {
            attempt: attempt.to_owned(),
            reason: problem.unwrap_or_else(|| "it was removed meanwhile".to_owned()),
        })
    }

    /// Removes all reopened labs of an attempt.
    ///
    /// # Errors
    /// One could not be removed.
    pub async fn end_reopened(&self, attempt: &str) -> Result<(), LabError> {
        let labs = self.list().into_iter();
        for lab in labs.filter(|lab| lab.reopened.as_deref() == Some(attempt)) {
            match self.down(&lab.id).await {
                Ok(()) | Err(LabError::NoSuchLab { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether a lab has run without a restart of a node since a time in milliseconds since the epoch.
    /// `false` if the engine does not know.
    pub async fn stands_since(&self, lab: &str, at_ms: u64) -> bool {
        let Ok(known) = self.inner.find(lab) else {
            return false;
        };
        if known.lab.state() != LabState::Ready {
            return false;
        }
        for container in known.lab.container_names() {
            let Ok(found) = self.runtime().inspect_container(&container).await else {
                return false;
            };
            let started = found
                .started
                .and_then(|at| at.parse::<jiff::Timestamp>().ok());
            let started = started.and_then(|at| u64::try_from(at.as_millisecond()).ok());
            if found.running && started.is_none_or(|started| started > at_ms) {
                return false;
            }
        }
        true
    }
}
