//! Gradings: what each saw, the grade that follows from it, and which one counts.

use plateau_core::evidence::Evidence;
use plateau_core::exam::session::SessionState;
use plateau_core::grade::Grade;
use sqlx::{Any, Transaction};

use super::database::{Database, DatabaseError, Dialect};

/// A grading, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Grading {
    /// What is known of it.
    pub head: GradingHead,
    /// What was seen.
    pub evidence: Evidence,
}

/// A grading without its evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct GradingHead {
    /// Identifier (UUID version 7).
    pub id: String,
    /// The attempt's identifier.
    pub attempt: String,
    /// BLAKE3 of the frozen folder that the grade follows from.
    pub hash: String,
    /// The grade.
    pub grade: Grade,
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// Who had it done.
    pub actor: String,
    /// Why, where it is not the first.
    pub reason: Option<String>,
    /// Whether it counts.
    pub accepted: bool,
}

/// The session that an attempt belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sitting {
    /// The session's identifier.
    pub session: String,
    /// Where the session is.
    pub state: SessionState,
    /// What was decided of it, as JSON.
    pub terms: String,
}

type HeadRow = (
    String,
    String,
    String,
    String,
    i64,
    String,
    Option<String>,
    i64,
);

impl Database {
    /// The session that an attempt belongs to; `None` where there is none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn sitting_of(&self, attempt: &str) -> Result<Option<Sitting>, DatabaseError> {
        let row = sqlx::query_as(SITTING)
            .bind(attempt)
            .fetch_optional(self.read());
        let row = row.await.map_err(DatabaseError::query(FIND))?;
        row.map(sitting).transpose()
    }

    /// The same, in the middle of a change: until that is done, the session stays where it is.
    pub(crate) async fn sitting_in(
        &self,
        tx: &mut Transaction<'static, Any>,
        attempt: &str,
    ) -> Result<Option<Sitting>, DatabaseError> {
        // SQLite has one writer at a time, and needs no lock.
        let sql = match self.dialect() {
            Dialect::Sqlite => SITTING,
            Dialect::Postgres => SITTING_LOCKED,
        };
        let row = sqlx::query_as(sql).bind(attempt).fetch_optional(&mut **tx);
        let row = row.await.map_err(DatabaseError::query(FIND))?;
        row.map(sitting).transpose()
    }

    /// The gradings of an attempt in the order in which they were done.
    ///
    /// # Errors
    /// The database failed.
    pub async fn gradings(&self, attempt: &str) -> Result<Vec<GradingHead>, DatabaseError> {
        let doing = "list the gradings";
        let all = sqlx::query_as(
            "SELECT id, attempt, hash, grade, at, actor, reason, accepted FROM gradings \
             WHERE attempt = $1 ORDER BY at, id",
        );
        let rows: Vec<HeadRow> = all
            .bind(attempt)
            .fetch_all(self.read())
            .await
            .map_err(DatabaseError::query(doing))?;
        rows.into_iter().map(head).collect()
    }

    /// The grading of an attempt that counts; `None` where it has not been graded yet.
    ///
    /// # Errors
    /// The database failed.
    pub async fn accepted_grading(&self, attempt: &str) -> Result<Option<Grading>, DatabaseError> {
        let doing = "find the grading that counts";
        let counts = sqlx::query_as(
            "SELECT id, attempt, hash, grade, at, actor, reason, accepted FROM gradings \
             WHERE attempt = $1 AND accepted = 1",
        );
        let row: Option<HeadRow> = counts
            .bind(attempt)
            .fetch_optional(self.read())
            .await
            .map_err(DatabaseError::query(doing))?;
        let Some(head) = row.map(head).transpose()? else {
            return Ok(None);
        };
        // A grading's evidence never changes, so that it cannot be another's.
        let (evidence,): (String,) = sqlx::query_as("SELECT evidence FROM gradings WHERE id = $1")
            .bind(&head.id)
            .fetch_one(self.read())
            .await
            .map_err(DatabaseError::query(doing))?;
        let evidence = serde_json::from_str(&evidence).map_err(DatabaseError::kept(doing))?;
        Ok(Some(Grading { head, evidence }))
    }
}

