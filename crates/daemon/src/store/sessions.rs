//! Sessions, seats, attempts and their log in the database.
//!
//! A move and its entry in the log are one transaction: what is written down happened, and what
//! happened is written down.

use plateau_core::exam::clock::{Grant, Tick};
use plateau_core::exam::log::{Deed, Entry};
use plateau_core::exam::session::{AttemptMove, SessionMove};
use sqlx::{Any, Transaction};

use super::database::{Database, DatabaseError};

mod row;
mod writing;

use row::{AttemptColumns, READ, SeatColumns, session_of};
pub use row::{AttemptRow, ScenarioRow, SeatRow, SessionRow};
pub(super) use row::{column, number};
pub(crate) use writing::{
    append, commit, move_attempt, move_session, recode_seat, replace_seats, session_state_in,
    state_in,
};

/// What is being written.
pub type Writing = Transaction<'static, Any>;

impl Database {
    /// Keeps a new session with its scenarios.
    pub(crate) async fn insert_session(
        &self,
        session: &SessionRow,
        scenarios: &[ScenarioRow],
        at_ms: u64,
        actor: &str,
        insisted: Vec<(String, String)>,
    ) -> Result<(), DatabaseError> {
        let doing = "keep a session";
        let terms = serde_json::to_string(&session.terms).map_err(DatabaseError::kept(doing))?;
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO sessions (id, name, state, terms, created) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&session.id)
        .bind(&session.name)
        .bind(session.state.word())
        .bind(terms)
        .bind(column(session.created_ms))
        .execute(&mut *tx)
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
            .execute(&mut *tx)
            .await
            .map_err(DatabaseError::query(doing))?;
        }
        append(&mut tx, &session.id, at_ms, actor, None, Deed::Created {}).await?;
        for (scenario, reason) in insisted {
            let deed = Deed::Insisted { scenario };
            append(&mut tx, &session.id, at_ms, actor, Some(reason), deed).await?;
        }
        commit(tx).await
    }

    /// All sessions, the newest last.
    pub(crate) async fn sessions(&self) -> Result<Vec<SessionRow>, DatabaseError> {
        let rows = sqlx::query("SELECT id, name, state, terms, created FROM sessions ORDER BY id")
            .fetch_all(self.read())
            .await
            .map_err(DatabaseError::query(READ))?;
        rows.iter().map(session_of).collect()
    }

    /// The session of a name or an identifier.
    pub(crate) async fn session(&self, named: &str) -> Result<Option<SessionRow>, DatabaseError> {
        let row = sqlx::query(
            "SELECT id, name, state, terms, created FROM sessions WHERE name = $1 OR id = $1",
        )
        .bind(named)
        .fetch_optional(self.read())
        .await
        .map_err(DatabaseError::query(READ))?;
        row.as_ref().map(session_of).transpose()
    }

    /// A session's scenarios, in their order.
    pub(crate) async fn scenarios(&self, session: &str) -> Result<Vec<ScenarioRow>, DatabaseError> {
        let rows: Vec<(String, String, i64, Option<i64>)> = sqlx::query_as(
            "SELECT scenario, hash, duration_ms, proven FROM session_scenarios \
             WHERE session = $1 ORDER BY place",
        )
        .bind(session)
        .fetch_all(self.read())
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

    /// A session's seats, by candidate number.
    pub(crate) async fn seats(&self, session: &str) -> Result<Vec<SeatRow>, DatabaseError> {
        let rows: Vec<SeatColumns> =
            sqlx::query_as("SELECT * FROM seats WHERE session = $1 ORDER BY number")
                .bind(session)
                .fetch_all(self.read())
                .await
                .map_err(DatabaseError::query("read a session's seats"))?;
        rows.into_iter().map(SeatColumns::seat).collect()
    }

    /// A seat.
    pub(crate) async fn seat(&self, id: &str) -> Result<Option<SeatRow>, DatabaseError> {
        let row: Option<SeatColumns> = sqlx::query_as("SELECT * FROM seats WHERE id = $1")
            .bind(id)
            .fetch_optional(self.read())
            .await
            .map_err(DatabaseError::query("read a seat"))?;
        row.map(SeatColumns::seat).transpose()
    }

    /// The seat that an access code, by its BLAKE3, leads to.
    pub(crate) async fn seat_of_code(&self, code: &str) -> Result<Option<SeatRow>, DatabaseError> {
        let row: Option<SeatColumns> = sqlx::query_as("SELECT * FROM seats WHERE code = $1")
            .bind(code)
            .fetch_optional(self.read())
            .await
            .map_err(DatabaseError::query("read a seat"))?;
        row.map(SeatColumns::seat).transpose()
    }

    /// The seat that a key of SSH, by its fingerprint, leads to.
    pub(crate) async fn seat_of_key(
        &self,
        fingerprint: &str,
    ) -> Result<Option<SeatRow>, DatabaseError> {
        let row: Option<SeatColumns> = sqlx::query_as(
            "SELECT seats.* FROM seats JOIN ssh_keys ON ssh_keys.seat = seats.id \
             WHERE ssh_keys.fingerprint = $1",
        )
        .bind(fingerprint)
        .fetch_optional(self.read())
        .await
        .map_err(DatabaseError::query("read the seat of a key"))?;
        row.map(SeatColumns::seat).transpose()
    }

    /// A session's attempts, by identifier.
    pub(crate) async fn attempts(&self, session: &str) -> Result<Vec<AttemptRow>, DatabaseError> {
        let rows: Vec<AttemptColumns> =
            sqlx::query_as("SELECT * FROM attempts WHERE session = $1 ORDER BY id")
                .bind(session)
                .fetch_all(self.read())
                .await
                .map_err(DatabaseError::query("read a session's attempts"))?;
        rows.into_iter().map(AttemptColumns::attempt).collect()
    }

    /// An attempt.
    pub(crate) async fn attempt(&self, id: &str) -> Result<Option<AttemptRow>, DatabaseError> {
        let row: Option<AttemptColumns> = sqlx::query_as("SELECT * FROM attempts WHERE id = $1")
            .bind(id)
            .fetch_optional(self.read())
            .await
            .map_err(DatabaseError::query("read an attempt"))?;
        row.map(AttemptColumns::attempt).transpose()
    }

    /// The attempt whose lab this is.
    pub(crate) async fn attempt_of_lab(
        &self,
        lab: &str,
    ) -> Result<Option<AttemptRow>, DatabaseError> {
        let row: Option<AttemptColumns> = sqlx::query_as("SELECT * FROM attempts WHERE lab = $1")
            .bind(lab)
            .fetch_optional(self.read())
            .await
            .map_err(DatabaseError::query("read an attempt"))?;
        row.map(AttemptColumns::attempt).transpose()
    }

    /// A session's log from an entry on, in its order.
    ///
    /// # Errors
    /// The database failed.
    pub async fn log(&self, session: &str, from: u64) -> Result<Vec<Entry>, DatabaseError> {
        let doing = "read a session's log";
        let rows: Vec<(String,)> =
            sqlx::query_as("SELECT entry FROM log WHERE session = $1 AND seq >= $2 ORDER BY seq")
                .bind(session)
                .bind(column(from))
                .fetch_all(self.read())
                .await
                .map_err(DatabaseError::query(doing))?;
        let entries = rows.iter().map(|(text,)| serde_json::from_str(text));
        let entries: Result<Vec<Entry>, _> = entries.collect();
        entries.map_err(DatabaseError::kept(doing))
    }

    /// Names an attempt's lab, or that it has none; that it had one is kept.
    pub(crate) async fn set_lab(
        &self,
        attempt: &str,
        lab: Option<&str>,
    ) -> Result<(), DatabaseError> {
        let doing = "name an attempt's lab";
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE attempts SET lab = $2 WHERE id = $1")
            .bind(attempt)
            .bind(lab)
            .execute(&mut *tx)
            .await
            .map_err(DatabaseError::query(doing))?;
        if let Some(lab) = lab {
            sqlx::query(
                "INSERT INTO attempt_labs (attempt, lab) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            )
            .bind(attempt)
            .bind(lab)
            .execute(&mut *tx)
            .await
            .map_err(DatabaseError::query(doing))?;
        }
        commit(tx).await
    }

    /// Says what keeps an attempt from going on, or that nothing does.
    pub(crate) async fn set_problem(
        &self,
        attempt: &str,
        problem: Option<&str>,
    ) -> Result<(), DatabaseError> {
        sqlx::query("UPDATE attempts SET problem = $2 WHERE id = $1")
            .bind(attempt)
            .bind(problem)
            .execute(self.write())
            .await
            .map(drop)
            .map_err(DatabaseError::query("say what is wrong with an attempt"))
    }

    /// Keeps that a scenario's folder was proven.
    pub(crate) async fn keep_proof(
        &self,
        hash: &str,
        at_ms: u64,
        proof: &str,
    ) -> Result<(), DatabaseError> {
        sqlx::query(
            "INSERT INTO proofs (hash, proven, proof) VALUES ($1, $2, $3) \
             ON CONFLICT (hash) DO UPDATE SET proven = excluded.proven, proof = excluded.proof",
        )
        .bind(hash)
        .bind(column(at_ms))
        .bind(proof)
        .execute(self.write())
        .await
        .map(drop)
        .map_err(DatabaseError::query("keep a proof"))
    }

    /// When a scenario's folder was proven, if it was (milliseconds since the epoch).
    pub(crate) async fn proven(&self, hash: &str) -> Result<Option<u64>, DatabaseError> {
        let row: Option<(i64,)> = sqlx::query_as("SELECT proven FROM proofs WHERE hash = $1")
            .bind(hash)
            .fetch_optional(self.read())
            .await
            .map_err(DatabaseError::query("look for a proof"))?;
        Ok(row.map(|(at,)| number(at)))
    }
}

/// What an attempt's clock is granted.
#[must_use]
pub fn grant(seat: &SeatRow, scenario: &ScenarioRow) -> Grant {
    Grant {
        duration_ms: scenario.duration_ms,
        factor: seat.factor,
        breaks_ms: seat.breaks_ms,
    }
}

/// What a log does to the clock of an attempt.
#[must_use]
pub fn ticks(log: &[Entry], attempt: &str) -> Vec<(u64, Tick)> {
    log.iter().filter_map(|entry| entry.tick(attempt)).collect()
}

/// A deed that moves an attempt.
pub(crate) fn moved(attempt: &str, by: AttemptMove) -> Deed {
    Deed::Attempt {
        attempt: attempt.to_owned(),
        by,
        pause: None,
    }
}

/// A deed that moves a session.
pub(crate) fn session_moved(by: SessionMove) -> Deed {
    Deed::Session { by }
}
