//! The logs of sessions as they are known already, so that only what is new is read of them.
//!
//! A log only grows, and its entries are numbered without a gap in the order in which they are
//! committed. What was read is therefore always the beginning of what there is.

use std::collections::BTreeMap;
use std::sync::Arc;

use plateau_core::exam::clock::ClockEvent;
use plateau_core::exam::log::LogEntry;
use quick_cache::sync::Cache;

use crate::store::database::DatabaseError;
use crate::store::log::Log;

/// Sessions whose logs are kept in memory.
const SESSIONS: usize = 32;

/// A log, and what it does to the clocks of its attempts.
#[derive(Clone, Debug, Default)]
pub(in crate::sessions) struct History {
    entries: Vec<LogEntry>,
    ticks: BTreeMap<String, Vec<(u64, ClockEvent)>>,
    /// Attempt → place of the entry by which it was handed in.
    hand_ins: BTreeMap<String, usize>,
}

impl History {
    /// All entries, in their order.
    pub(in crate::sessions) fn entries(&self) -> &[LogEntry] {
        &self.entries
    }

    /// What the log does to the clock of an attempt, in its order.
    pub(in crate::sessions) fn ticks(&self, attempt: &str) -> &[(u64, ClockEvent)] {
        self.ticks.get(attempt).map_or(&[], Vec::as_slice)
    }

    /// The entry by which an attempt was handed in.
    pub(in crate::sessions) fn hand_in(&self, attempt: &str) -> Option<&LogEntry> {
        self.entries.get(*self.hand_ins.get(attempt)?)
    }

    /// The last entry's number; 0 where there is none.
    fn last(&self) -> u64 {
        self.entries.last().map_or(0, |last| last.seq)
    }

    /// Whether an entry can come after all that are known.
    fn is_next(&self, entry: &LogEntry) -> bool {
        let last = self.entries.last();
        entry.seq == self.last() + 1 && last.is_none_or(|last| last.hash == entry.previous)
    }

    /// Takes what was written since.
    fn extend(&mut self, new: Vec<LogEntry>) {
        for entry in new {
            if let Some((attempt, tick)) = entry.attempt_tick() {
                let ticks = self.ticks.entry(attempt.to_owned()).or_default();
                ticks.push((entry.at_ms, tick));
                if tick == ClockEvent::Stop {
                    let place = self.entries.len();
                    self.hand_ins.insert(attempt.to_owned(), place);
                }
            }
            self.entries.push(entry);
        }
    }
}

/// The logs that were read last. Every one is the beginning of what the database has.
#[derive(Debug)]
pub(in crate::sessions) struct Histories {
    known: Cache<String, Arc<History>>,
}

impl Histories {
    pub(in crate::sessions) fn new() -> Self {
        Self {
            known: Cache::new(SESSIONS),
        }
    }

    /// A session's log as it is now.
    pub(in crate::sessions) async fn of(
        &self,
        log: &Log,
        session: &str,
    ) -> Result<Arc<History>, DatabaseError> {
        let known = self.known.get(session).unwrap_or_default();
        let new = log.entries(session, known.last() + 1).await?;
        let Some(first) = new.first() else {
            return Ok(known);
        };
        let history = if known.is_next(first) {
            // Not known to others as long as it grows.
            let _ = self.known.remove(session);
            let mut history = known;
            Arc::make_mut(&mut history).extend(new);
            history
        } else {
            // The database is another one than it was.
            let mut history = History::default();
            history.extend(log.entries(session, 1).await?);
            Arc::new(history)
        };
        self.known.insert(session.to_owned(), Arc::clone(&history));
        Ok(history)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use plateau_core::api::SessionTerms;
    use plateau_core::exam::clock::PauseKind;
    use plateau_core::exam::log::LogAction;
    use plateau_core::exam::session::{AttemptMove, SessionState};

    use super::*;
    use crate::evidence_key::EvidenceKey;
    use crate::store::Database;
    use crate::store::sessions::SessionRow;

    const ATTEMPTS: [&str; 3] = ["a", "b", "c"];

    async fn database(folder: &Path) -> Database {
        let database = Database::open(&Database::in_folder(folder)).await.unwrap();
        let database = database.signed_by(EvidenceKey::open(folder).unwrap());
        for id in ["s1", "s2"] {
            let session = SessionRow {
                id: id.to_owned(),
                name: id.to_owned(),
                state: SessionState::Draft,
                terms: serde_json::from_str::<SessionTerms>(
                    r#"{ "title": "tsgeri", "centre": "Nantes", "from": "2026-12-01",
                         "to": "2026-12-02", "responsible": "M. Durand", "jurors": [], "mode": "exam" }"#,
                )
                .unwrap(),
                created_ms: 1,
            };
            let sessions = database.sessions();
            let added = sessions.add(&session, &[], 1, "local", vec![]);
            added.await.unwrap();
        }
        database
    }

