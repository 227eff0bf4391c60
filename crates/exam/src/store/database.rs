//! The database: SQLite in the state folder, or PostgreSQL at a URL. One SQL text serves both.
//!
//! Columns are TEXT and BIGINT, which both have and the driver carries: booleans are 0 and 1, moments
//! are milliseconds since the epoch, identifiers and JSON are texts. Files are BYTEA, which SQLite
//! takes for a column of any type.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plateau_core::error::ErrorCode;
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AnyPool, Connection as _, Executor as _};
use thiserror::Error;

use super::transaction::Transaction;
use crate::evidence_key::EvidenceKey;

/// All versions of the schema, in their order.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// How long a connection may be waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What has SQLite make a file that is not there.
const MODE: &str = "?mode=rwc";

/// Connections that read at the same time.
const READERS: u32 = 4;

/// What went wrong with the database.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// It cannot be opened.
    #[error("open the database `{url}`")]
    Open {
        /// Where it is, without a password.
        url: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// Its schema cannot be brought up to date.
    #[error("bring the database `{url}` up to date")]
    Migrate {
        /// Where it is, without a password.
        url: String,
        /// Why.
        #[source]
        source: MigrateError,
    },
    /// It is neither of the two.
    #[error("`{url}` is the address of no database that can be used")]
    Address {
        /// What was given.
        url: String,
    },
    /// It did not do what it was asked.
    #[error("{doing}")]
    Query {
        /// What was being done.
        doing: &'static str,
        /// Why not.
        #[source]
        source: sqlx::Error,
    },
    /// What it holds cannot be understood.
    #[error("{doing}: what is kept cannot be understood")]
    Kept {
        /// What was being done.
        doing: &'static str,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// A word in it is none of ours.
    #[error("{doing}: `{word}` is kept, which means nothing")]
    Word {
        /// What was being done.
        doing: &'static str,
        /// The word.
        word: String,
    },
    /// It was opened to be read, and has no key to sign with.
    #[error("{doing}: there is no key to sign with")]
    NoKey {
        /// What was being done.
        doing: &'static str,
    },
}

impl DatabaseError {
    /// That a query failed.
    pub(crate) fn query(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Query { doing, source }
    }

    /// That a text of JSON means nothing.
    pub(crate) fn kept(doing: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Kept { doing, source }
    }

    /// Whether there was no space left to write to.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Query { source, .. } | Self::Open { source, .. } => lacks_space(source),
            Self::Migrate { source, .. } => {
                if let MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) =
                    source
                {
                    lacks_space(source)
                } else {
                    false
                }
            }
            Self::Address { .. } | Self::Kept { .. } | Self::Word { .. } | Self::NoKey { .. } => {
                false
            }
        }
    }

    /// What it is in the API.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self.is_full() {
            true => ErrorCode::DiskFull,
            false => ErrorCode::DatabaseFailed,
        }
    }

    /// Whether what was to be written is there already, by a unique key.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        match self {
            Self::Query { source, .. } => source
                .as_database_error()
                .is_some_and(sqlx::error::DatabaseError::is_unique_violation),
            Self::Open { .. }
            | Self::Migrate { .. }
            | Self::Address { .. }
            | Self::Kept { .. }
            | Self::Word { .. }
            | Self::NoKey { .. } => false,
        }
    }
}

/// `SQLITE_FULL`, and `disk_full` of PostgreSQL.
const FULL: [&str; 2] = ["13", "53100"];

fn lacks_space(error: &sqlx::Error) -> bool {
    if let sqlx::Error::Io(error) = error {
        return plateau_labs::disk::is_full(error);
    }
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| FULL.contains(&&*code))
}

/// Which of the two it is, for the few things that they do not have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// The database. Clones share its connections.
///
/// Each group of tables has a repository, such as [`Database::accounts`]; what is of all tables is
/// the database's own.
#[derive(Clone, Debug)]
pub struct Database {
    pool: Pool,
    /// Where it is, without a password.
    shown: Arc<str>,
}

/// The connections that all repositories share.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    /// One connection with SQLite, which takes one writer at a time.
    writer: AnyPool,
    readers: AnyPool,
    dialect: Dialect,
    /// Signs what is appended to logs; absent where they are only read.
    key: Option<EvidenceKey>,
}

impl Pool {
    /// Begins something that is done as a whole or not at all.
    pub(super) async fn begin(&self) -> Result<Transaction, DatabaseError> {
        let begun = self.writer.begin().await;
        let begun = begun.map_err(DatabaseError::query("begin a transaction"))?;
        Ok(Transaction::new(begun, self.dialect, self.key.clone()))
    }

    /// Where it is only read.
    pub(super) fn read(&self) -> &AnyPool {
        &self.readers
    }

