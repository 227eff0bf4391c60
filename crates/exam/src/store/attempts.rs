//! Attempts: where they are, and whose.

use plateau_core::exam::session::{AttemptState, SessionState};
use sqlx::FromRow;

use super::database::{Database, DatabaseError, Dialect, Pool};
use super::transaction::Transaction;

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

/// Whose something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The session.
    pub session: String,
    /// The seat.
    pub seat: String,
    /// Where the attempt is.
    pub state: AttemptState,
}

impl Owner {
    /// Whether the candidate may be at it now.
    #[must_use]
    pub fn attempt_is_open(&self) -> bool {
        self.state.is_open()
    }
}

/// The session that an attempt belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptSession {
    /// The session's identifier.
    pub session: String,
    /// Where the session is.
    pub state: SessionState,
    /// What was decided of it, as JSON.
    pub terms: String,
}

type OwnerColumns = (String, String, String);

fn owner(row: OwnerColumns, doing: &'static str) -> Result<Owner, DatabaseError> {
    let (session, seat, word) = row;
    let state = AttemptState::of(&word).ok_or(DatabaseError::Word { doing, word })?;
    Ok(Owner {
        session,
        seat,
        state,
    })
}

const FIND: &str = "find the attempt";

const SITTING: &str = "SELECT sessions.id, sessions.state, sessions.terms FROM attempts \
                     JOIN sessions ON sessions.id = attempts.session WHERE attempts.id = $1";

const SITTING_LOCKED: &str = "SELECT sessions.id, sessions.state, sessions.terms FROM attempts \
                            JOIN sessions ON sessions.id = attempts.session \
                            WHERE attempts.id = $1 FOR UPDATE OF sessions";

fn session_of(
    (session, state, terms): (String, String, String),
) -> Result<AttemptSession, DatabaseError> {
    let Some(state) = SessionState::of(&state) else {
        return Err(DatabaseError::Word {
            doing: FIND,
            word: state,
        });
    };
    Ok(AttemptSession {
        session,
        state,
        terms,
    })
}

/// Attempts. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Attempts {
    pool: Pool,
}

impl Database {
    /// The attempts.
    #[must_use]
    pub fn attempts(&self) -> Attempts {
        Attempts { pool: self.pool() }
    }
}

impl Attempts {
    /// A session's attempts, by identifier.
    pub(crate) async fn of_session(&self, session: &str) -> Result<Vec<AttemptRow>, DatabaseError> {
        let rows: Vec<AttemptColumns> =
            sqlx::query_as("SELECT * FROM attempts WHERE session = $1 ORDER BY id")
                .bind(session)
                .fetch_all(self.pool.read())
                .await
                .map_err(DatabaseError::query("read a session's attempts"))?;
        rows.into_iter().map(AttemptColumns::attempt).collect()
    }

