//! What jurors said: it only grows.

use plateau_core::exam::judgement::Judgement;
use sqlx::{Any, Transaction};

use super::database::{Database, DatabaseError};
use super::evidence::signed;

const ALL: &str = "SELECT content FROM judgements WHERE attempt = $1 ORDER BY at, what, version";

const READ: &str = "read the judgements";

impl Database {
    /// All that was said of an attempt, in the order in which it was.
    ///
    /// # Errors
    /// The database failed.
    pub async fn judgements(&self, attempt: &str) -> Result<Vec<Judgement>, DatabaseError> {
        let rows = sqlx::query_as(ALL).bind(attempt).fetch_all(self.read());
        understood(&rows.await.map_err(DatabaseError::query(READ))?)
    }
}

/// The same, in the middle of a change.
pub(crate) async fn judgements_in(
    tx: &mut Transaction<'static, Any>,
    attempt: &str,
) -> Result<Vec<Judgement>, DatabaseError> {
    let rows = sqlx::query_as(ALL).bind(attempt).fetch_all(&mut **tx);
    understood(&rows.await.map_err(DatabaseError::query(READ))?)
}

/// Keeps what was said.
pub(crate) async fn add_judgement(
    tx: &mut Transaction<'static, Any>,
    attempt: &str,
    judgement: &Judgement,
) -> Result<(), DatabaseError> {
    let doing = "keep a judgement";
    let content = serde_json::to_string(judgement).map_err(DatabaseError::kept(doing))?;
    let insert = sqlx::query(
        "INSERT INTO judgements (id, attempt, juror, what, version, content, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    );
    let insert = insert
        .bind(uuid::Uuid::now_v7().to_string())
        .bind(attempt)
        .bind(&judgement.word.juror)
        .bind(judgement.word.says.subject().to_string())
        .bind(i64::from(judgement.version))
        .bind(content)
        .bind(signed(judgement.at_ms));
    let done = insert.execute(&mut **tx).await;
    done.map(drop).map_err(DatabaseError::query(doing))
}

fn understood(rows: &[(String,)]) -> Result<Vec<Judgement>, DatabaseError> {
    let judgements = rows.iter().map(|(content,)| serde_json::from_str(content));
    let judgements: Result<Vec<Judgement>, _> = judgements.collect();
    judgements.map_err(DatabaseError::kept(READ))
}
