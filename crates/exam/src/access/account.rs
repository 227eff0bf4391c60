//! Creating and changing accounts and API tokens.

use plateau_core::api::{
    AccountView, CreateAccountRequest, CreateTokenRequest, CreatedToken, SensitiveText, TokenView,
    UpdateAccountRequest,
};
use plateau_core::exam::rights::Role;

use super::principal::moment;
use super::secret::{self, Secret};
use super::{Access, AccessError, now, password};
use crate::store::DatabaseError;
use crate::store::accounts::{Account, AccountChange};
use crate::store::tokens::ApiToken;

/// Most characters of a name.
const NAME: usize = 32;

/// What a program's token begins with: it is recognized where it should not be, such as in a repository.
const PREFIX: &str = "plateau_";

/// Milliseconds of a day.
const DAY: i64 = 24 * 3600 * 1000;

impl Access {
    /// All accounts, by name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn accounts(&self) -> Result<Vec<AccountView>, AccessError> {
        let accounts = self.database().accounts().list().await?;
        Ok(accounts.into_iter().map(view).collect())
    }

    /// Makes an account.
    ///
    /// # Errors
    /// Name, role or password cannot be taken, or the database fails.
    pub async fn add_account(&self, new: CreateAccountRequest) -> Result<AccountView, AccessError> {
        let account = Account {
            id: uuid::Uuid::now_v7().to_string(),
            name: checked_name(&new.name)?,
            display_name: new.display_name.unwrap_or_else(|| new.name.clone()),
            role: checked_role(new.role)?,
            disabled: false,
            created: now(),
        };
        let password = self.hash_password(&new.password).await?;
        let added = self.database().accounts().add(&account, &password).await;
        added.map_err(taken(&account.name))?;
        Ok(view(account))
    }

    /// Changes an account.
    ///
    /// # Errors
    /// It is not there, its new role or password cannot be taken, or the database fails.
    pub async fn change_account(
        &self,
        name: &str,
        change: UpdateAccountRequest,
    ) -> Result<AccountView, AccessError> {
        let account = self.account(name).await?;
        let password = match &change.password {
            Some(password) => Some(self.hash_password(password).await?),
            None => None,
        };
        let change = AccountChange {
            display_name: change.display_name,
            role: change.role.map(checked_role).transpose()?,
            disabled: change.disabled,
            password,
        };
        self.database()
            .accounts()
            .change(&account.id, &change)
            .await?;
        self.notify_log_in_ended();
        Ok(view(self.account(name).await?))
    }

    /// Removes an account with its log-ins.
    ///
    /// # Errors
    /// It is not there, or the database fails.
    pub async fn remove_account(&self, name: &str) -> Result<(), AccessError> {
        let account = self.account(name).await?;
        self.database().accounts().remove(&account.id).await?;
        self.notify_log_in_ended();
        Ok(())
    }

    /// The account of a name.
    ///
    /// # Errors
    /// It is not there, or the database fails.
    pub async fn account(&self, name: &str) -> Result<Account, AccessError> {
        let name = normalize_name(name);
        let account = self.database().accounts().find(&name).await?;
        account.ok_or(AccessError::NoAccount { name })
    }

    /// All tokens, by name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn tokens(&self) -> Result<Vec<TokenView>, AccessError> {
        let tokens = self.database().tokens().list().await?;
        Ok(tokens.into_iter().map(token_view).collect())
    }

    /// Makes a token.
    ///
    /// # Errors
    /// Name, role or time cannot be taken, or the database fails.
    pub async fn add_token(&self, new: CreateTokenRequest) -> Result<CreatedToken, AccessError> {
        let now = now();
        let expires = new.days.map(|days| match days {
            0 | 36_501.. => Err(AccessError::BadDays { days }),
            days => Ok(now + i64::from(days) * DAY),
        });
        let token = ApiToken {
            id: uuid::Uuid::now_v7().to_string(),
            name: checked_name(&new.name)?,
            role: match checked_role(new.role)? {
                // It is named for sessions by its account.
                Role::Invigilator => return Err(AccessError::BadRole { role: new.role }),
                role
                @ (Role::Administrator | Role::Trainer | Role::Evaluator | Role::Candidate) => role,
            },
            created: now,
            expires: expires.transpose()?,
            last_used: None,
        };
        let secret = format!("{PREFIX}{}", Secret::draw()?.reveal());
        let added = self
            .database()
            .tokens()
            .add(&token, &secret::hash(&secret))
            .await;
        added.map_err(taken(&token.name))?;
        Ok(CreatedToken {
            token: token_view(token),
            secret,
        })
    }

    /// Removes a token, which revokes it.
    ///
    /// # Errors
    /// It is not there, or the database fails.
    pub async fn remove_token(&self, name: &str) -> Result<(), AccessError> {
        let name = normalize_name(name);
        match self.database().tokens().remove(&name).await? {
            true => Ok(()),
            false => Err(AccessError::NoToken { name }),
        }
    }

    async fn hash_password(&self, password: &SensitiveText) -> Result<String, AccessError> {
        let SensitiveText(password) = password;
        let is_short = password.chars().count() < password::SHORTEST;
        if is_short || password.len() > password::LONGEST {
            return Err(AccessError::BadPassword);
        }
        Ok(self.0.passwords.hash(password).await?)
    }
}

/// A name as it is kept, from what somebody typed; cut where it is longer than any.
pub(super) fn normalize_name(name: &str) -> String {
    let small = name.trim().to_lowercase();
    // A name and an identifier fit.
    small.chars().take(2 * NAME).collect()
}

fn checked_name(typed: &str) -> Result<String, AccessError> {
    let name = normalize_name(typed);
    let fits = (1..=NAME).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    // Logs name others so.
    let is_ours = ["local", "system", "nobody"].contains(&name.as_str());
    match fits && !is_ours {
        true => Ok(name),
        false => Err(AccessError::BadName {
            name: typed.to_owned(),
        }),
    }
}

/// A candidate gets in by their seat's code and by nothing else.
fn checked_role(role: Role) -> Result<Role, AccessError> {
    match role {
        Role::Candidate => Err(AccessError::BadRole { role }),
        Role::Administrator | Role::Trainer | Role::Evaluator | Role::Invigilator => Ok(role),
    }
}

fn taken(name: &str) -> impl FnOnce(DatabaseError) -> AccessError {
    let name = name.to_owned();
    move |error| match error.is_taken() {
        true => AccessError::NameTaken { name },
        false => error.into(),
    }
}

fn view(account: Account) -> AccountView {
    AccountView {
        name: account.name,
        display_name: account.display_name,
        role: account.role,
        disabled: account.disabled,
        created: moment(account.created),
    }
}

fn token_view(token: ApiToken) -> TokenView {
    TokenView {
        name: token.name,
        role: token.role,
        created: moment(token.created),
        expires: token.expires.map(moment),
        last_used: token.last_used.map(moment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_plain_and_nobody_elses_in_the_logs() {
        assert_eq!(checked_name(" Ada.Bel ").unwrap(), "ada.bel");
        for name in [
            "",
            "-a",
            "é",
            "a b",
            "local",
            "System",
            "seat:1",
            &"a".repeat(33),
        ] {
            assert!(checked_name(name).is_err(), "{name}");
        }
    }
}
