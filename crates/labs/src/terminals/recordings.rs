//! The recordings on disk: their paths, their list, and their content.

use std::path::{Path, PathBuf};

use plateau_core::terminal::RecordingView;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Take};

use super::recording::whole;
use super::{TerminalError, TerminalId};

/// What the names of recordings end with.
const ENDING: &str = ".cast";

/// Longest header.
const HEADER: u64 = 4 << 10;

/// A recording that is being read, up to its last complete line.
pub type Recorded = Take<File>;

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
    let folder = folder(state, is_plain_name(lab)?);
    let failed = |source| TerminalError::Read {
        path: folder.clone(),
        source,
    };
    let mut entries = match tokio::fs::read_dir(&folder).await {
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
    let (file, bytes) = whole(path).await?;
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
    }))
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
