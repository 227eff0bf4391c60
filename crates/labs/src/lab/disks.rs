//! What the nodes of a lab have written: when that is too much, and whether it can be copied.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plateau_core::api::{DiskAlert, DiskAlertLevel, LabEventKind, NodeState};
use plateau_core::topology::{Limits, PlacedFile};
use plateau_core::wire::{DiskCut, DiskUse, DisksRequest, NodeDisk};

use super::LabError;
use super::containers::Containers;
use super::core::LabCore;
use super::node_files::NodeFiles;
use crate::disk::shown;
use crate::error::chain;
use crate::runtime::{Labels, RuntimeError};

/// Bytes of a node's disk for each file that it may have.
const BYTES_PER_FILE: u64 = 16 << 10;

/// Bytes and files at least that a node may write which was stopped: what a boot writes.
const ROOM: u64 = 32 << 20;
const ROOM_FILES: u64 = 4096;

/// Bytes of the host's disk that a copy leaves free.
const COPY_LEAVES: u64 = 2 << 30;

/// Files that the reason of a refused copy names.
const NAMED: usize = 5;

/// Bytes and files that a node may have, and whether it may have folders that cannot be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bound {
    bytes: u64,
    files: u64,
    deep: bool,
}

/// What is to be done about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Assessment {
    /// Nothing.
    Fine,
    /// To warn.
    High,
    /// To stop it.
    Over,
}

/// Watches what the nodes of a lab write.
#[derive(Debug)]
pub(super) struct Disks {
    core: Arc<LabCore>,
    containers: Arc<Containers>,
    files: Arc<NodeFiles>,
    /// What nodes may have that were stopped before: whoever starts one has to have room to clear it up.
    allowances: Mutex<BTreeMap<String, Bound>>,
}

impl Bound {
    fn of(limits: Limits) -> Self {
        let bytes = limits.disk.0;
        Self {
            bytes,
            files: bytes / BYTES_PER_FILE,
            deep: false,
        }
    }

    /// What a node may have that was stopped: a little more than it had.
    fn allowance(self, found: &DiskUse) -> Self {
        Self {
            bytes: found.bytes.max(self.bytes) + ROOM.max(self.bytes / 16),
            files: found.files.max(self.files) + ROOM_FILES.max(self.files / 16),
            deep: true,
        }
    }

    fn assess(self, allowance: Option<Self>, found: &DiskUse) -> Assessment {
        let most = allowance.unwrap_or(self);
        let uncounted = match found.cut {
            Some(DiskCut::Depth) => !most.deep,
            Some(DiskCut::Descriptors) => true,
            Some(DiskCut::Files | DiskCut::Time) | None => false,
        };
        if found.bytes > most.bytes || found.files > most.files || uncounted {
            return Assessment::Over;
        }
        let is_high = |used: u64, limit: u64| used > limit / 5 * 4;
        match is_high(found.bytes, self.bytes) || is_high(found.files, self.files) {
            true => Assessment::High,
            false => Assessment::Fine,
        }
    }
}

impl Disks {
    pub(super) fn new(
        core: Arc<LabCore>,
        containers: Arc<Containers>,
        files: Arc<NodeFiles>,
    ) -> Self {
        Self {
            core,
            containers,
            files,
            allowances: Mutex::default(),
        }
    }

    /// The disks of the nodes that run. What an engine does not tell cannot be measured.
    pub(super) async fn running(&self) -> Vec<(String, NodeDisk)> {
        let mut disks = Vec::new();
        for (node, spec) in &self.core.topology.nodes {
            match self.core.node_state(node) {
                NodeState::Running | NodeState::Rebooting => {}
                NodeState::Absent | NodeState::Stopped => continue,
            }
            let container = self.containers.current(node);
            let Ok(found) = self.containers.inspect(&container).await else {
                continue;
            };
            let bound = Bound::of(spec.limits);
            let allowance = self.allowances().get(node).copied();
            if let Some(folder) = found.disk.filter(|_| found.running) {
                let disk = NodeDisk {
                    folder,
                    most_files: allowance.unwrap_or(bound).files,
                    process: found.pid,
                    container: found.id,
                };
                disks.push((node.clone(), disk));
            }
        }
        disks
    }

    /// Warns of a node, or stops it, for what it has written.
    pub(super) async fn judge(&self, node: &str, found: &DiskUse) {
        let Some(spec) = self.core.topology.nodes.get(node) else {
            return;
        };
        let bound = Bound::of(spec.limits);
        let allowance = self.allowances().get(node).copied();
        match bound.assess(allowance, found) {
            Assessment::Over => {
                self.allowances()
                    .insert(node.to_owned(), bound.allowance(found));
                self.stop(node, found, DiskAlertLevel::Stopped).await;
            }
            Assessment::High => self.tell(node, found, Some(DiskAlertLevel::High)),
            Assessment::Fine => {
                self.allowances().remove(node);
                self.tell(node, found, None);
            }
        }
    }

