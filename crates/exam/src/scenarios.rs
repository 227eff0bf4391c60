//! Frozen scenarios with their parameters: resolved once for each seed, as long as they are in use.
//!
//! A frozen folder never changes, and the same seed always gives the same topology, so that a cached
//! result is always right. The cache is bounded by weight; an evicted result is resolved again when it is
//! needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use plateau_core::problem::Problem;
use plateau_core::scenario::{Folder, Scenario};
use plateau_core::topology::Topology;
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Weighter};
use thiserror::Error;

use plateau_labs::lab::LabError;
use plateau_labs::store::{Store, on_disk};

/// Most bytes that the resolved scenarios may weigh together.
const MOST: u64 = 16 << 20;

/// What a topology weighs besides the files that it carries.
const OWN: u64 = 16 << 10;

/// Topologies that are expected: those of a room of thirty with two scenarios.
const EXPECTED: usize = 64;

/// Why a frozen scenario cannot be used.
#[derive(Debug, Error)]
pub enum FrozenError {
    /// Its folder cannot be read.
    #[error(transparent)]
    Read(#[from] LabError),
    /// It has problems now, although it had none when it was frozen.
    #[error("resolve the frozen scenario `{hash}`")]
    Problems {
        /// BLAKE3 of its folder.
        hash: String,
        /// What is wrong with it.
        problems: Vec<Problem>,
    },
}

/// The frozen scenarios of a state folder. Clones share what was resolved.
#[derive(Clone, Debug)]
pub struct Scenarios {
    store: Store,
    resolved: Arc<Cache<Key, Resolved, FilesWeigh>>,
    resolutions: Arc<AtomicU64>,
}

/// BLAKE3 of a folder, and a seed.
type Key = (String, String);

#[derive(Clone, Debug)]
struct Resolved {
    topology: Arc<Topology>,
    /// Bytes of the folder, of which a topology carries the most part.
    bytes: u64,
}

/// A topology weighs what its folder does.
#[derive(Clone, Debug)]
struct FilesWeigh;

impl Weighter<Key, Resolved> for FilesWeigh {
    fn weight(&self, _key: &Key, resolved: &Resolved) -> u64 {
        resolved.bytes.saturating_add(OWN)
    }
}

/// How often scenarios were resolved, and what is kept of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// How often a scenario had to be resolved.
    pub resolutions: u64,
    /// How many are kept.
    pub kept: usize,
    /// What they weigh together, in bytes.
    pub weight: u64,
}

impl Scenarios {
    /// The scenarios that are frozen in a state folder.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self::bounded(store, MOST)
    }

    /// The same with another bound on what is kept, in bytes.
    #[must_use]
    pub fn bounded(store: Store, most: u64) -> Self {
        // One shard: the bound holds for all of them together, and there are few askers.
        let options = quick_cache::OptionsBuilder::new()
            .estimated_items_capacity(EXPECTED)
            .weight_capacity(most)
            .shards(1)
            .build();
        let cache = match options {
            Ok(options) => Cache::with_options(
                options,
                FilesWeigh,
                DefaultHashBuilder::default(),
                quick_cache::sync::DefaultLifecycle::default(),
            ),
            Err(_) => Cache::with_weighter(EXPECTED, most, FilesWeigh),
        };
        Self {
            store,
            resolved: Arc::new(cache),
            resolutions: Arc::default(),
        }
    }

    /// Stores a folder under its hash; an existing one is left alone.
    ///
    /// # Errors
    /// A path leads out of the folder, or it cannot be written.
    pub async fn freeze(&self, folder: Folder) -> Result<(), LabError> {
        let store = self.store.clone();
        Ok(on_disk(move || store.freeze(&folder)).await?)
    }

    /// A frozen folder, as it is on disk.
    ///
    /// # Errors
    /// It is not kept, or cannot be read.
    pub async fn folder(&self, hash: &str) -> Result<Folder, LabError> {
        let (store, hash) = (self.store.clone(), hash.to_owned());
        Ok(on_disk(move || store.thaw(&hash)).await?)
    }

    /// A frozen scenario before its parameters are drawn.
    ///
    /// # Errors
    /// It is not kept, cannot be read, or has problems.
    pub async fn read(&self, hash: &str) -> Result<Scenario, FrozenError> {
        let folder = self.folder(hash).await?;
        Scenario::read(folder).map_err(|problems| broken(hash, problems))
    }

    /// A frozen scenario with the parameters of a seed. Concurrent calls share one result.
    ///
    /// # Errors
    /// It is not kept, cannot be read, or has problems. That is not kept.
    pub async fn resolved(&self, hash: &str, seed: &str) -> Result<Arc<Topology>, FrozenError> {
        let key = (hash.to_owned(), seed.to_owned());
        let resolve = async {
            self.resolutions.fetch_add(1, Ordering::Relaxed);
            let scenario = self.read(hash).await?;
            let files = scenario.folder().0.values();
            let bytes = files.map(|file| u64::try_from(file.len()).unwrap_or(u64::MAX));
            let bytes = bytes.fold(0, u64::saturating_add);
            let topology = scenario.draw(seed);
            let topology = Arc::new(topology.map_err(|problems| broken(hash, problems))?);
            Ok::<_, FrozenError>(Resolved { topology, bytes })
        };
        let resolved = self.resolved.get_or_insert_async(&key, resolve).await?;
        Ok(resolved.topology)
    }

    /// A frozen scenario with some parameters, for what does not follow from them.
    ///
    /// # Errors
    /// It is not kept, cannot be read, or has problems.
    pub async fn sample_draw(&self, hash: &str) -> Result<Arc<Topology>, FrozenError> {
        self.resolved(hash, "").await
    }

    /// How often scenarios were resolved, and what is kept of them.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage {
            resolutions: self.resolutions.load(Ordering::Relaxed),
            kept: self.resolved.len(),
            weight: self.resolved.weight(),
        }
    }
}

fn broken(hash: &str, problems: Vec<Problem>) -> FrozenError {
    tracing::error!(hash, ?problems, "a frozen scenario has problems");
    FrozenError::Problems {
        hash: hash.to_owned(),
        problems,
    }
}
