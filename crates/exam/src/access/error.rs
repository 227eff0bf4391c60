//! Errors of authentication, accounts and tokens.

use std::time::Duration;

use plateau_core::api::ApiError;
use plateau_core::error::ErrorCode;
use plateau_core::exam::rights::Role;
use thiserror::Error;

use super::password::{self, PasswordError};
use crate::store::DatabaseError;
use plateau_labs::error::chain;

/// Why authentication, or an operation on accounts or tokens, failed.
#[derive(Debug, Error)]
pub enum AccessError {
    /// Name and password, or the code, are not those of anybody.
    #[error("name and password, or the code, are wrong")]
    Refused,
    /// There were too many tries.
    #[error("there were too many tries")]
    Later {
        /// How long to wait before the next one.
        wait: Duration,
    },
    /// An account's or a token's name is taken.
    #[error("the name `{name}` is taken")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// There is no such account.
    #[error("no account named `{name}`")]
    NoAccount {
        /// What was asked for.
        name: String,
    },
    /// There is no such token.
    #[error("no token named `{name}`")]
    NoToken {
        /// What was asked for.
        name: String,
    },
    /// A name that cannot be one.
    #[error("`{name}` cannot be a name here")]
    BadName {
        /// The name.
        name: String,
    },
    /// A role that this cannot have.
    #[error("nobody can be `{role}` in this way")]
    BadRole {
        /// The role.
        role: Role,
    },
    /// A password that is too easily guessed, or too long.
    #[error(
        "the password has fewer than {} characters, or more than {} bytes",
        password::SHORTEST,
        password::LONGEST
    )]
    BadPassword,
    /// A time that cannot be one.
    #[error("`{days}` is not a valid number of days for a token")]
    BadDays {
        /// The days.
        days: u32,
    },
    /// The system gives no random bytes.
    #[error("draw a secret")]
    Random(#[from] getrandom::Error),
    /// A password could be neither hashed nor verified.
    #[error("hash a password")]
    Hash(#[from] PasswordError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl AccessError {
    /// What it is in the API.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Refused => ErrorCode::LoginRefused,
            Self::Later { .. } => ErrorCode::TooManyTries,
            Self::NameTaken { .. } => ErrorCode::NameTaken,
            Self::NoAccount { .. } => ErrorCode::AccountNotFound,
            Self::NoToken { .. } => ErrorCode::TokenNotFound,
            Self::BadName { .. } => ErrorCode::BadName,
            Self::BadRole { .. } => ErrorCode::BadRole,
            Self::BadPassword => ErrorCode::BadPassword,
            Self::BadDays { .. } => ErrorCode::BadDays,
            Self::Database(error) if error.is_full() => ErrorCode::DiskFull,
            Self::Random(_) | Self::Hash(_) | Self::Database(_) => ErrorCode::AccessFailed,
        }
    }

    /// As the API says it.
    #[must_use]
    pub fn api(&self) -> ApiError {
        let error = ApiError::new(self.code(), chain(self));
        if let Self::Later { wait } = self {
            return error.with_hint(Some(format!("try again in {} s", wait.as_secs() + 1)));
        }
        if let Self::BadName { .. } = self {
            return error.with_hint(Some(
                "1 to 32 letters a-z, digits, `.`, `-` and `_`, beginning with a letter or a digit",
            ));
        }
        error
    }
}
