//! A scenario's folder, in memory.

use std::collections::BTreeMap;

/// The document that every scenario's folder has.
pub const DOCUMENT: &str = "scenario.yaml";

/// Most files in a scenario.
pub const MOST_FILES: usize = 2000;
/// Most bytes in a scenario, all files together.
pub const MOST_BYTES: u64 = 64 << 20;

/// Most bytes of a path in a scenario.
pub const LONGEST_PATH: usize = 4096;
/// Most bytes of a part of such a path: what file systems take.
pub const LONGEST_PART: usize = 255;

/// A scenario's folder in memory: path in the folder, with `/`, → content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder(pub BTreeMap<String, Vec<u8>>);

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
