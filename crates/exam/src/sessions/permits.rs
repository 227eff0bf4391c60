//! How many labs are worked on at the same time.

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

/// Permits to build and to grade labs, as many as there are cores for. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct LabPermits {
    building: Arc<Semaphore>,
    grading: Arc<Semaphore>,
}

impl LabPermits {
    pub(super) fn for_this_host() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            building: Arc::new(Semaphore::new(2 * cores)),
            grading: Arc::new(Semaphore::new(2 * cores)),
        }
    }

    /// Waits until a lab may be built; `None` when the daemon ends.
    pub(super) async fn building(&self) -> Option<SemaphorePermit<'_>> {
        self.building.acquire().await.ok()
    }

    /// Waits until a lab may be kept or graded; `None` when the daemon ends.
    pub(super) async fn grading(&self) -> Option<SemaphorePermit<'_>> {
        self.grading.acquire().await.ok()
    }

    /// Labs that may begin to be built now, at least one.
    pub(super) fn free_to_build(&self) -> usize {
        self.building.available_permits().max(1)
    }

    /// Labs that may begin to be graded now, at least one.
    pub(super) fn free_to_grade(&self) -> usize {
        self.grading.available_permits().max(1)
    }
}
