//! The files of an emulator's lab. What lies in its folder is taken, within bounds; what leads out of
//! it is somebody's own, such as a key or `/etc/shadow`, and is not.

use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::error::ImportError;

/// Most files of all nodes together: with scripts and briefs, what a scenario may hold.
const MOST_FILES: usize = 1900;
/// Most bytes of all files together.
const MOST_BYTES: u64 = 60 << 20;
/// What a file's permissions may be in a node: whoever wrote the file belongs to another machine.
const MODE: u32 = 0o755;

/// The folder of an emulator's lab, and how much more may be taken from it.
#[derive(Debug)]
pub(crate) struct Material {
    root: PathBuf,
    files: usize,
    bytes: u64,
}

/// A file that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Its path below what was asked for, with `/`; empty where that is the file.
    pub(crate) below: String,
    /// What stands in it.
    pub(crate) content: Vec<u8>,
    /// Its permission bits.
    pub(crate) mode: u16,
}

/// What a file or folder of a lab holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    /// Files, in the order of their paths.
    pub(crate) files: Vec<Taken>,
    /// Folders with nothing in them.
    pub(crate) empty: Vec<String>,
    /// What was not taken, and why.
    pub(crate) refused: Vec<(String, String)>,
}

impl Material {
    /// The material in a folder.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(crate) fn of(folder: &Path) -> Result<Self, ImportError> {
        let root = folder.canonicalize().map_err(|source| ImportError::Read {
            path: folder.to_owned(),
            source,
        })?;
        Ok(Self {
            root,
            files: MOST_FILES,
            bytes: MOST_BYTES,
        })
    }

    /// Takes a file, or a folder with all that is in it, by its path from the lab's folder.
    pub(crate) fn take(&mut self, path: &str) -> Contents {
        let mut contents = Contents::default();
        let start = match self.inside(&self.root.join(path)) {
            Ok(start) => start,
            Err(why) => {
                contents.refused.push((String::new(), why));
                return contents;
            }
        };
        for entry in WalkDir::new(&start).sort_by_file_name() {
            if self.files == 0 {
                let why = format!("there are more than {MOST_FILES} files");
                contents.refused.push(("…".to_owned(), why));
                break;
            }
            match entry {
                Ok(entry) => self.visit(&start, &entry, &mut contents),
                Err(error) => contents.refused.push((String::new(), error.to_string())),
            }
        }
        contents
    }

    fn visit(&mut self, start: &Path, entry: &DirEntry, contents: &mut Contents) {
        let below = entry.path().strip_prefix(start).unwrap_or(entry.path());
        let Some(name) = below.to_str() else {
            let shown = below.to_string_lossy().into_owned();
            contents
                .refused
                .push((shown, "its name is not UTF-8".to_owned()));
            return;
        };
        if entry.file_type().is_dir() {
            let is_empty = fs::read_dir(entry.path()).is_ok_and(|mut files| files.next().is_none());
            if is_empty && !name.is_empty() {
                contents.empty.push(name.to_owned());
            }
            return;
        }
        match self.file(entry.path()) {
            Ok((content, mode)) => contents.files.push(Taken {
                below: name.to_owned(),
                content,
                mode,
            }),
            Err(why) => contents.refused.push((name.to_owned(), why)),
        }
    }

    /// Where a path leads, if that is in the lab's folder.
    fn inside(&self, path: &Path) -> Result<PathBuf, String> {
        let target = path.canonicalize().map_err(|error| error.to_string())?;
        if target.starts_with(&self.root) {
            Ok(target)
        } else {
            Err("it lies outside the lab's folder".to_owned())
        }
    }

    fn file(&mut self, path: &Path) -> Result<(Vec<u8>, u16), String> {
        let target = self.inside(path)?;
        let known: Metadata = fs::metadata(&target).map_err(|error| error.to_string())?;
        // Asked before it is opened: opening a named pipe waits for its other end.
        if !known.is_file() {
            return Err("it is not a file".to_owned());
        }
        let mut content = Vec::new();
        File::open(&target)
            .and_then(|file| file.take(self.bytes + 1).read_to_end(&mut content))
            .map_err(|error| error.to_string())?;
        let size = content.len() as u64;
        if size > self.bytes {
            let most = MOST_BYTES >> 20;
            return Err(format!("the files are larger than {most} MiB with it"));
        }
        self.files -= 1;
        self.bytes -= size;
        let mode = known.permissions().mode() & MODE;
        Ok((content, u16::try_from(mode).unwrap_or(0o644)))
    }
}