    /// Stops a node at once. Nothing is lost of what it has written, and it can be started again.
    pub(super) async fn stop(&self, node: &str, found: &DiskUse, level: DiskAlertLevel) {
        let core = Arc::clone(&self.core);
        let container = self.containers.current(node);
        let doing = format!("stop node `{node}`");
        let killed = self.core.call_engine(async move {
            match core.context.runtime.kill_container(&container).await {
                // It has ended by itself.
                Ok(()) | Err(RuntimeError::NotRunning { .. }) => Ok(()),
                Err(error) => Err(LabError::runtime(doing)(error)),
            }
        });
        let lab = &self.core.marker.name;
        match killed.await {
            Ok(()) => {
                let (bytes, files) = (found.bytes, found.files);
                tracing::warn!(%lab, node, bytes, files, ?level, "a node is stopped for what it has written");
                self.core.set_node(node, NodeState::Stopped);
                self.tell(node, found, Some(level));
            }
            Err(error) => {
                let reason = chain(&error);
                tracing::error!(%lab, node, reason, "a node that fills the disk cannot be stopped");
            }
        }
    }

    /// Shows what is wrong with a disk, and tells it once.
    fn tell(&self, node: &str, found: &DiskUse, level: Option<DiskAlertLevel>) {
        let Some(spec) = self.core.topology.nodes.get(node) else {
            return;
        };
        let bound = Bound::of(spec.limits);
        let alert = level.map(|level| DiskAlert {
            level,
            used: found.bytes,
            limit: bound.bytes,
            files: found.files,
            most_files: bound.files,
        });
        let mut is_new = false;
        self.core.update_view(|view| {
            if let Some(known) = view.nodes.get_mut(node) {
                let before = std::mem::replace(&mut known.disk, alert);
                is_new = before.map(|alert| alert.level) != level;
            }
        });
        if is_new {
            self.core.emit(LabEventKind::Disk {
                node: node.to_owned(),
                alert,
            });
        }
    }

    /// The files of a node that a copy of its disk does not have.
    pub(super) async fn unkept_files(&self, node: &str) -> Result<Vec<PlacedFile>, LabError> {
        self.files.read(node).await
    }

    /// Makes an image of a node's disk, unless that would take too much. The node stands still from
    /// before the look at its disk until it is copied.
    ///
    /// # Errors
    /// It would take too much, or the engine fails.
    pub(super) async fn copy(
        &self,
        node: &str,
        tag: &str,
        labels: &Labels,
        doing: String,
    ) -> Result<(), LabError> {
        let runtime = &self.core.context.runtime;
        let container = self.containers.original(node);
        let found = self.containers.inspect(&container).await?;
        let stands = found.paused || !found.running;
        let failed = LabError::runtime;
        if !stands {
            let paused = runtime.pause_container(&container).await;
            paused.map_err(failed(doing.clone()))?;
        }
        let copied = match self.refuses_copy(node).await {
            Ok(None) => {
                let agent = &self.core.context.agent;
                let copied = agent.commit(&container, tag, labels).await;
                copied.map_err(LabError::commit(doing.clone()))
            }
            Ok(Some((reason, _))) => Err(LabError::TooLarge { reason }),
            Err(error) => Err(error),
        };
        if !stands {
            let unpaused = runtime.unpause_container(&container).await;
            unpaused.map_err(failed(doing))?;
        }
        copied
    }

    /// Why a copy of a node's disk would take too much, its holes included; `None` where it can be
    /// copied. Nobody may change the disk meanwhile.
    ///
    /// # Errors
    /// The engine fails.
    pub(super) async fn refuses_copy(
        &self,
        node: &str,
    ) -> Result<Option<(String, DiskUse)>, LabError> {
        let limits = self.core.topology.nodes.get(node).map(|node| node.limits);
        let container = self.containers.original(node);
        let folder = self.containers.inspect(&container).await?.disk;
        let (Some(limits), Some(folder)) = (limits, folder) else {
            return Ok(None);
        };
        let bound = Bound::of(limits);
        let request = DisksRequest {
            free_of: Some(folder.clone()),
            disks: vec![NodeDisk {
                folder,
                most_files: 2 * bound.files,
                process: None,
                container: String::new(),
            }],
        };
        let measured = self.core.context.agent.measure_disks(&request).await?;
        let Some(Ok(found)) = measured.disks.into_iter().next() else {
            // An engine that keeps disks elsewhere.
            return Ok(None);
        };
        let free = measured.free.map_or(u64::MAX, |free| free.bytes);
        let reason = copy_refusal(node, bound, free, &found);
        Ok(reason.map(|reason| (reason, found)))
    }

