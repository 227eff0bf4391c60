//! Proofs: which frozen scenarios were proven, and when.

use super::column::{column, number};
use super::database::{Database, DatabaseError, Pool};

/// Proofs of frozen scenarios. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Proofs {
    pool: Pool,
}

impl Database {
    /// The proofs of frozen scenarios.
    #[must_use]
    pub fn proofs(&self) -> Proofs {
        Proofs { pool: self.pool() }
    }
}

impl Proofs {
    /// Keeps that a scenario's folder was proven.
    pub(crate) async fn keep(
        &self,
        hash: &str,
        at_ms: u64,
        proof: &str,
    ) -> Result<(), DatabaseError> {
        sqlx::query(
            "INSERT INTO proofs (hash, proven, proof) VALUES ($1, $2, $3) \
             ON CONFLICT (hash) DO UPDATE SET proven = excluded.proven, proof = excluded.proof",
        )
        .bind(hash)
        .bind(column(at_ms))
        .bind(proof)
        .execute(self.pool.write())
        .await
        .map(drop)
        .map_err(DatabaseError::query("keep a proof"))
    }

    /// When a scenario's folder was proven, if it was (milliseconds since the epoch).
    pub(crate) async fn proven(&self, hash: &str) -> Result<Option<u64>, DatabaseError> {
        let row: Option<(i64,)> = sqlx::query_as("SELECT proven FROM proofs WHERE hash = $1")
            .bind(hash)
            .fetch_optional(self.pool.read())
            .await
            .map_err(DatabaseError::query("look for a proof"))?;
        Ok(row.map(|(at,)| number(at)))
    }
}
