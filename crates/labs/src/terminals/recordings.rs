//! The recordings on disk: their paths, their list, and their content.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use plateau_core::terminal::RecordingView;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, BufReader, Take};
use tokio::sync::OnceCell;

use super::recording::{END_MARKER, FAREWELL, whole};
use super::{TerminalError, TerminalId};

/// What the names of recordings end with.
const ENDING: &str = ".cast";

/// Longest header.
const HEADER: u64 = 4 << 10;

/// A recording that is being read, up to its last complete line.
pub type Recorded = Take<File>;

/// Most bytes of a lab's recordings.
const LAB_LIMIT: u64 = 256 << 20;

/// The least that a file takes on disk.
const BLOCK: u64 = 4 << 10;

/// How much of a disk the recordings of a lab take.
#[derive(Debug)]
pub(super) struct LabRecordings {
    limit: u64,
    /// Bytes of all of them, once they were counted.
    bytes: OnceCell<AtomicU64>,
}

impl Default for LabRecordings {
    fn default() -> Self {
        Self::limited_to(LAB_LIMIT)
    }
}

impl LabRecordings {
    /// So many bytes.
    pub(super) fn limited_to(limit: u64) -> Self {
        Self {
            limit,
            bytes: OnceCell::new(),
        }
    }

    /// Takes the room of a new file. Returns whether there is any; what is in the folder already counts.
    pub(super) async fn take_file(&self, folder: &Path) -> std::io::Result<bool> {
        let bytes = self.bytes.get_or_try_init(|| counted(folder)).await?;
        Ok(self.take_of(bytes, BLOCK))
    }

    /// Takes the room of some bytes. Returns whether there is any.
    pub(super) fn take(&self, count: usize) -> bool {
        let bytes = self.bytes.get();
        bytes.is_some_and(|bytes| self.take_of(bytes, count as u64))
    }

    fn take_of(&self, bytes: &AtomicU64, count: u64) -> bool {
        let more = |used: u64| used.checked_add(count).filter(|sum| *sum <= self.limit);
        let taken = bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.is_ok()
    }
}

/// Bytes of the files in a folder.
async fn counted(folder: &Path) -> std::io::Result<AtomicU64> {
    let mut bytes = 0;
    let mut entries = match tokio::fs::read_dir(folder).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(AtomicU64::new(0)),
        Err(error) => return Err(error),
    };
    while let Some(entry) = entries.next_entry().await? {
        bytes += entry.metadata().await?.len().max(BLOCK);
    }
    Ok(AtomicU64::new(bytes))
}

/// What the first line says.
#[derive(Deserialize)]
struct Header {
    timestamp: i64,
    title: String,
}

/// Folder of a lab's recordings.
pub(super) fn folder(state: &Path, lab: &str) -> PathBuf {
    state.join("recordings").join(lab)
}

/// What the names of a terminal's recordings begin with.
pub(super) fn stem(place: &TerminalId) -> String {
    let TerminalId {
        node, name, user, ..
    } = place;
    match user.as_str() {
        "root" => format!("{node}-{name}"),
        user => format!("{node}-{name}.{user}"),
    }
}

/// All recordings of a lab by name.
pub(super) async fn list(state: &Path, lab: &str) -> Result<Vec<RecordingView>, TerminalError> {
    list_in(&folder(state, is_plain_name(lab)?)).await
}

/// All recordings in a folder by name.
pub(super) async fn list_in(folder: &Path) -> Result<Vec<RecordingView>, TerminalError> {
    let failed = |source| TerminalError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut entries = match tokio::fs::read_dir(folder).await {
        Ok(entries) => entries,
        // Nobody has opened a terminal yet.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(failed(error)),
    };
    let mut views = Vec::new();
    while let Some(entry) = entries.next_entry().await.map_err(failed)? {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(ENDING) {
            views.extend(look(&entry.path(), name).await.map_err(failed)?);
        }
    }
    views.sort_by(|one, other| (&one.begun, &one.name).cmp(&(&other.begun, &other.name)));
    Ok(views)
}

/// One recording; none where it has no header yet.
async fn look(path: &Path, name: String) -> std::io::Result<Option<RecordingView>> {
    let (mut file, bytes) = whole(path).await?;
    let truncated = is_truncated(&mut file, bytes).await?;
    let mut line = String::new();
    BufReader::new(file.take(HEADER))
        .read_line(&mut line)
        .await?;
    let header: Option<Header> = serde_json::from_str(&line).ok();
    Ok(header.map(|header| RecordingView {
        name,
        title: header.title,
        begun: jiff::Timestamp::from_second(header.timestamp)
            .unwrap_or_default()
            .to_string(),
        bytes,
        truncated,
    }))
}

/// Whether the last line says that a limit was reached. The file is at its beginning then.
async fn is_truncated(file: &mut File, bytes: u64) -> std::io::Result<bool> {
    let mut end = Vec::new();
    let from = bytes.saturating_sub(FAREWELL);
    file.seek(std::io::SeekFrom::Start(from)).await?;
    (&mut *file)
        .take(bytes - from)
        .read_to_end(&mut end)
        .await?;
    file.rewind().await?;
    let last = end.trim_ascii_end().rsplit(|byte| *byte == b'\n').next();
    let event: Option<(f64, String, String)> =
        last.and_then(|line| serde_json::from_slice(line).ok());
    Ok(event.is_some_and(|(_, code, text)| code == "m" && text.starts_with(END_MARKER)))
}

/// One recording by name.
pub(super) async fn open(state: &Path, lab: &str, name: &str) -> Result<Recorded, TerminalError> {
    let path = folder(state, is_plain_name(lab)?).join(is_plain_name(name)?);
    match whole(&path).await {
        Ok((file, bytes)) => Ok(file.take(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(TerminalError::NoRecording {
                name: name.to_owned(),
            })
        }
        Err(source) => Err(TerminalError::Read { path, source }),
    }
}

/// Refuses a name that is not a plain file name.
fn is_plain_name(name: &str) -> Result<&str, TerminalError> {
    let fits = !name.starts_with('.')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if fits && !name.is_empty() {
        return Ok(name);
    }
    Err(TerminalError::NoRecording {
        name: name.to_owned(),
    })
}