    /// Where one statement writes.
    pub(super) fn write(&self) -> &AnyPool {
        &self.writer
    }
}

impl Database {
    /// Opens the one at a URL, such as `postgres://plateau@localhost/plateau` or
    /// `sqlite:///var/lib/plateau/plateau.db`, and brings its schema up to date.
    ///
    /// # Errors
    /// It cannot be reached, or is of a later version than this daemon.
    pub async fn open(url: &str) -> Result<Self, DatabaseError> {
        let database = Self::connect(url).await?;
        let migrated = MIGRATIONS.run(database.write()).await;
        migrated.map_err(|source| DatabaseError::Migrate {
            url: shown(url),
            source,
        })?;
        Ok(database)
    }

    /// The URL of the one in a state folder.
    #[must_use]
    pub fn in_folder(state: &Path) -> String {
        format!("sqlite://{}", state.join("plateau.db").display())
    }

    /// Opens one and leaves its schema as it is.
    ///
    /// # Errors
    /// It cannot be reached.
    pub async fn connect(url: &str) -> Result<Self, DatabaseError> {
        sqlx::any::install_default_drivers();
        let failed = |source| DatabaseError::Open {
            url: shown(url),
            source,
        };
        let pool = AnyPoolOptions::new().acquire_timeout(PATIENCE);
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => {
                let pool = pool.after_connect(|connection, _| {
                    Box::pin(async move {
                        // FULL: what was acknowledged is there after a power cut too.
                        connection
                            .execute(
                                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                                 PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 10000",
                            )
                            .await?;
                        Ok(())
                    })
                });
                let url = format!("{url}{MODE}");
                let writer = pool
                    .clone()
                    .max_connections(1)
                    .after_release(|connection, _| {
                        Box::pin(async move {
                            // A commit for which there is no space ends its transaction, of which the
                            // driver does not hear: what is committed after it would be inside another
                            // one that never ends, and be lost. Such a connection is not used again.
                            connection.ping().await?;
                            Ok(!connection.is_in_transaction())
                        })
                    });
                let writer = writer.connect(&url).await.map_err(failed)?;
                let readers = pool.max_connections(READERS);
                let shown = shown(url.trim_end_matches(MODE)).into();
                let pool = Pool {
                    readers: readers.connect(&url).await.map_err(failed)?,
                    writer,
                    dialect: Dialect::Sqlite,
                    key: None,
                };
                Ok(Self { pool, shown })
            }
            Some("postgres" | "postgresql") => {
                let pool = pool.max_connections(2 * READERS);
                let pool = pool.connect(url).await.map_err(failed)?;
                let pool = Pool {
                    writer: pool.clone(),
                    readers: pool,
                    dialect: Dialect::Postgres,
                    key: None,
                };
                let shown = shown(url).into();
                Ok(Self { pool, shown })
            }
            Some(_) | None => Err(DatabaseError::Address { url: shown(url) }),
        }
    }

    /// The same database, in which logs may be appended to: each entry is signed by this key.
    #[must_use]
    pub fn signed_by(mut self, key: EvidenceKey) -> Self {
        self.pool.key = Some(key);
        self
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        sqlx::query("SELECT 1")
            .execute(self.read())
            .await
            .map(drop)
            .map_err(DatabaseError::query("ask whether the database answers"))
    }

    /// Which of the two it is.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.pool.dialect
    }

    /// Its URL without a password.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The files that it is kept in; none with PostgreSQL.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let path = match self.pool.dialect {
            Dialect::Sqlite => self.shown.trim_start_matches("sqlite://"),
            Dialect::Postgres => return Vec::new(),
        };
        let endings = ["", "-wal", "-shm", "-journal"].into_iter();
        endings
            .map(|ending| PathBuf::from(format!("{path}{ending}")))
            .collect()
    }

    /// Begins something that is done as a whole or not at all.
    pub(crate) async fn begin(&self) -> Result<Transaction, DatabaseError> {
        self.pool.begin().await
    }

    /// Its connections, for a repository.
    pub(super) fn pool(&self) -> Pool {
        self.pool.clone()
    }

    /// Where it is only read.
    pub(super) fn read(&self) -> &AnyPool {
        self.pool.read()
    }

    /// Where one statement writes.
    pub(super) fn write(&self) -> &AnyPool {
        self.pool.write()
    }

    /// Waits until nothing is under way, and closes it.
    pub async fn close(&self) {
        self.pool.readers.close().await;
        self.pool.writer.close().await;
    }
}

/// A URL without the password in it.
pub fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    match rest.split_once('@') {
        Some((who, place)) => {
            let name = who.split(':').next().unwrap_or_default();
            format!("{scheme}://{name}@{place}")
        }
        None => url.to_owned(),
    }
}
