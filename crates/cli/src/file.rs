//! Files that commands write.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::failure::Failure;

/// Writes a file, and the folders that it stands in; one that is there already is never written over.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let failed = |source: io::Error| {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::AlreadyExists {
            return Failure::Exists(path);
        }
        Failure::WriteFile { path, source }
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = File::create_new(path).map_err(failed)?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(failed)
}
