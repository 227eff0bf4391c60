//! Stored proofs, and the inputs that they were made from: `proofs/<scenario's hash>-<labs>.json`.

use std::fs;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::papers::read;
use super::{Store, StoreError, write};

impl Store {
    /// Writes a proof, and replaces an earlier one of the same name.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn record_proof(&self, name: &str, proof: &impl Serialize) -> Result<(), StoreError> {
        let path = self.proof(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(StoreError::io("create", folder))?;
        }
        let text = serde_json::to_vec_pretty(proof)
            .map_err(|error| StoreError::io("write", &path)(error.into()))?;
        write(&path, &text)
    }

    /// Reads a proof; `None` if it does not exist.
    ///
    /// # Errors
    /// It cannot be read or understood.
    pub fn kept_proof<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        read(&self.proof(name))
    }

    fn proof(&self, name: &str) -> PathBuf {
        self.root.join("proofs").join(format!("{name}.json"))
    }
}
