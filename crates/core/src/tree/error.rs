//! Why a value could not be read from a tree, in the trainer's terms.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "serde and YAML values: what is not named is refused alike"
)]

use std::fmt;

use serde::de::{self, Unexpected};

use super::{Path, PathSegment, Tree};
use crate::problem::{Problem, nearest};

/// Why a type could not be read, and the path to it, innermost part first.
#[derive(Debug)]
pub(super) struct ShapeError {
    pub(super) path: Vec<PathSegment>,
    pub(super) what: ShapeErrorKind,
}

#[derive(Debug)]
pub(super) enum ShapeErrorKind {
    UnknownKey {
        key: String,
        allowed: Vec<&'static str>,
    },
    UnknownVariant {
        variant: String,
        allowed: Vec<&'static str>,
    },
    Missing {
        field: &'static str,
    },
    Type {
        seen: String,
        expected: String,
    },
    Other(String),
}

impl ShapeError {
    pub(super) fn new(what: ShapeErrorKind) -> Self {
        Self {
            path: Vec::new(),
            what,
        }
    }

    /// As seen from one part further out.
    pub(super) fn below(mut self, part: PathSegment) -> Self {
        self.path.push(part);
        self
    }

    /// With the text that could not be read, where the message lacks it.
    pub(super) fn naming(mut self, text: &str) -> Self {
        if let ShapeErrorKind::Other(message) = &mut self.what
            && self.path.is_empty()
            && !message.contains(text)
        {
            *message = format!("`{text}`: {message}");
        }
        self
    }

    /// The field that is missing, where one is.
    pub(super) fn missing(&self) -> Option<&'static str> {
        match self.what {
            ShapeErrorKind::Missing { field } => Some(field),
            ShapeErrorKind::UnknownKey { .. }
            | ShapeErrorKind::UnknownVariant { .. }
            | ShapeErrorKind::Type { .. }
            | ShapeErrorKind::Other(_) => None,
        }
    }

    /// Whether it is about something that is there too much, so that nothing follows from its removal.
    pub(super) fn is_extra(&self) -> bool {
        matches!(self.what, ShapeErrorKind::UnknownKey { .. })
    }

    /// As the trainer sees it.
    pub(super) fn problem(&self, root: &Tree, path: &Path, file: &str) -> Problem {
        let (code, message, hint, mark) = match &self.what {
            ShapeErrorKind::UnknownKey { key, allowed } => (
                "unknown-key",
                format!("unknown key `{key}`"),
                Some(nearest(key, allowed.iter().copied())),
                root.key_mark(path),
            ),
            ShapeErrorKind::UnknownVariant { variant, allowed } => (
                "unknown-kind",
                format!("`{variant}` is not one of the kinds that may stand here"),
                Some(nearest(variant, allowed.iter().copied())),
                root.key_mark(path),
            ),
            ShapeErrorKind::Missing { field } => (
                "missing-key",
                format!("`{field}` is missing"),
                Some(format!("add `{field}:`")),
                root.mark(path),
            ),
            ShapeErrorKind::Type { seen, expected } => (
                "wrong-type",
                format!("{seen} stands where {expected} is expected"),
                None,
                root.mark(path),
            ),
            ShapeErrorKind::Other(message) => ("bad-value", message.clone(), None, root.mark(path)),
        };
        Problem {
            place: mark.in_file(file),
            code: code.to_owned(),
            message,
            hint,
        }
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl std::error::Error for ShapeError {}

impl de::Error for ShapeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(ShapeErrorKind::Other(message.to_string()))
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(ShapeErrorKind::Type {
            seen: in_words(&unexpected),
            expected: plain(&expected.to_string()),
        })
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn unknown_variant(variant: &str, allowed: &'static [&'static str]) -> Self {
        Self::new(ShapeErrorKind::UnknownVariant {
            variant: variant.to_owned(),
            allowed: allowed.to_vec(),
        })
    }

    fn unknown_field(field: &str, allowed: &'static [&'static str]) -> Self {
        Self::new(ShapeErrorKind::UnknownKey {
            key: field.to_owned(),
            allowed: allowed.to_vec(),
        })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(ShapeErrorKind::Missing { field })
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(ShapeErrorKind::Other(format!("`{field}` stands twice")))
    }
}

/// What stands there, as a trainer would say it.
pub(super) fn in_words(unexpected: &Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("the number {value}"),
        Unexpected::Signed(value) => format!("the number {value}"),
        Unexpected::Float(value) => {
            format!("the number {value} (put it in quotes if it is meant as text)")
        }
        Unexpected::Str(text) => format!("the text {text:?}"),
        Unexpected::Unit => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a map".to_owned(),
        other => other.to_string(),
    }
}

/// Rust's words for types, as a trainer would say them.
fn plain(expected: &str) -> String {
    let word = match expected {
        "a string" | "string" => "a text",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "unit" => "nothing",
        "u8" | "u16" | "u32" | "u64" => "a whole number, not negative and not too large,",
        "i64" => "a whole number",
        "f32" | "f64" => "a number",
        other if other.starts_with("struct ") => "a map",
        other => other,
    };
    word.to_owned()
}
