//! What a grading does to a lab, written down before it is done.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::LabError;
use super::core::LabCore;
use crate::store::on_disk;

/// The record on disk. Its name stays, since labs outlive the daemon that wrote it.
const RECORD: &str = "upset.json";

/// What a grading has to undo.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct GradingEffects {
    /// Nodes that ran before.
    pub(super) ran: BTreeSet<String>,
    /// Nodes and folders whose file systems were filled.
    pub(super) filled: BTreeSet<(String, String)>,
    /// Whether there may be snapshots of nodes, and copies made from them.
    pub(super) snapshots: bool,
}

/// The record of what the grading that is under way has to undo.
#[derive(Debug)]
pub(super) struct Effects {
    core: Arc<LabCore>,
    recorded: Mutex<Option<GradingEffects>>,
}

impl Effects {
    pub(super) fn new(core: Arc<LabCore>) -> Self {
        Self {
            recorded: Mutex::default(),
            core,
        }
    }

    /// What there is to undo.
    pub(super) fn recorded(&self) -> Option<GradingEffects> {
        let recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.clone()
    }

    fn set(&self, effects: Option<GradingEffects>) {
        *self.recorded.lock().unwrap_or_else(PoisonError::into_inner) = effects;
    }

    /// The nodes that ran before the grading.
    pub(super) fn ran(&self) -> BTreeSet<String> {
        self.recorded().unwrap_or_default().ran
    }

    /// Records that a file system is about to be filled.
    pub(super) async fn note_filled(&self, node: &str, path: &str) -> Result<(), LabError> {
        let mut effects = self.recorded().unwrap_or_default();
        effects.filled.insert((node.to_owned(), path.to_owned()));
        self.write(effects).await
    }

    /// Records what is to be undone.
    pub(super) async fn write(&self, effects: GradingEffects) -> Result<(), LabError> {
        let store = self.core.context.store.clone();
        let id = self.core.marker.id.clone();
        let record = effects.clone();
        on_disk(move || store.keep(&id, RECORD, &record)).await?;
        self.set(Some(effects));
        Ok(())
    }

    /// What a daemon before us did not come to undo.
    pub(super) async fn load(&self) -> Result<(), LabError> {
        let store = self.core.context.store.clone();
        let id = self.core.marker.id.clone();
        let effects = on_disk(move || store.kept(&id, RECORD)).await?;
        self.set(effects);
        Ok(())
    }

    /// Removes the record, once all of it is undone.
    pub(super) async fn remove(&self) -> Result<(), LabError> {
        let store = self.core.context.store.clone();
        let id = self.core.marker.id.clone();
        on_disk(move || store.remove_paper(&id, RECORD)).await?;
        self.set(None);
        Ok(())
    }
}
