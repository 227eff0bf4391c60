//! The course of a session as a whole, and what it does by itself.

use plateau_core::api::SessionView;
use plateau_core::exam::log::LogAction;
use plateau_core::exam::session::{AttemptMove, AttemptState, SessionMove, SessionState};

use super::Conducting;
use crate::sessions::context::log_action::moved;
use crate::sessions::context::snapshot::SessionSnapshot;
use crate::sessions::{SYSTEM, SessionError};
use crate::store::attempts::AttemptRow;

impl Conducting {
    /// Moves the session itself: closes it (who has not begun is absent), seals it, opens it again,
    /// or gives it up.
    ///
    /// # Errors
    /// The move is not legal here, a reason is missing, somebody still works, or something is open that
    /// is to be sealed.
    pub async fn move_on(
        &self,
        session: &str,
        by: SessionMove,
        reason: Option<String>,
        actor: &str,
    ) -> Result<SessionView, SessionError> {
        let (_guard, snapshot) = self.context.lock_session(session).await?;
        let state = snapshot.session.state;
        let reason = reason.filter(|reason| !reason.trim().is_empty());
        if state.after(by).is_none() {
            let legal: Vec<&str> = state.moves().map(SessionMove::word).collect();
            return Err(SessionError::State {
                session: snapshot.session.name,
                state,
                hint: format!("from there it can {}", legal.join(", ")),
            });
        }
        if reason.is_none() && matches!(by, SessionMove::Reopen | SessionMove::Cancel) {
            return Err(SessionError::NoReason);
        }
        let begun: Vec<_> = snapshot
            .attempts
            .iter()
            .filter(|attempt| {
                !attempt.state.is_over() && attempt.state.after(AttemptMove::MissOut).is_none()
            })
            .map(|attempt| (snapshot.seat_number(attempt), attempt.state))
            .collect();
        if by == SessionMove::Close && !begun.is_empty() {
            return Err(SessionError::Attempts { attempts: begun });
        }
        let mut transaction = self.context.begin(&snapshot, actor, reason).await?;
        if by == SessionMove::Close {
            for attempt in &snapshot.attempts {
                let deed = moved(&attempt.id, AttemptMove::MissOut);
                transaction
                    .attempt(attempt, AttemptMove::MissOut, deed)
                    .await?;
            }
        }
        transaction.session(state, by).await?;
        if by == SessionMove::Seal {
            // Now that nobody can judge any longer; where something is open, nothing is sealed.
            self.check_judged(&snapshot).await?;
        }
        self.context.commit(transaction).await?;
        let session = self.context.find(&snapshot.session.id).await?;
        self.context.view(session).await
    }

