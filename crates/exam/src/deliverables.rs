//! Deliverables: files that candidates hand in. Decision 0038 has the reasons for the design.
//!
//! A deliverable is in the database before it is acknowledged. A version is an entry of the session's
//! log, in the same transaction, and never changes. A text that is still being written is a draft: the
//! next draft of the same writer replaces it. It becomes a version after a while, or when another writer
//! saves a draft, and at the latest when the attempt is handed in.

use std::collections::BTreeMap;

use plateau_core::exam::deliverable::{SavedDeliverableView, SubmissionView, VersionView};
use plateau_core::exam::log::LogEntry;

use crate::clock::Clock;
use crate::store;
use crate::store::attempts::Attempts;
use crate::store::deliverables::SavedVersions;
use crate::store::{Database, DatabaseError};

pub use content::{FileKind, check, kind, media_type};
pub use error::DeliverableError;

mod content;
mod error;
mod ledger;

pub(crate) use ledger::settle;

use ledger::Ledger;

/// The deliverables service. Clones share it.
#[derive(Clone, Debug)]
pub struct Deliverables {
    database: Database,
    clock: Clock,
}

/// A checked deliverable that is to be saved.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The session's identifier.
    pub session: String,
    /// The attempt's identifier.
    pub attempt: String,
    /// The task.
    pub task: String,
    /// File name.
    pub name: String,
    /// What kind it is, by the ending.
    pub kind: String,
    /// Who writes on, such as a tab of a browser; absent for a version.
    pub writer: Option<String>,
    /// Who saves it, as the log has it.
    pub actor: String,
    /// The bytes.
    pub content: Vec<u8>,
}

/// A deliverable with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandedIn {
    /// What is known of it.
    pub version: VersionView,
    /// The bytes.
    pub content: Vec<u8>,
}

impl Deliverables {
    /// Those in a database, by a clock.
    #[must_use]
    pub fn new(database: Database, clock: Clock) -> Self {
        Self { database, clock }
    }

    /// Saves a deliverable, and returns the new entries of the log. Saving the same content under the
    /// same name again does nothing.
    ///
    /// # Errors
    /// The attempt is not open, too much was saved already, or the database fails.
    pub async fn save(
        &self,
        of: &Upload,
    ) -> Result<(SavedDeliverableView, Vec<LogEntry>), DeliverableError> {
        let hash = blake3::hash(&of.content).to_hex().to_string();
        let mut tx = self.database.begin().await?;
        let state = Attempts::state_in(&mut tx, &of.attempt).await?;
        let state = state.ok_or_else(|| DeliverableError::NoSuchAttempt {
            attempt: of.attempt.clone(),
        })?;
        if !state.is_open() {
            return Err(DeliverableError::NotOpen { state });
        }
        let mut all =
            store::deliverables::Deliverables::of_attempt_in(&mut tx, &of.attempt).await?;
        let bytes = all.values().map(bytes).sum();
        let kept = all.remove(&of.task).unwrap_or_default();
        let before = kept.latest().cloned();
        let now = self.clock.now_ms();
        let saved = VersionView {
            number: None,
            name: of.name.clone(),
            kind: of.kind.clone(),
            size: u64::try_from(of.content.len()).unwrap_or(u64::MAX),
            content: hash,
            // Later than all before, so that it is never in question what was last.
            saved_ms: before
                .as_ref()
                .map_or(now, |last| now.max(last.saved_ms + 1)),
            by: of.actor.clone(),
        };
        let mut task = Ledger {
            tx: &mut tx,
            session: &of.session,
            attempt: &of.attempt,
            task: &of.task,
            at_ms: now,
            kept,
            entries: Vec::new(),
        };
        let is_same = before
            .as_ref()
            .is_some_and(|last| (&last.name, &last.content) == (&saved.name, &saved.content));
        match (&of.writer, is_same) {
            (Some(_), true) => {}
            (None, true) => task.settle().await?,
            (Some(writer), false) => task.draft(writer, saved, &of.content, bytes).await?,
            (None, false) => {
                task.check_room(bytes, saved.size)?;
                task.settle().await?;
                task.version(saved, &of.content).await?;
            }
        }
        let Ledger { kept, entries, .. } = task;
        tx.commit().await?;
        let saved = kept.latest().cloned();
        let saved = saved.ok_or_else(|| DeliverableError::NoSuchDeliverable {
            task: of.task.clone(),
        })?;
        Ok((SavedDeliverableView { saved, before }, entries))
    }

    /// The deliverables of an attempt, by task.
    ///
    /// # Errors
    /// The database fails.
    pub async fn of_attempt(
        &self,
        attempt: &str,
    ) -> Result<BTreeMap<String, Vec<VersionView>>, DatabaseError> {
        let all = self
            .database
            .deliverables()
            .of_attempt(attempt)
            .await?
            .into_iter();
        Ok(all.map(|(task, kept)| (task, kept.in_order())).collect())
    }

    /// The deliverables of a session that count, by attempt.
    ///
    /// # Errors
    /// The database fails.
    pub async fn current_by_attempt(
        &self,
        session: &str,
    ) -> Result<BTreeMap<String, Vec<SubmissionView>>, DatabaseError> {
        self.database
            .deliverables()
            .current_by_attempt(session)
            .await
    }

    /// A deliverable of a task, by the BLAKE3 hash of its content.
    ///
    /// # Errors
    /// No such deliverable is saved, or the database fails.
    pub async fn read(
        &self,
        attempt: &str,
        task: &str,
        content: &str,
    ) -> Result<HandedIn, DeliverableError> {
        let missing = || DeliverableError::NoSuchDeliverable {
            task: task.to_owned(),
        };
        let mut all = self.of_attempt(attempt).await?;
        let saved = all.remove(task).unwrap_or_default();
        let version = saved.into_iter().rfind(|saved| saved.content == content);
        let version = version.ok_or_else(missing)?;
        let bytes = self.database.deliverables().content(content).await?;
        Ok(HandedIn {
            version,
            content: bytes.ok_or_else(missing)?,
        })
    }
}

fn bytes(kept: &SavedVersions) -> u64 {
    let drafts = kept.drafts.iter().map(|draft| draft.saved.size);
    let versions = kept.versions.iter().map(|version| version.size);
    versions.chain(drafts).sum()
}
