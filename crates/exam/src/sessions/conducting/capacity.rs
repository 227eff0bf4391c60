//! Whether the machine holds the labs that are to be built.

use std::collections::BTreeMap;

use plateau_core::exam::rehearsal::reserve;
use plateau_core::exam::session::AttemptState;

use super::Conducting;
use crate::sessions::SessionError;
use crate::sessions::context::snapshot::SessionSnapshot;
use crate::store::attempts::AttemptRow;

/// What a node takes that was never measured: a booted systemd with a service or two.
const NODE_BYTES: u64 = 96 << 20;

impl Conducting {
    /// Refuses what would fill the disk, and what the machine's memory cannot hold beside what runs
    /// and what is being built already, with a tenth of it left free. What a lab takes is known from
    /// the last rehearsal with its scenario, and reckoned by its nodes where there was none. Where the
    /// machine does not say how much there is, nothing is refused.
    pub(super) async fn check_room(
        &self,
        snapshot: &SessionSnapshot,
        chosen: &[AttemptRow],
    ) -> Result<(), SessionError> {
        self.labs.check_disk()?;
        let Some(available) = self.labs.memory_available().await else {
            return Ok(());
        };
        let mut each = BTreeMap::new();
        for row in &snapshot.scenarios {
            each.insert(row.hash.clone(), self.lab_bytes(&row.hash).await?);
        }
        let mut needed = 0_u64;
        for attempt in chosen {
            let hash = snapshot.scenario(attempt).map(|row| &row.hash);
            let bytes = hash.and_then(|hash| each.get(hash));
            needed = needed.saturating_add(bytes.copied().unwrap_or(0));
        }
        let database = self.context.database();
        for session in database.sessions().list().await? {
            let mut preparing = database.attempts().of_session(&session.id).await?;
            preparing.retain(|attempt| attempt.state == AttemptState::Preparing);
            if preparing.is_empty() {
                continue;
            }
            let scenarios = database.sessions().scenarios(&session.id).await?;
            for attempt in preparing {
                let row = scenarios
                    .iter()
                    .find(|row| row.scenario == attempt.scenario);
                if let Some(row) = row {
                    needed = needed.saturating_add(self.lab_bytes(&row.hash).await?);
                }
            }
        }
        if needed <= available.saturating_sub(reserve(available)) {
            return Ok(());
        }
        let shown = |bytes: u64| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
        Err(SessionError::Room {
            needed: shown(needed),
            available: shown(available),
        })
    }

    /// Memory that a lab of a scenario takes, in bytes.
    async fn lab_bytes(&self, hash: &str) -> Result<u64, SessionError> {
        if let Some(known) = self
            .context
            .database()
            .rehearsals()
            .lab_memory(hash)
            .await?
        {
            return Ok(known);
        }
        let topology = self.context.scenarios().sample_draw(hash).await?;
        let nodes = u64::try_from(topology.nodes.len()).unwrap_or(u64::MAX);
        Ok(nodes.saturating_mul(NODE_BYTES))
    }
}
