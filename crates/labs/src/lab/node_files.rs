//! The files of a node that are in no image of it, read from outside: also while it is frozen.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plateau_core::api::NodeState;
use plateau_core::topology::PlacedFile;
use plateau_core::wire::{ENGINE_FILES, EngineFiles, FilePart};

use super::LabError;
use super::containers::Containers;
use super::core::LabCore;

/// Reads what an engine makes anew in every container, so that it gets lost on the way through an image.
#[derive(Debug)]
pub(super) struct NodeFiles {
    core: Arc<LabCore>,
    containers: Arc<Containers>,
}

impl NodeFiles {
    pub(super) fn new(core: Arc<LabCore>, containers: Arc<Containers>) -> Self {
        Self { core, containers }
    }

    /// The files of a node; of one that is off, those that the scenario gave it.
    pub(super) async fn read(&self, node: &str) -> Result<Vec<PlacedFile>, LabError> {
        if self.core.node_state(node) != NodeState::Running {
            let mut files = self.core.first_files(node).cloned().unwrap_or_default();
            files.retain(|file| ENGINE_FILES.contains(&file.path.as_str()));
            return Ok(files);
        }
        let container = self.containers.original(node);
        let (process, container) = self.containers.process(&container).await?;
        let unreadable = |reason: String| LabError::Fault {
            node: node.to_owned(),
            reason: format!("its {} cannot be read: {reason}", ENGINE_FILES.join(", ")),
        };
        match self
            .core
            .context
            .agent
            .engine_files(process, container)
            .await?
        {
            EngineFiles::Read(files) => {
                let files: Result<_, base64::DecodeError> = files.into_iter().map(placed).collect();
                files.map_err(|error| unreadable(error.to_string()))
            }
            EngineFiles::Unreadable(reason) => Err(unreadable(reason)),
        }
    }
}

fn placed(part: FilePart) -> Result<PlacedFile, base64::DecodeError> {
    Ok(PlacedFile {
        content: STANDARD.decode(&part.content)?,
        path: part.path,
        mode: part.mode,
        uid: part.uid,
        gid: part.gid,
    })
}
