//! The state on disk: frozen scenarios, proofs, and the records of labs.
//!
//! ```text
//! reserve                 room that is given up when the disk is full
//! owner                   identifies this installation on engines that it shares with others
//! scenarios/<hash>/…      a scenario's folder as it was when a lab was first built from it
//! proofs/<hash>-….json    a scenario's proof that holds, and what it was made of
//! labs/<id>.json          what a lab is; written before its first container, removed after its last
//! labs/<id>/clock.json    when the candidate's clock was started
//! labs/<id>/events.jsonl  what became of the scenario's events, line by line: evidence
//! labs/<id>/upset.json    what a grading did to the lab and has to undo; there only meanwhile
//! ```
//!
//! Files are written to a temporary path, synced, and renamed, so that a crash leaves either the old or
//! the new content.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use plateau_core::path::FolderPath;
use plateau_core::scenario::Folder;
use serde::{Deserialize, Serialize};

mod error;
mod papers;
mod proofs;

pub use error::StoreError;

/// The state folder. Its methods block.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// The record of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Identifier (UUID version 7).
    pub id: String,
    /// Its name.
    pub name: String,
    /// The scenario's identifier.
    pub scenario: String,
    /// BLAKE3 of the scenario's folder.
    pub hash: String,
    /// Seed that the parameters were drawn from.
    pub seed: String,
    /// When it was created (RFC 3339, UTC).
    pub created: String,
    /// Progress, for recovery after a crash.
    pub progress: Progress,
    /// Whether it is removed when the daemon that created it is gone, such as a lab of a proof.
    #[serde(default)]
    #[serde(rename = "fleeting")]
    pub ephemeral: bool,
}

/// Progress of a lab, for recovery after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// It is being built or removed: after a crash it is removed.
    #[serde(rename = "passing")]
    Transitional,
    /// It is built completely: after a crash it is adopted.
    Built,
}

impl Store {
    /// Opens the folder, and creates it if it does not exist.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let store = Self {
            root: root.to_owned(),
        };
        for folder in ["scenarios", "labs"] {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(StoreError::io("create", &path))?;
        }
        Ok(store)
    }

    /// The random identifier of this installation, created at the first call.
    ///
    /// # Errors
    /// It can be neither read nor written.
    pub fn owner(&self) -> Result<String, StoreError> {
        let path = self.root.join("owner");
        match fs::read_to_string(&path) {
            Ok(owner) => Ok(owner.trim().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let owner = uuid::Uuid::now_v7().to_string();
                write(&path, owner.as_bytes())?;
                Ok(owner)
            }
            Err(error) => Err(StoreError::io("read", &path)(error)),
        }
    }

    /// Stores a scenario's folder under its hash; an existing one is left alone.
    ///
    /// # Errors
    /// A path leads out of the folder, or it cannot be written.
    pub fn freeze(&self, folder: &Folder) -> Result<(), StoreError> {
        let place = self.scenario(&folder.hash());
        if place.is_dir() {
            return Ok(());
        }
        let beside = tempfile::tempdir_in(self.root.join("scenarios"))
            .map_err(StoreError::io("create a folder in", &self.root))?;
        for (path, content) in &folder.0 {
            let inside =
                FolderPath::parse(path).map_err(|_| StoreError::Outside { path: path.clone() })?;
            let path = beside.path().join(inside.as_str());
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(StoreError::io("create", parent))?;
            }
            let mut file = File::create(&path).map_err(StoreError::io("create", &path))?;
            file.write_all(content)
                .and_then(|()| file.sync_all())
                .map_err(StoreError::io("write", &path))?;
        }
        let beside = beside.keep();
        match fs::rename(&beside, &place) {
            Ok(()) => Ok(()),
            // Somebody else was faster with the same content.
            Err(_) if place.is_dir() => {
                fs::remove_dir_all(&beside).map_err(StoreError::io("remove", &beside))
            }
            Err(error) => Err(StoreError::io("create", &place)(error)),
        }
    }

    /// Reads the folder of a frozen scenario.
    ///
    /// # Errors
    /// It is not stored, or cannot be read.
    pub fn thaw(&self, hash: &str) -> Result<Folder, StoreError> {
        let root = self.scenario(hash);
        let mut files = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(&folder).map_err(StoreError::io("read", &folder))?;
            for entry in entries {
                let path = entry.map_err(StoreError::io("read", &folder))?.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let content = fs::read(&path).map_err(StoreError::io("read", &path))?;
                let relative = path.strip_prefix(&root).unwrap_or(&path);
                files.insert(relative.to_string_lossy().into_owned(), content);
            }
        }
        Ok(Folder(files))
    }

    /// Writes the record of a lab.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn mark(&self, marker: &Marker) -> Result<(), StoreError> {
        let path = self.marker(&marker.id);
        let text = serde_json::to_vec_pretty(marker)
            .map_err(|error| StoreError::io("write", &path)(error.into()))?;
        write(&path, &text)
    }

    /// Removes the record of a lab; does nothing for an unknown lab. The marker is removed last, so
    /// that removal continues after a crash.
    ///
    /// # Errors
    /// A file of it cannot be removed.
    pub fn forget(&self, id: &str) -> Result<(), StoreError> {
        self.remove_papers(id)?;
        let path = self.marker(id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", &path)(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The records of all labs. An unreadable file is skipped with a warning.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn markers(&self) -> Result<Vec<Marker>, StoreError> {
        let folder = self.root.join("labs");
        let mut markers = Vec::new();
        for entry in fs::read_dir(&folder).map_err(StoreError::io("read", &folder))? {
            let path = entry.map_err(StoreError::io("read", &folder))?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = fs::read(&path).map_err(StoreError::io("read", &path))?;
            match serde_json::from_slice(&text) {
                Ok(marker) => markers.push(marker),
                Err(error) => tracing::warn!(path = %path.display(), %error, "no lab's marker"),
            }
        }
        markers.sort_by(|one: &Marker, other| one.id.cmp(&other.id));
        Ok(markers)
    }

    fn scenario(&self, hash: &str) -> PathBuf {
        self.root.join("scenarios").join(hash)
    }

    fn marker(&self, id: &str) -> PathBuf {
        self.root.join("labs").join(format!("{id}.json"))
    }
}

