//! The readers, on material of their own: what they make passes the reader of scenarios.
#![allow(
    clippy::unwrap_used,
    reason = "in a test, what does not hold is a failure"
)]

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use plateau_core::folder::{MOST_BYTES, MOST_FILES};
use plateau_core::scenario::Scenario;
use plateau_import::{Draft, ImportError, compose, containerlab, goss, kathara};
use tempfile::TempDir;

mod emulators;
mod services;

/// What is read.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Goss,
    Compose,
    Containerlab,
    Kathara,
}

/// How an import ended: 0 where all was carried over, 1 where something was left out, 2 where it was
/// refused, and what was said.
struct Imported {
    code: i32,
    err: String,
}

/// A folder with these files.
fn folder(files: &[(impl AsRef<str>, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (path, text) in files {
        write(&folder.path().join(path.as_ref()), text.as_bytes());
    }
    folder
}

fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Reads material by its path from a folder, as a person would name it there.
fn read(from: &Path, kind: Kind, path: &str) -> Result<Draft, ImportError> {
    // The working directory belongs to the whole process.
    static AT_WORK: Mutex<()> = Mutex::new(());
    let _alone = AT_WORK.lock().unwrap_or_else(PoisonError::into_inner);
    std::env::set_current_dir(from).unwrap();
    let path = Path::new(path);
    let environment = |name: &str| (name == "PLATEAU_TEST_TAG").then(|| "3.19".to_owned());
    let draft = match kind {
        Kind::Goss => goss::read(path),
        Kind::Compose => compose::read(path),
        Kind::Containerlab => containerlab::read(path, &environment),
        Kind::Kathara => kathara::read(path),
    };
    std::env::set_current_dir("/").unwrap();
    draft
}

/// Imports material of a folder into another below it. What is made is always without problems.
fn import_into(from: &Path, kind: Kind, path: &str, into: &str) -> Imported {
    let finished = match read(from, kind, path).and_then(Draft::finish) {
        Ok(finished) => finished,
        Err(error) => {
            let err = told(&error);
            return Imported { code: 2, err };
        }
    };
    let bytes: usize = finished.folder.0.values().map(Vec::len).sum();
    assert!(finished.folder.0.len() <= MOST_FILES && bytes as u64 <= MOST_BYTES);
    for (file, content) in &finished.folder.0 {
        write(&from.join(into).join(file), content);
    }
    if let Err(problems) = Scenario::read(finished.folder) {
        panic!("{problems:#?}");
    }
    let left_out = finished.left_out.iter();
    let err: String = left_out.map(|omission| format!("{omission}\n")).collect();
    let code = i32::from(!err.is_empty());
    Imported { code, err }
}

/// An error with its causes and problems, a line each.
fn told(error: &ImportError) -> String {
    let mut text = String::new();
    if let ImportError::Problems(problems) = error {
        for problem in problems {
            text.push_str(&format!(
                "{}: {} [{}]\n",
                problem.place, problem.message, problem.code
            ));
            for line in problem.hint.iter().flat_map(|hint| hint.lines()) {
                text.push_str(&format!("    {line}\n"));
            }
        }
    }
    let source = std::error::Error::source(error);
    let source = source.map(|source| format!(": {source}"));
    text + &format!("error: {error}{}\n", source.unwrap_or_default())
}
