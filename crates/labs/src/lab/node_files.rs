//! The files of a node that are in no image of it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use plateau_core::api::NodeState;
use plateau_core::topology::PlacedFile;

use super::LabError;
use super::containers::Containers;
use super::core::LabCore;
use crate::runtime::{ExecSpec, OutputEnd};

/// What an engine makes anew in every container, so that it gets lost on the way through an image.
const ENGINE_FILES: [&str; 3] = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

/// Most that these files may have together.
const FILES_LIMIT: usize = 16 << 20;

/// Most that reading them may take.
const FILES_TIMEOUT: Duration = Duration::from_secs(20);

/// Reads what an engine makes anew in every container.
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
        let doing = || format!("read the names and resolvers of node `{node}`");
        if self.core.node_state(node) != NodeState::Running {
            let mut files = self.core.first_files(node).cloned().unwrap_or_default();
            files.retain(|file| ENGINE_FILES.contains(&file.path.as_str()));
            return Ok(files);
        }
        let mut argv = [
            "tar",
            "--create",
            "--dereference",
            "--file=-",
            "--directory=/",
        ]
        .map(str::to_owned)
        .to_vec();
        argv.extend(ENGINE_FILES.map(|path| path.trim_start_matches('/').to_owned()));
        let exec = ExecSpec {
            argv,
            env: BTreeMap::new(),
            stdin: vec![],
            timeout: FILES_TIMEOUT,
            limit: FILES_LIMIT,
            keep: OutputEnd::Head,
        };
        let output = self
            .core
            .context
            .runtime
            .exec(&self.containers.original(node), &exec)
            .await;
        let output = output.map_err(LabError::runtime(doing()))?;
        let unreadable = |reason: String| LabError::Fault {
            node: node.to_owned(),
            reason: format!("its {} cannot be read: {reason}", ENGINE_FILES.join(", ")),
        };
        // It complains of one that is missing, and packs the others.
        if output.truncated || (output.exit != 0 && output.stdout.is_empty()) {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(unreadable(said.trim().to_owned()));
        }
        unpack(&output.stdout).map_err(|error| unreadable(error.to_string()))
    }
}

/// The files of an archive; what is none, such as a pipe in a file's place, is left out.
fn unpack(archive: &[u8]) -> std::io::Result<Vec<PlacedFile>> {
    let mut files = Vec::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let path = format!("/{}", entry.path()?.display());
        if !entry.header().entry_type().is_file() || !ENGINE_FILES.contains(&path.as_str()) {
            continue;
        }
        let number = |number: u64| u32::try_from(number).unwrap_or(0);
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.push(PlacedFile {
            path,
            content,
            mode: u16::try_from(entry.header().mode()? & 0o7777).unwrap_or(0o644),
            uid: number(entry.header().uid()?),
            gid: number(entry.header().gid()?),
        });
    }
    Ok(files)
}
