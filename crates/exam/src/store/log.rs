//! The logs of sessions: they only grow.

use plateau_core::exam::log::{LogAction, LogEntry};

use super::column::{column, number};
use super::database::{Database, DatabaseError, Pool};
use super::transaction::Transaction;

/// The logs of sessions. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Log {
    pool: Pool,
}

impl Database {
    /// The logs of sessions.
    #[must_use]
    pub fn log(&self) -> Log {
        Log { pool: self.pool() }
    }
}

impl Log {
    /// A session's log from an entry on, in its order.
    ///
    /// # Errors
    /// The database failed.
    pub async fn entries(&self, session: &str, from: u64) -> Result<Vec<LogEntry>, DatabaseError> {
        let doing = "read a session's log";
        let rows: Vec<(String,)> =
            sqlx::query_as("SELECT entry FROM log WHERE session = $1 AND seq >= $2 ORDER BY seq")
                .bind(session)
                .bind(column(from))
                .fetch_all(self.pool.read())
                .await
                .map_err(DatabaseError::query(doing))?;
        let entries = rows.iter().map(|(text,)| serde_json::from_str(text));
        let entries: Result<Vec<LogEntry>, _> = entries.collect();
        entries.map_err(DatabaseError::kept(doing))
    }

    /// Appends to a session's log, and signs the new entry as its head.
    pub(crate) async fn append(
        tx: &mut Transaction,
        session: &str,
        at_ms: u64,
        actor: &str,
        reason: Option<String>,
        deed: LogAction,
    ) -> Result<LogEntry, DatabaseError> {
        let doing = "append to a session's log";
        let key = tx.key().cloned().ok_or(DatabaseError::NoKey { doing })?;
        // Keeps others out of this log until the transaction ends, also where they write at the same time.
        sqlx::query("UPDATE sessions SET state = state WHERE id = $1")
            .bind(session)
            .execute(tx.connection())
            .await
            .map_err(DatabaseError::query(doing))?;
        let last: Option<(i64, String)> = sqlx::query_as(
            "SELECT seq, hash FROM log WHERE session = $1 ORDER BY seq DESC LIMIT 1",
        )
        .bind(session)
        .fetch_optional(tx.connection())
        .await
        .map_err(DatabaseError::query(doing))?;
        let last = last
            .as_ref()
            .map(|(seq, hash)| (number(*seq), hash.as_str()));
        let mut entry = LogEntry::after(last, at_ms, actor, reason, deed);
        entry.signature = Some(entry.head(session).sign(key.signing()));
        let text = serde_json::to_string(&entry).map_err(DatabaseError::kept(doing))?;
        sqlx::query("INSERT INTO log (session, seq, hash, entry) VALUES ($1, $2, $3, $4)")
            .bind(session)
            .bind(column(entry.seq))
            .bind(&entry.hash)
            .bind(text)
            .execute(tx.connection())
            .await
            .map_err(DatabaseError::query(doing))?;
        Ok(entry)
    }
}
