//! What candidates hand in: contents by their hash, versions, and drafts of the next ones.

use std::collections::BTreeMap;

use plateau_core::exam::deliverable::{SubmissionView, VersionView};
use sqlx::FromRow;

use super::column::{column, number};
use super::database::{Database, DatabaseError, Pool};
use super::transaction::Transaction;

/// What was saved of a task's deliverable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedVersions {
    /// Versions by number, which is the order in which they were saved.
    pub versions: Vec<VersionView>,
    /// Drafts in the order in which they were saved, each later than every version.
    pub drafts: Vec<Draft>,
}

/// What somebody is still writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Where it is written, such as a tab of a browser.
    pub writer: String,
    /// When the first was saved that it took the place of, in milliseconds since the epoch.
    pub began_ms: u64,
    /// What was saved; it has no number.
    pub saved: VersionView,
}

impl SavedVersions {
    /// What counts: whatever was saved last.
    #[must_use]
    pub fn latest(&self) -> Option<&VersionView> {
        let draft = self.drafts.last().map(|draft| &draft.saved);
        draft.or(self.versions.last())
    }

    /// Everything in the order in which it was saved.
    #[must_use]
    pub fn in_order(self) -> Vec<VersionView> {
        let drafts = self.drafts.into_iter().map(|draft| draft.saved);
        self.versions.into_iter().chain(drafts).collect()
    }
}

#[derive(FromRow)]
struct VersionRow {
    attempt: String,
    task: String,
    number: i64,
    name: String,
    kind: String,
    content: String,
    size: i64,
    saved: i64,
    actor: String,
}

#[derive(FromRow)]
struct DraftRow {
    attempt: String,
    task: String,
    writer: String,
    began: i64,
    name: String,
    kind: String,
    content: String,
    size: i64,
    saved: i64,
    actor: String,
}

/// Attempt and task → what was saved.
type SavedByTask = BTreeMap<(String, String), SavedVersions>;

const READ: &str = "read what was handed in";

const VERSIONS_OF_ATTEMPT: &str = "SELECT d.attempt, d.task, d.number, d.name, d.kind, d.content, \
    c.size, d.saved, d.actor FROM deliverables d JOIN contents c ON c.hash = d.content \
    WHERE d.attempt = $1 ORDER BY d.task, d.number";

const DRAFTS_OF_ATTEMPT: &str = "SELECT d.attempt, d.task, d.writer, d.began, d.name, d.kind, \
    d.content, c.size, d.saved, d.actor FROM drafts d JOIN contents c ON c.hash = d.content \
    WHERE d.attempt = $1 ORDER BY d.task, d.saved";

const LAST_OF_SESSION: &str = "SELECT d.attempt, d.task, d.number, d.name, d.kind, d.content, \
    c.size, d.saved, d.actor FROM deliverables d JOIN contents c ON c.hash = d.content \
    JOIN attempts a ON a.id = d.attempt WHERE a.session = $1 AND d.number = \
    (SELECT MAX(o.number) FROM deliverables o WHERE o.attempt = d.attempt AND o.task = d.task) \
    ORDER BY d.attempt, d.task";

const DRAFTS_OF_SESSION: &str = "SELECT d.attempt, d.task, d.writer, d.began, d.name, d.kind, \
    d.content, c.size, d.saved, d.actor FROM drafts d JOIN contents c ON c.hash = d.content \
    JOIN attempts a ON a.id = d.attempt WHERE a.session = $1 ORDER BY d.task, d.saved";

/// What candidates hand in. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Deliverables {
    pool: Pool,
}

impl Database {
    /// What candidates hand in.
    #[must_use]
    pub fn deliverables(&self) -> Deliverables {
        Deliverables { pool: self.pool() }
    }
}

impl Deliverables {
    /// What was saved of an attempt's deliverables, by task.
    ///
    /// # Errors
    /// The database failed.
    pub async fn of_attempt(
        &self,
        attempt: &str,
    ) -> Result<BTreeMap<String, SavedVersions>, DatabaseError> {
        let failed = || DatabaseError::query(READ);
        let versions = sqlx::query_as(VERSIONS_OF_ATTEMPT).bind(attempt);
        let versions = versions
            .fetch_all(self.pool.read())
            .await
            .map_err(failed())?;
        let drafts = sqlx::query_as(DRAFTS_OF_ATTEMPT).bind(attempt);
        let drafts = drafts.fetch_all(self.pool.read()).await.map_err(failed())?;
        Ok(by_task(versions, drafts))
    }

    /// What counts of every attempt of a session, by attempt.
    ///
    /// # Errors
    /// The database failed.
    pub async fn current_by_attempt(
        &self,
        session: &str,
    ) -> Result<BTreeMap<String, Vec<SubmissionView>>, DatabaseError> {
        let failed = || DatabaseError::query(READ);
        let versions = sqlx::query_as(LAST_OF_SESSION).bind(session);
        let versions = versions
            .fetch_all(self.pool.read())
            .await
            .map_err(failed())?;
        let drafts = sqlx::query_as(DRAFTS_OF_SESSION).bind(session);
        let drafts = drafts.fetch_all(self.pool.read()).await.map_err(failed())?;
        let mut counting: BTreeMap<String, Vec<SubmissionView>> = BTreeMap::new();
        for ((attempt, task), kept) in everything(versions, drafts) {
            if let Some(current) = kept.latest().cloned() {
                let view = SubmissionView { task, current };
                counting.entry(attempt).or_default().push(view);
            }
        }
        Ok(counting)
    }

