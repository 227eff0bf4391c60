//! The evidence of an attempt, with what was recorded of its terminals.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use plateau_labs::terminals::TerminalError;
use tokio::io::AsyncReadExt as _;

use super::Arranging;
use crate::sessions::SessionError;

/// Most bytes of recordings in one bundle.
const RECORDINGS: u64 = 256 << 20;

/// Member that names what did not fit.
const LEFT_OUT: &str = "recordings/LEFT-OUT.txt";

impl Arranging {
    /// The evidence of an attempt as a signed bundle: with all versions of what was handed in, and the
    /// recordings of every lab that it had. Recordings that do not fit are named in the bundle.
    ///
    /// # Errors
    /// There is no such attempt, it has no grading yet, or a recording cannot be read.
    pub async fn export(&self, attempt: &str, actor: &str) -> Result<Vec<u8>, SessionError> {
        let recordings = self.recordings(attempt).await?;
        let judging = &self.judging;
        Ok(judging.export(attempt, actor, recordings).await?)
    }

    /// Recordings of an attempt's labs, by their names in a bundle.
    async fn recordings(&self, attempt: &str) -> Result<BTreeMap<String, Vec<u8>>, SessionError> {
        let terminals = &self.terminals;
        let mut members = BTreeMap::new();
        let mut left_out = String::new();
        let mut room = RECORDINGS;
        for lab in self.context.database().attempts().labs(attempt).await? {
            for recording in terminals.recordings(&lab).await? {
                let name = &recording.name;
                if recording.bytes > room {
                    let _ = writeln!(left_out, "{lab}/{name}: {} bytes", recording.bytes);
                    continue;
                }
                let mut content = Vec::new();
                let recorded = terminals.recording(&lab, name).await?;
                // It may have grown since it was listed.
                let mut recorded = recorded.take(room);
                let read = recorded.read_to_end(&mut content).await;
                read.map_err(|source| TerminalError::Read {
                    path: name.into(),
                    source,
                })?;
                room -= u64::try_from(content.len()).unwrap_or(room);
                members.insert(format!("recordings/{lab}/{name}"), content);
            }
        }
        if !left_out.is_empty() {
            members.insert(LEFT_OUT.to_owned(), left_out.into_bytes());
        }
        Ok(members)
    }
}
