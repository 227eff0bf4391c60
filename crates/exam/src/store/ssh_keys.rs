//! Public keys by which candidates come in over SSH.

use plateau_core::exam::session::SessionState;

use super::column::{column, number};
use super::database::{Database, DatabaseError, Pool};
use super::transaction::Transaction;

/// A key that leads to a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyRow {
    /// SHA-256 of the key, as clients show it.
    pub(crate) fingerprint: String,
    /// The key with its comment, as in a line of `authorized_keys`.
    pub(crate) content: String,
    /// When it was added, in milliseconds since the epoch.
    pub(crate) added_ms: u64,
}

/// Public keys of seats. Clones share the connections.
#[derive(Clone, Debug)]
pub struct SshKeys {
    pool: Pool,
}

impl Database {
    /// The public keys of seats.
    #[must_use]
    pub fn ssh_keys(&self) -> SshKeys {
        SshKeys { pool: self.pool() }
    }
}

impl SshKeys {
    /// The keys of a seat.
    pub(crate) async fn of_seat(&self, seat: &str) -> Result<Vec<KeyRow>, DatabaseError> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT fingerprint, content, added FROM ssh_keys WHERE seat = $1 \
             ORDER BY added, fingerprint",
        )
        .bind(seat)
        .fetch_all(self.pool.read())
        .await
        .map_err(DatabaseError::query("read the keys of a seat"))?;
        let row = |(fingerprint, content, added)| KeyRow {
            fingerprint,
            content,
            added_ms: number(added),
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Takes all keys of a seat away.
    pub(crate) async fn remove_of(tx: &mut Transaction, seat: &str) -> Result<(), DatabaseError> {
        sqlx::query("DELETE FROM ssh_keys WHERE seat = $1")
            .bind(seat)
            .execute(tx.connection())
            .await
            .map(drop)
            .map_err(DatabaseError::query("take the keys of a seat away"))
    }

    /// Gives a seat one more key. Whether it could have it: a key leads to one seat, and goes over to
    /// another once the session of the first is over.
    pub(crate) async fn add(
        tx: &mut Transaction,
        seat: &str,
        key: &KeyRow,
    ) -> Result<bool, DatabaseError> {
        let failed = || DatabaseError::query("give a seat a key");
        for state in SessionState::ALL.iter().filter(|state| is_over(**state)) {
            sqlx::query(
                "DELETE FROM ssh_keys WHERE fingerprint = $1 AND seat IN (\
                 SELECT seats.id FROM seats JOIN sessions ON sessions.id = seats.session \
                 WHERE sessions.state = $2)",
            )
            .bind(&key.fingerprint)
            .bind(state.word())
            .execute(tx.connection())
            .await
            .map_err(failed())?;
        }
        let added = sqlx::query(
            "INSERT INTO ssh_keys (fingerprint, seat, content, added) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
        )
        .bind(&key.fingerprint)
        .bind(seat)
        .bind(&key.content)
        .bind(column(key.added_ms))
        .execute(tx.connection())
        .await
        .map_err(failed())?;
        Ok(added.rows_affected() == 1)
    }
}

/// Whether nobody works in a session any longer, so that its keys may go over to another.
fn is_over(state: SessionState) -> bool {
    match state {
        SessionState::Closed | SessionState::Sealed | SessionState::Cancelled => true,
        SessionState::Draft
        | SessionState::Preparing
        | SessionState::Ready
        | SessionState::Open => false,
    }
}