    /// The bytes of a hash; `None` where they are not kept.
    ///
    /// # Errors
    /// The database failed.
    pub async fn content(&self, hash: &str) -> Result<Option<Vec<u8>>, DatabaseError> {
        let row: Option<(Vec<u8>,)> = sqlx::query_as("SELECT bytes FROM contents WHERE hash = $1")
            .bind(hash)
            .fetch_optional(self.pool.read())
            .await
            .map_err(DatabaseError::query(READ))?;
        Ok(row.map(|(bytes,)| bytes))
    }

    /// The same, in the middle of a change.
    pub(crate) async fn of_attempt_in(
        tx: &mut Transaction,
        attempt: &str,
    ) -> Result<BTreeMap<String, SavedVersions>, DatabaseError> {
        let failed = || DatabaseError::query(READ);
        let versions = sqlx::query_as(VERSIONS_OF_ATTEMPT).bind(attempt);
        let versions = versions
            .fetch_all(tx.connection())
            .await
            .map_err(failed())?;
        let drafts = sqlx::query_as(DRAFTS_OF_ATTEMPT).bind(attempt);
        let drafts = drafts.fetch_all(tx.connection()).await.map_err(failed())?;
        Ok(by_task(versions, drafts))
    }

    /// Keeps bytes; those that are kept already are kept once.
    pub(crate) async fn keep_content(
        tx: &mut Transaction,
        hash: &str,
        bytes: &[u8],
    ) -> Result<(), DatabaseError> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        // Written over by the same, so that nobody removes it before this is done.
        sqlx::query(
            "INSERT INTO contents (hash, size, bytes) VALUES ($1, $2, $3) \
             ON CONFLICT (hash) DO UPDATE SET size = excluded.size",
        )
        .bind(hash)
        .bind(column(size))
        .bind(bytes)
        .execute(tx.connection())
        .await
        .map(drop)
        .map_err(DatabaseError::query("keep what is handed in"))
    }

    /// Adds a version, whose number nobody has.
    pub(crate) async fn add_version(
        tx: &mut Transaction,
        attempt: &str,
        task: &str,
        number: u32,
        version: &VersionView,
    ) -> Result<(), DatabaseError> {
        sqlx::query(
            "INSERT INTO deliverables (attempt, task, number, name, kind, content, saved, actor) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(attempt)
        .bind(task)
        .bind(i64::from(number))
        .bind(&version.name)
        .bind(&version.kind)
        .bind(&version.content)
        .bind(column(version.saved_ms))
        .bind(&version.by)
        .execute(tx.connection())
        .await
        .map(drop)
        .map_err(DatabaseError::query("add a version"))
    }

    /// Keeps a draft in the place of its writer's last.
    pub(crate) async fn keep_draft(
        tx: &mut Transaction,
        attempt: &str,
        task: &str,
        draft: &Draft,
    ) -> Result<(), DatabaseError> {
        sqlx::query(
            "INSERT INTO drafts (attempt, task, writer, began, name, kind, content, saved, actor) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (attempt, task, writer) \
             DO UPDATE SET began = excluded.began, name = excluded.name, kind = excluded.kind, \
             content = excluded.content, saved = excluded.saved, actor = excluded.actor",
        )
        .bind(attempt)
        .bind(task)
        .bind(&draft.writer)
        .bind(column(draft.began_ms))
        .bind(&draft.saved.name)
        .bind(&draft.saved.kind)
        .bind(&draft.saved.content)
        .bind(column(draft.saved.saved_ms))
        .bind(&draft.saved.by)
        .execute(tx.connection())
        .await
        .map(drop)
        .map_err(DatabaseError::query("keep a draft"))
    }

    /// Removes a writer's draft.
    pub(crate) async fn remove_draft(
        tx: &mut Transaction,
        attempt: &str,
        task: &str,
        writer: &str,
    ) -> Result<(), DatabaseError> {
        sqlx::query("DELETE FROM drafts WHERE attempt = $1 AND task = $2 AND writer = $3")
            .bind(attempt)
            .bind(task)
            .bind(writer)
            .execute(tx.connection())
            .await
            .map(drop)
            .map_err(DatabaseError::query("remove a draft"))
    }

    /// Removes bytes that are nobody's any longer.
    pub(crate) async fn forget_content(
        tx: &mut Transaction,
        hash: &str,
    ) -> Result<(), DatabaseError> {
        sqlx::query(
            "DELETE FROM contents WHERE hash = $1 \
             AND NOT EXISTS (SELECT 1 FROM deliverables WHERE content = $1) \
             AND NOT EXISTS (SELECT 1 FROM drafts WHERE content = $1)",
        )
        .bind(hash)
        .execute(tx.connection())
        .await
        .map(drop)
        .map_err(DatabaseError::query("forget an old draft"))
    }
}

fn by_task(versions: Vec<VersionRow>, drafts: Vec<DraftRow>) -> BTreeMap<String, SavedVersions> {
    let all = everything(versions, drafts).into_iter();
    all.map(|((_, task), kept)| (task, kept)).collect()
}

fn everything(versions: Vec<VersionRow>, drafts: Vec<DraftRow>) -> SavedByTask {
    let mut all = SavedByTask::new();
    for row in versions {
        let kept = all.entry((row.attempt, row.task)).or_default();
        kept.versions.push(VersionView {
            number: u32::try_from(row.number).ok(),
            name: row.name,
            kind: row.kind,
            size: number(row.size),
            content: row.content,
            saved_ms: number(row.saved),
            by: row.actor,
        });
    }
    for row in drafts {
        let kept = all.entry((row.attempt, row.task)).or_default();
        kept.drafts.push(Draft {
            writer: row.writer,
            began_ms: number(row.began),
            saved: VersionView {
                number: None,
                name: row.name,
                kind: row.kind,
                size: number(row.size),
                content: row.content,
                saved_ms: number(row.saved),
                by: row.actor,
            },
        });
    }
    all
}