    fn allowances(&self) -> MutexGuard<'_, BTreeMap<String, Bound>> {
        self.allowances
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn copy_refusal(node: &str, bound: Bound, free: u64, found: &DiskUse) -> Option<String> {
    let size = shown(found.apparent);
    let reason = match found.cut {
        Some(DiskCut::Files) => format!("more than {} files", 2 * bound.files),
        Some(DiskCut::Depth) => "folders that are nested too deep".to_owned(),
        Some(DiskCut::Time) => "more files than can be counted in time".to_owned(),
        Some(DiskCut::Descriptors) => "more open files than can be looked at".to_owned(),
        None if found.apparent > 2 * bound.bytes => {
            format!(
                "{size}, holes included, where {} can be copied",
                shown(2 * bound.bytes)
            )
        }
        None if found.apparent.saturating_add(COPY_LEAVES) > free => {
            format!(
                "{size}, holes included, and {} are free on the host",
                shown(free)
            )
        }
        None => return None,
    };
    let named = found.largest.iter().take(NAMED);
    let named: Vec<String> = named
        .map(|file| format!("`{}` {}", file.path, shown(file.size)))
        .collect();
    let largest = match named.is_empty() {
        true => String::new(),
        false => format!("; the largest files: {}", named.join(", ")),
    };
    Some(format!(
        "the disk of node `{node}` is too large to be copied: {reason}{largest}"
    ))
}

#[cfg(test)]
mod tests {
    use plateau_core::wire::LargeFile;

    use super::*;

    const BOUND: Bound = Bound {
        bytes: 4 << 30,
        files: 262_144,
        deep: false,
    };

    fn found(bytes: u64, files: u64) -> DiskUse {
        DiskUse {
            bytes,
            files,
            apparent: bytes,
            ..DiskUse::default()
        }
    }

    #[test]
    fn bytes_files_and_depth_stop_a_node_and_four_fifths_warn() {
        for (found, expected) in [
            (found(1 << 30, 1000), Assessment::Fine),
            (found(4 << 30, 1000), Assessment::High),
            (found(1, 262_144), Assessment::High),
            (found((4 << 30) + 1, 1000), Assessment::Over),
            (found(1, 262_145), Assessment::Over),
        ] {
            assert_eq!(BOUND.assess(None, &found), expected, "{found:?}");
        }
        let deep = DiskUse {
            cut: Some(DiskCut::Depth),
            ..found(1, 1)
        };
        assert_eq!(BOUND.assess(None, &deep), Assessment::Over);
        // What takes long to count is not thereby too much.
        let slow = DiskUse {
            cut: Some(DiskCut::Time),
            ..found(1, 1)
        };
        assert_eq!(BOUND.assess(None, &slow), Assessment::Fine);
    }

    #[test]
    fn a_node_that_was_stopped_has_room_to_be_cleared_up() {
        let full = found(5 << 30, 1000);
        let allowance = BOUND.allowance(&full);
        assert_eq!(BOUND.assess(Some(allowance), &full), Assessment::High);
        let more = found((5 << 30) + (256 << 20) + 1, 1000);
        assert_eq!(BOUND.assess(Some(allowance), &more), Assessment::Over);
        let deep = DiskUse {
            cut: Some(DiskCut::Depth),
            ..found(1, 1)
        };
        assert_eq!(
            BOUND.assess(Some(BOUND.allowance(&deep)), &deep),
            Assessment::Fine
        );
    }

    #[test]
    fn what_is_too_large_to_be_copied_is_named() {
        let free = 100 << 30;
        assert_eq!(copy_refusal("box", BOUND, free, &found(1 << 30, 10)), None);
        let holes = DiskUse {
            apparent: 200 << 30,
            largest: vec![LargeFile {
                path: "/srv/hole".to_owned(),
                size: 200 << 30,
            }],
            ..found(1, 10)
        };
        assert_eq!(
            copy_refusal("box", BOUND, free, &holes).as_deref(),
            Some(
                "the disk of node `box` is too large to be copied: 200.0 GiB, holes included, where 8.0 GiB can be copied; the largest files: `/srv/hole` 200.0 GiB"
            )
        );
        let left = copy_refusal("box", BOUND, 3 << 30, &found(2 << 30, 10));
        assert!(left.is_some_and(|reason| reason.contains("are free on the host")));
    }
}
