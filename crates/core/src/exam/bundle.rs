//! The evidence of an attempt as one file that anyone can check years later, without the daemon: a
//! plain tar archive with a manifest, signed with ed25519.
//!
//! ```text
//! manifest.json      what it is, and BLAKE3 and size of every other member
//! manifest.sig       the signature over the bytes of manifest.json: 64 bytes (RFC 8032)
//! public.pem         the public key (SubjectPublicKeyInfo, RFC 8410)
//! evidence.json      the facts
//! grade.json         the grade that was accepted
//! judgements.json    what jurors said
//! log.jsonl          the session's log, an entry a line
//! scenario/…         the folder that the grade follows from
//! lab-scenario/…     the folder that the lab was built from, where it is another
//! deliverables/…     what the candidate handed in, as `TASK/NUMBER-NAME`: all versions, the last counting
//! recordings/…       what was seen in terminals, as `LAB/NAME`
//! ```

use std::collections::BTreeMap;

use ed25519_dalek::{Signer, SigningKey};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::judgement::Judgement;
use super::log::{GENESIS, LogEntry};
use crate::evidence::Evidence;
use crate::folder::Folder;
use crate::grade::Grade;

pub use archive::ArchiveError;
pub use key::{KeyError, fingerprint, public_of_pem, public_pem, signing_of_pem, signing_pem};
pub use verification::{Step, StepKind, Trust, Verification, verify};

mod archive;
mod deliverables;
mod heads;
mod key;
mod verification;

/// Version of the format.
pub const FORMAT: u32 = 1;

/// Most bytes of a bundle.
pub const BUNDLE_LIMIT: usize = 1 << 30;

/// Folders of the members that the caller adds.
pub const EXTRA: &[&str] = &["deliverables/", "recordings/"];

/// Folder of all versions of what was handed in.
const DELIVERABLES: &str = "deliverables/";

const MANIFEST: &str = "manifest.json";
const SIGNATURE: &str = "manifest.sig";
const PUBLIC: &str = "public.pem";
const EVIDENCE: &str = "evidence.json";
const GRADE: &str = "grade.json";
const JUDGEMENTS: &str = "judgements.json";
const LOG: &str = "log.jsonl";
const SCENARIO: &str = "scenario/";
const LAB_SCENARIO: &str = "lab-scenario/";

/// What a bundle is, and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the format.
    pub format: u32,
    /// The session's identifier.
    pub session: String,
    /// The attempt's identifier.
    pub attempt: String,
    /// The scenario's identifier.
    pub scenario: String,
    /// BLAKE3 of the scenario's folder that the grade follows from.
    pub hash: String,
    /// Who exported it.
    pub exported_by: String,
    /// When, in milliseconds since the epoch.
    pub exported_ms: u64,
    /// Entries of the log.
    pub log_entries: u64,
    /// Hash of the log's last entry.
    pub log_hash: String,
    /// Every member but the manifest and its signature.
    pub members: BTreeMap<String, Member>,
}

/// One member of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// BLAKE3 of its content.
    pub blake3: String,
    /// Bytes of its content.
    pub size: u64,
}

/// Content of a bundle.
#[derive(Clone, Debug)]
pub struct Content<'a> {
    /// The session's identifier.
    pub session: &'a str,
    /// The attempt's identifier.
    pub attempt: &'a str,
    /// Who exports it.
    pub exported_by: &'a str,
    /// When, in milliseconds since the epoch.
    pub exported_ms: u64,
    /// The facts.
    pub evidence: &'a Evidence,
    /// The grade that was accepted.
    pub grade: &'a Grade,
    /// What jurors said.
    pub judgements: &'a [Judgement],
    /// The session's log.
    pub log: &'a [LogEntry],
    /// The folder that the grade follows from.
    pub scenario: &'a Folder,
    /// The folder that the lab was built from, where it is another.
    pub lab_scenario: Option<&'a Folder>,
    /// Deliverables and recordings, by names that begin with one of [`EXTRA`].
    pub extra: BTreeMap<String, Vec<u8>>,
}

