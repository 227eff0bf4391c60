//! Transactions, across all tables.

use sqlx::{Any, AnyConnection};

use super::database::{DatabaseError, Dialect};
use crate::evidence_key::EvidenceKey;

/// A transaction under way. Repositories write in it where they are given it; dropped before it is
/// committed, it has changed nothing.
#[derive(Debug)]
pub struct Transaction {
    inner: sqlx::Transaction<'static, Any>,
    dialect: Dialect,
    key: Option<EvidenceKey>,
}

impl Transaction {
    pub(super) fn new(
        inner: sqlx::Transaction<'static, Any>,
        dialect: Dialect,
        key: Option<EvidenceKey>,
    ) -> Self {
        Self {
            inner,
            dialect,
            key,
        }
    }

    /// What signs the entries of logs.
    pub(super) fn key(&self) -> Option<&EvidenceKey> {
        self.key.as_ref()
    }

    /// What its statements are executed on.
    pub(super) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }

    /// Which of the two databases it is of.
    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Ends it: from now on it is so, also after a power cut.
    pub(crate) async fn commit(self) -> Result<(), DatabaseError> {
        let done = self.inner.commit().await;
        done.map_err(DatabaseError::query("write to the database"))
    }
}
