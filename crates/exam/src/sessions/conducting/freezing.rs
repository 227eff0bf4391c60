//! Nodes of candidates whose time does not run are frozen.
//!
//! Nothing that is frozen waits for a turn: that is for what comes afterwards.

use plateau_core::exam::session::AttemptState;
use plateau_labs::lab::LabError;

use super::Conducting;
use super::interruptions::is_paused_by_staff;
use crate::sessions::SessionError;
use crate::sessions::context::snapshot::SessionSnapshot;
use crate::store::attempts::AttemptRow;

/// Whether an attempt's nodes are to be frozen at a moment; `None` where its state does not say so.
fn is_to_be_frozen(snapshot: &SessionSnapshot, attempt: &AttemptRow, now_ms: u64) -> Option<bool> {
    let reading = snapshot.reading(attempt, now_ms);
    let deadline = reading.and_then(|reading| reading.deadline_ms);
    let is_over = deadline.is_some_and(|deadline| deadline <= now_ms);
    match attempt.state {
        AttemptState::Running => Some(is_over),
        // A lab that was away is waited for until its nodes have booted.
        AttemptState::Paused => {
            Some(is_over || is_paused_by_staff(snapshot.log.entries(), attempt))
        }
        // Its job freezes it first.
        AttemptState::HandedIn
        // While it is graded its nodes run.
        | AttemptState::Kept
        | AttemptState::Graded
        | AttemptState::Waiting
        | AttemptState::Preparing
        | AttemptState::Broken
        | AttemptState::Ready
        | AttemptState::Absent => None,
    }
}

impl Conducting {
    /// Has nodes frozen or thawed where they are not as they are to be.
    pub(super) fn sync_freezing(&self, snapshot: &SessionSnapshot) {
        let now = self.context.now_ms();
        for attempt in &snapshot.attempts {
            if let Some(lab) = &attempt.lab
                && let Some(frozen) = is_to_be_frozen(snapshot, attempt, now)
                && self.labs.has_to_be_frozen(lab, frozen)
            {
                self.start_work(attempt);
            }
        }
    }

    /// Freezes an attempt's nodes or lets them go on, as its state asks for now.
    pub(super) async fn freeze_or_thaw(&self, attempt: &AttemptRow) -> Result<(), SessionError> {
        let session = self.context.find(&attempt.session).await?;
        let snapshot = self.context.snapshot(session).await?;
        let mut attempts = snapshot.attempts.iter();
        let Some(found) = attempts.find(|one| one.id == attempt.id) else {
            return Ok(());
        };
        let Some(lab) = &found.lab else {
            return Ok(());
        };
        let done = match is_to_be_frozen(&snapshot, found, self.context.now_ms()) {
            Some(true) => self.labs.freeze(lab).await,
            Some(false) => self.labs.thaw(lab).await,
            None => return Ok(()),
        };
        match done {
            Ok(()) => {}
            // It went away meanwhile; when it is back it is looked at again.
            Err(LabError::NotReady { .. } | LabError::NoSuchLab { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        if found.problem.is_some() {
            let attempts = self.context.database().attempts();
            attempts.set_problem(&found.id, None).await?;
        }
        Ok(())
    }
}
