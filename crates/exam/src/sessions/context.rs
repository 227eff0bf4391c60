//! What arranging, conducting and the candidate's side stand on: the state of sessions as it is stored,
//! one writer a session at a time, and the changes that are published.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use plateau_core::api::EvidenceKeyView;
use plateau_core::exam::log::LogEntry;
use tokio::sync::{Notify, broadcast};

use crate::clock::Clock;
use crate::deliverables::Deliverables;
use crate::scenarios::Scenarios;
use crate::sessions::{SessionChange, SessionError};
use crate::store::Database;
use crate::store::attempts::AttemptRow;
use crate::store::database::DatabaseError;
use crate::store::sessions::SessionRow;

mod history;
pub(super) mod log_action;
mod selection;
pub(super) mod snapshot;
mod transaction;
pub(super) mod view;

use history::{Histories, History};
use snapshot::SessionSnapshot;

/// Changes that a slow listener may fall behind before it loses the oldest.
const CHANGES: usize = 4096;

/// The state that the parts of the sessions share. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct SessionContext {
    shared: Arc<SharedState>,
}

#[derive(Debug)]
struct SharedState {
    database: Database,
    scenarios: Scenarios,
    deliverables: Deliverables,
    clock: Clock,
    /// Fingerprint of the key that signs the logs.
    fingerprint: Arc<str>,
    /// The logs, as far as they were read.
    histories: Histories,
    /// Session → held by whoever moves it.
    locks: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Wakes the conductor.
    wake: Notify,
    changes: broadcast::Sender<SessionChange>,
}

impl SessionContext {
    pub(super) fn new(
        database: Database,
        scenarios: Scenarios,
        clock: Clock,
        key: &EvidenceKeyView,
    ) -> Self {
        Self {
            shared: Arc::new(SharedState {
                deliverables: Deliverables::new(database.clone(), clock.clone()),
                database,
                scenarios,
                clock,
                fingerprint: key.fingerprint.as_str().into(),
                histories: Histories::new(),
                locks: Mutex::default(),
                wake: Notify::new(),
                changes: broadcast::Sender::new(CHANGES),
            }),
        }
    }

    pub(super) fn database(&self) -> &Database {
        &self.shared.database
    }

    pub(super) fn scenarios(&self) -> &Scenarios {
        &self.shared.scenarios
    }

    pub(super) fn deliverables(&self) -> &Deliverables {
        &self.shared.deliverables
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.shared.clock.now_ms()
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<SessionChange> {
        self.shared.changes.subscribe()
    }

    /// A session, by name or identifier.
    pub(super) async fn find(&self, session: &str) -> Result<SessionRow, SessionError> {
        let found = self.database().sessions().find(session).await?;
        found.ok_or_else(|| SessionError::NoSuchSession {
            session: session.to_owned(),
        })
    }

    /// An attempt, by identifier.
    pub(super) async fn find_attempt(&self, attempt: &str) -> Result<AttemptRow, SessionError> {
        let found = self.database().attempts().find(attempt).await?;
        found.ok_or_else(|| SessionError::NoSuchAttempt {
            attempt: attempt.to_owned(),
        })
    }

    pub(super) async fn snapshot(
        &self,
        session: SessionRow,
    ) -> Result<SessionSnapshot, SessionError> {
        let database = self.database();
        let seats = database.seats().of_session(&session.id).await?;
        Ok(SessionSnapshot {
            scenarios: database.sessions().scenarios(&session.id).await?,
            seats: seats
                .into_iter()
                .map(|seat| (seat.id.clone(), seat))
                .collect(),
            attempts: database.attempts().of_session(&session.id).await?,
            log: self.history(&session.id).await?,
            counting: BTreeMap::new(),
            fingerprint: Arc::clone(&self.shared.fingerprint),
            session,
        })
    }

    /// The same, with the deliverables that count, for whoever is shown them.
    pub(super) async fn snapshot_with_deliverables(
        &self,
        session: SessionRow,
    ) -> Result<SessionSnapshot, SessionError> {
        let mut snapshot = self.snapshot(session).await?;
        let session = &snapshot.session.id;
        snapshot.counting = self.deliverables().current_by_attempt(session).await?;
        Ok(snapshot)
    }

    /// The lock that keeps a session's moves one after the other.
    pub(super) fn lock_of(&self, session: &str) -> Arc<tokio::sync::Mutex<()>> {
        let locks = self.shared.locks.lock();
        let mut locks = locks.unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(session.to_owned()).or_default())
    }

    /// Publishes entries that are in the log, and wakes the conductor.
    pub(super) fn publish(&self, session: &str, entries: Vec<LogEntry>) {
        for entry in entries {
            // Nobody may be listening.
            let _ = self.shared.changes.send(SessionChange {
                session: session.to_owned(),
                entry,
            });
        }
        self.wake();
    }

    /// Has the conductor look at all sessions.
    pub(super) fn wake(&self) {
        self.shared.wake.notify_one();
    }

    /// Waits until the conductor is to look at all sessions.
    pub(super) async fn woken(&self) {
        self.shared.wake.notified().await;
    }

    /// A session's log, of which only what is new is read.
    async fn history(&self, session: &str) -> Result<Arc<History>, DatabaseError> {
        let log = self.database().log();
        self.shared.histories.of(&log, session).await
    }
}
