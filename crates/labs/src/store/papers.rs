//! Records of a lab beside its marker: `labs/<id>/…`, removed with the lab; and of an attempt that was
//! handed in, beside its images: `kept/<attempt>.json`, removed with the images.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Store, StoreError, write};

impl Store {
    /// Writes a record, and replaces an earlier one of the same name.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self, lab: &str, name: &str, paper: &impl Serialize) -> Result<(), StoreError> {
        let path = self.paper(lab, name)?;
        let text = serde_json::to_vec_pretty(paper)
            .map_err(|error| StoreError::io("write", &path)(error.into()))?;
        write(&path, &text)
    }

    /// Reads a record; `None` if it does not exist.
    ///
    /// # Errors
    /// It cannot be read or understood.
    pub fn kept<T: DeserializeOwned>(
        &self,
        lab: &str,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        read(&self.papers(lab).join(name))
    }

    /// Removes a record; does nothing if it does not exist.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove_paper(&self, lab: &str, name: &str) -> Result<(), StoreError> {
        remove(&self.papers(lab).join(name))
    }

    /// Appends a line to an append-only record; the line is on disk when this returns.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn append(&self, lab: &str, name: &str, line: &impl Serialize) -> Result<(), StoreError> {
        let path = self.paper(lab, name)?;
        let append = || -> io::Result<()> {
            let mut file = File::options()
                .create(true)
                .append(true)
                .read(true)
                .open(&path)?;
            let mut text = serde_json::to_vec(line)?;
            text.push(b'\n');
            // What a crash tore off stays a line of its own.
            if file.seek(SeekFrom::End(0))? > 0 {
                file.seek(SeekFrom::End(-1))?;
                let mut last = [0];
                file.read_exact(&mut last)?;
                if last != *b"\n" {
                    text.insert(0, b'\n');
                }
            }
            file.write_all(&text)?;
            file.sync_all()
        };
        append().map_err(StoreError::io("write", &path))
    }

    /// Reads the lines of an append-only record; a line that a crash truncated is skipped.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn lines<T: DeserializeOwned>(&self, lab: &str, name: &str) -> Result<Vec<T>, StoreError> {
        let path = self.papers(lab).join(name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(StoreError::io("read", &path)(error)),
        };
        let lines = text.lines().filter(|line| !line.is_empty());
        Ok(lines
            .filter_map(|line| {
                let read = serde_json::from_str(line);
                read.inspect_err(|error| tracing::warn!(path = %path.display(), %error, "no line"))
                    .ok()
            })
            .collect())
    }

    /// Throws all papers of a lab away.
    pub(super) fn remove_papers(&self, lab: &str) -> Result<(), StoreError> {
        let path = self.papers(lab);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", &path)(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Writes the record of an attempt's images, and replaces an earlier one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_attempt_record(
        &self,
        attempt: &str,
        paper: &impl Serialize,
    ) -> Result<(), StoreError> {
        let path = self.of_attempt(attempt);
        let text = serde_json::to_vec(paper)
            .map_err(|error| StoreError::io("write", &path)(error.into()))?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(StoreError::io("create", folder))?;
        }
        write(&path, &text)
    }

    /// Reads the record of an attempt's images; `None` if it does not exist.
    ///
    /// # Errors
    /// It cannot be read or understood.
    pub fn read_attempt_record<T: DeserializeOwned>(
        &self,
        attempt: &str,
    ) -> Result<Option<T>, StoreError> {
        read(&self.of_attempt(attempt))
    }

    /// Removes the record of an attempt's images; does nothing if it does not exist.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn forget_attempt(&self, attempt: &str) -> Result<(), StoreError> {
        remove(&self.of_attempt(attempt))
    }

    fn of_attempt(&self, attempt: &str) -> PathBuf {
        self.root.join("kept").join(format!("{attempt}.json"))
    }

    fn papers(&self, lab: &str) -> PathBuf {
        self.root.join("labs").join(lab)
    }

    fn paper(&self, lab: &str, name: &str) -> Result<PathBuf, StoreError> {
        let folder = self.papers(lab);
        fs::create_dir_all(&folder).map_err(StoreError::io("create", &folder))?;
        Ok(folder.join(name))
    }
}

pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| StoreError::io("read", path)(error.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("read", path)(error)),
    }
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("remove", path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_a_crash_tore_off_costs_no_other_line() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        store.append("a", "log", &1).unwrap();
        let path = store.papers("a").join("log");
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"{\"torn").unwrap();
        store.append("a", "log", &2).unwrap();
        store.append("a", "log", &3).unwrap();
        assert_eq!(store.lines::<u32>("a", "log").unwrap(), [1, 2, 3]);
        store.forget("a").unwrap();
        assert_eq!(
            store.lines::<u32>("a", "log").unwrap(),
            <[u32; 0]>::default()
        );
    }

    #[test]
    fn a_paper_is_kept_until_it_is_thrown_away() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        store.keep("a", "paper", &"one").unwrap();
        store.keep("a", "paper", &"two").unwrap();
        let kept = store.kept::<String>("a", "paper").unwrap();
        assert_eq!(kept.as_deref(), Some("two"));
        assert_eq!(store.markers().unwrap(), []);
        store.remove_paper("a", "paper").unwrap();
        store.remove_paper("a", "paper").unwrap();
        assert_eq!(store.kept::<String>("a", "paper").unwrap(), None);
    }
}
