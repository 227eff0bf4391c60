//! A YAML document as a tree in which each part has its position.
//!
//! The tree lies between the YAML reader and the typed shapes, and carries three things that a
//! direct reading cannot: templates are rendered in it before types are read, several problems of
//! shape are found in one go, and whatever is found later by meaning still has a line and column.

mod error;
mod read;
mod shape;

use serde::de::DeserializeOwned;

use crate::problem::{Problem, SourceLocation};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// Where it begins.
    pub at: Position,
    /// What it is.
    pub kind: Kind,
}

/// A YAML value.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text {
        /// The text itself.
        text: String,
        /// It came out of a template, so a number may stand in it.
        rendered: bool,
    },
    /// A list.
    List(Vec<Tree>),
    /// A map, in the order of the document.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key begins.
    pub key_at: Position,
    /// The value.
    pub value: Tree,
}

/// A line and a column, both from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
}

/// One part of a path from the root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathSegment {
    /// A map's key.
    Key(String),
    /// A place in a list, from 0.
    Index(usize),
}

/// A path from the root.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(pub Vec<PathSegment>);

impl Path {
    /// The path to a key below.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let mut parts = self.0.clone();
        parts.push(PathSegment::Key(key.to_owned()));
        Self(parts)
    }

    /// The path to an element below.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut parts = self.0.clone();
        parts.push(PathSegment::Index(index));
        Self(parts)
    }
}

impl Position {
    /// The place in a file.
    #[must_use]
    pub fn in_file(self, file: &str) -> SourceLocation {
        SourceLocation {
            file: file.to_owned(),
            line: self.line,
            column: self.column,
        }
    }
}

