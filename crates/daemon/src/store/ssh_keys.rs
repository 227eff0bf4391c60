//! Public keys by which candidates come in over SSH.

use super::database::{Database, DatabaseError};
use super::sessions::{Writing, column, number};

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

impl Database {
    /// The keys of a seat.
    pub(crate) async fn keys_of_seat(&self, seat: &str) -> Result<Vec<KeyRow>, DatabaseError> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT fingerprint, content, added FROM ssh_keys WHERE seat = $1 \
             ORDER BY added, fingerprint",
        )
        .bind(seat)
        .fetch_all(self.read())
        .await
        .map_err(DatabaseError::query("read the keys of a seat"))?;
        let row = |(fingerprint, content, added)| KeyRow {
            fingerprint,
            content,
            added_ms: number(added),
        };
        Ok(rows.into_iter().map(row).collect())
    }
}

/// Takes all keys of a seat away.
pub(crate) async fn remove_keys(tx: &mut Writing, seat: &str) -> Result<(), DatabaseError> {
    sqlx::query("DELETE FROM ssh_keys WHERE seat = $1")
        .bind(seat)
        .execute(&mut **tx)
        .await
        .map(drop)
        .map_err(DatabaseError::query("take the keys of a seat away"))
}

/// Gives a seat one more key. Whether it could have it: a key leads to one seat, and goes over to
/// another once the session of the first is over.
pub(crate) async fn add_key(
    tx: &mut Writing,
    seat: &str,
    key: &KeyRow,
) -> Result<bool, DatabaseError> {
    let failed = || DatabaseError::query("give a seat a key");
    sqlx::query(
        "DELETE FROM ssh_keys WHERE fingerprint = $1 AND seat IN (\
             SELECT seats.id FROM seats JOIN sessions ON sessions.id = seats.session \
             WHERE sessions.state IN ('closed', 'sealed', 'cancelled'))",
    )
    .bind(&key.fingerprint)
    .execute(&mut **tx)
    .await
    .map_err(failed())?;
    let added = sqlx::query(
        "INSERT INTO ssh_keys (fingerprint, seat, content, added) VALUES ($1, $2, $3, $4) \
         ON CONFLICT DO NOTHING",
    )
    .bind(&key.fingerprint)
    .bind(seat)
    .bind(&key.content)
    .bind(column(key.added_ms))
    .execute(&mut **tx)
    .await
    .map_err(failed())?;
    Ok(added.rows_affected() == 1)
}
