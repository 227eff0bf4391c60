//! What the wirer is told: links as they are to be now, and files.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use futures_util::future::try_join_all;
use plateau_core::plan::Wiring;
use plateau_core::topology::PlacedFile;
use plateau_core::wire::{FilePart, WireRequest};

use super::LabError;
use super::containers::Containers;
use super::core::LabCore;
use super::links::Links;

/// Bytes of files, in base64, at which a message is full: far below its limit.
const MESSAGE: usize = 8 << 20;

/// Bytes of a file that go into one message.
const PART: usize = 4 << 20;

/// Files alone.
fn files_alone(
    fabric: u32,
    files: Vec<FilePart>,
    containers: &BTreeMap<u32, String>,
) -> WireRequest {
    WireRequest {
        fabric,
        bridges: vec![],
        files,
        release: vec![],
        ports: vec![],
        containers: containers.clone(),
    }
}

/// The files of some processes, in parts that fit into a message.
fn file_parts<'a>(files: &'a [(u32, &'a Vec<PlacedFile>)]) -> impl Iterator<Item = FilePart> + 'a {
    let files = files
        .iter()
        .flat_map(|(node, files)| files.iter().map(move |file| (*node, file)));
    files.flat_map(|(node, file)| {
        let parts = file.content.chunks(PART).enumerate();
        let empty = file.content.is_empty().then_some((0, [].as_slice()));
        parts.chain(empty).map(move |(number, part)| FilePart {
            node,
            path: file.path.clone(),
            mode: file.mode,
            uid: file.uid,
            gid: file.gid,
            append: number > 0,
            content: base64::engine::general_purpose::STANDARD.encode(part),
        })
    })
}

/// Plugs nodes and examiners into the networks of a lab, by the agent's wirer.
#[derive(Debug)]
pub(super) struct Wirer {
    core: Arc<LabCore>,
    containers: Arc<Containers>,
    links: Arc<Links>,
}

impl Wirer {
    pub(super) fn new(core: Arc<LabCore>, containers: Arc<Containers>, links: Arc<Links>) -> Self {
        Self {
            core,
            containers,
            links,
        }
    }

    /// Looks up the processes and has the wirer plug them in. Returns the processes by name.
    pub(super) async fn wire(&self, wiring: &Wiring) -> Result<BTreeMap<String, u32>, LabError> {
        self.wire_with(wiring, |node| self.core.first_files(node))
            .await
    }

    /// The same with other files than the scenario's.
    pub(super) async fn wire_with<'a>(
        &self,
        wiring: &Wiring,
        files: impl Fn(&str) -> Option<&'a Vec<PlacedFile>> + Send + Sync,
    ) -> Result<BTreeMap<String, u32>, LabError> {
        let mut wiring = wiring.clone();
        self.links.apply_to(&mut wiring);
        let ports = wiring.ports.iter().map(|(name, _)| name);
        let mut names: Vec<&String> = wiring.release.iter().chain(ports).collect();
        names.sort_unstable();
        names.dedup();
        let pids = names.into_iter().map(async |name| {
            // An examiner goes by its container's name, a node by its own.
            let container = if self.core.topology.nodes.contains_key(name) {
                self.containers.current(name)
            } else {
                name.clone()
            };
            Ok::<_, LabError>((name.clone(), self.containers.process(&container).await?))
        });
        let fabric_name = self.containers.fabric();
        let (fabric, found) =
            futures_util::try_join!(self.containers.process(&fabric_name), try_join_all(pids))?;
        let (fabric, fabric_container) = fabric;
        let mut containers = BTreeMap::from([(fabric, fabric_container)]);
        let mut pids = BTreeMap::new();
        for (name, (pid, container)) in found {
            pids.insert(name, pid);
            containers.insert(pid, container);
        }
        let mut request = wiring
            .request(fabric, &pids)
            .map_err(|node| LabError::NodeStopped { node })?;
        request.containers = containers;
        let nodes = wiring.files.iter();
        let files = nodes.filter_map(|node| Some((*pids.get(node)?, files(node)?)));
        let files: Vec<_> = files.collect();
        let mut bytes = 0;
        for part in file_parts(&files) {
            bytes += part.content.len();
            request.files.push(part);
            // What does not fit into one message goes ahead of it.
            if bytes >= MESSAGE {
                bytes = 0;
                let files = std::mem::take(&mut request.files);
                self.core
                    .context
                    .agent
                    .wire(&files_alone(fabric, files, &request.containers))
                    .await?;
            }
        }
        self.core.context.agent.wire(&request).await?;
        Ok(pids)
    }
}
