//! Sessions, seats, attempts and their log in the database.
//!
//! A move and its entry in the log are one transaction: what is written down happened, and what
//! happened is written down.

use plateau_core::exam::clock::{Grant, Tick};
use plateau_core::exam::log::{Deed, Entry};
use plateau_core::exam::message::Terms;
use plateau_core::exam::session::{AttemptMove, AttemptState, SessionMove, SessionState};
use sqlx::{Any, FromRow, Row, Transaction};

use super::database::{Database, DatabaseError};

/// What is being written.
pub type Writing = Transaction<'static, Any>;

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
    pub terms: Terms,
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

/// A seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatRow {
    /// Identifier.
    pub id: String,
    /// The session's identifier.
    pub session: String,
    /// Candidate number.
    pub number: String,
    /// Name.
    pub name: String,
    /// E-mail.
    pub email: Option<String>,
    /// Blocks presented.
    pub blocks: Vec<String>,
    /// Factor on time, in thousandths.
    pub factor: u32,
    /// Time for breaks, in milliseconds.
    pub breaks_ms: u64,
    /// Other arrangements.
    pub notes: String,
    /// How often its access code was replaced.
    pub generation: u64,
    /// BLAKE3 of its access code.
    pub code: String,
}

/// An attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// Identifier.
    pub id: String,
    /// The session's identifier.
    pub session: String,
    /// The seat's identifier.
    pub seat: String,
    /// The scenario's identifier.
    pub scenario: String,
    /// Where it is.
    pub state: AttemptState,
    /// Seed of its parameters.
    pub seed: String,
    /// Its lab's identifier.
    pub lab: Option<String>,
    /// Why it is broken, or what keeps it from going on.
    pub problem: Option<String>,
}

