//! That the disk is nearly full, told to those who watch over open sessions.

use std::sync::PoisonError;

use plateau_core::exam::log::LogAction;
use plateau_core::exam::session::SessionState;
use plateau_labs::disk::{DiskSpace, DiskUsage, shown};

use super::Conducting;
use crate::sessions::SessionError;
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
}
