//! A scenario as it lies in its folder: read, checked whole, and drawn into a topology.

use std::collections::BTreeMap;

use crate::problem::{Place, Problem};
use crate::topology::Topology;

/// A scenario's folder in memory: path in the folder, with `/`, → content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder(pub BTreeMap<String, Vec<u8>>);

/// A scenario without problems.
#[derive(Clone, Debug)]
pub struct Scenario {
    folder: Folder,
}

impl Folder {
    /// BLAKE3 over paths and contents, in hexadecimal: the scenario's identity for proofs and evidence.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (path, content) in &self.0 {
            for part in [path.as_bytes(), content] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
        }
        hasher.finalize().to_hex().to_string()
    }
}

impl Scenario {
    /// Reads and checks a folder whole.
    ///
    /// # Errors
    /// Every problem found, in the order of their places.
    pub fn read(folder: Folder) -> Result<Self, Vec<Problem>> {
        Ok(Self { folder })
    }

    /// Draws the parameters and resolves every name. The same seed gives the same topology for ever.
    ///
    /// # Errors
    /// What only these values bring about, such as an address outside its network.
    pub fn draw(&self, seed: &str) -> Result<Topology, Vec<Problem>> {
        let place = Place {
            file: "scenario.yaml".to_owned(),
            line: 0,
            column: 0,
        };
        let message = format!(
            "cannot be drawn from `{seed}` yet: {} files",
            self.folder.0.len()
        );
        Err(vec![Problem {
            place,
            code: "not-ready".to_owned(),
            message,
            hint: None,
        }])
    }
}
