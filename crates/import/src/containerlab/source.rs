//! Reads a topology's values, and refuses those of a wrong type.

use plateau_core::problem::SourceLocation;
use plateau_core::tree::{Entry, Kind, Position, Tree};

use super::template::Rendered;
use crate::document::{self, Document};
use crate::error::ImportError;

/// A topology's text, and what it says.
#[derive(Debug)]
pub(super) struct Source {
    text: String,
    document: Document,
}

/// A text and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) at: Position,
}

impl Source {
    /// Reads a rendered topology.
    ///
    /// # Errors
    /// It is not valid YAML.
    pub(super) fn of(rendered: Rendered) -> Result<Self, ImportError> {
        Ok(Self {
            document: Document::parse(&rendered.name, &rendered.text)?,
            text: rendered.text,
        })
    }

    /// The whole of it.
    pub(super) fn root(&self) -> &Tree {
        &self.document.root
    }

    /// Its name, for messages.
    pub(super) fn name(&self) -> &str {
        &self.document.file
    }

    /// A place in it.
    pub(super) fn place(&self, mark: Position) -> SourceLocation {
        self.document.place(mark)
    }

    /// Bad input at a place in it.
    pub(super) fn refuse(&self, at: Position, message: String, hint: &str) -> ImportError {
        self.document.refuse(at, "containerlab", message, hint)
    }

    /// A scalar as it is written: `1.10` is that, and not the number 1.1.
    pub(super) fn text(&self, tree: &Tree) -> Result<Text, ImportError> {
        let number = matches!(tree.kind, Kind::Integer(_) | Kind::Float(_));
        let written = if number { self.written(tree.at) } else { None };
        match written.or_else(|| document::scalar(tree)) {
            Some(text) => Ok(Text { text, at: tree.at }),
            None => {
                let message = format!("{} where a text is wanted", document::kind(tree));
                Err(self.refuse(tree.at, message, "write a single value"))
            }
        }
    }

    fn written(&self, at: Position) -> Option<String> {
        let line = self
            .text
            .lines()
            .nth(usize::try_from(at.line).ok()?.checked_sub(1)?)?;
        let before = usize::try_from(at.column).ok()?.checked_sub(1)?;
        let ends = |c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}');
        let written: String = line
            .chars()
            .skip(before)
            .take_while(|c| !ends(*c))
            .collect();
        // An alias stands for a number that is written elsewhere.
        written
            .starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'))
            .then_some(written)
    }

    /// A list of texts; a missing one is empty.
    pub(super) fn texts(&self, tree: Option<&Tree>) -> Result<Vec<Text>, ImportError> {
        self.list(tree)?
            .iter()
            .map(|part| self.text(part))
            .collect()
    }

    /// A list; a missing one is empty.
    pub(super) fn list<'a>(&self, tree: Option<&'a Tree>) -> Result<&'a [Tree], ImportError> {
        match tree.map(|tree| (&tree.kind, tree.at)) {
            None | Some((Kind::Null, _)) => Ok(&[]),
            Some((Kind::List(parts), _)) => Ok(parts),
            Some((_, at)) => {
                let found = tree.map_or("nothing", document::kind);
                let message = format!("{found} where a list is wanted");
                Err(self.refuse(
                    at,
                    message,
                    "begin each part with a hyphen on a line of its own",
                ))
            }
        }
    }

    /// A map; a missing one is empty.
    pub(super) fn map<'a>(&self, tree: Option<&'a Tree>) -> Result<&'a [Entry], ImportError> {
        match tree.map(|tree| (&tree.kind, tree.at)) {
            None | Some((Kind::Null, _)) => Ok(&[]),
            Some((Kind::Map(entries), _)) => Ok(entries),
            Some((_, at)) => {
                let found = tree.map_or("nothing", document::kind);
                let message = format!("{found} where a map is wanted");
                Err(self.refuse(at, message, "write `key: value`, indented"))
            }
        }
    }
}
