//! All rows of the database as lines of JSON, the same from SQLite and from PostgreSQL, and back.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::TryStreamExt as _;
use serde_json::{Map, Value, json};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Column as _, Row as _, ValueRef as _};
use thiserror::Error;

use super::column::number;
use super::database::{Database, DatabaseError, Dialect, MIGRATIONS};
use super::transaction::Transaction;

/// All tables, each behind those that it refers to.
pub const TABLES: [&str; 21] = [
    "sessions",
    "session_scenarios",
    "proofs",
    "seats",
    "attempts",
    "log",
    "clock",
    "accounts",
    "logins",
    "tokens",
    "invigilators",
    "failures",
    "gradings",
    "judgements",
    "contents",
    "deliverables",
    "drafts",
    "attempt_labs",
    "rehearsals",
    "lab_needs",
    "ssh_keys",
];

/// Key of the object that a column of bytes becomes: its content in base64.
const BYTES: &str = "base64";

const DUMP: &str = "read all rows";
const LOAD: &str = "put the rows back";

/// Why rows cannot be taken out or put back.
#[derive(Debug, Error)]
pub enum DumpError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A line cannot be written where it should go.
    #[error("write the rows of table `{table}`")]
    Write {
        /// The table.
        table: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The lines cannot be read.
    #[error("read the rows")]
    Read(#[source] io::Error),
    /// A line is not a valid row.
    #[error("line {line} of all, which is of table `{table}`, is not a valid row")]
    Line {
        /// The table.
        table: String,
        /// The line among those of all tables, from 1.
        line: usize,
    },
    /// A schema that is not known here.
    #[error("the rows are of version {schema} of the schema, where this plateaud knows {known}")]
    Later {
        /// Theirs.
        schema: i64,
        /// The latest that is known.
        known: i64,
    },
}

/// What there is after rows were put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoredCounts {
    /// Sessions.
    pub sessions: u64,
    /// Attempts.
    pub attempts: u64,
    /// Gradings.
    pub gradings: u64,
}

/// The latest version of the schema that is known.
#[must_use]
pub fn latest() -> i64 {
    let versions = MIGRATIONS.iter().map(|migration| migration.version);
    versions.max().unwrap_or(0)
}

