//! Tokens of programs that use the API.

use plateau_core::exam::rights::Role;

use super::accounts::role_of;
use super::database::{Database, DatabaseError, Pool};

/// A token, without its secret. Moments are milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Identifier (UUID version 7).
    pub id: String,
    /// What it is called in lists and logs.
    pub name: String,
    /// What it is to the daemon.
    pub role: Role,
    /// When it was made.
    pub created: i64,
    /// When it ends, if ever.
    pub expires: Option<i64>,
    /// When it was last used, to the minute.
    pub last_used: Option<i64>,
}

type Row = (String, String, String, i64, Option<i64>, Option<i64>);

const COLUMNS: &str = "id, name, role, created, expires, last_used";

fn token(row: Row, doing: &'static str) -> Result<ApiToken, DatabaseError> {
    let (id, name, role, created, expires, last_used) = row;
    Ok(ApiToken {
        id,
        name,
        role: role_of(role, doing)?,
        created,
        expires,
        last_used,
    })
}

/// Tokens of programs. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Tokens {
    pool: Pool,
}

impl Database {
    /// The tokens of programs.
    #[must_use]
    pub fn tokens(&self) -> Tokens {
        Tokens { pool: self.pool() }
    }
}

impl Tokens {
    /// Keeps a token under its hash.
    ///
    /// # Errors
    /// Its name is taken ([`DatabaseError::is_taken`]), or the database fails.
    pub async fn add(&self, token: &ApiToken, hash: &str) -> Result<(), DatabaseError> {
        sqlx::query(
            "INSERT INTO tokens (id, name, hash, role, created, expires, last_used) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&token.id)
        .bind(&token.name)
        .bind(hash)
        .bind(token.role.word())
        .bind(token.created)
        .bind(token.expires)
        .bind(token.last_used)
        .execute(self.pool.write())
        .await
        .map_err(DatabaseError::query("keep a token"))?;
        Ok(())
    }

    /// All tokens, by name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&self) -> Result<Vec<ApiToken>, DatabaseError> {
        const DOING: &str = "list the tokens";
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM tokens ORDER BY name"
        )))
        .fetch_all(self.pool.read())
        .await
        .map_err(DatabaseError::query(DOING))?;
        rows.into_iter().map(|row| token(row, DOING)).collect()
    }

    /// The token of a hash, also where it is over.
    ///
    /// # Errors
    /// The database fails.
    pub async fn by_hash(&self, hash: &str) -> Result<Option<ApiToken>, DatabaseError> {
        self.by("hash", hash).await
    }

    /// The token of an identifier, also where it is over.
    ///
    /// # Errors
    /// The database fails.
    pub async fn by_id(&self, id: &str) -> Result<Option<ApiToken>, DatabaseError> {
        self.by("id", id).await
    }

    async fn by(
        &self,
        column: &'static str,
        value: &str,
    ) -> Result<Option<ApiToken>, DatabaseError> {
        const DOING: &str = "look up a token";
        let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM tokens WHERE {column} = $1"
        )))
        .bind(value)
        .fetch_optional(self.pool.read())
        .await
        .map_err(DatabaseError::query(DOING))?;
        row.map(|row| token(row, DOING)).transpose()
    }

    /// Writes down that a token is used.
    ///
    /// # Errors
    /// The database fails.
    pub async fn touch(&self, id: &str, now: i64) -> Result<(), DatabaseError> {
        sqlx::query("UPDATE tokens SET last_used = $1 WHERE id = $2")
            .bind(now)
            .bind(id)
            .execute(self.pool.write())
            .await
            .map_err(DatabaseError::query("write down that a token is used"))?;
        Ok(())
    }

    /// Removes the token of a name or an identifier; `false` where it is not there.
    ///
    /// # Errors
    /// The database fails.
    pub async fn remove(&self, asked: &str) -> Result<bool, DatabaseError> {
        let removed = sqlx::query("DELETE FROM tokens WHERE name = $1 OR id = $1")
            .bind(asked)
            .execute(self.pool.write())
            .await
            .map_err(DatabaseError::query("remove a token"))?;
        Ok(removed.rows_affected() > 0)
    }
}
