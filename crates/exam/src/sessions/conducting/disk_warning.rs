//! That the disk, or that of a node, is nearly full, told to those who watch over open sessions.

use std::sync::PoisonError;

use plateau_core::api::DiskAlertLevel;
use plateau_core::exam::log::LogAction;
use plateau_core::exam::session::SessionState;
use plateau_labs::disk::{DiskSpace, DiskUsage, shown};

use super::Conducting;
use crate::sessions::SessionError;
use crate::sessions::context::snapshot::SessionSnapshot;
use crate::store::attempts::AttemptRow;
use crate::store::sessions::SessionRow;

impl Conducting {
    /// Tells an open session once that the disk is nearly full, for as long as it stays so. Where
    /// that cannot be written, it is told when it can.
    pub(super) async fn warn_of_full_disk(&self, session: &SessionRow) -> Result<(), SessionError> {
        let DiskUsage { free, low, room } = self.labs.disk().seen();
        let alarmed = || {
            let alarmed = self.alarmed.lock();
            alarmed.unwrap_or_else(PoisonError::into_inner)
        };
        let told = match room {
            DiskSpace::Ample => {
                alarmed().remove(&session.id);
                return Ok(());
            }
            DiskSpace::Low | DiskSpace::Full => alarmed().contains(&session.id),
        };
        if told || session.state != SessionState::Open {
            return Ok(());
        }
        let what = format!(
            "the disk of the daemon is nearly full: {} are free, where {} should be",
            shown(free),
            shown(low)
        );
        self.note(&session.id, None, LogAction::Alarmed { what })
            .await?;
        alarmed().insert(session.id.clone());
        Ok(())
    }

    /// Tells a session that a node of an attempt has a full disk, or was stopped for it. Each of these is
    /// told once, however often a candidate brings it about.
    pub(super) async fn warn_of_full_nodes(
        &self,
        snapshot: &SessionSnapshot,
        attempt: &AttemptRow,
    ) -> Result<(), SessionError> {
        let Some(lab) = attempt
            .lab
            .as_deref()
            .and_then(|lab| self.labs.show(lab).ok())
        else {
            return Ok(());
        };
        for (node, view) in lab.nodes {
            let Some(alert) = view.disk else { continue };
            let key = format!("{}/{node}/{:?}", attempt.id, alert.level);
            let alarmed = || {
                let alarmed = self.alarmed.lock();
                alarmed.unwrap_or_else(PoisonError::into_inner)
            };
            if alarmed().contains(&key) {
                continue;
            }
            let (seat, used) = (snapshot.seat_number(attempt), shown(alert.used));
            let what = match alert.level {
                DiskAlertLevel::High => format!(
                    "the disk of node `{node}` of seat {seat} is nearly full: {used} of {} are written",
                    shown(alert.limit)
                ),
                DiskAlertLevel::Stopped => format!(
                    "node `{node}` of seat {seat} was stopped, because its disk is full: {used} of {} and {} of {} files are written; it can be started again",
                    shown(alert.limit),
                    alert.files,
                    alert.most_files
                ),
                DiskAlertLevel::HostFull => format!(
                    "node `{node}` of seat {seat} was stopped, because it was filling the disk of the host: {used} are written; it can be started again"
                ),
            };
            self.note(&attempt.session, None, LogAction::Alarmed { what })
                .await?;
            alarmed().insert(key);
        }
        Ok(())
    }
}
