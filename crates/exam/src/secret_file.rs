//! Secrets in files of the state folder: generated at their first use, and readable by their owner only.

use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Who may do what with such a file: its owner reads and writes it.
const MODE: u32 = 0o600;

/// A file that holds a secret.
#[derive(Clone, Debug)]
pub struct SecretFile {
    path: PathBuf,
}

impl SecretFile {
    /// The file of a name in the state folder.
    #[must_use]
    pub fn new(state: &Path, name: &str) -> Self {
        Self {
            path: state.join(name),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds. Where it is not there, what `draw` gives is written to it first: it is there
    /// whole, and on the disk, or not at all. What is there already is never written over.
    ///
    /// # Errors
    /// The file can be neither read nor written, which `failed` puts into words, or `draw` fails.
    pub fn open<E>(
        &self,
        draw: impl FnOnce() -> Result<Vec<u8>, E>,
        failed: impl Fn(io::Error) -> E,
    ) -> Result<Vec<u8>, E> {
        match std::fs::read(&self.path) {
            Ok(content) => {
                let mode = std::fs::Permissions::from_mode(MODE);
                std::fs::set_permissions(&self.path, mode).map_err(failed)?;
                Ok(content)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let content = draw()?;
                self.write(&content).map_err(failed)?;
                Ok(content)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// The same for a text.
    ///
    /// # Errors
    /// As [`SecretFile::open`] has them, and where the file holds no text.
    pub fn open_text<E>(
        &self,
        draw: impl FnOnce() -> Result<String, E>,
        failed: impl Fn(io::Error) -> E,
    ) -> Result<String, E> {
        let content = self.open(|| draw().map(String::into_bytes), &failed)?;
        String::from_utf8(content)
            .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidData, error)))
    }

    fn write(&self, content: &[u8]) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        // Such files are their owner's alone from the beginning.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist_noclobber(&self.path)?;
        std::fs::File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(file: &SecretFile, drawn: &str) -> io::Result<String> {
        file.open_text(|| Ok(drawn.to_owned()), |error| error)
    }

    #[test]
    fn a_secret_is_drawn_once_and_only_its_owner_can_read_it() {
        let state = tempfile::tempdir().unwrap();
        let file = SecretFile::new(state.path(), "key");
        assert_eq!(open(&file, "first").unwrap(), "first");
        assert_eq!(open(&file, "second").unwrap(), "first");
        let mode = || std::fs::metadata(file.path()).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), MODE);
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
        open(&file, "third").unwrap();
        assert_eq!(mode(), MODE);
        assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_draw_that_fails_leaves_no_file() {
        let state = tempfile::tempdir().unwrap();
        let file = SecretFile::new(state.path(), "key");
        let failed = file.open(|| Err(io::Error::other("no")), |error| error);
        assert!(failed.is_err());
        assert!(!file.path().exists());
    }

    #[test]
    fn a_file_that_holds_no_text_is_refused_and_left_alone() {
        let state = tempfile::tempdir().unwrap();
        let file = SecretFile::new(state.path(), "key");
        std::fs::write(file.path(), [0xff]).unwrap();
        let refused = open(&file, "other").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
        assert_eq!(std::fs::read(file.path()).unwrap(), [0xff]);
    }
}
