//! Gradings: what each saw, the grade that follows from it, and which one counts.

use plateau_core::evidence::Evidence;
use plateau_core::grade::Grade;

use super::column::{column, number};
use super::database::{Database, DatabaseError, Pool};
use super::transaction::Transaction;

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

/// Gradings with their evidence. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Gradings {
    pool: Pool,
}

impl Database {
    /// The gradings.
    #[must_use]
    pub fn gradings(&self) -> Gradings {
        Gradings { pool: self.pool() }
    }
}

impl Gradings {
    /// The gradings of an attempt in the order in which they were done.
    ///
    /// # Errors
    /// The database failed.
    pub async fn of_attempt(&self, attempt: &str) -> Result<Vec<GradingHead>, DatabaseError> {
        let doing = "list the gradings";
        let all = sqlx::query_as(
            "SELECT id, attempt, hash, grade, at, actor, reason, accepted FROM gradings \
             WHERE attempt = $1 ORDER BY at, id",
        );
        let rows: Vec<HeadRow> = all
            .bind(attempt)
            .fetch_all(self.pool.read())
            .await
            .map_err(DatabaseError::query(doing))?;
        rows.into_iter().map(head).collect()
    }

    /// The grading of an attempt that counts; `None` where it has not been graded yet.
    ///
    /// # Errors
    /// The database failed.
    pub async fn accepted(&self, attempt: &str) -> Result<Option<Grading>, DatabaseError> {
        let doing = "find the grading that counts";
        let counts = sqlx::query_as(
            "SELECT id, attempt, hash, grade, at, actor, reason, accepted FROM gradings \
             WHERE attempt = $1 AND accepted = 1",
        );
        let row: Option<HeadRow> = counts
            .bind(attempt)
            .fetch_optional(self.pool.read())
            .await
            .map_err(DatabaseError::query(doing))?;
        let Some(head) = row.map(head).transpose()? else {
            return Ok(None);
        };
        // A grading's evidence never changes, so that it cannot be another's.
        let (evidence,): (String,) = sqlx::query_as("SELECT evidence FROM gradings WHERE id = $1")
            .bind(&head.id)
            .fetch_one(self.pool.read())
            .await
            .map_err(DatabaseError::query(doing))?;
        let evidence = serde_json::from_str(&evidence).map_err(DatabaseError::kept(doing))?;
        Ok(Some(Grading { head, evidence }))
    }

    /// Keeps a grading. The first of an attempt counts, whatever it says of itself.
    pub(crate) async fn add(tx: &mut Transaction, grading: &Grading) -> Result<(), DatabaseError> {
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
            .bind(column(head.at_ms))
            .bind(&head.actor)
            .bind(&head.reason)
            .bind(i64::from(head.accepted));
        let done = insert.execute(tx.connection()).await;
        done.map(drop).map_err(DatabaseError::query(doing))
    }

    /// Whether an attempt has a grading that counts.
    pub(crate) async fn has_accepted(
        tx: &mut Transaction,
        attempt: &str,
    ) -> Result<bool, DatabaseError> {
        let counts = sqlx::query_as("SELECT id FROM gradings WHERE attempt = $1 AND accepted = 1");
        let counts: Option<(String,)> = counts
            .bind(attempt)
            .fetch_optional(tx.connection())
            .await
            .map_err(DatabaseError::query("find the grading that counts"))?;
        Ok(counts.is_some())
    }

    /// Lets another grading of an attempt count; `false` where there is no such grading.
    pub(crate) async fn accept(
        tx: &mut Transaction,
        attempt: &str,
        grading: &str,
    ) -> Result<bool, DatabaseError> {
        let doing = "accept a grading";
        sqlx::query("UPDATE gradings SET accepted = 0 WHERE attempt = $1 AND accepted = 1")
            .bind(attempt)
            .execute(tx.connection())
            .await
            .map_err(DatabaseError::query(doing))?;
        let done = sqlx::query("UPDATE gradings SET accepted = 1 WHERE attempt = $1 AND id = $2")
            .bind(attempt)
            .bind(grading)
            .execute(tx.connection())
            .await
            .map_err(DatabaseError::query(doing))?;
        Ok(done.rows_affected() == 1)
    }
}

fn head(row: HeadRow) -> Result<GradingHead, DatabaseError> {
    let (id, attempt, hash, grade, at, actor, reason, accepted) = row;
    let grade = serde_json::from_str(&grade);
    Ok(GradingHead {
        id,
        attempt,
        hash,
        grade: grade.map_err(DatabaseError::kept("read a grading"))?,
        at_ms: number(at),
        actor,
        reason,
        accepted: accepted == 1,
    })
}
