//! Restoring a backup. It is read and verified completely before anything is changed, and existing data is
//! set aside, not removed.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use plateau_core::backup::{ArchiveError, DATABASE, Manifest, STATE, read};
use plateau_core::exam::log::{LogError, verify};
use plateau_labs::disk;
use thiserror::Error;

use crate::store::database::{Database, DatabaseError, Dialect};
use crate::store::dump::{DumpError, RestoredCounts};

/// Files that a state folder without a daemon's work has as well.
const EMPTY: [&str; 2] = ["lock", disk::RESERVE];

/// Why a backup is not restored.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The archive cannot be opened.
    #[error("open the backup `{}`", path.display())]
    Open {
        /// The archive.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The archive is not whole.
    #[error("read the backup `{}`", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// Why.
        #[source]
        source: ArchiveError,
    },
    /// Something is there already.
    #[error("`{what}` is not empty")]
    NotEmpty {
        /// The state folder, or the database's URL without a password.
        what: String,
    },
    /// A folder cannot be used.
    #[error("use `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What is there cannot be set aside.
    #[error("set `{}` aside", path.display())]
    Aside {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The rows cannot be put back.
    #[error("put the rows into the database")]
    Rows(#[from] DumpError),
}

impl RestoreError {
    /// What to do about it, where something can be done.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Archive { source, .. } => match source {
                ArchiveError::Later { .. } => {
                    Some("restore it with the plateaud that took it, or a later one")
                }
                ArchiveError::NotABackup(_)
                | ArchiveError::Damaged { .. }
                | ArchiveError::DamagedBehind { .. }
                | ArchiveError::CutOff { .. }
                | ArchiveError::Manifest(_)
                | ArchiveError::Path { .. }
                | ArchiveError::Changed { .. }
                | ArchiveError::Members { .. } => {
                    Some("nothing was changed; take another copy of the backup, or an earlier one")
                }
                ArchiveError::Use { .. } => {
                    Some("nothing was changed; is there space on the disk?")
                }
            },
            Self::NotEmpty { .. } => Some(
                "name another with --state or --database, or say --force, which sets aside what is \
                 there and removes nothing",
            ),
            Self::Rows(DumpError::Later { .. }) => {
                Some("restore it with the plateaud that took it, or a later one")
            }
            Self::Open { .. } | Self::Folder { .. } => None,
            Self::Aside { .. } => {
                Some("a folder that is a mount of its own cannot be renamed: empty it by hand")
            }
            Self::Database(error) => error.code().default_hint(),
            Self::Rows(
                DumpError::Database(_)
                | DumpError::Write { .. }
                | DumpError::Read(_)
                | DumpError::Line { .. },
            ) => Some("the state folder was not changed; with --force it can be tried again"),
        }
    }
}

/// Target of a restore.
#[derive(Clone, Debug)]
pub struct RestoreTarget {
    /// The state folder, which no daemon uses.
    pub state: PathBuf,
    /// The database's URL.
    pub database: String,
    /// Whether what is there is set aside.
    pub force: bool,
}

/// Result of a restore.
#[derive(Debug)]
pub struct Restored {
    /// What the archive said of itself.
    pub manifest: Manifest,
    /// What came back.
    pub counts: RestoredCounts,
    /// Sessions whose log is not whole, and what is wrong with it.
    pub broken: Vec<(String, LogError)>,
    /// Where that is which was there before.
    pub aside: Vec<String>,
}

impl Restored {
    /// Whether all is as it was written.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.broken.is_empty()
    }
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RestoredCounts {
            sessions,
            attempts,
            gradings,
        } = self.counts;
        let taken = &self.manifest.taken;
        writeln!(
            f,
            "restored the backup of {taken}: {sessions} session(s), {attempts} attempt(s), \
             {gradings} grading(s)"
        )?;
        for aside in &self.aside {
            writeln!(f, "what was there before is in {aside}")?;
        }
        for (session, error) in &self.broken {
            writeln!(f, "the log of session `{session}` is NOT whole: {error}")?;
        }
        if self.is_whole() {
            writeln!(f, "the log of every session is whole")?;
        }
        Ok(())
    }
}

