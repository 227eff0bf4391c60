//! Other programs' files, read within bounds, each value with its place.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use plateau_core::problem::{Problem, SourceLocation};
use plateau_core::tree::{Entry, Kind, Position, Tree};

use crate::error::ImportError;

/// Most bytes of a text that is imported.
const MOST_BYTES: u64 = 1 << 20;

/// A YAML or JSON document, and the file that it was read from.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// Its file, as it is named in messages.
    pub(super) file: String,
    /// What stands in it.
    pub(super) root: Tree,
}

/// Reads a text file, within bounds.
///
/// # Errors
/// It is not there, no file, too large, or no UTF-8.
pub(super) fn read_text(path: &Path) -> Result<String, ImportError> {
    let bytes = read_bytes(path, MOST_BYTES)?;
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let mut place = whole(path);
        place.line = u32::try_from(line).unwrap_or(u32::MAX);
        place.column = 1;
        let message = "the text is not UTF-8".to_owned();
        refused(
            place,
            "not-utf-8",
            message,
            "name a text file, saved as UTF-8",
        )
    })
}

/// Reads a file of any content, of at most so many bytes.
///
/// # Errors
/// It is not there, no file, or too large.
pub(super) fn read_bytes(path: &Path, most: u64) -> Result<Vec<u8>, ImportError> {
    let failed = |source| ImportError::Read {
        path: path.to_owned(),
        source,
    };
    // Asked before it is opened: opening a named pipe waits for its other end.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        let message = "this is not a file".to_owned();
        return Err(refused(
            whole(path),
            "not-a-file",
            message,
            "name the file itself",
        ));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > most {
        let message = format!("the file has more than {most} bytes");
        return Err(refused(
            whole(path),
            "too-large",
            message,
            "nothing this large is imported",
        ));
    }
    Ok(bytes)
}

/// A file as a whole.
pub(super) fn whole(path: &Path) -> SourceLocation {
    SourceLocation {
        file: path.display().to_string(),
        line: 0,
        column: 0,
    }
}

impl Document {
    /// Reads a file of YAML, or of JSON, which is YAML.
    ///
    /// # Errors
    /// It cannot be read, or is not valid YAML; a key that stands twice.
    pub(super) fn read(path: &Path) -> Result<Self, ImportError> {
        Self::parse(&path.display().to_string(), &read_text(path)?)
    }

    /// Reads a text of YAML or JSON.
    ///
    /// # Errors
    /// It is not valid YAML; a key that stands twice.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, ImportError> {
        let root = Tree::parse(file, text.as_bytes())
            .map_err(|problems| ImportError::Problems(problems.into_iter().map(here).collect()))?;
        Ok(Self {
            file: file.to_owned(),
            root,
        })
    }

    /// A place in it.
    pub(super) fn place(&self, mark: Position) -> SourceLocation {
        mark.in_file(&self.file)
    }

    /// Bad input at a place in it.
    pub(super) fn refuse(
        &self,
        mark: Position,
        code: &str,
        message: String,
        hint: &str,
    ) -> ImportError {
        refused(self.place(mark), code, message, hint)
    }
}

/// The reader's hints speak of scenarios.
fn here(mut problem: Problem) -> Problem {
    match problem.code.as_str() {
        "empty" => problem.hint = None,
        "too-complex" => {
            problem.hint = Some("nothing this large is imported; check its aliases".to_owned());
        }
        _ => {}
    }
    problem
}

/// The entries of a map; none where it is none.
pub(super) fn entries(tree: &Tree) -> &[Entry] {
    match &tree.kind {
        Kind::Map(entries) => entries,
        Kind::Null
        | Kind::Bool(_)
        | Kind::Integer(_)
        | Kind::Float(_)
        | Kind::Text { .. }
        | Kind::List(_) => &[],
    }
}

/// A scalar as text, as it would be written; `None` for lists, maps and nothing.
pub(super) fn scalar(tree: &Tree) -> Option<String> {
    match &tree.kind {
        Kind::Text { text, .. } => Some(text.clone()),
        Kind::Bool(value) => Some(value.to_string()),
        Kind::Integer(value) => Some(value.to_string()),
        Kind::Float(value) => Some(value.to_string()),
        Kind::Null | Kind::List(_) | Kind::Map(_) => None,
    }
}

/// What stands there, as a person would say it.
pub(super) fn kind(tree: &Tree) -> &'static str {
    match &tree.kind {
        Kind::Null => "nothing",
        Kind::Bool(_) => "true or false",
        Kind::Integer(_) | Kind::Float(_) => "a number",
        Kind::Text { .. } => "a text",
        Kind::List(_) => "a list",
        Kind::Map(_) => "a map",
    }
}

/// Bad input that is one problem.
pub(super) fn refused(
    place: SourceLocation,
    code: &str,
    message: String,
    hint: &str,
) -> ImportError {
    ImportError::Problems(vec![Problem {
        place,
        code: code.to_owned(),
        message,
        hint: Some(hint.to_owned()),
    }])
}