/// Why a bundle could not be made.
#[derive(Debug, Error)]
pub enum BundleError {
    /// Something cannot be written as JSON.
    #[error("write `{member}`")]
    Write {
        /// The member.
        member: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A member has a name that is not given away.
    #[error("`{name}` is neither a deliverable nor a recording")]
    Name {
        /// The name.
        name: String,
    },
    /// The archive cannot be written.
    #[error("write the archive")]
    Archive(#[from] ArchiveError),
    /// The key cannot be written.
    #[error("write the public key")]
    Key(#[from] KeyError),
}

/// Puts a bundle together and signs it. Equal contents give equal bytes.
///
/// # Errors
/// It would be too large, or a name cannot stand in an archive.
pub fn seal(content: &Content<'_>, key: &SigningKey) -> Result<Vec<u8>, BundleError> {
    let mut members = members(content, key)?;
    let manifest = Manifest {
        format: FORMAT,
        session: content.session.to_owned(),
        attempt: content.attempt.to_owned(),
        scenario: content.grade.scenario.clone(),
        hash: content.grade.hash.clone(),
        exported_by: content.exported_by.to_owned(),
        exported_ms: content.exported_ms,
        log_entries: content.log.len() as u64,
        log_hash: last_hash(content.log).to_owned(),
        members: members
            .iter()
            .map(|(name, content)| (name.clone(), Member::of(content)))
            .collect(),
    };
    let manifest = pretty(MANIFEST, &manifest)?;
    let signature = key.sign(&manifest).to_bytes().to_vec();
    members.insert(MANIFEST.to_owned(), manifest);
    members.insert(SIGNATURE.to_owned(), signature);
    Ok(archive::pack(&members)?)
}

fn members(
    content: &Content<'_>,
    key: &SigningKey,
) -> Result<BTreeMap<String, Vec<u8>>, BundleError> {
    let mut log = Vec::new();
    for entry in content.log {
        let line = serde_json::to_vec(entry);
        log.extend(line.map_err(|source| BundleError::Write {
            member: LOG,
            source,
        })?);
        log.push(b'\n');
    }
    let own = [
        (PUBLIC, public_pem(&key.verifying_key())?.into_bytes()),
        (EVIDENCE, pretty(EVIDENCE, content.evidence)?),
        (GRADE, pretty(GRADE, content.grade)?),
        (JUDGEMENTS, pretty(JUDGEMENTS, &content.judgements)?),
        (LOG, log),
    ];
    let own = own.map(|(name, content)| (name.to_owned(), content));
    let mut members = BTreeMap::from(own);
    let folders = std::iter::once((SCENARIO, content.scenario))
        .chain(content.lab_scenario.map(|folder| (LAB_SCENARIO, folder)));
    for (root, folder) in folders {
        let files = folder.0.iter();
        members.extend(files.map(|(path, content)| (format!("{root}{path}"), content.clone())));
    }
    for (name, content) in &content.extra {
        if !EXTRA.iter().any(|folder| name.starts_with(folder)) {
            return Err(BundleError::Name { name: name.clone() });
        }
        members.insert(name.clone(), content.clone());
    }
    Ok(members)
}

/// The name of a version of what was handed in, by its task, its number and its file name.
#[must_use]
pub fn deliverable_name(task: &str, number: u32, name: &str) -> String {
    format!("{DELIVERABLES}{task}/{number:03}-{name}")
}

impl Member {
    fn of(content: &[u8]) -> Self {
        Self {
            blake3: blake3::hash(content).to_hex().to_string(),
            size: content.len() as u64,
        }
    }
}

fn last_hash(log: &[LogEntry]) -> &str {
    log.last().map_or(GENESIS, |entry| entry.hash.as_str())
}

/// JSON that a person can read, too.
fn pretty(member: &'static str, value: &impl Serialize) -> Result<Vec<u8>, BundleError> {
    let text = serde_json::to_vec_pretty(value);
    let mut text = text.map_err(|source| BundleError::Write { member, source })?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests;
