//! What candidates hand in, by their seats, and what others are shown of it.

use std::collections::BTreeMap;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, pin_mut};
use plateau_core::exam::deliverable::{
    AssignedDeliverableView, DeliverableView, SavedDeliverableView, VersionView,
};
use plateau_core::quantity::Size;
use plateau_core::topology::{Deliverable, Task, Topology};

use super::Candidates;
use crate::deliverables::{DeliverableError, HandedIn, Upload, check, kind};
use crate::sessions::SessionError;
use crate::store::attempts::AttemptRow;

/// Longest text that says who writes.
const WRITER: usize = 40;

/// How much of what is refused is passed over, and how long: then the connection is closed.
const REFUSED: usize = 96 << 20;
const REFUSING: Duration = Duration::from_secs(30);

/// What a candidate sends.
#[derive(Clone, Copy, Debug)]
pub struct DeliverableUpload<'a> {
    /// The identifier of the seat.
    pub seat: &'a str,
    /// The attempt.
    pub attempt: &'a str,
    /// The task.
    pub task: &'a str,
    /// File name.
    pub name: &'a str,
    /// Who writes on, such as a tab of a browser; absent for a file that is whole.
    pub draft: Option<&'a str>,
    /// Bytes that are said to come.
    pub announced: Option<u64>,
}

impl Candidates {
    /// Saves what a candidate hands in for a task of their own attempt. No more of it is held in memory
    /// than the task takes.
    ///
    /// # Errors
    /// The attempt is not theirs or not open, the task does not take it, or it is not what its name says.
    pub async fn save<E>(
        &self,
        sending: DeliverableUpload<'_>,
        content: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<SavedDeliverableView, SessionError>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        pin_mut!(content);
        let saved = self.save_from(sending, content.as_mut()).await;
        if saved.is_err() {
            // A client that still sends would not see why it is refused.
            let _ = tokio::time::timeout(REFUSING, discard_rest(content)).await;
        }
        saved
    }

    async fn save_from<E>(
        &self,
        sending: DeliverableUpload<'_>,
        content: Pin<&mut impl Stream<Item = Result<Bytes, E>>>,
    ) -> Result<SavedDeliverableView, SessionError>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let DeliverableUpload { seat, name, .. } = sending;
        let nobody = || SessionError::NoSuchAttempt {
            attempt: sending.attempt.to_owned(),
        };
        let row = self
            .context
            .database()
            .attempts()
            .find(sending.attempt)
            .await?;
        let row = row.filter(|row| row.seat == seat).ok_or_else(nobody)?;
        let seat = self
            .context
            .database()
            .seats()
            .find(seat)
            .await?
            .ok_or_else(nobody)?;
        if !row.state.is_open() {
            return Err(DeliverableError::NotOpen { state: row.state }.into());
        }
        let topology = self.drawn(&row).await?;
        let asked = asked(&topology, sending.task)?;
        let kind = kind(sending.task, asked, name)?;
        if let Some(writer) = sending.draft {
            check_writer(writer)?;
            if !kind.is_text() {
                let name = name.to_owned();
                return Err(DeliverableError::NoDraft { name }.into());
            }
        }
        let content = read(content, sending.announced, asked.at_most).await?;
        check(name, &kind, &content)?;
        let upload = Upload {
            session: row.session.clone(),
            attempt: row.id,
            task: sending.task.to_owned(),
            name: name.to_owned(),
            kind: kind.ending,
            writer: sending.draft.map(str::to_owned),
            actor: format!("seat:{}", seat.number),
            content,
        };
        // Nobody hands the attempt in meanwhile.
        let _guard = self.context.lock_of(&row.session).lock_owned().await;
        let (saved, entries) = self.context.deliverables().save(&upload).await?;
        if !entries.is_empty() {
            self.context.publish(&row.session, entries);
        }
        Ok(saved)
    }

    /// What an attempt's tasks ask for, and all that was saved.
    ///
    /// # Errors
    /// There is no such attempt.
    pub async fn deliverables(&self, attempt: &str) -> Result<Vec<DeliverableView>, SessionError> {
        let row = self.context.find_attempt(attempt).await?;
        let mut saved = self.context.deliverables().of_attempt(attempt).await?;
        let topology = self.drawn(&row).await?;
        let asked = topology.tasks.iter().filter_map(|task| {
            let asked = task.deliverable.as_ref()?;
            Some(DeliverableView {
                versions: saved.remove(&task.id).unwrap_or_default(),
                task: task.id.clone(),
                title: task.title.clone(),
                accept: asked.accept.clone(),
                at_most: asked.at_most.0,
            })
        });
        Ok(asked.collect())
    }

    /// What was saved of a task, by the BLAKE3 of its content.
    ///
    /// # Errors
    /// Nothing like that was saved.
    pub async fn deliverable(
        &self,
        attempt: &str,
        task: &str,
        content: &str,
    ) -> Result<HandedIn, SessionError> {
        let found = self.context.deliverables().read(attempt, task, content);
        Ok(found.await?)
    }

    /// The attempt's scenario with its parameters.
    pub(super) async fn drawn(&self, attempt: &AttemptRow) -> Result<Arc<Topology>, SessionError> {
        let scenarios = self
            .context
            .database()
            .sessions()
            .scenarios(&attempt.session)
            .await?;
        let mut rows = scenarios.iter();
        let row = rows.find(|row| row.scenario == attempt.scenario);
        let row = row.ok_or_else(|| SessionError::NoSuchScenario {
            session: attempt.session.clone(),
            scenario: attempt.scenario.clone(),
        })?;
        let scenarios = self.context.scenarios();
        Ok(scenarios.resolved(&row.hash, &attempt.seed).await?)
    }
}

