//! Accounts: who logs in by name and password.

use plateau_core::exam::rights::Role;

use super::database::{Database, DatabaseError, Pool};

/// Somebody who logs in by name and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Identifier (UUID version 7).
    pub id: String,
    /// What is typed to log in, in small letters.
    pub name: String,
    /// What people are shown.
    pub display_name: String,
    /// What it is to the daemon.
    pub role: Role,
    /// Whether it cannot be used for now.
    pub disabled: bool,
    /// When it was made, in milliseconds since the epoch.
    pub created: i64,
}

/// What is changed of an account; the rest stays.
#[derive(Clone, Debug, Default)]
pub struct AccountChange {
    /// What people are shown.
    pub display_name: Option<String>,
    /// What it is to the daemon.
    pub role: Option<Role>,
    /// Whether it cannot be used for now.
    pub disabled: Option<bool>,
    /// Its password, as a PHC string.
    pub password: Option<String>,
}

pub(super) const COLUMNS: &str = "id, name, shown, role, disabled, created";

pub(super) type Row = (String, String, String, String, i64, i64);

pub(super) fn account(row: Row, doing: &'static str) -> Result<Account, DatabaseError> {
    let (id, name, display_name, role, disabled, created) = row;
    Ok(Account {
        id,
        name,
        display_name,
        role: role_of(role, doing)?,
        disabled: disabled != 0,
        created,
    })
}

/// The role that a word stands for.
pub(super) fn role_of(word: String, doing: &'static str) -> Result<Role, DatabaseError> {
    Role::of(&word).ok_or(DatabaseError::Word { doing, word })
}

/// Accounts. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Accounts {
    pool: Pool,
}

impl Database {
    /// The accounts.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        Accounts { pool: self.pool() }
    }
}

impl Accounts {
    /// Makes an account.
    ///
    /// # Errors
    /// Its name is taken ([`DatabaseError::is_taken`]), or the database fails.
    pub async fn add(&self, account: &Account, password: &str) -> Result<(), DatabaseError> {
        sqlx::query(
            "INSERT INTO accounts (id, name, shown, role, password, disabled, created) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&account.id)
        .bind(&account.name)
        .bind(&account.display_name)
        .bind(account.role.word())
        .bind(password)
        .bind(i64::from(account.disabled))
        .bind(account.created)
        .execute(self.pool.write())
        .await
        .map_err(DatabaseError::query("make an account"))?;
        Ok(())
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&self) -> Result<Vec<Account>, DatabaseError> {
        const DOING: &str = "list the accounts";
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM accounts ORDER BY name"
        )))
        .fetch_all(self.pool.read())
        .await
        .map_err(DatabaseError::query(DOING))?;
        rows.into_iter().map(|row| account(row, DOING)).collect()
    }

    /// The account of a name or an identifier.
    ///
    /// # Errors
    /// The database fails.
    pub async fn find(&self, asked: &str) -> Result<Option<Account>, DatabaseError> {
        const DOING: &str = "look up an account";
        let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM accounts WHERE name = $1 OR id = $1"
        )))
        .bind(asked)
        .fetch_optional(self.pool.read())
        .await
        .map_err(DatabaseError::query(DOING))?;
        row.map(|row| account(row, DOING)).transpose()
    }

    /// An account's password, as a PHC string.
    ///
    /// # Errors
    /// The database fails.
    pub async fn password(&self, account: &str) -> Result<Option<String>, DatabaseError> {
        sqlx::query_scalar("SELECT password FROM accounts WHERE id = $1")
            .bind(account)
            .fetch_optional(self.pool.read())
            .await
            .map_err(DatabaseError::query("look up a password"))
    }

    /// Changes an account, which ends its log-ins where more than what people are shown changes;
    /// `false` where it is not there.
    ///
    /// # Errors
    /// The database fails.
    pub async fn change(&self, id: &str, change: &AccountChange) -> Result<bool, DatabaseError> {
        const DOING: &str = "change an account";
        let mut together = self.pool.begin().await?;
        let changed = sqlx::query(
            "UPDATE accounts SET shown = COALESCE($1, shown), role = COALESCE($2, role), \
             disabled = COALESCE($3, disabled), password = COALESCE($4, password) WHERE id = $5",
        )
        .bind(change.display_name.as_deref())
        .bind(change.role.map(Role::word))
        .bind(change.disabled.map(i64::from))
        .bind(change.password.as_deref())
        .bind(id)
        .execute(together.connection())
        .await
        .map_err(DatabaseError::query(DOING))?;
        if change.role.is_some() || change.disabled.is_some() || change.password.is_some() {
            sqlx::query("DELETE FROM logins WHERE account = $1")
                .bind(id)
                .execute(together.connection())
                .await
                .map_err(DatabaseError::query(DOING))?;
        }
        together.commit().await?;
        Ok(changed.rows_affected() > 0)
    }

    /// Removes an account with its log-ins; `false` where it is not there.
    ///
    /// # Errors
    /// The database fails.
    pub async fn remove(&self, id: &str) -> Result<bool, DatabaseError> {
        let removed = sqlx::query("DELETE FROM accounts WHERE id = $1")
            .bind(id)
            .execute(self.pool.write())
            .await
            .map_err(DatabaseError::query("remove an account"))?;
        Ok(removed.rows_affected() > 0)
    }
}