    /// An attempt.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<AttemptRow>, DatabaseError> {
        let row: Option<AttemptColumns> = sqlx::query_as("SELECT * FROM attempts WHERE id = $1")
            .bind(id)
            .fetch_optional(self.pool.read())
            .await
            .map_err(DatabaseError::query("read an attempt"))?;
        row.map(AttemptColumns::attempt).transpose()
    }

    /// The attempt whose lab this is.
    pub(crate) async fn of_lab(&self, lab: &str) -> Result<Option<AttemptRow>, DatabaseError> {
        let row: Option<AttemptColumns> = sqlx::query_as("SELECT * FROM attempts WHERE lab = $1")
            .bind(lab)
            .fetch_optional(self.pool.read())
            .await
            .map_err(DatabaseError::query("read an attempt"))?;
        row.map(AttemptColumns::attempt).transpose()
    }

    /// Whose a lab is; `None` where it belongs to no attempt.
    ///
    /// # Errors
    /// The database fails.
    pub async fn owner_of_lab(&self, lab: &str) -> Result<Option<Owner>, DatabaseError> {
        const DOING: &str = "look up whose a lab is";
        let row: Option<OwnerColumns> =
            sqlx::query_as("SELECT session, seat, state FROM attempts WHERE lab = $1")
                .bind(lab)
                .fetch_optional(self.pool.read())
                .await
                .map_err(DatabaseError::query(DOING))?;
        row.map(|row| owner(row, DOING)).transpose()
    }

    /// Whose an attempt is.
    ///
    /// # Errors
    /// The database fails.
    pub async fn owner_of(&self, attempt: &str) -> Result<Option<Owner>, DatabaseError> {
        const DOING: &str = "look up whose an attempt is";
        let row: Option<OwnerColumns> =
            sqlx::query_as("SELECT session, seat, state FROM attempts WHERE id = $1")
                .bind(attempt)
                .fetch_optional(self.pool.read())
                .await
                .map_err(DatabaseError::query(DOING))?;
        row.map(|row| owner(row, DOING)).transpose()
    }

    /// The session that an attempt belongs to; `None` where there is none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn session_of(&self, attempt: &str) -> Result<Option<AttemptSession>, DatabaseError> {
        let row = sqlx::query_as(SITTING)
            .bind(attempt)
            .fetch_optional(self.pool.read());
        let row = row.await.map_err(DatabaseError::query(FIND))?;
        row.map(session_of).transpose()
    }

    /// Every lab that an attempt ever had, the oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn labs(&self, attempt: &str) -> Result<Vec<String>, DatabaseError> {
        let rows: Vec<(String,)> =
            sqlx::query_as("SELECT lab FROM attempt_labs WHERE attempt = $1 ORDER BY lab")
                .bind(attempt)
                .fetch_all(self.pool.read())
                .await
                .map_err(DatabaseError::query("read an attempt's labs"))?;
        Ok(rows.into_iter().map(|(lab,)| lab).collect())
    }

    /// Names an attempt's lab, or that it has none; that it had one is kept.
    pub(crate) async fn set_lab(
        &self,
        attempt: &str,
        lab: Option<&str>,
    ) -> Result<(), DatabaseError> {
        let doing = "name an attempt's lab";
        let mut tx = self.pool.begin().await?;
        sqlx::query("UPDATE attempts SET lab = $2 WHERE id = $1")
            .bind(attempt)
            .bind(lab)
            .execute(tx.connection())
            .await
            .map_err(DatabaseError::query(doing))?;
        if let Some(lab) = lab {
            sqlx::query(
                "INSERT INTO attempt_labs (attempt, lab) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            )
            .bind(attempt)
            .bind(lab)
            .execute(tx.connection())
            .await
            .map_err(DatabaseError::query(doing))?;
        }
        tx.commit().await
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
            .execute(self.pool.write())
            .await
            .map(drop)
            .map_err(DatabaseError::query("say what is wrong with an attempt"))
    }

    /// The same, in the middle of a change: until that is done, the session stays where it is.
    pub(crate) async fn session_in(
        tx: &mut Transaction,
        attempt: &str,
    ) -> Result<Option<AttemptSession>, DatabaseError> {
        // SQLite has one writer at a time, and needs no lock.
        let sql = match tx.dialect() {
            Dialect::Sqlite => SITTING,
            Dialect::Postgres => SITTING_LOCKED,
        };
        let row = sqlx::query_as(sql)
            .bind(attempt)
            .fetch_optional(tx.connection());
        let row = row.await.map_err(DatabaseError::query(FIND))?;
        row.map(session_of).transpose()
    }

    /// Moves an attempt on, if it still is where it was thought to be, and says what is wrong with it
    /// from then on. Whether it was.
    pub(crate) async fn move_to(
        tx: &mut Transaction,
        attempt: &str,
        from: AttemptState,
        to: AttemptState,
        problem: Option<&str>,
    ) -> Result<bool, DatabaseError> {
        let moved = sqlx::query(
            "UPDATE attempts SET state = $3, problem = $4 WHERE id = $1 AND state = $2",
        )
        .bind(attempt)
        .bind(from.word())
        .bind(to.word())
        .bind(problem)
        .execute(tx.connection())
        .await
        .map_err(DatabaseError::query("move an attempt"))?;
        Ok(moved.rows_affected() == 1)
    }

    /// Where an attempt is, in the middle of a change; `None` where there is none.
    pub(crate) async fn state_in(
        tx: &mut Transaction,
        attempt: &str,
    ) -> Result<Option<AttemptState>, DatabaseError> {
        let doing = "find the attempt";
        let row: Option<(String,)> = sqlx::query_as("SELECT state FROM attempts WHERE id = $1")
            .bind(attempt)
            .fetch_optional(tx.connection())
            .await
            .map_err(DatabaseError::query(doing))?;
        let Some((word,)) = row else {
            return Ok(None);
        };
        let state = AttemptState::of(&word);
        state.map(Some).ok_or(DatabaseError::Word { doing, word })
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
