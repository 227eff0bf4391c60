//! What a candidate sees and does, by their seat.

use std::collections::BTreeMap;
use std::sync::Arc;

use plateau_core::api::{
    AttemptSelection, AttemptsRequest, CandidateAttemptView, CandidateView, MessageView,
};
use plateau_core::exam::log::{LogAction, LogEntry};
use plateau_core::topology::Access;
use tokio::sync::Mutex;

use super::conducting::{Conducting, is_paused_by_staff};
use super::context::SessionContext;
use crate::access::limits::KeyChanges;
use crate::sessions::SessionError;
use crate::sessions::context::snapshot::SessionSnapshot;
use crate::store::attempts::AttemptRow;

mod admission;
mod deliverables;
mod entries;
mod ssh_keys;

use deliverables::due;
use entries::RecentEntries;

pub use deliverables::DeliverableUpload;

/// What candidates see and do: how they are admitted, their attempts, their deliverables and their keys.
/// Clones share all of it.
#[derive(Clone, Debug)]
pub struct Candidates {
    context: SessionContext,
    conducting: Conducting,
    /// Held while an entry about somebody who came in is written.
    recent: Arc<Mutex<RecentEntries>>,
    key_changes: Arc<KeyChanges>,
}

impl Candidates {
    pub(super) fn new(context: SessionContext, conducting: Conducting) -> Self {
        Self {
            context,
            conducting,
            recent: Arc::default(),
            key_changes: Arc::default(),
        }
    }

    /// Whether the candidate may be in this lab now; a lab that belongs to no attempt is nobody's
    /// to close.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn is_open(&self, lab: &str) -> Result<bool, SessionError> {
        let attempt = self.context.database().attempts().of_lab(lab).await?;
        Ok(attempt.is_none_or(|attempt| attempt.state.is_open()))
    }

    /// What a candidate is shown of their attempts.
    ///
    /// # Errors
    /// There is no such seat.
    pub async fn own(&self, seat: &str) -> Result<CandidateView, SessionError> {
        let row = self.context.database().seats().find(seat).await?;
        let row = row.ok_or_else(|| SessionError::NoSuchAttempt {
            attempt: seat.to_owned(),
        })?;
        let snapshot = self
            .context
            .snapshot(self.context.find(&row.session).await?)
            .await?;
        let now_ms = self.context.now_ms();
        let mut attempts = Vec::new();
        for scenario in &snapshot.scenarios {
            let here = |one: &&AttemptRow| one.seat == row.id && one.scenario == scenario.scenario;
            if let Some(attempt) = snapshot.attempts.iter().find(here) {
                attempts.push(self.own_attempt(&snapshot, attempt, now_ms).await?);
            }
        }
        Ok(CandidateView {
            session: snapshot.session.name.clone(),
            messages: messages(snapshot.log.entries(), &row.number),
            number: row.number,
            name: row.name,
            now_ms,
            attempts,
        })
    }

    async fn own_attempt(
        &self,
        snapshot: &SessionSnapshot,
        attempt: &AttemptRow,
        now_ms: u64,
    ) -> Result<CandidateAttemptView, SessionError> {
        let view = snapshot.attempt_view(attempt, now_ms);
        let topology = self.drawn(attempt).await?;
        let has_begun = attempt.state.has_begun();
        let saved = self.context.deliverables().of_attempt(&attempt.id).await?;
        let open = attempt.state.is_open();
        let nodes = topology.nodes.iter();
        let nodes = nodes.filter(|(_, node)| open && node.access.contains(&Access::Terminal));
        Ok(CandidateAttemptView {
            id: view.id,
            title: topology.title.clone(),
            brief: if has_begun {
                topology.brief.clone()
            } else {
                BTreeMap::new()
            },
            state: view.state,
            receipt: view.receipt,
            clock: view.clock,
            frozen: is_paused_by_staff(snapshot.log.entries(), attempt),
            nodes: nodes.map(|(name, _)| name.clone()).collect(),
            lab: view.lab.filter(|_| open),
            deliverables: if has_begun {
                due(&topology.tasks, saved)
            } else {
                vec![]
            },
        })
    }

    /// Ends a candidate's work on their own attempt, at their request.
    ///
    /// # Errors
    /// The attempt is not theirs, or they do not work on it.
    pub async fn hand_in_own(
        &self,
        seat: &str,
        attempt: &str,
        reason: Option<String>,
    ) -> Result<CandidateView, SessionError> {
        let nobody = || SessionError::NoSuchAttempt {
            attempt: attempt.to_owned(),
        };
        let row = self.context.database().attempts().find(attempt).await?;
        let row = row.filter(|row| row.seat == seat).ok_or_else(nobody)?;
        let seat = self
            .context
            .database()
            .seats()
            .find(seat)
            .await?
            .ok_or_else(nobody)?;
        let order = AttemptsRequest {
            selection: AttemptSelection {
                seats: Some(vec![seat.number.clone()]),
                scenario: Some(row.scenario),
            },
            reason: Some(reason.unwrap_or_else(|| "by the candidate".to_owned())),
        };
        let actor = format!("seat:{}", seat.number);
        self.conducting.hand_in(&row.session, order, &actor).await?;
        self.own(&seat.id).await
    }
}

fn messages(log: &[LogEntry], number: &str) -> Vec<MessageView> {
    let said = log.iter().filter_map(|entry| {
        let LogAction::Said { seat, text } = &entry.deed else {
            return None;
        };
        let meant = seat.as_ref().is_none_or(|seat| seat == number);
        meant.then(|| MessageView {
            at_ms: entry.at_ms,
            text: text.clone(),
        })
    });
    said.collect()
}