/// Writes a file so that it is there whole or not at all.
fn write(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(StoreError::io("write", path))
}

/// Runs blocking work on the disk outside the async threads.
///
/// # Errors
/// The error of the work, or the work was cancelled.
pub async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        let error = io::Error::other(error);
        Err(StoreError::io("work with", Path::new(""))(error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_scenario_comes_back_as_it_was() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        let folder = Folder(BTreeMap::from([
            ("scenario.yaml".to_owned(), b"plateau: 1".to_vec()),
            ("files/deep/a".to_owned(), vec![0, 255]),
        ]));
        store.freeze(&folder).unwrap();
        store.freeze(&folder).unwrap();
        assert_eq!(store.thaw(&folder.hash()).unwrap(), folder);
    }

    #[test]
    fn a_path_that_leads_out_of_the_folder_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        for path in ["../x", "/x", "a/../../x", "", "a/./b/../c"] {
            let folder = Folder(BTreeMap::from([(path.to_owned(), vec![])]));
            assert!(store.freeze(&folder).is_err(), "{path}");
        }
        assert_eq!(
            fs::read_dir(root.path().join("scenarios")).unwrap().count(),
            0
        );
    }

    #[test]
    fn a_marker_is_there_until_it_is_forgotten_and_the_owner_stays() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        let marker = Marker {
            id: "a".into(),
            name: "n".into(),
            scenario: "s".into(),
            hash: "h".into(),
            seed: "x".into(),
            created: "2026-01-01T00:00:00Z".into(),
            progress: Progress::Transitional,
            ephemeral: false,
        };
        store.mark(&marker).unwrap();
        assert_eq!(store.markers().unwrap(), [marker]);
        store.forget("a").unwrap();
        store.forget("a").unwrap();
        assert_eq!(store.markers().unwrap(), []);
        assert_eq!(store.owner().unwrap(), store.owner().unwrap());
    }
}
