//! Arguments of `plateau account` and `plateau token`.

use clap::{Args, Subcommand, ValueEnum};
use plateau_core::exam::rights::Role;

/// `plateau account …`
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Make an account; its password is asked for
    Add {
        /// Name to log in with: a-z, 0-9, `.`, `-` and `_`
        name: String,
        /// Its role
        #[arg(long, value_enum)]
        role: AccountRole,
        /// Display name; the name where absent
        #[arg(long, value_name = "TEXT")]
        display_name: Option<String>,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// List the accounts
    List,
    /// Disable an account, and end its log-ins
    Disable {
        /// Its name
        name: String,
    },
    /// Enable a disabled account
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

/// Roles of accounts.
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
        /// Its name: a-z, 0-9, `.`, `-` and `_`
        name: String,
        /// The program's role
        #[arg(long, value_enum)]
        role: TokenRole,
        /// Days until it expires; never where absent
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: Option<u32>,
    },
    /// List the tokens
    List,
    /// Revoke a token: it is not accepted any more
    Revoke {
        /// Its name
        name: String,
    },
}

/// Roles of programs.
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
