//! Short and long ways of writing the same.

use plateau_core::matcher::Mode;
use plateau_core::path::NodePath;
use plateau_core::tree::{Kind, Tree};

use super::project::Attribute;
use crate::document::scalar;

/// Something to mount.
pub(super) struct Mount {
    pub(super) source: String,
    pub(super) target: String,
    /// `bind`, `volume`, `tmpfs` or another type of Compose's.
    pub(super) kind: String,
    /// A missing source becomes an empty folder.
    pub(super) made: bool,
}

/// A mount in the short or the long syntax.
pub(super) fn mount(tree: &Tree) -> Option<Mount> {
    if let Some(text) = scalar(tree) {
        let mut parts = text.split(':');
        let first = parts.next()?.to_owned();
        return Some(match parts.next() {
            None => Mount {
                source: String::new(),
                target: first,
                kind: "volume".to_owned(),
                made: true,
            },
            Some(target) => Mount {
                kind: if first.starts_with(['.', '/', '~']) {
                    "bind"
                } else {
                    "volume"
                }
                .to_owned(),
                source: first,
                target: target.to_owned(),
                made: true,
            },
        });
    }
    let get = |key: &str| tree.get(key).and_then(scalar);
    let made = tree
        .get("bind")
        .and_then(|bind| bind.get("create_host_path"))
        .and_then(scalar);
    Some(Mount {
        source: get("source").unwrap_or_default(),
        target: get("target")?,
        kind: get("type")?,
        made: made.as_deref() != Some("false"),
    })
}

/// Whether a service's volumes name this one.
pub(super) fn mounts(volumes: Option<Attribute>, name: &str) -> bool {
    let volumes = volumes.iter().flat_map(Attribute::each).filter_map(mount);
    volumes.into_iter().any(|mount| mount.source == name)
}

/// `KEY: value` or `- KEY=value`, in their order; those without a value are left out.
pub(super) fn pairs(tree: &Tree) -> Vec<(String, String)> {
    match &tree.kind {
        Kind::Map(entries) => entries
            .iter()
            .filter_map(|entry| Some((entry.key.clone(), scalar(&entry.value)?)))
            .collect(),
        Kind::List(elements) => {
            let texts = elements.iter().filter_map(scalar);
            let split = texts.filter_map(|text| {
                text.split_once('=')
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
            });
            split.collect()
        }
        Kind::Null | Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Text { .. } => {
            Vec::new()
        }
    }
}

/// Permission bits.
pub(super) fn as_mode(tree: &Tree) -> Option<Mode> {
    match tree.kind {
        Kind::Integer(bits) => u16::try_from(bits & 0o7777).ok().map(Mode),
        _ => scalar(tree)?.parse().ok(),
    }
}

/// Whether a node can have a file or folder of this path.
pub(super) fn is_path(path: &str) -> bool {
    NodePath::parse(path).is_some_and(NodePath::can_be_file)
}
