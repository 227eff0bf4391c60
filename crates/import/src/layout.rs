//! A scenario as YAML that a person would have written: short maps on one line, comments, and empty
//! lines between the parts.

use std::collections::BTreeMap;

use plateau_core::spec::ScenarioSpec;
use plateau_core::tree::{Entry, Kind, Path, Tree};
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_saphyr::{CommentPosition, Commented, FlowMap, FlowSeq, SpaceAfter};

/// Longest line that a map or list is written on.
const WIDTH: usize = 110;
/// Keys whose values have a line for each of their parts.
const SPREAD: &[&str] = &[
    "parameters",
    "networks",
    "nodes",
    "interfaces",
    "files",
    "phases",
    "tasks",
    "checks",
    "rubric",
    "mistakes",
];
/// Most lines of comments in one place.
const MOST_LINES: usize = 24;
/// Sections whose parts are set off by empty lines.
const AIRY: &[&str] = &["nodes", "tasks"];

/// Lines of comments by the path of what they are about.
pub(super) type Comments = BTreeMap<Path, Vec<String>>;

/// Writes a scenario. Its texts are taken literally: what looks like a template in them is none.
///
/// # Errors
/// The YAML writer's own.
pub(super) fn write(
    spec: &ScenarioSpec,
    comments: &Comments,
) -> Result<String, serde_saphyr::ser_error::Error> {
    let text = to_text(spec)?;
    let mut tree = Tree::parse("scenario.yaml", text.as_bytes()).map_err(|problems| {
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        serde_saphyr::ser_error::Error::custom(said.join("; "))
    })?;
    arrange(&mut tree);
    let comments = settle(&tree, comments);
    let part = LaidOut {
        tree: &tree,
        path: Path::default(),
        comments: &comments,
        spread: true,
    };
    Ok(attach_comment(&to_text(&part)?))
}

fn to_text(value: &impl Serialize) -> Result<String, serde_saphyr::ser_error::Error> {
    let options = serde_saphyr::ser_options! {
        compact_list_indent: false,
        comment_position: CommentPosition::Above,
        prefer_block_scalars: false,
        // `on` is a key of the language, and a text to YAML 1.2.
        yaml_12: true,
        no_lang_directive: true,
    };
    serde_saphyr::to_string_with_options(value, options)
}

/// French before English, as in every scenario, and texts made literal.
fn arrange(tree: &mut Tree) {
    match &mut tree.kind {
        Kind::Map(entries) => {
            if entries.iter().all(|entry| entry.key.len() == 2) {
                entries.sort_by_key(|entry| entry.key != "fr");
            }
            entries
                .iter_mut()
                .for_each(|entry| arrange(&mut entry.value));
        }
        Kind::List(elements) => elements.iter_mut().for_each(arrange),
        Kind::Text { text, .. } => *text = literal(text),
        Kind::Null | Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_) => {}
    }
}

/// Whether there is a template's mark in a text.
pub(super) fn has_marks(text: &str) -> bool {
    MARKS.iter().any(|mark| text.contains(mark))
}

const MARKS: [&str; 3] = ["{{", "{%", "{##"];

