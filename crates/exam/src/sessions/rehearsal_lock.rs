//! One rehearsal of a session at a time, and no preparation meanwhile.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::SessionError;

/// Which sessions are being rehearsed. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct RehearsalLocks {
    sessions: Arc<Mutex<BTreeSet<String>>>,
}

impl RehearsalLocks {
    /// Takes a session for a rehearsal; `None` while it is being rehearsed.
    pub(super) fn lock(&self, session: &str) -> Option<RehearsalGuard> {
        let mut sessions = self.sessions();
        sessions.insert(session.to_owned()).then(|| RehearsalGuard {
            locks: self.clone(),
            session: session.to_owned(),
        })
    }

    /// Refuses while a session is being rehearsed.
    pub(super) fn not_rehearsing(&self, session: &str, name: &str) -> Result<(), SessionError> {
        if self.sessions().contains(session) {
            return Err(SessionError::Rehearsing {
                session: name.to_owned(),
            });
        }
        Ok(())
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That a session is being rehearsed, for as long as it is held.
#[derive(Debug)]
pub(super) struct RehearsalGuard {
    locks: RehearsalLocks,
    session: String,
}

impl Drop for RehearsalGuard {
    fn drop(&mut self) {
        self.locks.sessions().remove(&self.session);
    }
}
