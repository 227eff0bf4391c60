//! Log-ins: who came in by a password or a code, and for how long.

use super::database::{Database, DatabaseError, Pool};

/// Whose log-in it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginOwner {
    /// An account's, by its identifier.
    Account(String),
    /// A seat's, by its identifier.
    Seat(String),
}

/// A log-in. Moments are milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Identifier (UUID version 7).
    pub id: String,
    /// Whose it is.
    pub whose: LoginOwner,
    /// When it was made.
    pub created: i64,
    /// When it was last used, to the minute.
    pub last_seen: i64,
    /// When it ends even if it is used.
    pub expires: i64,
    /// Where it was made from.
    pub address: String,
}

type Row = (
    String,
    Option<String>,
    Option<String>,
    i64,
    i64,
    i64,
    String,
);

/// Log-ins. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Logins {
    pool: Pool,
}

impl Database {
    /// The log-ins.
    #[must_use]
    pub fn logins(&self) -> Logins {
        Logins { pool: self.pool() }
    }
}

impl Logins {
    /// Keeps a log-in under the hash of its secret.
    ///
    /// # Errors
    /// The account or the seat is not there any more, or the database fails.
    pub async fn add(&self, login: &Login, hash: &str) -> Result<(), DatabaseError> {
        let (account, seat) = match &login.whose {
            LoginOwner::Account(account) => (Some(account), None),
            LoginOwner::Seat(seat) => (None, Some(seat)),
        };
        sqlx::query(
            "INSERT INTO logins (id, hash, account, seat, created, last_seen, expires, address) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&login.id)
        .bind(hash)
        .bind(account.map(String::as_str))
        .bind(seat.map(String::as_str))
        .bind(login.created)
        .bind(login.last_seen)
        .bind(login.expires)
        .bind(&login.address)
        .execute(self.pool.write())
        .await
        .map_err(DatabaseError::query("keep a log-in"))?;
        Ok(())
    }

    /// The log-in of a secret's hash, also where it is over.
    ///
    /// # Errors
    /// The database fails.
    pub async fn by_hash(&self, hash: &str) -> Result<Option<Login>, DatabaseError> {
        self.by("hash", hash).await
    }

    /// The log-in of an identifier, also where it is over.
    ///
    /// # Errors
    /// The database fails.
    pub async fn by_id(&self, id: &str) -> Result<Option<Login>, DatabaseError> {
        self.by("id", id).await
    }

    async fn by(&self, column: &'static str, value: &str) -> Result<Option<Login>, DatabaseError> {
        let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT id, account, seat, created, last_seen, expires, address \
             FROM logins WHERE {column} = $1"
        )))
        .bind(value)
        .fetch_optional(self.pool.read())
        .await
        .map_err(DatabaseError::query("look up a log-in"))?;
        Ok(row.and_then(
            |(id, account, seat, created, last_seen, expires, address)| {
                let whose = match (account, seat) {
                    (Some(account), _) => LoginOwner::Account(account),
                    (None, Some(seat)) => LoginOwner::Seat(seat),
                    (None, None) => return None,
                };
                Some(Login {
                    id,
                    whose,
                    created,
                    last_seen,
                    expires,
                    address,
                })
            },
        ))
    }

    /// Whether a log-in is still there.
    ///
    /// # Errors
    /// The database fails.
    pub async fn exists(&self, id: &str) -> Result<bool, DatabaseError> {
        let found: Option<String> = sqlx::query_scalar("SELECT id FROM logins WHERE id = $1")
            .bind(id)
            .fetch_optional(self.pool.read())
            .await
            .map_err(DatabaseError::query("look whether a log-in is over"))?;
        Ok(found.is_some())
    }

    /// Writes down that a log-in is used.
    ///
    /// # Errors
    /// The database fails.
    pub async fn touch(&self, id: &str, now: i64) -> Result<(), DatabaseError> {
        sqlx::query("UPDATE logins SET last_seen = $1 WHERE id = $2")
            .bind(now)
            .bind(id)
            .execute(self.pool.write())
            .await
            .map_err(DatabaseError::query("write down that a log-in is used"))?;
        Ok(())
    }

    /// Ends one log-in; one that is over is ended already.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end(&self, id: &str) -> Result<(), DatabaseError> {
        sqlx::query("DELETE FROM logins WHERE id = $1")
            .bind(id)
            .execute(self.pool.write())
            .await
            .map_err(DatabaseError::query("end a log-in"))?;
        Ok(())
    }

    /// Ends all log-ins of an account or a seat, and says how many there were.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end_all(&self, whose: &LoginOwner) -> Result<u64, DatabaseError> {
        let (text, id) = match whose {
            LoginOwner::Account(account) => ("DELETE FROM logins WHERE account = $1", account),
            LoginOwner::Seat(seat) => ("DELETE FROM logins WHERE seat = $1", seat),
        };
        let ended = sqlx::query(text)
            .bind(id)
            .execute(self.pool.write())
            .await
            .map_err(DatabaseError::query("end log-ins"))?;
        Ok(ended.rows_affected())
    }

    /// Removes log-ins that were to end before a moment.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sweep(&self, before: i64) -> Result<(), DatabaseError> {
        sqlx::query("DELETE FROM logins WHERE expires < $1")
            .bind(before)
            .execute(self.pool.write())
            .await
            .map_err(DatabaseError::query("remove log-ins that are over"))?;
        Ok(())
    }
}
