//! Preflight checks of the host, shared by labs that are created together.

use std::path::Path;
use std::time::{Duration, Instant};

use plateau_core::topology::Topology;
use plateau_core::wire::HostReport;
use tokio::sync::Mutex;

use super::Labs;
use crate::disk::{Disk, DiskSpace, DiskUsage};
use crate::lab::LabError;
use crate::metrics;
use crate::preflight::{PreflightError, ask_host, preflight};
use crate::runtime::EngineInfo;
use crate::store::StoreError;

/// How long a look at the host is good for.
const STAYS: Duration = Duration::from_secs(30);

/// What engine and host were when they were last looked at, and when that was.
pub(super) type HostCache = Mutex<Option<(Instant, EngineInfo, Option<HostReport>)>>;

impl Labs {
    /// Checks that the host meets the requirements of a lab. The labs of a session are created together,
    /// and share one check of the host.
    ///
    /// # Errors
    /// It does not, or the check failed.
    pub async fn preflight(&self, topology: &Topology) -> Result<(), PreflightError> {
        let runtime = self.runtime().as_ref();
        let (_, engine, host) = {
            let mut last = self.inner.host.lock().await;
            let look = match last.take() {
                Some(look) if look.0.elapsed() < STAYS => look,
                Some(_) | None => {
                    let engine = runtime.info().await.map_err(PreflightError::Engine)?;
                    (Instant::now(), engine, ask_host(runtime).await)
                }
            };
            last.insert(look).clone()
        };
        preflight(runtime, &engine, host.as_ref(), topology).await
    }
}

impl Labs {
    /// Checks that there is enough free space to begin something that uses it.
    ///
    /// # Errors
    /// Free space is low.
    pub fn check_disk(&self) -> Result<(), LabError> {
        let DiskUsage { free, low, room } = self.inner.disk.look();
        match room {
            DiskSpace::Ample => Ok(()),
            DiskSpace::Low | DiskSpace::Full => Err(LabError::DiskLow { free, low }),
        }
    }

    /// Records the metrics of labs by state, and of free space on the disk of the state folder.
    pub fn measure(&self) {
        let states: Vec<_> = self.list().iter().map(|view| view.state).collect();
        metrics::labs(&states);
        metrics::state_free(self.disk().look().free);
    }

    /// Available memory of the engine's host in bytes; `None` if unknown.
    pub async fn memory_available(&self) -> Option<u64> {
        self.left_of_the_host().await.0
    }

    /// Available memory and disk space of the engine's host in bytes; `None` if unknown.
    pub async fn left_of_the_host(&self) -> (Option<u64>, Option<u64>) {
        let host = ask_host(self.runtime().as_ref()).await;
        host.map_or((None, None), |host| (host.memory_available, host.disk_free))
    }
}

/// The disk of a state folder, which is made where it is not there.
pub(super) fn disk(state: &Path) -> Result<Disk, LabError> {
    let opened = std::fs::create_dir_all(state).and_then(|()| Disk::open(state));
    Ok(opened.map_err(StoreError::io("look at the disk of", state))?)
}