impl Tree {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Map(entries) => entries
                .iter()
                .find(|entry| entry.key == key)
                .map(|entry| &entry.value),
            Kind::Null
            | Kind::Bool(_)
            | Kind::Integer(_)
            | Kind::Float(_)
            | Kind::Text { .. }
            | Kind::List(_) => None,
        }
    }

    /// The keys of a map, in their order.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().map(|entry| entry.key.clone()).collect(),
            Kind::Null
            | Kind::Bool(_)
            | Kind::Integer(_)
            | Kind::Float(_)
            | Kind::Text { .. }
            | Kind::List(_) => vec![],
        }
    }

    /// The elements of a list.
    #[must_use]
    pub fn elements(&self) -> &[Self] {
        match &self.kind {
            Kind::List(elements) => elements,
            Kind::Null
            | Kind::Bool(_)
            | Kind::Integer(_)
            | Kind::Float(_)
            | Kind::Text { .. }
            | Kind::Map(_) => &[],
        }
    }

    /// The text of a scalar that is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text { text, .. } => Some(text),
            Kind::Null
            | Kind::Bool(_)
            | Kind::Integer(_)
            | Kind::Float(_)
            | Kind::List(_)
            | Kind::Map(_) => None,
        }
    }

    /// Where a path leads, or the deepest part of it that is there.
    pub(crate) fn mark(&self, path: &Path) -> Position {
        let mut at = self.at;
        let mut tree = self;
        for part in &path.0 {
            let below = match (part, &tree.kind) {
                (PathSegment::Key(key), Kind::Map(_)) => tree.get(key),
                (PathSegment::Index(index), Kind::List(elements)) => elements.get(*index),
                (PathSegment::Key(_) | PathSegment::Index(_), _) => None,
            };
            let Some(below) = below else { return at };
            at = below.at;
            tree = below;
        }
        at
    }

    /// Where the key stands that a path ends with.
    pub(crate) fn key_mark(&self, path: &Path) -> Position {
        let Some((PathSegment::Key(key), above)) = path.0.split_last() else {
            return self.mark(path);
        };
        let mut tree = self;
        for part in above {
            let below = match part {
                PathSegment::Key(key) => tree.get(key),
                PathSegment::Index(index) => tree.elements().get(*index),
            };
            let Some(below) = below else {
                return self.mark(path);
            };
            tree = below;
        }
        match &tree.kind {
            Kind::Map(entries) => entries
                .iter()
                .find(|entry| entry.key == *key)
                .map_or(tree.at, |entry| entry.key_at),
            Kind::Null
            | Kind::Bool(_)
            | Kind::Integer(_)
            | Kind::Float(_)
            | Kind::Text { .. }
            | Kind::List(_) => tree.at,
        }
    }

    /// Takes a part away. The root itself cannot be.
    fn prune(&mut self, path: &[PathSegment]) {
        let Some((part, rest)) = path.split_first() else {
            return;
        };
        match (part, &mut self.kind) {
            (PathSegment::Key(key), Kind::Map(entries)) => match rest {
                [] => entries.retain(|entry| entry.key != *key),
                rest => {
                    if let Some(entry) = entries.iter_mut().find(|entry| entry.key == *key) {
                        entry.value.prune(rest);
                    }
                }
            },
            (PathSegment::Index(index), Kind::List(elements)) if *index < elements.len() => {
                match rest {
                    // An emptied place keeps the others' numbers, so that later paths still lead there.
                    [] => elements[*index].kind = Kind::Null,
                    rest => elements[*index].prune(rest),
                }
            }
            (PathSegment::Key(_) | PathSegment::Index(_), _) => {}
        }
    }

    fn fill(&mut self, (key, kind): &(&str, Kind)) {
        let at = self.at;
        if let Kind::Map(entries) = &mut self.kind {
            let value = Self {
                at,
                kind: kind.clone(),
            };
            entries.push(Entry {
                key: (*key).to_owned(),
                key_at: at,
                value,
            });
        }
    }

    /// Drops the empty elements of lists, which are not read either.
    fn compact(&mut self) {
        match &mut self.kind {
            Kind::List(elements) => {
                elements.retain(|element| element.kind != Kind::Null);
                elements.iter_mut().for_each(Self::compact);
            }
            Kind::Map(entries) => entries.iter_mut().for_each(|entry| entry.value.compact()),
            Kind::Null | Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Text { .. } => {}
        }
    }

    /// Reads a type out of the tree, reporting every problem of shape: what cannot be read is
    /// taken away and the rest is read again, until it can be.
    ///
    /// The tree that comes back is the one that was read at last, its places unchanged: the paths
    /// of the value's parts lead to them there. `None`: nothing is left that could be read.
    ///
    /// `fillers` stand in for keys of the root that are missing or cannot be read, so that the rest
    /// is looked at all the same; they stand where the root does.
    #[must_use = "what was read is in the answer"]
    pub fn read<T: DeserializeOwned>(
        &self,
        file: &str,
        fillers: &[(&str, Kind)],
        problems: &mut Vec<Problem>,
    ) -> Option<(T, Self)> {
        const MOST: usize = 200;
        let mut tree = self.clone();
        let mut pruned: Vec<(Path, bool)> = Vec::new();
        for _ in 0..MOST {
            let refusal = match T::deserialize(shape::Shape::of(&tree)) {
                Ok(value) => {
                    tree.compact();
                    return Some((value, tree));
                }
                Err(refusal) => refusal,
            };
            let path = Path(refusal.path.iter().rev().cloned().collect());
            if !follows(&refusal, &path, &pruned) {
                problems.push(refusal.problem(self, &path, file));
            }
            if path.0.is_empty() {
                let filler = fillers
                    .iter()
                    .find(|(key, _)| refusal.missing() == Some(*key))?;
                tree.fill(filler);
                continue;
            }
            tree.prune(&path.0);
            pruned.push((path, refusal.is_extra()));
        }
        None
    }
}

/// Whether a refusal only follows from something taken away before, which has been reported.
fn follows(refusal: &error::ShapeError, path: &Path, pruned: &[(Path, bool)]) -> bool {
    let below = |(gone, extra): &(Path, bool)| {
        let child = gone.0.len() == path.0.len() + 1 && gone.0.starts_with(&path.0);
        let missing = refusal
            .missing()
            .map(|field| PathSegment::Key(field.to_owned()));
        match missing {
            Some(field) => child && gone.0.last() == Some(&field),
            None => child && !extra,
        }
    };
    pruned.iter().any(below)
}
