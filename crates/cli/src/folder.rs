//! Reads a scenario's folder into memory, within bounds.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use plateau_core::api::ScenarioFiles;
use plateau_core::folder::{DOCUMENT, Folder, MOST_BYTES, MOST_FILES};
use plateau_core::problem::{Problem, SourceLocation};
use walkdir::{DirEntry, WalkDir};

use crate::failure::Failure;

/// The folder that a path on the command line means: itself, or the one its scenario.yaml stands in.
pub(crate) fn scenario_folder(path: &Path) -> Result<PathBuf, Failure> {
    let read = |source| Failure::Read {
        path: path.to_owned(),
        source,
    };
    let folder = if fs::metadata(path).map_err(read)?.is_dir() {
        path.to_owned()
    } else if path.file_name().is_some_and(|name| name == DOCUMENT) {
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        }
    } else {
        return Err(Failure::NoScenario(path.to_owned()));
    };
    match fs::symlink_metadata(folder.join(DOCUMENT)) {
        Ok(_) => Ok(folder),
        Err(_) => Err(Failure::NoScenario(path.to_owned())),
    }
}

/// Reads a scenario's folder.
///
/// A file that cannot be taken is a [`Problem`] like any other, so that it is shown among all the
/// others; only what the system refuses is a failure.
pub(crate) fn read(folder: &Path) -> Result<Result<Folder, Vec<Problem>>, Failure> {
    let root = folder.canonicalize().map_err(|source| Failure::Read {
        path: folder.to_owned(),
        source,
    })?;
    let mut reading = Reading {
        root: &root,
        left: MOST_BYTES,
        folder: Folder::default(),
        problems: Vec::new(),
    };
    let entries = WalkDir::new(&root)
        .min_depth(1)
        .sort_by_file_name()
        .into_iter()
        // A repository's history is not part of the scenario that lies in it.
        .filter_entry(|entry| entry.file_name() != ".git");
    for entry in entries {
        let entry = entry.map_err(|error| Failure::Read {
            path: error.path().unwrap_or(&root).to_owned(),
            source: error.into(),
        })?;
        reading.take(&entry)?;
        if reading.folder.0.len() > MOST_FILES {
            reading.refuse(
                ".",
                "too-many-files",
                format!("the folder holds more than {MOST_FILES} files"),
                Some("a scenario holds what its lab needs, and nothing else".to_owned()),
            );
            break;
        }
    }
    Ok(if reading.problems.is_empty() {
        Ok(reading.folder)
    } else {
        Err(reading.problems)
    })
}

/// Writes a scenario into a folder of its own, which is made; nothing is ever written over.
pub(crate) fn write_new(root: &Path, folder: &Folder) -> Result<(), Failure> {
    let failed = |path: &Path, source: io::Error| {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::AlreadyExists {
            return Failure::Exists(path);
        }
        Failure::WriteFile { path, source }
    };
    fs::create_dir(root).map_err(|error| failed(root, error))?;
    for (path, content) in &folder.0 {
        let path = root.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
        }
        let mut file = File::create_new(&path).map_err(|error| failed(&path, error))?;
        file.write_all(content)
            .map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

/// The folder as it travels to the daemon.
pub(crate) fn to_files(folder: &Folder) -> ScenarioFiles {
    let encode = |content: &Vec<u8>| base64::engine::general_purpose::STANDARD.encode(content);
    folder
        .0
        .iter()
        .map(|(path, content)| (path.clone(), encode(content)))
        .collect()
}

struct Reading<'a> {
    root: &'a Path,
    left: u64,
    folder: Folder,
    problems: Vec<Problem>,
}

impl Reading<'_> {
    fn take(&mut self, entry: &DirEntry) -> Result<(), Failure> {
        let relative = entry
            .path()
            .strip_prefix(self.root)
            .unwrap_or_else(|_| entry.path());
        let Some(name) = relative.to_str() else {
            let shown = relative.to_string_lossy().into_owned();
            self.refuse(
                &shown,
                "name-not-utf-8",
                "the file's name is not UTF-8".to_owned(),
                Some("rename it".to_owned()),
            );
            return Ok(());
        };
        let kind = entry.file_type();
        if kind.is_dir() {
            return Ok(());
        }
        if kind.is_symlink() && !self.link_stays_inside(entry.path(), name) {
            return Ok(());
        }
        if !kind.is_file() && !kind.is_symlink() {
            self.refuse(
                name,
                "not-a-file",
                "neither a file nor a folder".to_owned(),
                None,
            );
            return Ok(());
        }
        self.read_file(entry.path(), name)
            .map_err(|source| Failure::Read {
                path: entry.path().to_owned(),
                source,
            })
    }

    fn link_stays_inside(&mut self, path: &Path, name: &str) -> bool {
        let (code, message) = match path.canonicalize() {
            Err(_) => ("broken-link", "the link leads nowhere"),
            Ok(target) if !target.starts_with(self.root) => (
                "link-leaves-folder",
                "the link leaves the scenario's folder",
            ),
            Ok(target) if target.is_file() => return true,
            Ok(_) => ("not-a-file", "the link does not lead to a file"),
        };
        let hint = "put the file itself there".to_owned();
        self.refuse(name, code, message.to_owned(), Some(hint));
        false
    }

    fn read_file(&mut self, path: &Path, name: &str) -> io::Result<()> {
        let size = fs::metadata(path)?.len();
        if size > self.left {
            self.refuse_size(name, size);
            return Ok(());
        }
        // What grows meanwhile is bounded all the same.
        let mut content = Vec::new();
        File::open(path)?
            .take(self.left + 1)
            .read_to_end(&mut content)?;
        let size = content.len() as u64;
        if size > self.left {
            self.refuse_size(name, size);
            return Ok(());
        }
        self.left -= size;
        self.folder.0.insert(name.to_owned(), content);
        Ok(())
    }

    fn refuse_size(&mut self, name: &str, size: u64) {
        let most = MOST_BYTES >> 20;
        let message = if size > MOST_BYTES {
            format!("the file is too large: {} MB", size / 1_000_000)
        } else {
            format!("the folder is too large with this file: more than {most} MiB")
        };
        let hint = format!("a scenario's files are at most {most} MiB together");
        self.refuse(name, "too-large", message, Some(hint));
    }

    fn refuse(&mut self, file: &str, code: &str, message: String, hint: Option<String>) {
        self.problems.push(Problem {
            place: SourceLocation {
                file: file.to_owned(),
                line: 0,
                column: 0,
            },
            code: code.to_owned(),
            message,
            hint,
        });
    }
}