/// A text that is rendered as this one stands here.
pub(super) fn literal(text: &str) -> String {
    let line = |line: &str| {
        if !has_marks(line) {
            line.to_owned()
        } else if line.contains("endraw") {
            quoted(line)
        } else {
            format!("{{% raw %}}{line}{{% endraw %}}")
        }
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Each mark of a template as a text that a template holds.
fn quoted(line: &str) -> String {
    let next = |text: &str| {
        let found = MARKS
            .iter()
            .filter_map(|mark| Some((text.find(mark)?, *mark)));
        found.min()
    };
    let mut written = String::new();
    let mut rest = line;
    while let Some((at, mark)) = next(rest) {
        written.push_str(&format!("{}{{{{ '{mark}' }}}}", &rest[..at]));
        rest = &rest[at + mark.len()..];
    }
    written + rest
}

/// Comments move up to the nearest part that has lines of its own to stand above.
fn settle(tree: &Tree, comments: &Comments) -> Comments {
    let mut settled = Comments::new();
    for (path, lines) in comments {
        let mut parts = path.0.clone();
        while !parts.is_empty() && !has_lines(tree, &parts) {
            parts.pop();
        }
        settled
            .entry(Path(parts))
            .or_default()
            .extend(lines.iter().cloned());
    }
    for lines in settled.values_mut() {
        // Readers of YAML bound what they look ahead over.
        let more = lines.len().saturating_sub(MOST_LINES);
        if more > 0 {
            lines.truncate(MOST_LINES);
            lines.push(format!(
                "… and {more} more lines, which the import has told"
            ));
        }
    }
    settled
}

/// Whether a path leads to a map that can be written over several lines.
fn has_lines(tree: &Tree, parts: &[plateau_core::tree::PathSegment]) -> bool {
    use plateau_core::tree::PathSegment;
    let mut at = tree;
    for part in parts {
        let below = match part {
            PathSegment::Key(key) => at.get(key),
            PathSegment::Index(index) => at.elements().get(*index),
        };
        let Some(below) = below else { return false };
        at = below;
    }
    matches!(&at.kind, Kind::Map(entries) if !entries.is_empty())
}

/// A part of the scenario, and how it is to be written.
struct LaidOut<'a> {
    tree: &'a Tree,
    path: Path,
    comments: &'a Comments,
    /// It has a line for each of its parts, also where one line would hold it.
    spread: bool,
}

impl LaidOut<'_> {
    fn below<'a>(&'a self, tree: &'a Tree, path: Path, spread: bool) -> LaidOut<'a> {
        LaidOut {
            tree,
            path,
            comments: self.comments,
            spread,
        }
    }

    fn entry<'a>(&'a self, entry: &'a Entry) -> LaidOut<'a> {
        let section = self.path.0.is_empty() || !AIRY.contains(&entry.key.as_str());
        let spread = SPREAD.contains(&entry.key.as_str()) && section || self.is_section(&["nodes"]);
        self.below(&entry.value, self.path.key(&entry.key), spread)
    }

    fn element<'a>(&'a self, index: usize, element: &'a Tree) -> LaidOut<'a> {
        let spread = self.is_section(&["tasks", "checks"]);
        self.below(element, self.path.index(index), spread)
    }

    /// Whether it is the value of one of these keys.
    fn is_section(&self, keys: &[&str]) -> bool {
        use plateau_core::tree::PathSegment;
        matches!(self.path.0.last(), Some(PathSegment::Key(key)) if keys.contains(&key.as_str()))
    }

    /// Whether it stands on one line.
    fn is_flow(&self) -> bool {
        if self.spread || self.is_commented() {
            return false;
        }
        // What cannot be written at all is said by the writing itself.
        to_text(&Flow(self.tree)).is_ok_and(|text| text.chars().count() <= WIDTH)
    }

    /// Whether there is a comment on it or on a part of it.
    fn is_commented(&self) -> bool {
        self.comments
            .keys()
            .any(|path| path.0.starts_with(&self.path.0))
    }

    /// Whether an empty line follows each of its parts but the last.
    fn is_spaced(&self) -> bool {
        self.path.0.is_empty() || (self.path.0.len() == 1 && self.is_section(AIRY))
    }

    fn lay_out<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.tree.kind {
            Kind::Map(_) | Kind::List(_) if self.is_flow() => Flow(self.tree).serialize(serializer),
            Kind::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (index, entry) in entries.iter().enumerate() {
                    let part = self.entry(entry);
                    let last = index + 1 == entries.len();
                    // The head of the document is short lines that belong together.
                    let next_is_section = entries
                        .get(index + 1)
                        .is_some_and(|next| SPREAD.contains(&next.key.as_str()));
                    let head = self.path.0.is_empty() && !next_is_section;
                    if self.is_spaced() && !last && !head {
                        map.serialize_entry(&entry.key, &SpaceAfter(part))?;
                    } else {
                        map.serialize_entry(&entry.key, &part)?;
                    }
                }
                map.end()
            }
            Kind::List(elements) => {
                let mut list = serializer.serialize_seq(Some(elements.len()))?;
                for (index, element) in elements.iter().enumerate() {
                    let part = self.element(index, element);
                    if self.is_spaced() && index + 1 < elements.len() {
                        list.serialize_element(&SpaceAfter(part))?;
                    } else {
                        list.serialize_element(&part)?;
                    }
                }
                list.end()
            }
            Kind::Null | Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Text { .. } => {
                Plain(self.tree).serialize(serializer)
            }
        }
    }
}

impl Serialize for LaidOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.comments.get(&self.path) {
            Some(lines) => under(lines, self, serializer),
            None => self.lay_out(serializer),
        }
    }
}

/// A comment above a comment, down to what they are about.
fn under<S: Serializer>(
    lines: &[String],
    part: &LaidOut<'_>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    struct CommentedPart<'a>(&'a [String], &'a LaidOut<'a>);
    impl Serialize for CommentedPart<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            under(self.0, self.1, serializer)
        }
    }
    match lines.split_first() {
        None => part.lay_out(serializer),
        Some((first, rest)) => {
            Commented(CommentedPart(rest, part), first.clone()).serialize(serializer)
        }
    }
}

