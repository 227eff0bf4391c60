//! Accounts, and the sessions that they watch over.

use std::collections::BTreeSet;

use plateau_core::exam::rights::Role;

use super::database::{Database, DatabaseError};

/// Somebody who logs in by name and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Identifier (UUID version 7).
    pub id: String,
    /// What is typed to log in, in small letters.
    pub name: String,
    /// What people are shown.
    pub shown: String,
    /// What it is to the daemon.
    pub role: Role,
    /// Whether it cannot be used for now.
    pub disabled: bool,
    /// When it was made, in milliseconds since the epoch.
    pub created: i64,
}

/// What is changed of an account; the rest stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// What people are shown.
    pub shown: Option<String>,
    /// What it is to the daemon.
    pub role: Option<Role>,
    /// Whether it cannot be used for now.
    pub disabled: Option<bool>,
    /// Its password, as a PHC string.
    pub password: Option<String>,
}

const COLUMNS: &str = "id, name, shown, role, disabled, created";

type Row = (String, String, String, String, i64, i64);

fn account(row: Row, doing: &'static str) -> Result<Account, DatabaseError> {
    let (id, name, shown, role, disabled, created) = row;
    Ok(Account {
        id,
        name,
        shown,
        role: role_of(role, doing)?,
        disabled: disabled != 0,
        created,
    })
}

/// The role that a word stands for.
pub(super) fn role_of(word: String, doing: &'static str) -> Result<Role, DatabaseError> {
    Role::of(&word).ok_or(DatabaseError::Word { doing, word })
}

impl Database {
    /// Makes an account.
    ///
    /// # Errors
    /// Its name is taken ([`DatabaseError::is_taken`]), or the database fails.
    pub async fn add_account(
        &self,
        account: &Account,
        password: &str,
    ) -> Result<(), DatabaseError> {
        sqlx::query(
            "INSERT INTO accounts (id, name, shown, role, password, disabled, created) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&account.id)
        .bind(&account.name)
        .bind(&account.shown)
        .bind(account.role.word())
        .bind(password)
        .bind(i64::from(account.disabled))
        .bind(account.created)
        .execute(self.write())
        .await
        .map_err(DatabaseError::query("make an account"))?;
        Ok(())
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn accounts(&self) -> Result<Vec<Account>, DatabaseError> {
        const DOING: &str = "list the accounts";
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM accounts ORDER BY name"
        )))
        .fetch_all(self.read())
        .await
        .map_err(DatabaseError::query(DOING))?;
        rows.into_iter().map(|row| account(row, DOING)).collect()
    }

    /// The account of a name or an identifier.
    ///
    /// # Errors
    /// The database fails.
    pub async fn account(&self, asked: &str) -> Result<Option<Account>, DatabaseError> {
        const DOING: &str = "look up an account";
        let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM accounts WHERE name = $1 OR id = $1"
        )))
        .bind(asked)
        .fetch_optional(self.read())
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
            .fetch_optional(self.read())
            .await
            .map_err(DatabaseError::query("look up a password"))
    }

    /// Changes an account, which ends its log-ins where more than what people are shown changes;
    /// `false` where it is not there.
    ///
    /// # Errors
    /// The database fails.
    pub async fn change_account(&self, id: &str, change: &Change) -> Result<bool, DatabaseError> {
        const DOING: &str = "change an account";
        let mut together = self.begin().await?;
        let changed = sqlx::query(
            "UPDATE accounts SET shown = COALESCE($1, shown), role = COALESCE($2, role), \
             disabled = COALESCE($3, disabled), password = COALESCE($4, password) WHERE id = $5",
        )
        .bind(change.shown.as_deref())
        .bind(change.role.map(Role::word))
        .bind(change.disabled.map(i64::from))
        .bind(change.password.as_deref())
        .bind(id)
        .execute(&mut *together)
        .await
        .map_err(DatabaseError::query(DOING))?;
        if change.role.is_some() || change.disabled.is_some() || change.password.is_some() {
            sqlx::query("DELETE FROM logins WHERE account = $1")
                .bind(id)
                .execute(&mut *together)
                .await
                .map_err(DatabaseError::query(DOING))?;
        }
        let done = together.commit().await;
        done.map_err(DatabaseError::query(DOING))?;
        Ok(changed.rows_affected() > 0)
    }

    /// Removes an account with its log-ins; `false` where it is not there.
    ///
    /// # Errors
    /// The database fails.
    pub async fn remove_account(&self, id: &str) -> Result<bool, DatabaseError> {
        let removed = sqlx::query("DELETE FROM accounts WHERE id = $1")
            .bind(id)
            .execute(self.write())
            .await
            .map_err(DatabaseError::query("remove an account"))?;
        Ok(removed.rows_affected() > 0)
    }

    /// Names an account for a session, which it watches over from now on.
    ///
    /// # Errors
    /// There is no such account or session, or the database fails.
    pub async fn name_invigilator(
        &self,
        session: &str,
        account: &str,
    ) -> Result<(), DatabaseError> {
        sqlx::query(
            "INSERT INTO invigilators (session, account) VALUES ($1, $2) \
             ON CONFLICT (session, account) DO NOTHING",
        )
        .bind(session)
        .bind(account)
        .execute(self.write())
        .await
        .map_err(DatabaseError::query("name an invigilator"))?;
        Ok(())
    }

    /// Takes a session from an account; `false` where it was not named for it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn unname_invigilator(
        &self,
        session: &str,
        account: &str,
    ) -> Result<bool, DatabaseError> {
        let removed = sqlx::query("DELETE FROM invigilators WHERE session = $1 AND account = $2")
            .bind(session)
            .bind(account)
            .execute(self.write())
            .await
            .map_err(DatabaseError::query("take a session from an invigilator"))?;
        Ok(removed.rows_affected() > 0)
    }

    /// The accounts that were named for a session, by name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn invigilators(&self, session: &str) -> Result<Vec<Account>, DatabaseError> {
        const DOING: &str = "list a session's invigilators";
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM accounts WHERE id IN \
             (SELECT account FROM invigilators WHERE session = $1) ORDER BY name"
        )))
        .bind(session)
        .fetch_all(self.read())
        .await
        .map_err(DatabaseError::query(DOING))?;
        rows.into_iter().map(|row| account(row, DOING)).collect()
    }

    /// The sessions that an account was named for.
    ///
    /// # Errors
    /// The database fails.
    pub async fn named_for(&self, account: &str) -> Result<BTreeSet<String>, DatabaseError> {
        let rows: Vec<String> =
            sqlx::query_scalar("SELECT session FROM invigilators WHERE account = $1")
                .bind(account)
                .fetch_all(self.read())
                .await
                .map_err(DatabaseError::query("list an invigilator's sessions"))?;
        Ok(rows.into_iter().collect())
    }
}
