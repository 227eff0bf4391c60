//! The archive of a backup: tar in gzip, and behind all members a manifest with their hashes, so
//! that it can be written as it comes and is known to be whole when it has been read to its end.
//!
//! ```text
//! database/<table>.jsonl  the rows of a table, an object a line: column → text, number or null
//! state/<path>            a file of the state folder
//! manifest.json           what the archive is, and the BLAKE3 of every other member
//! ```

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use tar::{Archive, Builder, EntryType, Header};
use thiserror::Error;

use crate::path::FolderPath;

/// The archive's form, as this program writes it.
pub const FORMAT: u32 = 1;

/// Prefix of the names of tables' members.
pub const DATABASE: &str = "database/";

/// Prefix of the names of the state folder's members.
pub const STATE: &str = "state/";

/// Name of the manifest.
const MANIFEST: &str = "manifest.json";

/// Most bytes of a manifest.
const MANIFEST_LIMIT: u64 = 256 << 20;

/// Manifest of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Form of the archive: [`FORMAT`].
    pub format: u32,
    /// Version of the daemon that wrote it.
    pub version: String,
    /// Version of the database's schema.
    pub schema: i64,
    /// Kind of the database that it was taken from: `sqlite` or `postgres`.
    pub database: String,
    /// The moment that it shows (RFC 3339, UTC).
    pub taken: String,
    /// Every other member, in the order in which they stand.
    pub members: Vec<Member>,
}

/// A member of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// BLAKE3 of its content, as 64 hexadecimal digits.
    pub blake3: String,
}

/// Why an archive cannot be read.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The bytes are not an archive.
    #[error("it is not a valid backup")]
    NotABackup(#[source] io::Error),
    /// Its bytes are damaged in the middle of a member, or end there.
    #[error("member `{name}` is damaged")]
    Damaged {
        /// The member.
        name: String,
        /// How this was noticed.
        #[source]
        source: io::Error,
    },
    /// Its bytes are damaged between members, or end there.
    #[error("it is damaged behind member `{name}`")]
    DamagedBehind {
        /// The last member that could be read.
        name: String,
        /// How this was noticed.
        #[source]
        source: io::Error,
    },
    /// It ends before its manifest.
    #[error("it is cut off: there is no manifest behind member `{name}`")]
    CutOff {
        /// The last member.
        name: String,
    },
    /// The manifest cannot be understood.
    #[error("its manifest cannot be understood")]
    Manifest(#[source] serde_json::Error),
    /// A later program wrote it.
    #[error("it is of a later version: form {format}, where this program knows {FORMAT}")]
    Later {
        /// Its form.
        format: u32,
    },
    /// A member is not a plain file with a plain name.
    #[error("member `{name}` is not a plain file, or leads out of the archive")]
    Path {
        /// The member.
        name: String,
    },
    /// A member is not what the manifest says.
    #[error("member `{name}` is not what was written")]
    Changed {
        /// The member.
        name: String,
    },
    /// A member is missing, or there and not in the manifest.
    #[error("member `{name}` is missing, or should not be there")]
    Members {
        /// The first that is so.
        name: String,
    },
    /// The caller refused what was read.
    #[error("use member `{name}`")]
    Use {
        /// The member.
        name: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// An archive that is being written.
pub struct Writer<W: Write> {
    tar: Builder<GzEncoder<W>>,
    members: Vec<Member>,
}

impl<W: Write> Writer<W> {
    /// Begins an archive.
    pub fn new(to: W) -> Self {
        Self {
            // What fills a backup is text: the fastest level makes it small already.
            tar: Builder::new(GzEncoder::new(to, Compression::fast())),
            members: Vec::new(),
        }
    }

    /// Adds a member of exactly so many bytes.
    ///
    /// # Errors
    /// There are fewer, or it cannot be written.
    pub fn add(&mut self, name: &str, bytes: u64, content: impl Read) -> io::Result<()> {
        let mut hashing = Hashing::new(content.take(bytes));
        append(&mut self.tar, name, bytes, &mut hashing)?;
        if hashing.bytes != bytes {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("`{name}` became shorter while it was read"),
            ));
        }
        self.members.push(hashing.member(name));
        Ok(())
    }

    /// Ends it with its manifest, whose members are those that were added.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn end(mut self, manifest: Manifest) -> io::Result<W> {
        let manifest = Manifest {
            members: self.members,
            ..manifest
        };
        let text = serde_json::to_vec_pretty(&manifest)?;
        append(&mut self.tar, MANIFEST, text.len() as u64, text.as_slice())?;
        self.tar.into_inner()?.finish()
    }
}

