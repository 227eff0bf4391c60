//! What is written in a transaction: seats, moves, and the entries of the log.

use plateau_core::exam::log::{Deed, Entry};
use plateau_core::exam::session::{AttemptState, SessionState};

use super::{AttemptRow, SeatRow, Writing, column, number};
use crate::store::database::DatabaseError;

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

/// Moves an attempt on, if it still is where it was thought to be, and says what is wrong with it
/// from then on. Whether it was.
pub(crate) async fn move_attempt(
    tx: &mut Writing,
    attempt: &str,
    from: AttemptState,
    to: AttemptState,
    problem: Option<&str>,
) -> Result<bool, DatabaseError> {
    let moved =
        sqlx::query("UPDATE attempts SET state = $3, problem = $4 WHERE id = $1 AND state = $2")
            .bind(attempt)
            .bind(from.word())
            .bind(to.word())
            .bind(problem)
            .execute(&mut **tx)
            .await
            .map_err(DatabaseError::query("move an attempt"))?;
    Ok(moved.rows_affected() == 1)
}

/// Where an attempt is, in the middle of a change; `None` where there is none.
pub(crate) async fn state_in(
    tx: &mut Writing,
    attempt: &str,
) -> Result<Option<AttemptState>, DatabaseError> {
    let doing = "find the attempt";
    let row: Option<(String,)> = sqlx::query_as("SELECT state FROM attempts WHERE id = $1")
        .bind(attempt)
        .fetch_optional(&mut **tx)
        .await
        .map_err(DatabaseError::query(doing))?;
    let Some((word,)) = row else {
        return Ok(None);
    };
    let state = AttemptState::of(&word);
    state.map(Some).ok_or(DatabaseError::Word { doing, word })
}

/// Where a session is, in the middle of a change; `None` where there is none.
pub(crate) async fn session_state_in(
    tx: &mut Writing,
    session: &str,
) -> Result<Option<SessionState>, DatabaseError> {
    let doing = "find the session";
    let row: Option<(String,)> = sqlx::query_as("SELECT state FROM sessions WHERE id = $1")
        .bind(session)
        .fetch_optional(&mut **tx)
        .await
        .map_err(DatabaseError::query(doing))?;
    let Some((word,)) = row else {
        return Ok(None);
    };
    let state = SessionState::of(&word);
    state.map(Some).ok_or(DatabaseError::Word { doing, word })
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