    /// Refuses to seal a session while anything is open: a grading, a verdict, a rubric, a decision.
    /// Who did not come is not judged.
    async fn check_judged(&self, snapshot: &SessionSnapshot) -> Result<(), SessionError> {
        let mut open = Vec::new();
        for attempt in &snapshot.attempts {
            let points = match attempt.state {
                AttemptState::Absent => continue,
                AttemptState::Graded => self.judging.open_points(&attempt.id).await?,
                AttemptState::Waiting
                | AttemptState::Preparing
                | AttemptState::Broken
                | AttemptState::Ready
                | AttemptState::Running
                | AttemptState::Paused
                | AttemptState::HandedIn
                | AttemptState::Kept => vec![format!("the attempt is {}", attempt.state)],
            };
            if !points.is_empty() {
                open.push((
                    snapshot.seat_number(attempt),
                    attempt.scenario.clone(),
                    points,
                ));
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        open.sort();
        Err(SessionError::OpenPoints {
            session: snapshot.session.name.clone(),
            open,
        })
    }

    /// Removes the labs of attempts that are over and, where that is wanted, the images of what was
    /// handed in.
    ///
    /// # Errors
    /// The session goes on, or not all could be removed.
    pub async fn clear(&self, session: &str, kept: bool, actor: &str) -> Result<(), SessionError> {
        let (_guard, snapshot) = self.context.lock_session(session).await?;
        snapshot.in_states(&[
            SessionState::Open,
            SessionState::Closed,
            SessionState::Cancelled,
        ])?;
        let over = snapshot
            .attempts
            .iter()
            .filter(|attempt| attempt.state.is_over());
        let mut what = "the labs of those who are done".to_owned();
        if kept {
            what.push_str(", and all that was kept of them");
        }
        for attempt in over {
            self.clear_lab(attempt).await?;
            if kept {
                self.labs.forget_kept(&attempt.id).await?;
            }
        }
        let mut transaction = self.context.begin(&snapshot, actor, None).await?;
        transaction
            .write(LogAction::Changed {
                what: format!("removed: {what}"),
            })
            .await?;
        self.context.commit(transaction).await
    }

    /// Moves an attempt by ourselves. Whether it was where that is legal.
    pub(super) async fn move_automatically(
        &self,
        attempt: &AttemptRow,
        by: AttemptMove,
        reason: Option<&str>,
    ) -> Result<bool, SessionError> {
        let (_guard, snapshot) = self.context.lock_session(&attempt.session).await?;
        let Some(now_is) = snapshot.attempts.iter().find(|one| one.id == attempt.id) else {
            return Ok(false);
        };
        let mut transaction = self
            .context
            .begin(&snapshot, SYSTEM, reason.map(str::to_owned))
            .await?;
        let done = transaction
            .attempt(now_is, by, moved(&attempt.id, by))
            .await?;
        let is_built = |one: &AttemptRow| one.state != AttemptState::Preparing;
        let mut others = snapshot.attempts.iter().filter(|one| one.id != attempt.id);
        if done && snapshot.session.state == SessionState::Preparing && others.all(is_built) {
            // At the same moment: whoever sees the last lab wait may open the door.
            let state = SessionState::Preparing;
            transaction.session(state, SessionMove::Prepared).await?;
        }
        self.context.commit(transaction).await?;
        Ok(done)
    }

    /// Hands an attempt in whose time is up, at the moment at which it was. Time that was added since
    /// it was looked at counts.
    pub(super) async fn hand_in_at_deadline(
        &self,
        attempt: &AttemptRow,
    ) -> Result<(), SessionError> {
        let (_guard, snapshot) = self.context.lock_session(&attempt.session).await?;
        let now = self.context.now_ms();
        let mut attempts = snapshot.attempts.iter();
        let Some(now_is) = attempts.find(|one| one.id == attempt.id) else {
            return Ok(());
        };
        // Past the end a clock shows no deadline but now: it is looked at where it last ticked.
        let ticked = snapshot
            .log
            .ticks(&attempt.id)
            .last()
            .map_or(0, |tick| tick.0);
        let reading = snapshot.reading(now_is, ticked);
        let Some(moment) = reading.and_then(|reading| reading.deadline_ms) else {
            return Ok(());
        };
        if moment > now {
            return Ok(());
        }
        let reason = Some("the time is up".to_owned());
        let mut transaction = self
            .context
            .begin_at(&snapshot, SYSTEM, reason, moment)
            .await?;
        let by = AttemptMove::HandIn;
        transaction
            .attempt(now_is, by, moved(&attempt.id, by))
            .await?;
        self.context.commit(transaction).await
    }

    /// Moves a session by ourselves, where that is legal.
    pub(super) async fn move_session_automatically(
        &self,
        session: &str,
        by: SessionMove,
    ) -> Result<(), SessionError> {
        let (_guard, snapshot) = self.context.lock_session(session).await?;
        let mut transaction = self.context.begin(&snapshot, SYSTEM, None).await?;
        transaction.session(snapshot.session.state, by).await?;
        self.context.commit(transaction).await
    }

    /// Writes down what nobody ordered.
    pub(super) async fn note(
        &self,
        session: &str,
        reason: Option<&str>,
        deed: LogAction,
    ) -> Result<(), SessionError> {
        let snapshot = self
            .context
            .snapshot(self.context.find(session).await?)
            .await?;
        let mut transaction = self
            .context
            .begin(&snapshot, SYSTEM, reason.map(str::to_owned))
            .await?;
        transaction.write(deed).await?;
        self.context.commit(transaction).await
    }

    /// Gives every candidate who works the time back for which nobody was there.
    pub(super) async fn give_back(&self, away_ms: u64) -> Result<(), SessionError> {
        if away_ms == 0 {
            return Ok(());
        }
        for session in self.context.database().sessions().list().await? {
            if session.state != SessionState::Open {
                continue;
            }
            let snapshot = self.context.snapshot(session).await?;
            let now = self.context.now_ms();
            // Whoever wrote an entry was there.
            let last = snapshot.log.entries().last().map_or(0, |last| last.at_ms);
            let away_ms = away_ms.min(now.saturating_sub(last));
            let reason = "the daemon was not there".to_owned();
            let mut transaction = self.context.begin(&snapshot, SYSTEM, Some(reason)).await?;
            for attempt in &snapshot.attempts {
                if attempt.state == AttemptState::Running {
                    transaction
                        .write(LogAction::GaveBack {
                            attempt: attempt.id.clone(),
                            by_ms: away_ms,
                        })
                        .await?;
                }
            }
            self.context.commit(transaction).await?;
        }
        Ok(())
    }
}
