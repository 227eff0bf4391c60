//! Online backups: a consistent snapshot of the database's rows, then the files of the state folder. A
//! file is always written before the row that refers to it, so that the backup contains it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek as _, Write};
use std::path::{Path, PathBuf};

use plateau_core::api::ApiError;
use plateau_core::backup::{DATABASE, FORMAT, Manifest, STATE, Writer};
use plateau_core::error::ErrorCode;
use plateau_labs::disk;
use plateau_labs::error::chain;
use thiserror::Error;

use crate::clock::Clock;
use crate::store::database::{Database, DatabaseError, Dialect};
use crate::store::dump::{DumpError, latest};

/// Files of the state folder that mean nothing to another daemon.
const FLEETING: [&str; 3] = ["lock", crate::clock::heartbeat::FILE, disk::RESERVE];

/// What the names of files begin with that are still being written.
const UNFINISHED: &str = ".tmp";

/// How deep in the state folder such files stand; below are trainers' files of any name.
const UNFINISHED_DEPTH: usize = 2;

/// Why a backup failed.
#[derive(Debug, Error)]
pub enum BackupError {
    /// The clock cannot be written down.
    #[error("write the clock down")]
    Clock(#[source] DatabaseError),
    /// The rows cannot be taken out.
    #[error("take the rows out of the database")]
    Rows(#[from] DumpError),
    /// There is no place for the rows meanwhile.
    #[error("keep the rows in `{}` until they are sent", path.display())]
    Spool {
        /// The state folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file cannot be read, or not be written where the backup goes.
    #[error("take `{}` along", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The name of a file is not UTF-8.
    #[error("the name of `{}` is not UTF-8", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// The archive cannot be written.
    #[error("write the archive")]
    Write(#[source] io::Error),
}

impl BackupError {
    /// As the API says it.
    #[must_use]
    pub fn api(&self) -> ApiError {
        let full = match self {
            Self::Clock(error) | Self::Rows(DumpError::Database(error)) => error.is_full(),
            Self::Rows(DumpError::Write { source, .. } | DumpError::Read(source))
            | Self::Spool { source, .. }
            | Self::File { source, .. }
            | Self::Write(source) => disk::is_full(source),
            Self::Rows(DumpError::Line { .. } | DumpError::Later { .. }) | Self::Name { .. } => {
                false
            }
        };
        let code = match full {
            true => ErrorCode::DiskFull,
            false => ErrorCode::BackupFailed,
        };
        ApiError::new(code, chain(self))
    }
}

/// A backup whose snapshot is taken, and that is still to be written.
#[derive(Debug)]
pub struct Prepared {
    state: PathBuf,
    /// Files of the database, which the rows stand for.
    left_out: Vec<PathBuf>,
    /// Each table's rows, in files without a name.
    tables: Vec<(&'static str, File)>,
    manifest: Manifest,
}

impl Prepared {
    /// Takes a snapshot of the rows. Work continues meanwhile.
    ///
    /// # Errors
    /// The database fails, or there is no space for its rows.
    pub async fn take(
        database: &Database,
        state: &Path,
        clock: &Clock,
    ) -> Result<Self, BackupError> {
        // What passes from here on is given back to the candidates when it is restored.
        let written = database.clock().write(&clock.beat()).await;
        written.map_err(BackupError::Clock)?;
        let spool = |source| BackupError::Spool {
            path: state.to_owned(),
            source,
        };
        let mut tables: Vec<(&'static str, BufWriter<File>)> = Vec::new();
        let folder = state.to_owned();
        database
            .dump(|table, line| {
                if tables.last().is_none_or(|(last, _)| *last != table) {
                    // Gone with the daemon, however that ends.
                    let file = tempfile::tempfile_in(&folder)?;
                    tables.push((table, BufWriter::new(file)));
                }
                match tables.last_mut() {
                    Some((_, file)) => file.write_all(line),
                    None => Ok(()),
                }
            })
            .await?;
        let mut written = Vec::new();
        for (table, file) in tables {
            let mut file = file
                .into_inner()
                .map_err(|error| spool(error.into_error()))?;
            file.rewind().map_err(spool)?;
            written.push((table, file));
        }
        // One place may be named in two ways, and the database's own files must not come along.
        let state = fs::canonicalize(state).map_err(spool)?;
        let files = database.files().into_iter();
        let left_out = files.filter_map(|path| {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
            Some(folder.join(path.file_name()?))
        });
        let millis = i64::try_from(clock.now_ms()).unwrap_or(i64::MAX);
        Ok(Self {
            left_out: left_out.collect(),
            state,
            tables: written,
            manifest: Manifest {
                format: FORMAT,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                schema: latest(),
                database: match database.dialect() {
                    Dialect::Sqlite => "sqlite".to_owned(),
                    Dialect::Postgres => "postgres".to_owned(),
                },
                taken: jiff::Timestamp::from_millisecond(millis)
                    .unwrap_or_default()
                    .to_string(),
                members: Vec::new(),
            },
        })
    }

    /// Writes the archive. Blocks.
    ///
    /// # Errors
    /// A file cannot be read, or the archive cannot be written. A partial archive has no manifest, and
    /// is recognized as incomplete.
    pub fn write<W: Write>(self, to: W) -> Result<W, BackupError> {
        let mut archive = Writer::new(to);
        for (table, file) in self.tables {
            let name = format!("{DATABASE}{table}.jsonl");
            let bytes = file.metadata().map_err(BackupError::Write)?.len();
            let added = archive.add(&name, bytes, file);
            added.map_err(BackupError::Write)?;
        }
        let mut files = Vec::new();
        gather(&self.state, 1, &self.left_out, &mut files)?;
        files.sort();
        for path in files {
            let failed = |source| BackupError::File {
                path: path.clone(),
                source,
            };
            let inside = path.strip_prefix(&self.state).unwrap_or(&path);
            let inside = inside
                .to_str()
                .ok_or_else(|| BackupError::Name { path: path.clone() })?;
            let file = match File::open(&path) {
                // Removed since it was found, such as a lab's marker.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(failed)?,
            };
            // What is appended from now on, as to a recording, is another backup's.
            let bytes = file.metadata().map_err(failed)?.len();
            let added = archive.add(&format!("{STATE}{inside}"), bytes, file);
            added.map_err(failed)?;
        }
        archive.end(self.manifest).map_err(BackupError::Write)
    }
}

/// All plain files below a folder but those that are left out.
fn gather(
    folder: &Path,
    depth: usize,
    left_out: &[PathBuf],
    files: &mut Vec<PathBuf>,
) -> Result<(), BackupError> {
    let failed = |source| BackupError::File {
        path: folder.to_owned(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let (path, name) = (entry.path(), entry.file_name());
        let unfinished =
            depth <= UNFINISHED_DEPTH && name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes());
        let ephemeral = depth == 1 && FLEETING.iter().any(|ephemeral| name == *ephemeral);
        if unfinished || ephemeral || left_out.contains(&path) {
            continue;
        }
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            gather(&path, depth + 1, left_out, files)?;
        } else if kind.is_file() {
            files.push(path);
        } else if kind.is_symlink() {
            tracing::warn!(path = %path.display(), "a link is not taken into the backup");
        }
        // What is left are sockets and pipes.
    }
    Ok(())
}
