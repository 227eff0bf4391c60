//! Labs that were handed in, opened again for those who judge.

use plateau_core::api::LabView;
use plateau_core::exam::log::LogAction;
use plateau_core::exam::session::SessionState;
use plateau_labs::lab::LabError;

use crate::sessions::{SessionError, Sessions};
use crate::store::attempts::AttemptRow;

/// What a lab is called that is opened again to be looked around in.
fn name(attempt: &str) -> String {
    format!("kept-{attempt}")
}

impl Sessions {
    /// The attempt of an identifier.
    pub(in crate::sessions) async fn attempt_of(
        &self,
        attempt: &str,
    ) -> Result<AttemptRow, SessionError> {
        let found = self.inner.database.attempts().find(attempt).await?;
        found.ok_or_else(|| SessionError::NoSuchAttempt {
            attempt: attempt.to_owned(),
        })
    }

    /// Opens the lab of an attempt again as it was handed in, and waits until it can be entered. One
    /// that is open is given back. The session's log says so, unless it is sealed.
    ///
    /// # Errors
    /// There is no such attempt, nothing was kept of it, or it cannot be built.
    pub async fn revisit(&self, attempt: &str, actor: &str) -> Result<LabView, SessionError> {
        let found = self.attempt_of(attempt).await?;
        match self.inner.labs.show(&name(attempt)) {
            Ok(open) => return Ok(self.inner.labs.built(&open.id).await?),
            Err(LabError::NoSuchLab { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let lab = self.inner.labs.reopened(attempt, name(attempt)).await?;
        if let Err(error) = self.note_revisited(&found, actor).await {
            // What nobody is told of is not left behind either.
            self.inner.labs.down(&lab.id).await?;
            return Err(error);
        }
        Ok(lab)
    }

    async fn note_revisited(&self, attempt: &AttemptRow, actor: &str) -> Result<(), SessionError> {
        let (_gate, snapshot) = self.lock_session(&attempt.session).await?;
        if snapshot.session.state == SessionState::Sealed {
            return Ok(());
        }
        let seat = snapshot.seat_number(attempt);
        let mut act = self.act(&snapshot, actor, None).await?;
        act.write(LogAction::Changed {
            what: format!(
                "the lab of seat {seat} is opened again to be looked at, as it was handed in"
            ),
        })
        .await?;
        self.done(act).await
    }

    /// Removes the lab that was opened again for an attempt; where there is none, nothing is to be
    /// done.
    ///
    /// # Errors
    /// There is no such attempt, or not all of it could be removed.
    pub async fn leave(&self, attempt: &str) -> Result<(), SessionError> {
        self.attempt_of(attempt).await?;
        match self.inner.labs.down(&name(attempt)).await {
            Ok(()) | Err(LabError::NoSuchLab { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