fn append<W: Write>(
    tar: &mut Builder<W>,
    name: &str,
    bytes: u64,
    content: impl Read,
) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o600);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(bytes);
    tar.append_data(&mut header, name, content)
}

/// Reads an archive to its end, and hands over each member as it comes. Nothing of it is to be
/// trusted before all of it was read.
///
/// # Errors
/// It is damaged, cut off or changed, of a later version, or `each` fails.
pub fn read(
    from: impl Read,
    mut each: impl FnMut(&str, &mut dyn Read) -> io::Result<()>,
) -> Result<Manifest, ArchiveError> {
    let mut archive = Archive::new(GzDecoder::new(from));
    let mut seen: Vec<Member> = Vec::new();
    let mut manifest = None;
    let entries = archive.entries().map_err(ArchiveError::NotABackup)?;
    for entry in entries {
        let mut entry = entry.map_err(|source| behind(&seen, source))?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if manifest.is_some() {
            return Err(ArchiveError::Members { name });
        }
        if entry.header().entry_type() != EntryType::Regular || FolderPath::parse(&name).is_err() {
            return Err(ArchiveError::Path { name });
        }
        if name == MANIFEST {
            manifest = Some(read_manifest(entry)?);
            continue;
        }
        let mut hashing = Hashing::new(&mut entry);
        let used = each(&name, &mut hashing);
        // What nobody wanted belongs to its hash as well.
        let read = hashing.failed.take().map_or_else(
            || io::copy(&mut hashing, &mut io::sink()).map(drop),
            |kind| Err(kind.into()),
        );
        read.map_err(|source| ArchiveError::Damaged {
            name: name.clone(),
            source,
        })?;
        used.map_err(|source| ArchiveError::Use {
            name: name.clone(),
            source,
        })?;
        seen.push(hashing.member(&name));
    }
    let last = || seen.last().map_or("", |last| &last.name).to_owned();
    let manifest = manifest.ok_or_else(|| ArchiveError::CutOff { name: last() })?;
    // First by hash, which says what is damaged; the checksum of gzip stands behind the last member.
    compare(&manifest, &seen)?;
    let rest = io::copy(&mut archive.into_inner(), &mut io::sink());
    rest.map_err(|source| behind(&seen, source))?;
    Ok(manifest)
}

fn behind(seen: &[Member], source: io::Error) -> ArchiveError {
    match seen.last() {
        Some(last) => ArchiveError::DamagedBehind {
            name: last.name.clone(),
            source,
        },
        None => ArchiveError::NotABackup(source),
    }
}

fn read_manifest(entry: impl Read) -> Result<Manifest, ArchiveError> {
    /// All that is certain of a manifest of any version.
    #[derive(Deserialize)]
    struct Form {
        format: u32,
    }
    let mut text = Vec::new();
    entry
        .take(MANIFEST_LIMIT)
        .read_to_end(&mut text)
        .map_err(|source| ArchiveError::Damaged {
            name: MANIFEST.to_owned(),
            source,
        })?;
    let form: Form = serde_json::from_slice(&text).map_err(ArchiveError::Manifest)?;
    if form.format > FORMAT {
        return Err(ArchiveError::Later {
            format: form.format,
        });
    }
    serde_json::from_slice(&text).map_err(ArchiveError::Manifest)
}

fn compare(manifest: &Manifest, seen: &[Member]) -> Result<(), ArchiveError> {
    for (written, found) in manifest.members.iter().zip(seen) {
        if written.name != found.name {
            return Err(ArchiveError::Members {
                name: found.name.clone(),
            });
        }
        if written != found {
            return Err(ArchiveError::Changed {
                name: found.name.clone(),
            });
        }
    }
    let longer = if seen.len() > manifest.members.len() {
        seen.get(manifest.members.len())
    } else {
        manifest.members.get(seen.len())
    };
    match longer {
        Some(member) => Err(ArchiveError::Members {
            name: member.name.clone(),
        }),
        None => Ok(()),
    }
}

/// Hashes what is read through it.
struct Hashing<R> {
    from: R,
    hasher: blake3::Hasher,
    bytes: u64,
    /// That reading failed, whoever read.
    failed: Option<io::ErrorKind>,
}

