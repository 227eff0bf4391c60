//! The executables that are installed on an engine.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use super::AgentError;
use crate::layout;
use crate::store::StoreError;

/// Where the executables are that are installed. They are large: neither is held in memory for longer than
/// it takes to send it.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) agent: PathBuf,
    pub(super) grader: PathBuf,
}

impl Programs {
    /// Twelve hexadecimal digits that change with either of them.
    pub(super) fn hash(&self) -> Result<String, AgentError> {
        let mut hasher = blake3::Hasher::new();
        for path in [&self.agent, &self.grader] {
            File::open(path)
                .and_then(|file| hasher.update_reader(file).map(drop))
                .map_err(StoreError::io("read the agent", path))?;
        }
        Ok(hasher.finalize().to_hex()[..12].to_owned())
    }

    /// A root file system with agent and grader and the places that an engine mounts onto, as an archive.
    pub(super) fn image(&self) -> io::Result<Vec<u8>> {
        let mut tar = tar::Builder::new(Vec::new());
        for (folder, mode) in [
            ("dev", 0o755),
            ("etc", 0o755),
            ("plateau", 0o755),
            ("proc", 0o755),
            ("run", 0o755),
            ("sys", 0o755),
            ("tmp", 0o1777),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(mode);
            header.set_size(0);
            tar.append_data(&mut header, format!("{folder}/"), io::empty())?;
        }
        for (path, program) in [(layout::AGENT, &self.agent), (layout::GRADER, &self.grader)] {
            let file = File::open(program)?;
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o755);
            header.set_size(file.metadata()?.len());
            tar.append_data(&mut header, path.trim_start_matches('/'), file)?;
        }
        tar.into_inner()
    }
}