impl Database {
    /// Hands over every row of every table as a line of JSON, all of one moment, whoever writes
    /// meanwhile.
    ///
    /// # Errors
    /// The database fails, or `each` does.
    pub async fn dump(
        &self,
        mut each: impl FnMut(&'static str, &[u8]) -> io::Result<()> + Send,
    ) -> Result<(), DumpError> {
        let begun = self.read().begin().await;
        let mut tx = begun.map_err(DatabaseError::query(DUMP))?;
        match self.dialect() {
            // Its readers see what was there at their first look, until they end.
            Dialect::Sqlite => {}
            Dialect::Postgres => {
                let one_moment = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";
                let set = sqlx::query(one_moment).execute(&mut *tx).await;
                set.map_err(DatabaseError::query(DUMP))?;
            }
        }
        for table in TABLES {
            let all = AssertSqlSafe(format!("SELECT * FROM {table}"));
            let mut rows = sqlx::query(all).fetch(&mut *tx);
            while let Some(row) = rows.try_next().await.map_err(DatabaseError::query(DUMP))? {
                let mut line = line(&row)?;
                line.push(b'\n');
                each(table, &line).map_err(|source| DumpError::Write { table, source })?;
            }
        }
        let ended = tx.rollback().await;
        Ok(ended.map_err(DatabaseError::query(DUMP))?)
    }

    /// Whether there is no table at all where ours would be.
    ///
    /// # Errors
    /// The database fails.
    pub async fn is_bare(&self) -> Result<bool, DatabaseError> {
        let tables = match self.dialect() {
            Dialect::Sqlite => {
                "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            }
            Dialect::Postgres => {
                "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema()"
            }
        };
        let (count,): (i64,) = sqlx::query_as(tables)
            .fetch_one(self.read())
            .await
            .map_err(DatabaseError::query("look for tables"))?;
        Ok(count == 0)
    }

    /// Gives all tables of PostgreSQL another schema of this name, and begins an empty one in their
    /// place. SQLite has files for that.
    ///
    /// # Errors
    /// The database refuses, such as where the schema is not ours.
    pub async fn set_aside(&self, name: &str) -> Result<(), DatabaseError> {
        let doing = "set the tables aside";
        let mut tx = self.begin().await?;
        let (schema,): (String,) = sqlx::query_as("SELECT CAST(current_schema() AS TEXT)")
            .fetch_one(tx.connection())
            .await
            .map_err(DatabaseError::query(doing))?;
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let (schema, aside) = (quoted(&schema), quoted(name));
        for text in [
            format!("ALTER SCHEMA {schema} RENAME TO {aside}"),
            format!("CREATE SCHEMA {schema}"),
        ] {
            let done = sqlx::query(AssertSqlSafe(text))
                .execute(tx.connection())
                .await;
            done.map_err(DatabaseError::query(doing))?;
        }
        tx.commit().await
    }

    /// Makes the tables as they were in a version of the schema, puts rows into them, and brings
    /// them up to date. `rows` are tables and lines, in the order in which they were handed out.
    ///
    /// # Errors
    /// The version is not known, a line is not a valid row, or the database fails. No row is there then.
    pub async fn load(
        &self,
        schema: i64,
        rows: impl Iterator<Item = io::Result<(String, Vec<u8>)>> + Send,
    ) -> Result<RestoredCounts, DumpError> {
        let known = latest();
        if schema > known {
            return Err(DumpError::Later { schema, known });
        }
        let migrated = MIGRATIONS.run_to(schema, self.write()).await;
        migrated.map_err(|source| migrating(self, source))?;
        let mut tx = self.begin().await?;
        for (line, read) in (1..).zip(rows) {
            let (table, text) = read.map_err(DumpError::Read)?;
            insert(&mut tx, &table, line, &text).await?;
        }
        tx.commit().await?;
        let migrated = MIGRATIONS.run(self.write()).await;
        migrated.map_err(|source| migrating(self, source))?;
        Ok(RestoredCounts {
            sessions: self.count("SELECT COUNT(*) FROM sessions").await?,
            attempts: self.count("SELECT COUNT(*) FROM attempts").await?,
            gradings: self.count("SELECT COUNT(*) FROM gradings").await?,
        })
    }

    async fn count(&self, sql: &'static str) -> Result<u64, DatabaseError> {
        let (count,): (i64,) = sqlx::query_as(sql)
            .fetch_one(self.read())
            .await
            .map_err(DatabaseError::query("count what was put back"))?;
        Ok(number(count))
    }
}

fn migrating(database: &Database, source: sqlx::migrate::MigrateError) -> DatabaseError {
    DatabaseError::Migrate {
        url: database.shown().to_owned(),
        source,
    }
}

/// A row as an object, in the order of its columns' names.
fn line(row: &AnyRow) -> Result<Vec<u8>, DatabaseError> {
    let mut object = Map::new();
    for column in row.columns() {
        let failed = DatabaseError::query(DUMP);
        let place = column.ordinal();
        let is_null = row.try_get_raw(place).map_err(failed)?.is_null();
        // All columns are TEXT, BIGINT or BYTEA.
        let value = if is_null {
            Value::Null
        } else if let Ok(text) = row.try_get::<String, _>(place) {
            Value::String(text)
        } else if let Ok(bytes) = row.try_get::<Vec<u8>, _>(place) {
            json!({ BYTES: STANDARD.encode(bytes) })
        } else {
            let number: i64 = row.try_get(place).map_err(DatabaseError::query(DUMP))?;
            Value::from(number)
        };
        object.insert(column.name().to_owned(), value);
    }
    serde_json::to_vec(&object).map_err(DatabaseError::kept(DUMP))
}

/// Bytes as [`line`] writes them.
fn bytes_of(object: &Map<String, Value>) -> Option<Vec<u8>> {
    let text = object.get(BYTES)?.as_str()?;
    STANDARD.decode(text).ok()
}

async fn insert(
    tx: &mut Transaction,
    table: &str,
    line: usize,
    text: &[u8],
) -> Result<(), DumpError> {
    let no_row = || DumpError::Line {
        table: table.to_owned(),
        line,
    };
    let row: Map<String, Value> = serde_json::from_slice(text).map_err(|_| no_row())?;
    // They become part of a statement.
    let is_name = |name: &str| {
        let mut letters = name.bytes();
        !name.is_empty() && letters.all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    if !is_name(table) || !row.keys().all(|column| is_name(column)) {
        return Err(no_row());
    }
    // What is left out is NULL, of whichever kind the column is.
    let row: Vec<_> = row
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .collect();
    let columns: Vec<&str> = row.iter().map(|(column, _)| column.as_str()).collect();
    let places: Vec<String> = (1..=row.len()).map(|place| format!("${place}")).collect();
    let sql = format!(
        "INSERT INTO {table} ({}) VALUES ({})",
        columns.join(", "),
        places.join(", ")
    );
    let mut insert = sqlx::query(AssertSqlSafe(sql));
    for (_, value) in &row {
        insert = match value {
            Value::String(text) => insert.bind(text.as_str()),
            Value::Number(number) => insert.bind(number.as_i64().ok_or_else(no_row)?),
            Value::Object(object) => insert.bind(bytes_of(object).ok_or_else(no_row)?),
            Value::Null | Value::Bool(_) | Value::Array(_) => return Err(no_row()),
        };
    }
    let done = insert.execute(tx.connection()).await;
    Ok(done.map(drop).map_err(DatabaseError::query(LOAD))?)
}