/// Restores a backup.
///
/// # Errors
/// The archive is incomplete, the target is not empty, or the folder or the database cannot be used.
pub async fn restore(archive: &Path, target: &RestoreTarget) -> Result<Restored, RestoreError> {
    let state = &target.state;
    let parent = match state.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    };
    let stamp = jiff::Timestamp::now()
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string();
    let folder = |source| RestoreError::Folder {
        path: parent.clone(),
        source,
    };
    if !target.force && !is_empty(state)? {
        return Err(RestoreError::NotEmpty {
            what: state.display().to_string(),
        });
    }
    // On the disk of the state folder, whose name it gets in the end.
    let room = tempfile::Builder::new()
        .prefix(".plateau-restore-")
        .tempdir_in(&parent)
        .map_err(folder)?;
    let manifest = unpack(archive, room.path())?;
    let new = room.path().join(STATE);
    make_folder(&new).map_err(folder)?;

    let mut aside = Vec::new();
    let inside = target.database == Database::in_folder(state);
    let url = match inside {
        true => Database::in_folder(&new),
        false => target.database.clone(),
    };
    let database = vacant(&url, target, &stamp, &mut aside).await?;
    let rows = rows(room.path(), &manifest);
    let counts = database.load(manifest.schema, rows).await?;
    let broken = broken(&database).await?;
    database.close().await;

    let failed = |source| RestoreError::Folder {
        path: state.clone(),
        source,
    };
    sync(room.path()).map_err(folder)?;
    if state.exists() {
        if is_empty(state)? {
            fs::remove_dir_all(state).map_err(failed)?;
        } else {
            aside.push(set_aside(state, &stamp)?.display().to_string());
        }
    }
    fs::rename(&new, state).map_err(failed)?;
    sync(&parent).map_err(folder)?;
    Ok(Restored {
        manifest,
        counts,
        broken,
        aside,
    })
}

/// Whether a folder is not there, or has nothing in it that anybody needs.
fn is_empty(state: &Path) -> Result<bool, RestoreError> {
    let failed = |source| RestoreError::Folder {
        path: state.to_owned(),
        source,
    };
    let entries = match fs::read_dir(state) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        read => read.map_err(failed)?,
    };
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        if !EMPTY.iter().any(|empty| name == *empty) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Unpacks an archive and compares it with its manifest.
fn unpack(archive: &Path, into: &Path) -> Result<Manifest, RestoreError> {
    let file = File::open(archive).map_err(|source| RestoreError::Open {
        path: archive.to_owned(),
        source,
    })?;
    let manifest = read(BufReader::new(file), |name, content| {
        if name.starts_with(DATABASE) || name.starts_with(STATE) {
            write(&into.join(name), content)?;
        }
        Ok(())
    });
    manifest.map_err(|source| RestoreError::Archive {
        path: archive.to_owned(),
        source,
    })
}

/// Whoever may read the archive may read all; who may read the files is their owner alone.
fn write(path: &Path, content: &mut dyn Read) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    io::copy(content, &mut file).map(drop)
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The database without a table in it.
async fn vacant(
    url: &str,
    target: &RestoreTarget,
    stamp: &str,
    aside: &mut Vec<String>,
) -> Result<Database, RestoreError> {
    let database = Database::connect(url).await?;
    if database.is_bare().await? {
        return Ok(database);
    }
    if !target.force {
        return Err(RestoreError::NotEmpty {
            what: database.shown().to_owned(),
        });
    }
    match database.dialect() {
        Dialect::Postgres => {
            let schema = format!("before_{}", stamp.to_lowercase());
            database.set_aside(&schema).await?;
            aside.push(format!("schema {schema} of {}", database.shown()));
            // Statements that were prepared for the tables that were there mean nothing now.
            database.close().await;
        }
        Dialect::Sqlite => {
            database.close().await;
            for path in database.files().iter().filter(|path| path.exists()) {
                aside.push(set_aside(path, stamp)?.display().to_string());
            }
        }
    }
    Ok(Database::connect(url).await?)
}

fn set_aside(path: &Path, stamp: &str) -> Result<PathBuf, RestoreError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".before-{stamp}"));
    let to = path.with_file_name(name);
    fs::rename(path, &to).map_err(|source| RestoreError::Aside {
        path: path.to_owned(),
        source,
    })?;
    Ok(to)
}

/// The rows of an unpacked archive, table by table.
fn rows(
    room: &Path,
    manifest: &Manifest,
) -> impl Iterator<Item = io::Result<(String, Vec<u8>)>> + Send + use<> {
    let room = room.to_owned();
    let names = manifest.members.iter().map(|member| member.name.clone());
    let names: Vec<String> = names.filter(|name| name.starts_with(DATABASE)).collect();
    names.into_iter().flat_map(move |name| {
        let table = name.strip_prefix(DATABASE).unwrap_or(&name);
        let table = table.strip_suffix(".jsonl").unwrap_or(table).to_owned();
        let lines = File::open(room.join(&name)).map(|file| BufReader::new(file).split(b'\n'));
        let (lines, failed) = match lines {
            Ok(lines) => (Some(lines), None),
            Err(error) => (None, Some(Err(error))),
        };
        let lines = lines.into_iter().flatten();
        let rows = lines.map(move |line| line.map(|line| (table.clone(), line)));
        failed.into_iter().chain(rows)
    })
}

/// The sessions whose logs are not whole.
async fn broken(database: &Database) -> Result<Vec<(String, LogError)>, RestoreError> {
    let mut broken = Vec::new();
    for session in database.sessions().list().await? {
        let log = database.log().entries(&session.id, 1).await?;
        if let Err(error) = verify(&log) {
            broken.push((session.name, error));
        }
    }
    Ok(broken)
}

/// Comes back when all of a folder's disk is written.
fn sync(folder: &Path) -> io::Result<()> {
    rustix::fs::syncfs(File::open(folder)?)?;
    Ok(())
}
