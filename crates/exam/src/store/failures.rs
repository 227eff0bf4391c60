//! Log-ins that failed, counted for each name and address. The count outlives the daemon.

use super::database::{Database, DatabaseError, Pool};

/// How often in a row, and when last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureCount {
    /// How often.
    pub count: i64,
    /// When last, in milliseconds since the epoch.
    pub last: i64,
}

/// Log-ins that failed, counted. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Failures {
    pool: Pool,
}

impl Database {
    /// The log-ins that failed.
    #[must_use]
    pub fn failures(&self) -> Failures {
        Failures { pool: self.pool() }
    }
}

impl Failures {
    /// What is counted for a name at an address.
    ///
    /// # Errors
    /// The database fails.
    pub async fn find(
        &self,
        name: &str,
        address: &str,
    ) -> Result<Option<FailureCount>, DatabaseError> {
        let row: Option<(i64, i64)> =
            sqlx::query_as("SELECT count, last FROM failures WHERE name = $1 AND address = $2")
                .bind(name)
                .bind(address)
                .fetch_optional(self.pool.read())
                .await
                .map_err(DatabaseError::query("look up failed log-ins"))?;
        Ok(row.map(|(count, last)| FailureCount { count, last }))
    }

    /// Counts one more, unless somebody else has counted since `seen` was looked up; `false` then.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count(
        &self,
        name: &str,
        address: &str,
        seen: Option<FailureCount>,
        now: i64,
    ) -> Result<bool, DatabaseError> {
        let seen = seen.map_or(0, |seen| seen.count);
        let counted = sqlx::query(
            "INSERT INTO failures (name, address, count, last) VALUES ($1, $2, 1, $3) \
             ON CONFLICT (name, address) DO UPDATE SET count = failures.count + 1, last = $3 \
             WHERE failures.count = $4",
        )
        .bind(name)
        .bind(address)
        .bind(now)
        .bind(seen)
        .execute(self.pool.write())
        .await
        .map_err(DatabaseError::query("count a failed log-in"))?;
        Ok(counted.rows_affected() > 0)
    }

    /// Forgets what is counted for a name at an address.
    ///
    /// # Errors
    /// The database fails.
    pub async fn clear(&self, name: &str, address: &str) -> Result<(), DatabaseError> {
        sqlx::query("DELETE FROM failures WHERE name = $1 AND address = $2")
            .bind(name)
            .bind(address)
            .execute(self.pool.write())
            .await
            .map_err(DatabaseError::query("forget failed log-ins"))?;
        Ok(())
    }

    /// Forgets what was last counted before a moment.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sweep(&self, before: i64) -> Result<(), DatabaseError> {
        sqlx::query("DELETE FROM failures WHERE last < $1")
            .bind(before)
            .execute(self.pool.write())
            .await
            .map_err(DatabaseError::query("forget old failed log-ins"))?;
        Ok(())
    }
}
