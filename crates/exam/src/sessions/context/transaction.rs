//! One transaction of a session: what moves, and its entries in the log.

use plateau_core::exam::clock::PauseKind;
use plateau_core::exam::log::{LogAction, LogEntry};
use plateau_core::exam::session::{AttemptMove, SessionMove, SessionState};
use tokio::sync::OwnedMutexGuard;

use super::SessionContext;
use super::log_action::session_moved;
use super::snapshot::SessionSnapshot;
use crate::deliverables::settle;
use crate::sessions::SessionError;
use crate::store;
use crate::store::Transaction;
use crate::store::attempts::{AttemptRow, Attempts};
use crate::store::log::Log;

/// A transaction under way, at one moment, by one actor.
pub(in crate::sessions) struct SessionTransaction<'a> {
    tx: Transaction,
    session: &'a str,
    at_ms: u64,
    actor: &'a str,
    reason: Option<String>,
    entries: Vec<LogEntry>,
}

impl SessionTransaction<'_> {
    pub(in crate::sessions) async fn write(&mut self, deed: LogAction) -> Result<(), SessionError> {
        let reason = self.reason.clone();
        let entry = Log::append(
            &mut self.tx,
            self.session,
            self.at_ms,
            self.actor,
            reason,
            deed,
        )
        .await?;
        self.entries.push(entry);
        Ok(())
    }

    /// For what is kept besides.
    pub(in crate::sessions) fn writing(&mut self) -> &mut Transaction {
        &mut self.tx
    }

    /// Says why what is written from now on was done.
    pub(in crate::sessions) fn with_reason(&mut self, reason: String) {
        self.reason = Some(reason);
    }

    /// Moves an attempt. Whoever holds the session's lock has seen where it is.
    pub(in crate::sessions) async fn attempt(
        &mut self,
        attempt: &AttemptRow,
        by: AttemptMove,
        deed: LogAction,
    ) -> Result<bool, SessionError> {
        let Some(to) = attempt.state.after(by) else {
            return Ok(false);
        };
        // Shown with the state that it explains, from the first moment on.
        let problem = self.reason.as_deref().filter(|_| by == AttemptMove::Break);
        let moved = Attempts::move_to(&mut self.tx, &attempt.id, attempt.state, to, problem);
        if !moved.await? {
            return Ok(false);
        }
        if by == AttemptMove::HandIn {
            // What was still being written counts as it was written last.
            let settled = settle(&mut self.tx, self.session, &attempt.id, self.at_ms);
            self.entries.extend(settled.await?);
        }
        self.write(deed).await?;
        Ok(true)
    }

    /// Moves several attempts, each with its entry; a pause says its kind.
    pub(in crate::sessions) async fn attempts(
        &mut self,
        attempts: &[AttemptRow],
        by: AttemptMove,
        pause: Option<PauseKind>,
    ) -> Result<(), SessionError> {
        for attempt in attempts {
            let deed = LogAction::Attempt {
                attempt: attempt.id.clone(),
                by,
                pause,
            };
            self.attempt(attempt, by, deed).await?;
        }
        Ok(())
    }

    pub(in crate::sessions) async fn session(
        &mut self,
        from: SessionState,
        by: SessionMove,
    ) -> Result<(), SessionError> {
        if let Some(to) = from.after(by)
            && store::sessions::Sessions::move_to(&mut self.tx, self.session, from, to).await?
        {
            self.write(session_moved(by)).await?;
        }
        Ok(())
    }
}

impl SessionContext {
    /// A session as nobody else moves it for as long as the guard is held.
    pub(in crate::sessions) async fn lock_session(
        &self,
        session: &str,
    ) -> Result<(OwnedMutexGuard<()>, SessionSnapshot), SessionError> {
        let id = self.find(session).await?.id;
        let guard = self.lock_of(&id).lock_owned().await;
        let snapshot = self.snapshot(self.find(&id).await?).await?;
        Ok((guard, snapshot))
    }

    /// Begins a transaction, at this moment.
    pub(in crate::sessions) async fn begin<'a>(
        &self,
        snapshot: &'a SessionSnapshot,
        actor: &'a str,
        reason: Option<String>,
    ) -> Result<SessionTransaction<'a>, SessionError> {
        Ok(SessionTransaction {
            tx: self.shared.database.begin().await?,
            session: &snapshot.session.id,
            at_ms: self.shared.clock.now_ms(),
            actor,
            reason,
            entries: Vec::new(),
        })
    }

    /// The same, of a moment that has passed already: that of an end by itself, which may be written
    /// down late, behind entries of later moments.
    pub(in crate::sessions) async fn begin_at<'a>(
        &self,
        snapshot: &'a SessionSnapshot,
        actor: &'a str,
        reason: Option<String>,
        at_ms: u64,
    ) -> Result<SessionTransaction<'a>, SessionError> {
        let mut transaction = self.begin(snapshot, actor, reason).await?;
        transaction.at_ms = at_ms.min(transaction.at_ms);
        Ok(transaction)
    }

    /// Commits a transaction, and publishes its entries.
    pub(in crate::sessions) async fn commit(
        &self,
        transaction: SessionTransaction<'_>,
    ) -> Result<(), SessionError> {
        let session = transaction.session.to_owned();
        transaction.tx.commit().await?;
        self.publish(&session, transaction.entries);
        Ok(())
    }
}