/// What the tasks ask a candidate for, with what counts of it.
pub(super) fn due(
    tasks: &[Task],
    mut saved: BTreeMap<String, Vec<VersionView>>,
) -> Vec<AssignedDeliverableView> {
    let due = tasks.iter().filter_map(|task| {
        let asked = task.deliverable.as_ref()?;
        Some(AssignedDeliverableView {
            current: saved.remove(&task.id).and_then(|mut all| all.pop()),
            task: task.id.clone(),
            title: task.title.clone(),
            accept: asked.accept.clone(),
            at_most: asked.at_most.0,
        })
    });
    due.collect()
}

fn asked<'a>(topology: &'a Topology, id: &str) -> Result<&'a Deliverable, DeliverableError> {
    let task = topology.tasks.iter().find(|task| task.id == id);
    let task = task.ok_or_else(|| DeliverableError::NoSuchTask {
        task: id.to_owned(),
    })?;
    let asked = task.deliverable.as_ref();
    asked.ok_or_else(|| DeliverableError::NotAskedFor {
        task: id.to_owned(),
    })
}

fn check_writer(writer: &str) -> Result<(), DeliverableError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if (1..=WRITER).contains(&writer.len()) && writer.bytes().all(is_plain) {
        return Ok(());
    }
    Err(DeliverableError::Writer {
        writer: writer.to_owned(),
    })
}

/// Passes over what is still sent, piece by piece.
async fn discard_rest<E>(mut content: Pin<&mut impl Stream<Item = Result<Bytes, E>>>) {
    let mut passed = 0_usize;
    while let Some(Ok(piece)) = content.next().await {
        passed = passed.saturating_add(piece.len());
        if passed > REFUSED {
            return;
        }
    }
}

/// Reads what is sent, and no more than is taken.
async fn read<E>(
    mut content: Pin<&mut impl Stream<Item = Result<Bytes, E>>>,
    announced: Option<u64>,
    at_most: Size,
) -> Result<Vec<u8>, DeliverableError>
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let most = usize::try_from(at_most.0).unwrap_or(usize::MAX);
    if announced.is_some_and(|announced| announced > at_most.0) {
        return Err(DeliverableError::TooLarge { at_most });
    }
    let mut read = Vec::new();
    while let Some(piece) = content.next().await {
        let piece = piece.map_err(|error| DeliverableError::CutOff(error.into()))?;
        if read.len().saturating_add(piece.len()) > most {
            return Err(DeliverableError::TooLarge { at_most });
        }
        read.extend_from_slice(&piece);
    }
    Ok(read)
}
