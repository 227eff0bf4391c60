//! Rows, and what they say.

use plateau_core::api::Terms;
use plateau_core::exam::session::{AttemptState, SessionState};
use sqlx::{FromRow, Row as _};

use crate::store::database::DatabaseError;

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

pub(in crate::store) fn number(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// As a column has it.
pub(in crate::store) fn column(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) const READ: &str = "read a session";

pub(super) fn session_of(row: &sqlx::any::AnyRow) -> Result<SessionRow, DatabaseError> {
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
pub(super) struct SeatColumns {
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
    pub(super) fn seat(self) -> Result<SeatRow, DatabaseError> {
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
pub(super) struct AttemptColumns {
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
    pub(super) fn attempt(self) -> Result<AttemptRow, DatabaseError> {
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
