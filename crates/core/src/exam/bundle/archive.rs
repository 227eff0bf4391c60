//! The archive: plain files under safe names, in their order, laid out in one way only.

use std::collections::BTreeMap;
use std::io;

use tar::{Archive, Builder, EntryType, Header};
use thiserror::Error;

use super::BUNDLE_LIMIT;
use crate::path::FolderPath;

/// Bytes of a block.
const BLOCK: usize = 512;

/// Most members of an archive.
const MOST_MEMBERS: usize = 20_000;

/// Why an archive is refused.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// It is too large.
    #[error("the archive has more than {BUNDLE_LIMIT} bytes")]
    TooLarge,
    /// It has too many members.
    #[error("the archive has more than {MOST_MEMBERS} members")]
    TooMany,
    /// It is truncated.
    #[error("the archive is cut off")]
    CutOff,
    /// The bytes are not an archive.
    #[error("it is not a valid tar archive")]
    NotTar(#[source] io::Error),
    /// It cannot be written.
    #[error("`{name}` cannot stand in the archive")]
    Write {
        /// The member.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A name leads out of the archive.
    #[error("member `{name}` leads out of the archive, or has no plain name")]
    Path {
        /// The name.
        name: String,
    },
    /// A member is a link, a device, or anything but a file.
    #[error("member `{name}` is not a plain file")]
    NotAFile {
        /// The name.
        name: String,
    },
    /// A member is there twice.
    #[error("member `{name}` is there twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// It differs from what [`pack`] would write.
    #[error("the archive is not laid out as it was written: something was changed or added")]
    Layout,
}

/// Writes an archive: sorted by name, without times or owners, so that equal members give equal
/// bytes.
pub(super) fn pack(members: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, ArchiveError> {
    let blocks = members.values().map(|content| 2 * BLOCK + content.len());
    let size = blocks.fold(2 * BLOCK, usize::saturating_add);
    if size > BUNDLE_LIMIT {
        return Err(ArchiveError::TooLarge);
    }
    if members.len() > MOST_MEMBERS {
        return Err(ArchiveError::TooMany);
    }
    let mut builder = Builder::new(Vec::with_capacity(size));
    for (name, content) in members {
        if !is_plain(name) {
            return Err(ArchiveError::Path { name: name.clone() });
        }
        let failed = |source| ArchiveError::Write {
            name: name.clone(),
            source,
        };
        let mut header = Header::new_ustar();
        header.set_path(name).map_err(failed)?;
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder
            .append(&header, content.as_slice())
            .map_err(failed)?;
    }
    builder.into_inner().map_err(ArchiveError::NotTar)
}

/// Reads an archive that [`pack`] wrote; everything else is refused.
pub(super) fn unpack(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
    if bytes.len() > BUNDLE_LIMIT {
        return Err(ArchiveError::TooLarge);
    }
    let mut members = BTreeMap::new();
    let mut archive = Archive::new(bytes);
    let entries = archive.entries().map_err(ArchiveError::NotTar)?;
    // As they stand: no name and no size from anywhere but a member's own header.
    for entry in entries.raw(true) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(_) if !members.is_empty() && !bytes.len().is_multiple_of(BLOCK) => {
                return Err(ArchiveError::CutOff);
            }
            Err(error) => return Err(ArchiveError::NotTar(error)),
        };
        let header = entry.header();
        let path = header.path_bytes();
        let name = String::from_utf8_lossy(&path).into_owned();
        if header.entry_type() != EntryType::Regular {
            return Err(ArchiveError::NotAFile { name });
        }
        if std::str::from_utf8(&path).is_err() || !is_plain(&name) {
            return Err(ArchiveError::Path { name });
        }
        let size = header.entry_size().map_err(ArchiveError::NotTar)?;
        let content = content(bytes, entry.raw_file_position(), size);
        let content = content.ok_or(ArchiveError::CutOff)?.to_vec();
        if members.insert(name.clone(), content).is_some() {
            return Err(ArchiveError::Twice { name });
        }
        if members.len() > MOST_MEMBERS {
            return Err(ArchiveError::TooMany);
        }
    }
    // Written again it has to be the same, byte for byte: nothing hides between or behind members.
    let again = pack(&members)?;
    if again == bytes {
        return Ok(members);
    }
    if again.starts_with(bytes) {
        return Err(ArchiveError::CutOff);
    }
    Err(ArchiveError::Layout)
}

fn content(bytes: &[u8], from: u64, size: u64) -> Option<&[u8]> {
    let from = usize::try_from(from).ok()?;
    let to = from.checked_add(usize::try_from(size).ok()?)?;
    bytes.get(from..to)
}

/// A path of plain names that stays where it is unpacked, on any system.
fn is_plain(name: &str) -> bool {
    !name.contains(':') && FolderPath::parse(name).is_ok()
}