fn number(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// As a column has it.
pub(super) fn column(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

const READ: &str = "read a session";

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

#[derive(FromRow)]
struct SeatColumns {
    id: String,
    session: String,
    number: String,
    name: String,
    email: Option<String>,
    blocks: String,
    factor: i64,
    breaks_ms: i64,
    notes: String,
    generation: i64,
    code: String,
}

impl SeatColumns {
    fn seat(self) -> Result<SeatRow, DatabaseError> {
        Ok(SeatRow {
            id: self.id,
            session: self.session,
            number: self.number,
            name: self.name,
            email: self.email,
            blocks: serde_json::from_str(&self.blocks)
                .map_err(DatabaseError::kept("read a seat"))?,
            factor: u32::try_from(self.factor).unwrap_or(1000),
            breaks_ms: number(self.breaks_ms),
            notes: self.notes,
            generation: number(self.generation),
            code: self.code,
        })
    }
}

#[derive(FromRow)]
struct AttemptColumns {
    id: String,
    session: String,
    seat: String,
    scenario: String,
    state: String,
    seed: String,
    lab: Option<String>,
    problem: Option<String>,
}

impl AttemptColumns {
    fn attempt(self) -> Result<AttemptRow, DatabaseError> {
        let state = AttemptState::of(&self.state).ok_or(DatabaseError::Word {
            doing: "read an attempt",
            word: self.state,
        })?;
        Ok(AttemptRow {
            id: self.id,
            session: self.session,
            seat: self.seat,
            scenario: self.scenario,
            state,
            seed: self.seed,
            lab: self.lab,
            problem: self.problem,
        })
    }
}

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

    /// Names an attempt's lab, or that it has none.
    pub(crate) async fn set_lab(
        &self,
        attempt: &str,
        lab: Option<&str>,
    ) -> Result<(), DatabaseError> {
        sqlx::query("UPDATE attempts SET lab = $2 WHERE id = $1")
            .bind(attempt)
            .bind(lab)
            .execute(self.write())
            .await
            .map(drop)
            .map_err(DatabaseError::query("name an attempt's lab"))
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

/// Puts seats and their attempts in the place of those that were there.
pub(crate) async fn replace_seats(
    tx: &mut Writing,
    session: &str,
    seats: &[(SeatRow, Vec<AttemptRow>)],
) -> Result<(), DatabaseError> {
    let doing = "keep a session's seats";
    for table in [
        "DELETE FROM attempts WHERE session = $1",
        "DELETE FROM seats WHERE session = $1",
    ] {
        sqlx::query(table)
            .bind(session)
            .execute(&mut **tx)
            .await
            .map_err(DatabaseError::query(doing))?;
    }
    for (seat, attempts) in seats {
        let blocks = serde_json::to_string(&seat.blocks).map_err(DatabaseError::kept(doing))?;
        sqlx::query(
            "INSERT INTO seats (id, session, number, name, email, blocks, factor, breaks_ms, \
             notes, generation, code) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(&seat.id)
        .bind(session)
        .bind(&seat.number)
        .bind(&seat.name)
        .bind(seat.email.as_deref())
        .bind(blocks)
        .bind(i64::from(seat.factor))
        .bind(column(seat.breaks_ms))
        .bind(&seat.notes)
        .bind(column(seat.generation))
        .bind(&seat.code)
        .execute(&mut **tx)
        .await
        .map_err(DatabaseError::query(doing))?;
        for attempt in attempts {
            sqlx::query(
                "INSERT INTO attempts (id, session, seat, scenario, state, seed) \
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(&attempt.id)
            .bind(session)
            .bind(&seat.id)
            .bind(&attempt.scenario)
            .bind(attempt.state.word())
            .bind(&attempt.seed)
            .execute(&mut **tx)
            .await
            .map_err(DatabaseError::query(doing))?;
        }
    }
    Ok(())
}

/// Gives a seat another access code.
pub(crate) async fn recode_seat(
    tx: &mut Writing,
    seat: &str,
    generation: u64,
    code: &str,
) -> Result<(), DatabaseError> {
    sqlx::query("UPDATE seats SET generation = $2, code = $3 WHERE id = $1")
        .bind(seat)
        .bind(column(generation))
        .bind(code)
        .execute(&mut **tx)
        .await
        .map(drop)
        .map_err(DatabaseError::query("replace an access code"))
}

/// Moves a session on, if it still is where it was thought to be. Whether it was.
pub(crate) async fn move_session(
    tx: &mut Writing,
    session: &str,
    from: SessionState,
    to: SessionState,
) -> Result<bool, DatabaseError> {
    let moved = sqlx::query("UPDATE sessions SET state = $3 WHERE id = $1 AND state = $2")
        .bind(session)
        .bind(from.word())
        .bind(to.word())
        .execute(&mut **tx)
        .await
        .map_err(DatabaseError::query("move a session"))?;
    Ok(moved.rows_affected() == 1)
}

/// Moves an attempt on, if it still is where it was thought to be. Whether it was.
pub(crate) async fn move_attempt(
    tx: &mut Writing,
    attempt: &str,
    from: AttemptState,
    to: AttemptState,
) -> Result<bool, DatabaseError> {
    let moved =
        sqlx::query("UPDATE attempts SET state = $3, problem = NULL WHERE id = $1 AND state = $2")
            .bind(attempt)
            .bind(from.word())
            .bind(to.word())
            .execute(&mut **tx)
            .await
            .map_err(DatabaseError::query("move an attempt"))?;
    Ok(moved.rows_affected() == 1)
}

/// Appends to a session's log.
pub(crate) async fn append(
    tx: &mut Writing,
    session: &str,
    at_ms: u64,
    actor: &str,
    reason: Option<String>,
    deed: Deed,
) -> Result<Entry, DatabaseError> {
    let doing = "append to a session's log";
    // Keeps others out of this log until the transaction ends, also where they write at the same time.
    sqlx::query("UPDATE sessions SET state = state WHERE id = $1")
        .bind(session)
        .execute(&mut **tx)
        .await
        .map_err(DatabaseError::query(doing))?;
    let last: Option<(i64, String)> =
        sqlx::query_as("SELECT seq, hash FROM log WHERE session = $1 ORDER BY seq DESC LIMIT 1")
            .bind(session)
            .fetch_optional(&mut **tx)
            .await
            .map_err(DatabaseError::query(doing))?;
    let last = last
        .as_ref()
        .map(|(seq, hash)| (number(*seq), hash.as_str()));
    let entry = Entry::after(last, at_ms, actor, reason, deed);
    let text = serde_json::to_string(&entry).map_err(DatabaseError::kept(doing))?;
    sqlx::query("INSERT INTO log (session, seq, hash, entry) VALUES ($1, $2, $3, $4)")
        .bind(session)
        .bind(column(entry.seq))
        .bind(&entry.hash)
        .bind(text)
        .execute(&mut **tx)
        .await
        .map_err(DatabaseError::query(doing))?;
    Ok(entry)
}

/// Ends a transaction: from now on it is so, also after a power cut.
pub(crate) async fn commit(tx: Writing) -> Result<(), DatabaseError> {
    tx.commit()
        .await
        .map_err(DatabaseError::query("write to the database"))
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
