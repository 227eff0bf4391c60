//! Failures of the daemon's process, and their exit codes.

use std::path::PathBuf;

use crate::app::AppError;
use crate::config::ConfigError;
use crate::http::{ListenError, TokenError};
use plateau_core::error::ErrorCode;
use plateau_exam::access::AccessError;
use plateau_exam::restore::RestoreError;
use plateau_exam::sessions::SessionError;
use plateau_exam::store::DatabaseError;
use plateau_gateway::proxy::BaseError;
use plateau_gateway::ssh::SshError;
use plateau_gateway::tls::TlsError;
use plateau_labs::images::RecipeError;
use plateau_labs::lab::LabError;
use plateau_labs::runtime::RuntimeError;
use thiserror::Error;

/// Exit status for bad input, as the `plateau` command has it.
const INPUT: u8 = 2;

/// Exit status when the outside failed.
const OUTSIDE: u8 = 3;

/// Why the daemon cannot run.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("write the answer")]
    Answer(#[source] std::io::Error),
    #[error("`{filter}` is not a valid filter of the log")]
    Log {
        filter: String,
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    #[error("use the state folder `{}`", path.display())]
    State {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("another plateaud uses the state folder `{}`", path.display())]
    Taken { path: PathBuf },
    #[error("use the container engine")]
    Engine(#[source] RuntimeError),
    #[error("read the recipes of the images")]
    Recipes(#[from] RecipeError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Web(#[from] BaseError),
    #[error(transparent)]
    Database(DatabaseError),
    #[error("take up the accounts")]
    Access(#[source] AccessError),
    #[error("take up the labs")]
    Labs(#[source] LabError),
    #[error("take up the sessions")]
    Sessions(#[source] SessionError),
    #[error(transparent)]
    Ssh(SshError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error("wait for signals")]
    Signals(#[source] std::io::Error),
}

impl From<AppError> for StartError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Database(error) => Self::Database(error),
            AppError::Access(error) => Self::Access(error),
            AppError::Labs(error) => Self::Labs(error),
            AppError::Sessions(error) => Self::Sessions(error),
            AppError::Ssh(error) => Self::Ssh(error),
        }
    }
}

impl StartError {
    /// The process's exit status.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Config(_)
            | Self::Log { .. }
            | Self::Web(_)
            | Self::Restore(
                RestoreError::Open { .. }
                | RestoreError::Archive { .. }
                | RestoreError::NotEmpty { .. },
            ) => INPUT,
            Self::Answer(_)
            | Self::State { .. }
            | Self::Taken { .. }
            | Self::Engine(_)
            | Self::Recipes(_)
            | Self::Token(_)
            | Self::Listen(_)
            | Self::Labs(_)
            | Self::Tls(_)
            | Self::Database(_)
            | Self::Access(_)
            | Self::Sessions(_)
            | Self::Ssh(_)
            | Self::Restore(
                RestoreError::Folder { .. }
                | RestoreError::Aside { .. }
                | RestoreError::Database(_)
                | RestoreError::Rows(_),
            )
            | Self::Signals(_) => OUTSIDE,
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Config(ConfigError::Problems { .. }) => {
                Some("`plateaud config schema` says what may stand there".to_owned())
            }
            Self::Log { .. } => {
                Some("such as `info`, or `plateaud=debug,tower_http=info`".to_owned())
            }
            Self::State { .. } => Some(
                "run plateaud as root, or name a folder that you can write to with --state"
                    .to_owned(),
            ),
            Self::Taken { .. } => {
                Some("stop it first, or give this one another --state and --socket".to_owned())
            }
            Self::Web(error) => Some(error.hint().to_owned()),
            Self::Engine(error) => error.api().hint,
            Self::Labs(error) => error.api().hint,
            Self::Listen(error) => error.hint().map(str::to_owned),
            Self::Sessions(error) => error.api().hint,
            Self::Restore(error) => error.hint().map(str::to_owned),
            Self::Database(_) => ErrorCode::DatabaseFailed.default_hint().map(str::to_owned),
            Self::Config(ConfigError::Read { .. })
            | Self::Answer(_)
            | Self::Recipes(_)
            | Self::Token(_)
            | Self::Tls(_)
            | Self::Access(_)
            | Self::Ssh(_)
            | Self::Signals(_) => None,
        }
    }
}
