//! Invigilators: which accounts watch over which sessions.

use std::collections::BTreeSet;

use super::accounts::{Account, COLUMNS, Row, account};
use super::database::{Database, DatabaseError, Pool};

/// Which accounts watch over which sessions. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Invigilators {
    pool: Pool,
}

impl Database {
    /// The invigilators of sessions.
    #[must_use]
    pub fn invigilators(&self) -> Invigilators {
        Invigilators { pool: self.pool() }
    }
}

impl Invigilators {
    /// Names an account for a session, which it watches over from now on.
    ///
    /// # Errors
    /// There is no such account or session, or the database fails.
    pub async fn add(&self, session: &str, account: &str) -> Result<(), DatabaseError> {
        sqlx::query(
            "INSERT INTO invigilators (session, account) VALUES ($1, $2) \
             ON CONFLICT (session, account) DO NOTHING",
        )
        .bind(session)
        .bind(account)
        .execute(self.pool.write())
        .await
        .map_err(DatabaseError::query("name an invigilator"))?;
        Ok(())
    }

    /// Takes a session from an account; `false` where it was not named for it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn remove(&self, session: &str, account: &str) -> Result<bool, DatabaseError> {
        let removed = sqlx::query("DELETE FROM invigilators WHERE session = $1 AND account = $2")
            .bind(session)
            .bind(account)
            .execute(self.pool.write())
            .await
            .map_err(DatabaseError::query("take a session from an invigilator"))?;
        Ok(removed.rows_affected() > 0)
    }

    /// The accounts that were named for a session, by name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn of_session(&self, session: &str) -> Result<Vec<Account>, DatabaseError> {
        const DOING: &str = "list a session's invigilators";
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM accounts WHERE id IN \
             (SELECT account FROM invigilators WHERE session = $1) ORDER BY name"
        )))
        .bind(session)
        .fetch_all(self.pool.read())
        .await
        .map_err(DatabaseError::query(DOING))?;
        rows.into_iter().map(|row| account(row, DOING)).collect()
    }

    /// The sessions that an account was named for.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sessions_of(&self, account: &str) -> Result<BTreeSet<String>, DatabaseError> {
        let rows: Vec<String> =
            sqlx::query_scalar("SELECT session FROM invigilators WHERE account = $1")
                .bind(account)
                .fetch_all(self.pool.read())
                .await
                .map_err(DatabaseError::query("list an invigilator's sessions"))?;
        Ok(rows.into_iter().collect())
    }
}