/// Keeps a grading. The first of an attempt counts, whatever it says of itself.
pub(crate) async fn add_grading(
    tx: &mut Transaction<'static, Any>,
    grading: &Grading,
) -> Result<(), DatabaseError> {
    let doing = "keep a grading";
    let json = DatabaseError::kept(doing);
    let evidence = serde_json::to_string(&grading.evidence).map_err(json)?;
    let head = &grading.head;
    let grade = serde_json::to_string(&head.grade).map_err(DatabaseError::kept(doing))?;
    let insert = sqlx::query(
        "INSERT INTO gradings (id, attempt, hash, evidence, grade, at, actor, reason, accepted) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    );
    let insert = insert
        .bind(&head.id)
        .bind(&head.attempt)
        .bind(&head.hash)
        .bind(evidence)
        .bind(grade)
        .bind(signed(head.at_ms))
        .bind(&head.actor)
        .bind(&head.reason)
        .bind(i64::from(head.accepted));
    let done = insert.execute(&mut **tx).await;
    done.map(drop).map_err(DatabaseError::query(doing))
}

/// Whether an attempt has a grading that counts.
pub(crate) async fn is_graded(
    tx: &mut Transaction<'static, Any>,
    attempt: &str,
) -> Result<bool, DatabaseError> {
    let counts = sqlx::query_as("SELECT id FROM gradings WHERE attempt = $1 AND accepted = 1");
    let counts: Option<(String,)> = counts
        .bind(attempt)
        .fetch_optional(&mut **tx)
        .await
        .map_err(DatabaseError::query("find the grading that counts"))?;
    Ok(counts.is_some())
}

/// Lets another grading of an attempt count; `false` where there is no such grading.
pub(crate) async fn accept_grading(
    tx: &mut Transaction<'static, Any>,
    attempt: &str,
    grading: &str,
) -> Result<bool, DatabaseError> {
    let doing = "accept a grading";
    sqlx::query("UPDATE gradings SET accepted = 0 WHERE attempt = $1 AND accepted = 1")
        .bind(attempt)
        .execute(&mut **tx)
        .await
        .map_err(DatabaseError::query(doing))?;
    let done = sqlx::query("UPDATE gradings SET accepted = 1 WHERE attempt = $1 AND id = $2")
        .bind(attempt)
        .bind(grading)
        .execute(&mut **tx)
        .await
        .map_err(DatabaseError::query(doing))?;
    Ok(done.rows_affected() == 1)
}

const FIND: &str = "find the attempt";

const SITTING: &str = "SELECT sessions.id, sessions.state, sessions.terms FROM attempts \
                     JOIN sessions ON sessions.id = attempts.session WHERE attempts.id = $1";

const SITTING_LOCKED: &str = "SELECT sessions.id, sessions.state, sessions.terms FROM attempts \
                            JOIN sessions ON sessions.id = attempts.session \
                            WHERE attempts.id = $1 FOR UPDATE OF sessions";

fn sitting((session, state, terms): (String, String, String)) -> Result<Sitting, DatabaseError> {
    let Some(state) = SessionState::of(&state) else {
        return Err(DatabaseError::Word {
            doing: FIND,
            word: state,
        });
    };
    Ok(Sitting {
        session,
        state,
        terms,
    })
}

fn head(row: HeadRow) -> Result<GradingHead, DatabaseError> {
    let (id, attempt, hash, grade, at, actor, reason, accepted) = row;
    let grade = serde_json::from_str(&grade);
    Ok(GradingHead {
        id,
        attempt,
        hash,
        grade: grade.map_err(DatabaseError::kept("read a grading"))?,
        at_ms: unsigned(at),
        actor,
        reason,
        accepted: accepted == 1,
    })
}

/// As a column holds it; no number of ours is beyond what that can.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
