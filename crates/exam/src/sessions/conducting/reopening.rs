//! Labs that were handed in, opened again for those who judge.

use plateau_core::api::LabView;
use plateau_core::exam::log::LogAction;
use plateau_core::exam::session::SessionState;
use plateau_labs::lab::LabError;

use super::Conducting;
use crate::sessions::SessionError;
use crate::store::attempts::AttemptRow;

/// What a lab is called that is opened again to be looked around in.
fn name(attempt: &str) -> String {
    format!("kept-{attempt}")
}

impl Conducting {
    /// Opens the lab of an attempt again as it was handed in, and waits until it can be entered. One
    /// that is open is given back. The session's log says so, unless it is sealed.
    ///
    /// # Errors
    /// There is no such attempt, nothing was kept of it, or it cannot be built.
    pub async fn revisit(&self, attempt: &str, actor: &str) -> Result<LabView, SessionError> {
        let found = self.context.find_attempt(attempt).await?;
        match self.labs.show(&name(attempt)) {
            Ok(open) => return Ok(self.labs.built(&open.id).await?),
            Err(LabError::NoSuchLab { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let lab = self.labs.reopened(attempt, name(attempt)).await?;
        if let Err(error) = self.note_revisited(&found, actor).await {
            // What nobody is told of is not left behind either.
            self.labs.down(&lab.id).await?;
            return Err(error);
        }
        Ok(lab)
    }

    async fn note_revisited(&self, attempt: &AttemptRow, actor: &str) -> Result<(), SessionError> {
        let (_guard, snapshot) = self.context.lock_session(&attempt.session).await?;
        if snapshot.session.state == SessionState::Sealed {
            return Ok(());
        }
        let seat = snapshot.seat_number(attempt);
        let mut transaction = self.context.begin(&snapshot, actor, None).await?;
        transaction
            .write(LogAction::Changed {
                what: format!(
                    "the lab of seat {seat} is opened again to be looked at, as it was handed in"
                ),
            })
            .await?;
        self.context.commit(transaction).await
    }

    /// Removes the lab that was opened again for an attempt; where there is none, nothing is to be
    /// done.
    ///
    /// # Errors
    /// There is no such attempt, or not all of it could be removed.
    pub async fn leave(&self, attempt: &str) -> Result<(), SessionError> {
        self.context.find_attempt(attempt).await?;
        match self.labs.down(&name(attempt)).await {
            Ok(()) | Err(LabError::NoSuchLab { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
