//! To whom things belong: the attempt of a lab, the seat of a code.

use plateau_core::exam::session::AttemptState;

use super::database::{Database, DatabaseError};

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

/// A seat, as far as it concerns who may do what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Identifier.
    pub id: String,
    /// The session.
    pub session: String,
    /// Its number in the session.
    pub number: String,
    /// Who sits there.
    pub name: String,
}

type Row = (String, String, String);

fn owner(row: Row, doing: &'static str) -> Result<Owner, DatabaseError> {
    let (session, seat, word) = row;
    let state = AttemptState::of(&word).ok_or(DatabaseError::Word { doing, word })?;
    Ok(Owner {
        session,
        seat,
        state,
    })
}

fn place((id, session, number, name): (String, String, String, String)) -> Place {
    Place {
        id,
        session,
        number,
        name,
    }
}

impl Database {
    /// Whose a lab is; `None` where it belongs to no attempt.
    ///
    /// # Errors
    /// The database fails.
    pub async fn owner_of_lab(&self, lab: &str) -> Result<Option<Owner>, DatabaseError> {
        const DOING: &str = "look up whose a lab is";
        let row: Option<Row> =
            sqlx::query_as("SELECT session, seat, state FROM attempts WHERE lab = $1")
                .bind(lab)
                .fetch_optional(self.read())
                .await
                .map_err(DatabaseError::query(DOING))?;
        row.map(|row| owner(row, DOING)).transpose()
    }

    /// Whose an attempt is.
    ///
    /// # Errors
    /// The database fails.
    pub async fn owner_of_attempt(&self, attempt: &str) -> Result<Option<Owner>, DatabaseError> {
        const DOING: &str = "look up whose an attempt is";
        let row: Option<Row> =
            sqlx::query_as("SELECT session, seat, state FROM attempts WHERE id = $1")
                .bind(attempt)
                .fetch_optional(self.read())
                .await
                .map_err(DatabaseError::query(DOING))?;
        row.map(|row| owner(row, DOING)).transpose()
    }

    /// The seat of an identifier.
    ///
    /// # Errors
    /// The database fails.
    pub async fn place(&self, seat: &str) -> Result<Option<Place>, DatabaseError> {
        let row = sqlx::query_as("SELECT id, session, number, name FROM seats WHERE id = $1")
            .bind(seat)
            .fetch_optional(self.read())
            .await
            .map_err(DatabaseError::query("look up a seat"))?;
        Ok(row.map(place))
    }

    /// The seat of an access code's hash.
    ///
    /// # Errors
    /// The database fails.
    pub async fn place_of_code(&self, hash: &str) -> Result<Option<Place>, DatabaseError> {
        let row = sqlx::query_as("SELECT id, session, number, name FROM seats WHERE code = $1")
            .bind(hash)
            .fetch_optional(self.read())
            .await
            .map_err(DatabaseError::query("look up a code"))?;
        Ok(row.map(place))
    }

    /// The identifier of the session that a name or an identifier stands for.
    ///
    /// # Errors
    /// The database fails.
    pub async fn session_of(&self, asked: &str) -> Result<Option<String>, DatabaseError> {
        sqlx::query_scalar("SELECT id FROM sessions WHERE id = $1 OR name = $1")
            .bind(asked)
            .fetch_optional(self.read())
            .await
            .map_err(DatabaseError::query("look up a session"))
    }
}
