//! Rehearsals of sessions, and what labs were found to need.

use plateau_core::exam::rehearsal::Rehearsal;

use super::column::{column, number};
use super::database::{Database, DatabaseError, Pool};
use super::transaction::Transaction;

const READ: &str = "read a session's rehearsals";

/// Rehearsals of sessions, and what labs need. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Rehearsals {
    pool: Pool,
}

impl Database {
    /// The rehearsals of sessions.
    #[must_use]
    pub fn rehearsals(&self) -> Rehearsals {
        Rehearsals { pool: self.pool() }
    }
}

impl Rehearsals {
    /// The last rehearsal of a session, if there was one.
    pub(crate) async fn last(&self, session: &str) -> Result<Option<Rehearsal>, DatabaseError> {
        let row: Option<(String,)> = sqlx::query_as(
            "SELECT content FROM rehearsals WHERE session = $1 ORDER BY id DESC LIMIT 1",
        )
        .bind(session)
        .fetch_optional(self.pool.read())
        .await
        .map_err(DatabaseError::query(READ))?;
        let rehearsal = row.map(|(content,)| serde_json::from_str(&content));
        rehearsal.transpose().map_err(DatabaseError::kept(READ))
    }

    /// Memory in bytes that one lab of a frozen scenario took at its last rehearsal.
    pub(crate) async fn lab_memory(&self, hash: &str) -> Result<Option<u64>, DatabaseError> {
        let row: Option<(i64,)> = sqlx::query_as("SELECT memory FROM lab_needs WHERE hash = $1")
            .bind(hash)
            .fetch_optional(self.pool.read())
            .await
            .map_err(DatabaseError::query("read what a lab needs"))?;
        Ok(row.map(|(memory,)| number(memory)))
    }

    /// Keeps a rehearsal, and what it says of the labs.
    pub(crate) async fn add(
        tx: &mut Transaction,
        session: &str,
        rehearsal: &Rehearsal,
    ) -> Result<(), DatabaseError> {
        let doing = "keep a rehearsal";
        let content = serde_json::to_string(rehearsal).map_err(DatabaseError::kept(doing))?;
        sqlx::query("INSERT INTO rehearsals (id, session, content) VALUES ($1, $2, $3)")
            .bind(&rehearsal.id)
            .bind(session)
            .bind(content)
            .execute(tx.connection())
            .await
            .map_err(DatabaseError::query(doing))?;
        for one in &rehearsal.scenarios {
            let Some(memory) = one.each.memory else {
                continue;
            };
            sqlx::query(
                "INSERT INTO lab_needs (hash, memory) VALUES ($1, $2) \
                 ON CONFLICT (hash) DO UPDATE SET memory = excluded.memory",
            )
            .bind(&one.hash)
            .bind(column(memory))
            .execute(tx.connection())
            .await
            .map_err(DatabaseError::query(doing))?;
        }
        Ok(())
    }
}
