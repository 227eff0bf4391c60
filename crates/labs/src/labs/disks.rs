//! Watches what all nodes write, so that none of them fills the disk of the engine's host.
//!
//! What is free there is looked at each second, which costs nothing. The nodes are measured when it
//! falls, and now and then in any case. Measuring takes a small share of the time, unless the disk is
//! nearly full.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use plateau_core::api::{DiskAlertLevel, LabState};
use plateau_core::wire::{DiskUse, DisksRequest, FreeSpace, NodeDisk};

use super::Inner;
use crate::error::chain;
use crate::lab::Lab;

/// How often it is looked at what is free.
const LOOK: Duration = Duration::from_secs(1);

/// After which time nodes are measured in any case.
const MOST_PAUSE: Duration = Duration::from_secs(30);

/// How much longer a pause is than the measuring before it.
const PAUSE_FACTOR: u32 = 20;

/// Bytes and files that may be written between two measurements.
const FALL: u64 = 256 << 20;
const FALL_FILES: u64 = 16 << 10;

/// Bytes below which the disk of the host is nearly full; on a small disk, its twentieth part.
const NEARLY_FULL: u64 = 2 << 30;

/// Bytes that a node has to have written since it was last measured to be the one that fills the host.
const FILLS: u64 = 32 << 20;

/// When nodes were measured last, and how long it took.
#[derive(Clone, Copy, Debug)]
struct Measured {
    at: Instant,
    took: Duration,
    free: Option<FreeSpace>,
}

/// What nodes had written when they were measured last, by lab and node.
type Written = BTreeMap<(String, String), u64>;

/// Watches until all handles are dropped.
pub(super) async fn watch(labs: Weak<Inner>) {
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut last, mut written) = (None, Written::new());
    // A folder of the disk that nodes are on.
    let mut folder: Option<String> = None;
    loop {
        tick.tick().await;
        let Some(labs) = labs.upgrade() else { return };
        let known = running(&labs);
        if known.is_empty() {
            (last, folder) = (None, None);
            written.clear();
            continue;
        }
        let free = match &folder {
            Some(folder) => labs.free_space(folder).await,
            None => None,
        };
        if !is_due(last, free, Instant::now()) {
            continue;
        }
        let at = Instant::now();
        folder = labs.measure_nodes(&known, &mut written).await;
        last = Some(Measured {
            at: Instant::now(),
            took: at.elapsed(),
            free,
        });
    }
}

/// Labs whose nodes may run.
fn running(labs: &Inner) -> Vec<Arc<Lab>> {
    let known = labs.labs();
    let running = known.values().filter(|known| match known.lab.state() {
        LabState::Building | LabState::Ready => true,
        LabState::Recovering | LabState::Failed | LabState::Removing | LabState::Removed => false,
    });
    running.map(|known| Arc::clone(&known.lab)).collect()
}

/// Whether nodes are to be measured now.
fn is_due(last: Option<Measured>, free: Option<FreeSpace>, now: Instant) -> bool {
    let Some(last) = last else { return true };
    if free.is_some_and(is_nearly_full) {
        return true;
    }
    let since = now.saturating_duration_since(last.at);
    if since < last.took.saturating_mul(PAUSE_FACTOR) {
        return false;
    }
    let has_fallen = match (last.free, free) {
        (Some(before), Some(free)) => {
            let files = before.files.zip(free.files);
            let files = files.map_or(0, |(before, free)| before.saturating_sub(free));
            before.bytes.saturating_sub(free.bytes) >= FALL || files >= FALL_FILES
        }
        // Not known: as if it had.
        (None, Some(_)) => true,
        (Some(_) | None, None) => false,
    };
    has_fallen || since >= MOST_PAUSE
}

fn is_nearly_full(free: FreeSpace) -> bool {
    free.bytes < NEARLY_FULL.min(free.of / 20)
}

impl Inner {
    async fn free_space(&self, folder: &str) -> Option<FreeSpace> {
        let request = DisksRequest {
            free_of: Some(folder.to_owned()),
            disks: vec![],
        };
        let answered = self.context.agent.measure_disks(&request).await;
        answered.ok()?.free
    }

    /// Measures the nodes of labs. Returns a folder of the disk that they are on.
    async fn measure_nodes(&self, labs: &[Arc<Lab>], written: &mut Written) -> Option<String> {
        let mut folder = None;
        let mut grown: Option<(u64, Arc<Lab>, String, DiskUse)> = None;
        let mut free = None;
        for lab in labs {
            let (nodes, disks): (Vec<String>, Vec<NodeDisk>) =
                lab.running_disks().await.into_iter().unzip();
            let Some(first) = disks.first() else { continue };
            folder = Some(first.folder.clone());
            let request = DisksRequest {
                free_of: folder.clone(),
                disks,
            };
            let measured = match self.context.agent.measure_disks(&request).await {
                Ok(measured) => measured,
                Err(error) => {
                    let reason = chain(&error);
                    tracing::warn!(
                        lab = lab.name(),
                        reason,
                        "disks of nodes cannot be measured"
                    );
                    continue;
                }
            };
            free = measured.free.or(free);
            for (node, found) in nodes.into_iter().zip(measured.disks) {
                let found = match found {
                    Ok(found) => found,
                    Err(reason) => {
                        tracing::debug!(lab = lab.name(), node, reason, "a disk is not measured");
                        continue;
                    }
                };
                let key = (lab.id().to_owned(), node.clone());
                let before = written.insert(key, found.bytes).unwrap_or(found.bytes);
                let more = found.bytes.saturating_sub(before);
                lab.judge_disk(&node, &found).await;
                if more >= FILLS && grown.as_ref().is_none_or(|(most, ..)| more > *most) {
                    grown = Some((more, Arc::clone(lab), node, found));
                }
            }
        }
        // Each within its limit, and all together too much: the one that writes most.
        if let Some((_, lab, node, found)) = grown.filter(|_| free.is_some_and(is_nearly_full)) {
            lab.stop_for_disk(&node, &found, DiskAlertLevel::HostFull)
                .await;
        }
        folder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: FreeSpace = FreeSpace {
        bytes: 50 << 30,
        of: 100 << 30,
        files: Some(1 << 20),
    };

    fn due(since: u64, took: u64, free: FreeSpace) -> bool {
        let at = Instant::now();
        let last = Measured {
            at,
            took: Duration::from_millis(took),
            free: Some(FREE),
        };
        is_due(Some(last), Some(free), at + Duration::from_millis(since))
    }

    #[test]
    fn nodes_are_measured_when_space_falls_and_now_and_then() {
        assert!(is_due(None, None, Instant::now()));
        assert!(!due(2000, 10, FREE));
        assert!(due(30_000, 10, FREE));
        let bytes = FreeSpace {
            bytes: FREE.bytes - FALL,
            ..FREE
        };
        assert!(due(2000, 10, bytes));
        let files = FreeSpace {
            files: Some((1 << 20) - FALL_FILES),
            ..FREE
        };
        assert!(due(2000, 10, files));
    }

    #[test]
    fn measuring_takes_a_small_share_of_the_time_unless_the_disk_is_nearly_full() {
        let fallen = FreeSpace {
            bytes: FREE.bytes - FALL,
            ..FREE
        };
        assert!(!due(2000, 500, fallen));
        assert!(due(10_000, 500, fallen));
        let full = FreeSpace {
            bytes: NEARLY_FULL - 1,
            ..FREE
        };
        assert!(due(1000, 5000, full));
    }
}
