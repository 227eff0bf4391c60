//! What jurors said: it only grows.

use plateau_core::exam::judgement::Judgement;

use super::column::column;
use super::database::{Database, DatabaseError, Pool};
use super::transaction::Transaction;

const ALL: &str = "SELECT content FROM judgements WHERE attempt = $1 ORDER BY at, what, version";

const READ: &str = "read the judgements";

/// What jurors said. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Judgements {
    pool: Pool,
}

impl Database {
    /// What jurors said.
    #[must_use]
    pub fn judgements(&self) -> Judgements {
        Judgements { pool: self.pool() }
    }
}

impl Judgements {
    /// All that was said of an attempt, in the order in which it was.
    ///
    /// # Errors
    /// The database failed.
    pub async fn of_attempt(&self, attempt: &str) -> Result<Vec<Judgement>, DatabaseError> {
        let rows = sqlx::query_as(ALL)
            .bind(attempt)
            .fetch_all(self.pool.read());
        understood(&rows.await.map_err(DatabaseError::query(READ))?)
    }

    /// The same, in the middle of a change.
    pub(crate) async fn of_attempt_in(
        tx: &mut Transaction,
        attempt: &str,
    ) -> Result<Vec<Judgement>, DatabaseError> {
        let rows = sqlx::query_as(ALL).bind(attempt).fetch_all(tx.connection());
        understood(&rows.await.map_err(DatabaseError::query(READ))?)
    }

    /// Keeps what was said.
    pub(crate) async fn add(
        tx: &mut Transaction,
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
            .bind(column(judgement.at_ms));
        let done = insert.execute(tx.connection()).await;
        done.map(drop).map_err(DatabaseError::query(doing))
    }
}

fn understood(rows: &[(String,)]) -> Result<Vec<Judgement>, DatabaseError> {
    let judgements = rows.iter().map(|(content,)| serde_json::from_str(content));
    let judgements: Result<Vec<Judgement>, _> = judgements.collect();
    judgements.map_err(DatabaseError::kept(READ))
}
