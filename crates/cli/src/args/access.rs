//! What can be typed about accounts and tokens.

use clap::{Args, Subcommand, ValueEnum};
use plateau_core::exam::rights::Role;

/// `plateau account …`
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Make an account; its password is asked for
    Add {
        /// What is typed to log in: a-z, 0-9, `.`, `-` and `_`
        name: String,
        /// What it may do
        #[arg(long, value_enum)]
        role: AccountRole,
        /// What people are shown; the name where absent
        #[arg(long, value_name = "TEXT")]
        display_name: Option<String>,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// List the accounts
    List,
    /// Keep an account from being used, and end its log-ins
    Disable {
        /// Its name
        name: String,
    },
    /// Let a disabled account be used again
    Enable {
        /// Its name
        name: String,
    },
    /// Give an account another password, which is asked for, and end its log-ins
    Password {
        /// Its name
        name: String,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Remove an account, and end its log-ins
    Remove {
        /// Its name
        name: String,
    },
}

/// Where a password comes from.
#[derive(Debug, Args)]
pub(crate) struct PasswordArgs {
    /// Read the password from the first line of standard input, instead of asking for it
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// What an account can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AccountRole {
    /// Runs the daemon and its accounts
    Administrator,
    /// Writes scenarios, tries them, and arranges sessions
    Trainer,
    /// Reads evidence and judges
    Evaluator,
    /// Watches over the sessions that it is named for
    Invigilator,
}

impl From<AccountRole> for Role {
    fn from(role: AccountRole) -> Self {
        match role {
            AccountRole::Administrator => Self::Administrator,
            AccountRole::Trainer => Self::Trainer,
            AccountRole::Evaluator => Self::Evaluator,
            AccountRole::Invigilator => Self::Invigilator,
        }
    }
}

/// `plateau token …`
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token for a program, and write it to standard output; it is never shown again
    New {
        /// What it is called: a-z, 0-9, `.`, `-` and `_`
        name: String,
        /// What the program may do
        #[arg(long, value_enum)]
        role: TokenRole,
        /// Days until it ends; never where absent
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: Option<u32>,
    },
    /// List the tokens
    List,
    /// Revoke a token: it opens nothing from now on
    Revoke {
        /// Its name
        name: String,
    },
}

/// What a program can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TokenRole {
    /// Runs the daemon and its accounts
    Administrator,
    /// Writes scenarios, tries them, and arranges sessions
    Trainer,
    /// Reads evidence and judges
    Evaluator,
}

impl From<TokenRole> for Role {
    fn from(role: TokenRole) -> Self {
        match role {
            TokenRole::Administrator => Self::Administrator,
            TokenRole::Trainer => Self::Trainer,
            TokenRole::Evaluator => Self::Evaluator,
        }
    }
}
