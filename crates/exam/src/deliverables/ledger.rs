//! The deliverables of a task within a transaction: drafts, and the versions that they become.

use plateau_core::exam::deliverable::VersionView;
use plateau_core::exam::log::{LogAction, LogEntry};

use super::DeliverableError;
use crate::store::deliverables::{Deliverables, Draft, SavedVersions};
use crate::store::log::Log;
use crate::store::{DatabaseError, Transaction};

/// How long drafts of one writer take each other's place before one becomes a version.
const WINDOW_MS: u64 = 120_000;

/// Most drafts of one task at the same time: tabs and computers.
const WRITERS: usize = 8;

/// Most versions of one task.
const VERSIONS: usize = 500;

/// Most bytes of all versions of an attempt: a bundle of evidence has to hold them.
const BYTES: u64 = 512 << 20;

/// What was saved of a task, and the transaction that saves more.
pub(super) struct Ledger<'a> {
    pub(super) tx: &'a mut Transaction,
    pub(super) session: &'a str,
    pub(super) attempt: &'a str,
    pub(super) task: &'a str,
    /// When it is done, by the clock.
    pub(super) at_ms: u64,
    pub(super) kept: SavedVersions,
    /// What the log has of it.
    pub(super) entries: Vec<LogEntry>,
}

impl Ledger<'_> {
    /// Refuses another version where there are too many; `bytes` are those of the whole attempt.
    pub(super) fn check_room(&self, bytes: u64, size: u64) -> Result<(), DeliverableError> {
        if self.has_room(bytes, size) {
            return Ok(());
        }
        Err(DeliverableError::TooMany {
            task: self.task.to_owned(),
            versions: VERSIONS,
            bytes: BYTES,
        })
    }

    fn has_room(&self, bytes: u64, size: u64) -> bool {
        let count = self.kept.versions.len() + self.kept.drafts.len();
        count < VERSIONS && bytes.saturating_add(size) <= BYTES
    }

    /// Saves what a writer has now: in the place of their last draft, or as a version once their drafts
    /// have taken each other's place long enough.
    pub(super) async fn draft(
        &mut self,
        writer: &str,
        saved: VersionView,
        content: &[u8],
        bytes: u64,
    ) -> Result<(), DeliverableError> {
        let mut drafts = self.kept.drafts.iter();
        let place = drafts.position(|draft| draft.writer == writer);
        let old = place.map(|place| self.kept.drafts.remove(place));
        let began_ms = old.as_ref().map_or(saved.saved_ms, |old| old.began_ms);
        let is_due = saved.saved_ms.saturating_sub(began_ms) >= WINDOW_MS;
        if is_due && self.has_room(bytes, saved.size) {
            Deliverables::remove_draft(self.tx, self.attempt, self.task, writer).await?;
            self.settle().await?;
            self.version(saved, content).await?;
        } else {
            if old.is_none() && self.kept.drafts.len() >= WRITERS {
                self.check_room(bytes, saved.size)?;
                self.settle().await?;
            }
            Deliverables::keep_content(self.tx, &saved.content, content).await?;
            let draft = Draft {
                writer: writer.to_owned(),
                began_ms,
                saved,
            };
            Deliverables::keep_draft(self.tx, self.attempt, self.task, &draft).await?;
            self.kept.drafts.push(draft);
        }
        if let Some(old) = old {
            Deliverables::forget_content(self.tx, &old.saved.content).await?;
        }
        Ok(())
    }

    /// Adds a version after all others.
    pub(super) async fn version(
        &mut self,
        saved: VersionView,
        content: &[u8],
    ) -> Result<(), DatabaseError> {
        Deliverables::keep_content(self.tx, &saved.content, content).await?;
        self.add(saved, None).await
    }

    /// Makes versions of all drafts.
    pub(super) async fn settle(&mut self) -> Result<(), DatabaseError> {
        for draft in std::mem::take(&mut self.kept.drafts) {
            Deliverables::remove_draft(self.tx, self.attempt, self.task, &draft.writer).await?;
            self.add(draft.saved, Some("a draft")).await?;
        }
        Ok(())
    }

    async fn add(
        &mut self,
        mut version: VersionView,
        reason: Option<&str>,
    ) -> Result<(), DatabaseError> {
        let last = self.kept.versions.last().and_then(|last| last.number);
        let number = last.unwrap_or(0).saturating_add(1);
        Deliverables::add_version(self.tx, self.attempt, self.task, number, &version).await?;
        let deed = LogAction::Saved {
            attempt: self.attempt.to_owned(),
            task: self.task.to_owned(),
            content: version.content.clone(),
        };
        let reason = reason.map(str::to_owned);
        let by = &version.by;
        let entry = Log::append(self.tx, self.session, self.at_ms, by, reason, deed).await?;
        self.entries.push(entry);
        version.number = Some(number);
        self.kept.versions.push(version);
        Ok(())
    }
}

/// Makes versions of what was still being written of an attempt, since nobody writes on. The entries
/// of the log that this made.
pub(crate) async fn settle(
    tx: &mut Transaction,
    session: &str,
    attempt: &str,
    at_ms: u64,
) -> Result<Vec<LogEntry>, DatabaseError> {
    let mut entries = Vec::new();
    for (task, kept) in Deliverables::of_attempt_in(tx, attempt).await? {
        let mut ledger = Ledger {
            tx: &mut *tx,
            session,
            attempt,
            task: &task,
            at_ms,
            kept,
            entries: Vec::new(),
        };
        ledger.settle().await?;
        entries.extend(ledger.entries);
    }
    Ok(entries)
}
