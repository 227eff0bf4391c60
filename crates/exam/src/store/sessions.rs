//! Sessions and their scenarios.
//!
//! What moves in a transaction takes it as an argument, so that a move and its entry in the log are
//! one: what is written down happened, and what happened is written down.

use plateau_core::api::SessionTerms;
use plateau_core::exam::log::LogAction;
use plateau_core::exam::session::SessionState;
use sqlx::Row as _;

use super::column::{column, number};
use super::database::{Database, DatabaseError, Pool};
use super::log::Log;
use super::transaction::Transaction;

/// A session.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRow {
    /// Identifier.
    pub id: String,
    /// Name.
    pub name: String,
    /// Where it is.
    pub state: SessionState,
    /// What was decided of it.
    pub terms: SessionTerms,
    /// When it was described (milliseconds since the epoch).
    pub created_ms: u64,
}

/// A session's scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioRow {
    /// Its identifier.
    pub scenario: String,
    /// BLAKE3 of its frozen folder.
    pub hash: String,
    /// How long a candidate has, in milliseconds.
    pub duration_ms: u64,
    /// When this folder was proven.
    pub proven_ms: Option<u64>,
}

const READ: &str = "read a session";

/// Sessions and their scenarios. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Sessions {
    pool: Pool,
}

impl Database {
    /// The sessions.
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        Sessions { pool: self.pool() }
    }
}

impl Sessions {
    /// Keeps a new session with its scenarios.
    pub(crate) async fn add(
        &self,
        session: &SessionRow,
        scenarios: &[ScenarioRow],
        at_ms: u64,
        actor: &str,
        insisted: Vec<(String, String)>,
    ) -> Result<(), DatabaseError> {
        let doing = "keep a session";
        let terms = serde_json::to_string(&session.terms).map_err(DatabaseError::kept(doing))?;
        let mut tx = self.pool.begin().await?;
        sqlx::query(
            "INSERT INTO sessions (id, name, state, terms, created) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&session.id)
        .bind(&session.name)
        .bind(session.state.word())
        .bind(terms)
        .bind(column(session.created_ms))
        .execute(tx.connection())
        .await
        .map_err(DatabaseError::query(doing))?;
        for (place, scenario) in (0_i64..).zip(scenarios) {
            sqlx::query(
                "INSERT INTO session_scenarios (session, scenario, place, hash, duration_ms, proven) \
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(&session.id)
            .bind(&scenario.scenario)
            .bind(place)
            .bind(&scenario.hash)
            .bind(column(scenario.duration_ms))
            .bind(scenario.proven_ms.map(column))
            .execute(tx.connection())
            .await
            .map_err(DatabaseError::query(doing))?;
        }
        Log::append(
            &mut tx,
            &session.id,
            at_ms,
            actor,
            None,
            LogAction::Created {},
        )
        .await?;
        for (scenario, reason) in insisted {
            let deed = LogAction::Insisted { scenario };
            Log::append(&mut tx, &session.id, at_ms, actor, Some(reason), deed).await?;
        }
        tx.commit().await
    }

    /// All sessions, the newest last.
    pub(crate) async fn list(&self) -> Result<Vec<SessionRow>, DatabaseError> {
        let rows = sqlx::query("SELECT id, name, state, terms, created FROM sessions ORDER BY id")
            .fetch_all(self.pool.read())
            .await
            .map_err(DatabaseError::query(READ))?;
        rows.iter().map(session_of).collect()
    }

    /// The session of a name or an identifier.
    pub(crate) async fn find(&self, named: &str) -> Result<Option<SessionRow>, DatabaseError> {
        let row = sqlx::query(
            "SELECT id, name, state, terms, created FROM sessions WHERE name = $1 OR id = $1",
        )
        .bind(named)
        .fetch_optional(self.pool.read())
        .await
        .map_err(DatabaseError::query(READ))?;
        row.as_ref().map(session_of).transpose()
    }

    /// The identifier of the session that a name or an identifier stands for.
    ///
    /// # Errors
    /// The database fails.
    pub async fn id_of(&self, asked: &str) -> Result<Option<String>, DatabaseError> {
        sqlx::query_scalar("SELECT id FROM sessions WHERE id = $1 OR name = $1")
            .bind(asked)
            .fetch_optional(self.pool.read())
            .await
            .map_err(DatabaseError::query("look up a session"))
    }

    /// A session's scenarios, in their order.
    pub(crate) async fn scenarios(&self, session: &str) -> Result<Vec<ScenarioRow>, DatabaseError> {
        let rows: Vec<(String, String, i64, Option<i64>)> = sqlx::query_as(
            "SELECT scenario, hash, duration_ms, proven FROM session_scenarios \
             WHERE session = $1 ORDER BY place",
        )
        .bind(session)
        .fetch_all(self.pool.read())
        .await
        .map_err(DatabaseError::query("read a session's scenarios"))?;
        let rows = rows.into_iter();
        Ok(rows
            .map(|(scenario, hash, duration, proven)| ScenarioRow {
                scenario,
                hash,
                duration_ms: number(duration),
                proven_ms: proven.map(number),
            })
            .collect())
    }

    /// Moves a session on, if it still is where it was thought to be. Whether it was.
    pub(crate) async fn move_to(
        tx: &mut Transaction,
        session: &str,
        from: SessionState,
        to: SessionState,
    ) -> Result<bool, DatabaseError> {
        let moved = sqlx::query("UPDATE sessions SET state = $3 WHERE id = $1 AND state = $2")
            .bind(session)
            .bind(from.word())
            .bind(to.word())
            .execute(tx.connection())
            .await
            .map_err(DatabaseError::query("move a session"))?;
        Ok(moved.rows_affected() == 1)
    }

    /// Where a session is, in the middle of a change; `None` where there is none.
    pub(crate) async fn state_in(
        tx: &mut Transaction,
        session: &str,
    ) -> Result<Option<SessionState>, DatabaseError> {
        let doing = "find the session";
        let row: Option<(String,)> = sqlx::query_as("SELECT state FROM sessions WHERE id = $1")
            .bind(session)
            .fetch_optional(tx.connection())
            .await
            .map_err(DatabaseError::query(doing))?;
        let Some((word,)) = row else {
            return Ok(None);
        };
        let state = SessionState::of(&word);
        state.map(Some).ok_or(DatabaseError::Word { doing, word })
    }
}

fn session_of(row: &sqlx::any::AnyRow) -> Result<SessionRow, DatabaseError> {
    let failed = DatabaseError::query;
    let word: String = row.try_get("state").map_err(failed(READ))?;
    let terms: String = row.try_get("terms").map_err(failed(READ))?;
    Ok(SessionRow {
        id: row.try_get("id").map_err(failed(READ))?,
        name: row.try_get("name").map_err(failed(READ))?,
        state: SessionState::of(&word).ok_or(DatabaseError::Word { doing: READ, word })?,
        terms: serde_json::from_str(&terms).map_err(DatabaseError::kept(READ))?,
        created_ms: number(row.try_get("created").map_err(failed(READ))?),
    })
}
