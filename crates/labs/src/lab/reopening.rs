//! What a lab is opened again from: images of its nodes, and what is in none of them.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plateau_core::api::EventRecord;
use plateau_core::topology::PlacedFile;
use plateau_core::wire::LargeFile;
use serde::{Deserialize, Serialize};

use super::LabError;

/// What of a lab that was handed in is not in the images of its nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct HandInRecord {
    /// BLAKE3 of the scenario's folder.
    pub(crate) hash: String,
    /// Seed that the parameters were drawn from.
    pub(crate) seed: String,
    /// Nodes that ran.
    pub(super) ran: BTreeSet<String>,
    /// Node → the files that an engine makes anew, or why they could not be read.
    pub(super) files: BTreeMap<String, Result<Vec<FileRecord>, String>>,
    /// What events had done.
    pub(super) events: Vec<EventRecord>,
    /// Nodes whose disks were too large to be kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) too_large: BTreeMap<String, RefusedDisk>,
}

/// A disk that was too large to be kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RefusedDisk {
    /// Why, in words.
    pub(super) reason: String,
    /// Sum of its files' sizes in bytes, holes included.
    pub(super) size: u64,
    /// Files and folders that were counted.
    pub(super) files: u64,
    /// Its largest files.
    pub(super) largest: Vec<LargeFile>,
}

/// A file of a node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FileRecord {
    path: String,
    /// In base64.
    content: String,
    mode: u16,
    uid: u32,
    gid: u32,
}

/// What a lab is opened again from.
#[derive(Clone, Debug)]
pub(crate) struct Reopening {
    /// Whose images its nodes are made from.
    pub(super) origin: Origin,
    /// Nodes that ran.
    pub(super) ran: BTreeSet<String>,
    /// Node → the files that are in no image.
    pub(super) files: BTreeMap<String, Vec<PlacedFile>>,
    /// What events had done.
    pub(super) events: Vec<EventRecord>,
}

/// Whose images a lab is opened again from.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// Those that were kept for this attempt.
    Attempt(String),
    /// Those of this lab, which stands as long as they are needed.
    Lab(String),
}

impl Reopening {
    /// The attempt that the lab was handed in for, where it was.
    pub(super) fn attempt(&self) -> Option<&str> {
        match &self.origin {
            Origin::Attempt(attempt) => Some(attempt),
            Origin::Lab(_) => None,
        }
    }

    /// Tag of the image that a node is made from.
    pub(super) fn image(&self, node: &str) -> String {
        match &self.origin {
            Origin::Attempt(attempt) => kept_image(attempt, node),
            Origin::Lab(lab) => shared_image(lab, node),
        }
    }
}

impl HandInRecord {
    /// What a lab of this attempt is opened again from.
    ///
    /// # Errors
    /// A node was too large to be kept, or what is in no image could not be read when it was handed in,
    /// or is damaged.
    pub(crate) fn again(self, attempt: &str) -> Result<Reopening, LabError> {
        if !self.too_large.is_empty() {
            let reasons = self.too_large.into_values().map(|refused| refused.reason);
            return Err(LabError::Lost {
                attempt: attempt.to_owned(),
                reason: reasons.collect::<Vec<String>>().join("; "),
            });
        }
        let lost = |node: &str, reason: String| LabError::Lost {
            attempt: attempt.to_owned(),
            reason: format!("the names and resolvers of node `{node}`: {reason}"),
        };
        let files = self.files.into_iter().map(|(node, files)| {
            let files = files.map_err(|reason| lost(&node, reason))?;
            let files = files.into_iter().map(FileRecord::placed);
            let files: Result<Vec<PlacedFile>, base64::DecodeError> = files.collect();
            let files = files.map_err(|error| lost(&node, error.to_string()))?;
            Ok((node, files))
        });
        Ok(Reopening {
            origin: Origin::Attempt(attempt.to_owned()),
            ran: self.ran,
            files: files.collect::<Result<_, LabError>>()?,
            events: self.events,
        })
    }
}

impl FileRecord {
    pub(super) fn of(file: &PlacedFile) -> Self {
        Self {
            path: file.path.clone(),
            content: STANDARD.encode(&file.content),
            mode: file.mode,
            uid: file.uid,
            gid: file.gid,
        }
    }

    fn placed(self) -> Result<PlacedFile, base64::DecodeError> {
        Ok(PlacedFile {
            content: STANDARD.decode(&self.content)?,
            path: self.path,
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
        })
    }
}

/// Tag of the image that keeps a node of an attempt.
pub(super) fn kept_image(attempt: &str, node: &str) -> String {
    format!("plateau/kept:{attempt}-{node}")
}

/// Tag of the image of a lab's node that other labs start from.
pub(super) fn shared_image(lab: &str, node: &str) -> String {
    format!("plateau/shared:{lab}-{node}")
}
