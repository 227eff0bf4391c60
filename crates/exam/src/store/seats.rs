//! Seats: who sits in a session, with which arrangements and by which access code.

use sqlx::FromRow;

use super::attempts::AttemptRow;
use super::column::{column, number};
use super::database::{Database, DatabaseError, Pool};
use super::transaction::Transaction;

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

/// A seat, as far as it concerns who may do what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatSummary {
    /// Identifier.
    pub id: String,
    /// The session.
    pub session: String,
    /// Its number in the session.
    pub number: String,
    /// Who sits there.
    pub name: String,
}

fn summary((id, session, number, name): (String, String, String, String)) -> SeatSummary {
    SeatSummary {
        id,
        session,
        number,
        name,
    }
}

/// Seats of sessions. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Seats {
    pool: Pool,
}

impl Database {
    /// The seats of sessions.
    #[must_use]
    pub fn seats(&self) -> Seats {
        Seats { pool: self.pool() }
    }
}

impl Seats {
    /// A session's seats, by candidate number.
    pub(crate) async fn of_session(&self, session: &str) -> Result<Vec<SeatRow>, DatabaseError> {
        let rows: Vec<SeatColumns> =
            sqlx::query_as("SELECT * FROM seats WHERE session = $1 ORDER BY number")
                .bind(session)
                .fetch_all(self.pool.read())
                .await
                .map_err(DatabaseError::query("read a session's seats"))?;
        rows.into_iter().map(SeatColumns::seat).collect()
    }

    /// A seat.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<SeatRow>, DatabaseError> {
        let row: Option<SeatColumns> = sqlx::query_as("SELECT * FROM seats WHERE id = $1")
            .bind(id)
            .fetch_optional(self.pool.read())
            .await
            .map_err(DatabaseError::query("read a seat"))?;
        row.map(SeatColumns::seat).transpose()
    }

    /// The seat that an access code, by its BLAKE3, leads to.
    pub(crate) async fn of_code(&self, code: &str) -> Result<Option<SeatRow>, DatabaseError> {
        let row: Option<SeatColumns> = sqlx::query_as("SELECT * FROM seats WHERE code = $1")
            .bind(code)
            .fetch_optional(self.pool.read())
            .await
            .map_err(DatabaseError::query("read a seat"))?;
        row.map(SeatColumns::seat).transpose()
    }

    /// The seat that a key of SSH, by its fingerprint, leads to.
    pub(crate) async fn of_key(&self, fingerprint: &str) -> Result<Option<SeatRow>, DatabaseError> {
        let row: Option<SeatColumns> = sqlx::query_as(
            "SELECT seats.* FROM seats JOIN ssh_keys ON ssh_keys.seat = seats.id \
             WHERE ssh_keys.fingerprint = $1",
        )
        .bind(fingerprint)
        .fetch_optional(self.pool.read())
        .await
        .map_err(DatabaseError::query("read the seat of a key"))?;
        row.map(SeatColumns::seat).transpose()
    }

    /// The seat of an identifier.
    ///
    /// # Errors
    /// The database fails.
    pub async fn summary(&self, seat: &str) -> Result<Option<SeatSummary>, DatabaseError> {
        let row = sqlx::query_as("SELECT id, session, number, name FROM seats WHERE id = $1")
            .bind(seat)
            .fetch_optional(self.pool.read())
            .await
            .map_err(DatabaseError::query("look up a seat"))?;
        Ok(row.map(summary))
    }

    /// The seat of an access code's hash.
    ///
    /// # Errors
    /// The database fails.
    pub async fn summary_of_code(&self, hash: &str) -> Result<Option<SeatSummary>, DatabaseError> {
        let row = sqlx::query_as("SELECT id, session, number, name FROM seats WHERE code = $1")
            .bind(hash)
            .fetch_optional(self.pool.read())
            .await
            .map_err(DatabaseError::query("look up a code"))?;
        Ok(row.map(summary))
    }

    /// Puts seats and their attempts in the place of those that were there.
    pub(crate) async fn replace(
        tx: &mut Transaction,
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
                .execute(tx.connection())
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
            .execute(tx.connection())
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
                .execute(tx.connection())
                .await
                .map_err(DatabaseError::query(doing))?;
            }
        }
        Ok(())
    }

    /// Gives a seat another access code.
    pub(crate) async fn replace_code(
        tx: &mut Transaction,
        seat: &str,
        generation: u64,
        code: &str,
    ) -> Result<(), DatabaseError> {
        sqlx::query("UPDATE seats SET generation = $2, code = $3 WHERE id = $1")
            .bind(seat)
            .bind(column(generation))
            .bind(code)
            .execute(tx.connection())
            .await
            .map(drop)
            .map_err(DatabaseError::query("replace an access code"))
    }
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
