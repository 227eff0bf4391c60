//! Labs that cannot be worked in: their candidates' clocks stand still until they are back.

use plateau_core::api::LabState;
use plateau_core::exam::clock::PauseKind;
use plateau_core::exam::log::{LogAction, LogEntry};
use plateau_core::exam::session::{AttemptMove, AttemptState};

use super::Conducting;
use crate::sessions::context::snapshot::SessionSnapshot;
use crate::sessions::{SYSTEM, SessionError};
use crate::store::attempts::AttemptRow;

/// Whether a candidate can work in a lab.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Presence {
    /// It runs as it should.
    There,
    /// It runs, but not all of it came back: somebody has to look.
    InPart(String),
    /// It cannot be worked in.
    Away(String),
}

impl Conducting {
    /// Stops the clocks of those whose labs went away, and lets those go on that were stopped so
    /// and whose labs are back: for each session in one transaction, at one moment.
    pub(super) async fn sync_interruptions(
        &self,
        snapshot: &SessionSnapshot,
    ) -> Result<(), SessionError> {
        let is_due = |attempt| self.due(snapshot.log.entries(), attempt).is_some();
        if snapshot.attempts.iter().any(is_due) {
            self.follow_labs(&snapshot.session.id).await?;
        }
        for attempt in &snapshot.attempts {
            if let Some(problem) = self.missing_nodes(snapshot.log.entries(), attempt)
                && attempt.problem.as_ref() != Some(&problem)
            {
                let attempts = self.context.database().attempts();
                let set = attempts.set_problem(&attempt.id, Some(&problem));
                set.await?;
                let number = snapshot.seat_number(attempt);
                let what = format!("seat `{number}` waits, somebody has to look: {problem}");
                self.note(&attempt.session, None, LogAction::Alarmed { what })
                    .await?;
            }
        }
        Ok(())
    }

    async fn follow_labs(&self, session: &str) -> Result<(), SessionError> {
        let (_guard, snapshot) = self.context.lock_session(session).await?;
        let mut transaction = self.context.begin(&snapshot, SYSTEM, None).await?;
        for attempt in &snapshot.attempts {
            let Some((by, reason)) = self.due(snapshot.log.entries(), attempt) else {
                continue;
            };
            transaction.with_reason(reason);
            let deed = LogAction::Attempt {
                attempt: attempt.id.clone(),
                by,
                pause: (by == AttemptMove::Pause).then_some(PauseKind::Incident),
            };
            transaction.attempt(attempt, by, deed).await?;
        }
        self.context.commit(transaction).await?;
        for attempt in &snapshot.attempts {
            if attempt.problem.is_some() && attempt.state == AttemptState::Paused {
                self.context
                    .database()
                    .attempts()
                    .set_problem(&attempt.id, None)
                    .await?;
            }
        }
        Ok(())
    }

    /// What the presence of an attempt's lab asks for now, and why.
    fn due(&self, log: &[LogEntry], attempt: &AttemptRow) -> Option<(AttemptMove, String)> {
        match attempt.state {
            AttemptState::Running => match self.presence(attempt) {
                Presence::Away(why) => Some((AttemptMove::Pause, why)),
                Presence::There | Presence::InPart(_) => None,
            },
            AttemptState::Paused if was_interrupted(log, &attempt.id) => {
                match self.presence(attempt) {
                    Presence::There => Some((AttemptMove::Resume, "the lab is back".to_owned())),
                    Presence::InPart(_) | Presence::Away(_) => None,
                }
            }
            AttemptState::Paused
            | AttemptState::Waiting
            | AttemptState::Preparing
            | AttemptState::Broken
            | AttemptState::Ready
            | AttemptState::HandedIn
            | AttemptState::Kept
            | AttemptState::Graded
            | AttemptState::Absent => None,
        }
    }

    fn presence(&self, attempt: &AttemptRow) -> Presence {
        let lab = attempt.lab.as_deref().unwrap_or_default();
        let Ok(view) = self.labs.show(lab) else {
            return Presence::Away("the lab is not there".to_owned());
        };
        match (view.state, view.problem) {
            (LabState::Ready, None) => Presence::There,
            (LabState::Ready, Some(problem)) => Presence::InPart(problem.message),
            (LabState::Recovering, _) => {
                Presence::Away("the lab is away: the engine or its host fails".to_owned())
            }
            (LabState::Failed, problem) => {
                let why = problem.map_or_else(String::new, |problem| problem.message);
                Presence::Away(format!("the lab failed: {why}"))
            }
            (LabState::Building | LabState::Removing | LabState::Removed, _) => {
                Presence::Away("the lab does not run".to_owned())
            }
        }
    }

    /// What of a lab did not come back, where its candidate's clock stands still for that.
    fn missing_nodes(&self, log: &[LogEntry], attempt: &AttemptRow) -> Option<String> {
        if attempt.state != AttemptState::Paused || !was_interrupted(log, &attempt.id) {
            return None;
        }
        match self.presence(attempt) {
            Presence::InPart(problem) => Some(problem),
            Presence::There | Presence::Away(_) => None,
        }
    }
}

/// Whether a person stopped an attempt's clock, so that its nodes are frozen until it goes on.
pub(in crate::sessions) fn is_paused_by_staff(log: &[LogEntry], attempt: &AttemptRow) -> bool {
    attempt.state == AttemptState::Paused && !was_interrupted(log, &attempt.id)
}

/// Whether it was the daemon that stopped an attempt's clock last.
fn was_interrupted(log: &[LogEntry], of: &str) -> bool {
    let mut pauses = log.iter().rev().filter(|entry| {
        matches!(&entry.deed, LogAction::Attempt { attempt, by: AttemptMove::Pause, .. } if attempt == of)
    });
    pauses.next().is_some_and(|entry| entry.actor == SYSTEM)
}
