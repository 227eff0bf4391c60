//! One rehearsal of a session at a time, and nothing else of it meanwhile.

use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};

use crate::sessions::{SessionError, Sessions};

/// That a session is being rehearsed, for as long as it is held.
#[derive(Debug)]
pub(super) struct RehearsalGuard {
    sessions: Sessions,
    session: String,
}

impl RehearsalGuard {
    pub(super) fn enter(sessions: &Sessions, session: &str) -> Option<Self> {
        let mut rehearsing = sessions.rehearsing();
        rehearsing.insert(session.to_owned()).then(|| Self {
            sessions: sessions.clone(),
            session: session.to_owned(),
        })
    }
}

impl Drop for RehearsalGuard {
    fn drop(&mut self) {
        self.sessions.rehearsing().remove(&self.session);
    }
}

impl Sessions {
    fn rehearsing(&self) -> MutexGuard<'_, BTreeSet<String>> {
        let rehearsing = self.inner.rehearsing.lock();
        rehearsing.unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses while a session is being rehearsed.
    pub(in crate::sessions) fn not_rehearsing(
        &self,
        session: &str,
        name: &str,
    ) -> Result<(), SessionError> {
        if self.rehearsing().contains(session) {
            return Err(SessionError::Rehearsing {
                session: name.to_owned(),
            });
        }
        Ok(())
    }
}
