//! From YAML text to the tree.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Location, Spanned};

use super::{Entry, Kind, Position, Tree};
use crate::problem::{Problem, SourceLocation};

/// Largest document in bytes.
const DOCUMENT_LIMIT: usize = 1 << 20;
/// Most nodes of a document, aliases followed: some twenty times a large scenario's.
const NODE_LIMIT: usize = 50_000;
/// Deepest nesting.
const DEPTH_LIMIT: usize = 64;

impl Tree {
    /// Reads a YAML document.
    ///
    /// # Errors
    /// What is wrong with it as text or YAML; every key that stands twice.
    pub fn parse(file: &str, content: &[u8]) -> Result<Self, Vec<Problem>> {
        let whole = |code: &str, message: String, hint: &str| Problem {
            place: SourceLocation {
                file: file.to_owned(),
                line: 0,
                column: 0,
            },
            code: code.to_owned(),
            message,
            hint: Some(hint.to_owned()),
        };
        if content.len() > DOCUMENT_LIMIT {
            let message = format!(
                "the file has {} bytes, more than {DOCUMENT_LIMIT}",
                content.len()
            );
            return Err(vec![whole(
                "too-large",
                message,
                "put long texts into files of their own",
            )]);
        }
        let text = std::str::from_utf8(content).map_err(|error| {
            let before = &content[..error.valid_up_to()];
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            let column = 1 + before
                .iter()
                .rev()
                .take_while(|byte| **byte != b'\n')
                .count();
            let mark = Position {
                line: number(line as u64),
                column: number(column as u64),
            };
            vec![Problem {
                place: mark.in_file(file),
                code: "not-utf-8".to_owned(),
                message: "the text is not UTF-8".to_owned(),
                hint: Some("save it as UTF-8 in the editor".to_owned()),
            }]
        })?;
        if text.trim().is_empty() {
            return Err(vec![whole(
                "empty",
                "the file is empty".to_owned(),
                "`plateau scenario new` writes a complete one",
            )]);
        }
        let tree: Self = serde_saphyr::from_str_with_options(text, options())
            .map_err(|error| vec![syntax(file, &error)])?;
        let mut problems = Vec::new();
        tree.duplicates(file, &mut problems);
        if problems.is_empty() {
            Ok(tree)
        } else {
            Err(problems)
        }
    }

    fn duplicates(&self, file: &str, problems: &mut Vec<Problem>) {
        match &self.kind {
            Kind::Map(entries) => {
                for (index, entry) in entries.iter().enumerate() {
                    if let Some(first) =
                        entries[..index].iter().find(|first| first.key == entry.key)
                    {
                        problems.push(Problem {
                            place: entry.key_at.in_file(file),
                            code: "duplicate-key".to_owned(),
                            message: format!("`{}` stands here for the second time", entry.key),
                            hint: Some(format!("the first one is in line {}", first.key_at.line)),
                        });
                    }
                    entry.value.duplicates(file, problems);
                }
            }
            Kind::List(elements) => elements
                .iter()
                .for_each(|element| element.duplicates(file, problems)),
            Kind::Null | Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Text { .. } => {}
        }
    }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
        // Duplicates are passed on, so that all of them are found and not the first alone.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        budget: serde_saphyr::budget! {
            max_nodes: NODE_LIMIT,
            max_depth: DEPTH_LIMIT,
            max_documents: 1,
            max_total_scalar_bytes: 4 * DOCUMENT_LIMIT,
        },
    }
}

fn syntax(file: &str, error: &serde_saphyr::Error) -> Problem {
    let mark = error
        .location()
        .map(|location| mark(&location))
        .unwrap_or_default();
    let text = error.render();
    let first = text.lines().next().unwrap_or_default();
    let message = first.split(" at line ").next().unwrap_or_default();
    let lower = message.to_lowercase();
    let (code, hint) =
        if lower.contains("budget") || lower.contains("alias") || lower.contains("recursion") {
            (
                "too-complex",
                "a scenario needs no more than some thousand values; write repeated parts out",
            )
        } else {
            (
                "yaml-syntax",
                "check indentation, quotes and colons in this line and the one above",
            )
        };
    Problem {
        place: mark.in_file(file),
        code: code.to_owned(),
        message: format!("the YAML cannot be read: {message}"),
        hint: Some(hint.to_owned()),
    }
}

fn mark(location: &Location) -> Position {
    Position {
        line: number(location.line()),
        column: number(location.column()),
    }
}

fn number(large: u64) -> u32 {
    u32::try_from(large).unwrap_or(u32::MAX)
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Kind>::deserialize(deserializer)?;
        Ok(Self {
            at: mark(&spanned.referenced),
            kind: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Integer(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Kind, E> {
        i64::try_from(value)
            .map(Kind::Integer)
            .map_err(|_| E::custom(format!("the number {value} is too large")))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Kind, E> {
        Ok(Kind::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Kind, E> {
        Ok(Kind::Text {
            text: value.to_owned(),
            rendered: false,
        })
    }

    fn visit_unit<E: de::Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        Kind::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Kind, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element::<Tree>()? {
            elements.push(element);
        }
        Ok(Kind::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let value = map.next_value::<Tree>()?;
            entries.push(Entry {
                key_at: mark(&key.referenced),
                key: key.value,
                value,
            });
        }
        Ok(Kind::Map(entries))
    }
}