impl<R: Read> Hashing<R> {
    fn new(from: R) -> Self {
        Self {
            from,
            hasher: blake3::Hasher::new(),
            bytes: 0,
            failed: None,
        }
    }

    fn member(&self, name: &str) -> Member {
        Member {
            name: name.to_owned(),
            bytes: self.bytes,
            blake3: self.hasher.finalize().to_hex().to_string(),
        }
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.from.read(buffer) {
            Ok(count) => {
                self.hasher.update(buffer.get(..count).unwrap_or_default());
                self.bytes += count as u64;
                Ok(count)
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted {
                    self.failed = Some(error.kind());
                }
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            format: FORMAT,
            version: "0.1.0".into(),
            schema: 3,
            database: "sqlite".into(),
            taken: "2026-12-01T08:00:00Z".into(),
            members: vec![],
        }
    }

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        for (name, content) in members {
            let size = content.len() as u64;
            writer.add(name, size, *content).unwrap();
        }
        writer.end(manifest()).unwrap()
    }

    fn whole() -> Vec<u8> {
        let noise: Vec<u8> = (0..50_000_u32)
            .flat_map(|number| blake3::hash(&number.to_le_bytes()).as_bytes()[..4].to_vec())
            .collect();
        let members: [(&str, &[u8]); 3] = [
            ("database/log.jsonl", b"{}\n"),
            ("state/recordings/a.cast", &noise),
            ("state/owner", b"me"),
        ];
        archive(&members)
    }

    #[test]
    fn an_archive_comes_back_as_it_was_written() {
        let mut names = Vec::new();
        let read = read(whole().as_slice(), |name, content| {
            let mut text = Vec::new();
            content.read_to_end(&mut text)?;
            names.push((name.to_owned(), text.len()));
            Ok(())
        });
        assert_eq!(read.unwrap().members.len(), 3);
        let wanted = [
            ("database/log.jsonl", 3),
            ("state/recordings/a.cast", 200_000),
            ("state/owner", 2),
        ];
        assert_eq!(names, wanted.map(|(name, size)| (name.to_owned(), size)));
    }

    #[test]
    fn an_archive_that_is_cut_off_or_changed_anywhere_is_refused() {
        let whole = whole();
        let ignore = |_: &str, _: &mut dyn Read| Ok(());
        for end in (0..whole.len()).step_by(1777) {
            assert!(read(&whole[..end], ignore).is_err(), "cut off at {end}");
        }
        // Behind the head of gzip, whose time and system mean nothing to us.
        for place in (10..whole.len()).step_by(997) {
            let mut changed = whole.clone();
            changed[place] ^= 0x10;
            assert!(read(changed.as_slice(), ignore).is_err(), "at {place}");
        }
        let mut changed = whole.clone();
        changed[100_000] ^= 1;
        let refused = read(changed.as_slice(), ignore).unwrap_err();
        assert!(refused.to_string().contains("a.cast"), "{refused}");
    }

    #[test]
    fn a_member_that_is_not_what_the_manifest_says_is_named() {
        let mut writer = Writer::new(Vec::new());
        writer.add("state/a", 1, &b"x"[..]).unwrap();
        writer.members[0].blake3 = "0".repeat(64);
        let changed = writer.end(manifest()).unwrap();
        let refused = read(changed.as_slice(), |_, _| Ok(())).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "member `state/a` is not what was written"
        );
        let mut writer = Writer::new(Vec::new());
        writer.add("state/a", 1, &b"x"[..]).unwrap();
        writer.members.clear();
        let more = writer.end(manifest()).unwrap();
        let refused = read(more.as_slice(), |_, _| Ok(())).unwrap_err();
        assert!(matches!(refused, ArchiveError::Members { name } if name == "state/a"));
    }

    #[test]
    fn an_archive_of_a_later_form_is_refused() {
        let writer = Writer::new(Vec::new());
        let later = Manifest {
            format: FORMAT + 1,
            ..manifest()
        };
        let later = writer.end(later).unwrap();
        let refused = read(later.as_slice(), |_, _| Ok(())).unwrap_err();
        assert!(matches!(refused, ArchiveError::Later { format: 2 }));
    }

    #[test]
    fn no_member_leads_out_of_the_archive() {
        for name in ["", "/a", "a//b", "../a", "a/./b", "a\0"] {
            assert!(FolderPath::parse(name).is_err(), "{name:?}");
        }
        assert!(FolderPath::parse("state/scenarios/ab/brief.md").is_ok());
    }
}