    /// An action that follows from a number.
    fn deed(number: u64) -> LogAction {
        let attempt = ATTEMPTS[usize::try_from(number % 3).unwrap()].to_owned();
        match number % 7 {
            0 => LogAction::Attempt {
                attempt,
                by: AttemptMove::Start,
                pause: None,
            },
            1 => LogAction::Attempt {
                attempt,
                by: AttemptMove::Pause,
                pause: Some(PauseKind::Break),
            },
            2 => LogAction::Attempt {
                attempt,
                by: AttemptMove::Resume,
                pause: None,
            },
            3 => LogAction::Extended {
                attempt,
                by_ms: number,
            },
            4 => LogAction::GaveBack {
                attempt,
                by_ms: number,
            },
            5 => LogAction::Warned {
                attempt,
                left_ms: number,
            },
            _ => LogAction::Changed {
                what: number.to_string(),
            },
        }
    }

    async fn write(database: &Database, session: &str, number: u64) {
        let mut tx = database.begin().await.unwrap();
        let appended = Log::append(&mut tx, session, number, "local", None, deed(number));
        appended.await.unwrap();
        tx.commit().await.unwrap();
    }

    /// What is known is what is read from the start.
    async fn compare(histories: &Histories, log: &Log, session: &str) {
        let known = histories.of(log, session).await.unwrap();
        let all = log.entries(session, 1).await.unwrap();
        assert_eq!(known.entries(), all);
        for attempt in ATTEMPTS {
            let ticks: Vec<_> = all.iter().filter_map(|entry| entry.tick(attempt)).collect();
            assert_eq!(known.ticks(attempt), ticks);
        }
    }

    #[tokio::test]
    async fn a_log_read_in_pieces_is_the_log_read_from_its_start() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(folder.path()).await;
        let (log, histories) = (database.log(), Histories::new());
        // Numbers that look drawn and are the same each time.
        let mut drawn = 7_u64;
        for _ in 0..200 {
            drawn = drawn
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let number = drawn >> 33;
            let session = if number % 5 < 3 { "s1" } else { "s2" };
            write(&database, session, number).await;
            if number.is_multiple_of(4) {
                compare(&histories, &log, "s1").await;
                compare(&histories, &log, "s2").await;
            }
        }
        compare(&histories, &log, "s1").await;
        database.close().await;
    }

    #[tokio::test]
    async fn only_what_is_new_is_taken_and_who_holds_the_old_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(folder.path()).await;
        let (log, histories) = (database.log(), Histories::new());
        let first = histories.of(&log, "s1").await.unwrap();
        let again = histories.of(&log, "s1").await.unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        let before = first.entries().to_vec();
        write(&database, "s1", 21).await;
        let later = histories.of(&log, "s1").await.unwrap();
        assert_eq!(first.entries(), before);
        assert_eq!(later.entries().len(), before.len() + 1);
        database.close().await;
    }

    #[tokio::test]
    async fn a_log_that_does_not_go_on_from_what_is_known_is_read_anew() {
        let one = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let (one, other) = (database(one.path()).await, database(other.path()).await);
        let histories = Histories::new();
        for number in [1, 2] {
            write(&one, "s1", number).await;
        }
        compare(&histories, &one.log(), "s1").await;
        for number in [10, 11, 12, 13] {
            write(&other, "s1", number).await;
        }
        compare(&histories, &other.log(), "s1").await;
        one.close().await;
        other.close().await;
    }
}