/// A part on one line. Only the outermost says so: within it, the YAML writer would keep what it is
/// told for the next part.
struct Flow<'a>(&'a Tree);

impl Serialize for Flow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.kind {
            Kind::Map(_) => FlowMap(Plain(self.0)).serialize(serializer),
            Kind::List(_) => FlowSeq(Plain(self.0)).serialize(serializer),
            Kind::Null | Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Text { .. } => {
                Plain(self.0).serialize(serializer)
            }
        }
    }
}

/// A part as it is.
struct Plain<'a>(&'a Tree);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.kind {
            Kind::Map(entries) => serializer.collect_map(
                entries
                    .iter()
                    .map(|entry| (&entry.key, Plain(&entry.value))),
            ),
            Kind::List(elements) => serializer.collect_seq(elements.iter().map(Plain)),
            Kind::Null => serializer.serialize_unit(),
            Kind::Bool(value) => serializer.serialize_bool(*value),
            Kind::Integer(value) => serializer.serialize_i64(*value),
            Kind::Float(value) => serializer.serialize_f64(*value),
            Kind::Text { text, .. } => serializer.serialize_str(text),
        }
    }
}

/// The YAML writer puts the comment on an element of a list below the element's hyphen; people put
/// it above. No scalar has lines of its own here, so every line is what it looks like.
fn attach_comment(text: &str) -> String {
    let mut written = String::new();
    let mut hyphen: Option<usize> = None;
    for line in text.lines() {
        let trimmed = line.trim_start();
        if line.trim() == "-" {
            hyphen = Some(line.len() - trimmed.len());
            continue;
        }
        let line = match hyphen {
            Some(indent) if trimmed.starts_with('#') => format!("{:indent$}{trimmed}", ""),
            Some(indent) => {
                hyphen = None;
                format!("{:indent$}- {trimmed}", "")
            }
            None => line.to_owned(),
        };
        written.push_str(&line);
        written.push('\n');
    }
    written
}

#[cfg(test)]
mod tests {
    use plateau_core::scenario::{Folder, Scenario};
    use plateau_core::tree::Path;

    use super::*;
    use crate::draft::Draft;

    /// Writes a brief through a draft and reads what a candidate would see.
    fn through_a_brief(text: &str) -> String {
        let mut draft = Draft::new("x", "x");
        draft.nodes.insert(
            "a".to_owned(),
            plateau_core::spec::NodeSpec {
                image: "debian-server".to_owned(),
                ..Default::default()
            },
        );
        let mut folder: Folder = draft.finish().expect("it can be written").folder;
        folder
            .0
            .insert("brief.en.md".to_owned(), literal(text).into_bytes());
        let scenario = Scenario::read(folder).expect("it has no problems");
        let topology = scenario.draw("1").expect("it can be drawn");
        topology.brief["en"].clone()
    }

    #[test]
    fn a_literal_text_is_given_back_by_the_template_engine() {
        for text in [
            "plain",
            "{{ x }}",
            "{% raw %}",
            "a {% endraw %} {{ b }}\n{{{ c }}}\n",
            "{##}\n\n{{",
            "{{% endraw %}}",
            "\n{{ x }}\n",
            "${#name} {#}",
        ] {
            assert_eq!(through_a_brief(text), text, "{text:?}");
        }
    }

    #[test]
    fn comments_stand_above_what_they_are_about() {
        let mut draft = Draft::new("x", "x");
        let node = plateau_core::spec::NodeSpec {
            image: "debian-server".to_owned(),
            ..Default::default()
        };
        draft.nodes.insert("a".to_owned(), node);
        let nodes = Path::default().key("nodes");
        draft.comment(&nodes.key("a"), "on a node\nin two lines");
        draft.comment(&nodes.key("a").key("image"), "on a scalar");
        let task = Path::default().key("tasks").index(0);
        draft.comment(&task, "on a task");
        draft.comment(&task.key("rubric").index(0), "on a criterion");
        draft.comment(&task.key("nothing").index(7), "on nothing");
        let folder = draft.finish().expect("it can be written").folder;
        let yaml = String::from_utf8_lossy(&folder.0["scenario.yaml"]).into_owned();
        for part in [
            "  a:\n    # on a node in two lines\n    # on a scalar\n    image: debian-server\n",
            "  # on a task\n",
            "  # on nothing\n  - id: work\n",
            "      # on a criterion\n      - id: done\n",
        ] {
            assert!(yaml.contains(part), "{part} in\n{yaml}");
        }
        assert!(Scenario::read(folder).is_ok());
    }
}
