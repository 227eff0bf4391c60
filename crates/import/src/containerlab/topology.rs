//! The sections of a topology, and what a node inherits from them.

use std::collections::BTreeMap;

use plateau_core::tree::{Position, Tree};

use super::source::{Source, Text};
use crate::error::ImportError;

/// A topology's sections.
#[derive(Debug)]
pub(super) struct Topology<'a> {
    /// Where it stands.
    pub(super) source: &'a Source,
    /// The lab's name.
    pub(super) name: String,
    /// What holds for all nodes.
    pub(super) defaults: Option<&'a Tree>,
    /// What holds for the nodes of a kind.
    pub(super) kinds: BTreeMap<&'a str, &'a Tree>,
    /// What holds for the nodes of a group.
    pub(super) groups: BTreeMap<&'a str, &'a Tree>,
    /// Nodes, in the order of the document.
    pub(super) nodes: Vec<Node<'a>>,
    /// Links, in the order of the document.
    pub(super) links: &'a [Tree],
}

/// A node, with all that it inherits.
#[derive(Debug)]
pub(super) struct Node<'a> {
    source: &'a Source,
    /// Its name.
    pub(super) name: &'a str,
    /// Where it is declared.
    pub(super) at: Position,
    /// Its kind, in lower case.
    pub(super) kind: String,
    /// What is said of it: by itself, its group, its kind, the defaults.
    levels: Vec<&'a Tree>,
}

impl<'a> Topology<'a> {
    /// Finds the sections.
    ///
    /// # Errors
    /// One is missing or has another shape; a node is of no kind.
    pub(super) fn of(source: &'a Source) -> Result<Self, ImportError> {
        let root = source.root();
        source.map(Some(root))?;
        let name = root.get("name").map(|name| source.text(name)).transpose()?;
        let (Some(name), Some(topology)) = (name, root.get("topology")) else {
            let message = "a topology has a `name` and a `topology`".to_owned();
            let hint = "see https://containerlab.dev/manual/topo-def-file";
            return Err(source.refuse(root.at, message, hint));
        };
        let section = |key: &str| -> Result<BTreeMap<&'a str, &'a Tree>, ImportError> {
            let entries = source.map(topology.get(key))?;
            let pairs = entries.iter().map(|e| (e.key.as_str(), &e.value));
            Ok(pairs.collect())
        };
        let mut read = Self {
            source,
            name: name.text,
            defaults: topology.get("defaults"),
            kinds: section("kinds")?,
            groups: section("groups")?,
            nodes: Vec::new(),
            links: source.list(topology.get("links"))?,
        };
        let entries = source.map(topology.get("nodes"))?;
        if entries.is_empty() {
            let message = "no nodes are declared".to_owned();
            return Err(source.refuse(topology.at, message, "declare them under `topology.nodes`"));
        }
        for entry in entries {
            source.map(Some(&entry.value))?;
            let node = read.inherit(&entry.key, entry.key_at, &entry.value)?;
            read.nodes.push(node);
        }
        Ok(read)
    }

    /// The order is containerlab's: a node's group may come from its kind, its kind from the group
    /// that it names itself.
    fn inherit(
        &self,
        name: &'a str,
        at: Position,
        node: &'a Tree,
    ) -> Result<Node<'a>, ImportError> {
        let said = |tree: Option<&Tree>, key: &str| -> Result<Option<String>, ImportError> {
            let value = tree.and_then(|tree| tree.get(key));
            let text = value.map(|value| self.source.text(value)).transpose()?;
            Ok(text.map(|text| text.text).filter(|text| !text.is_empty()))
        };
        let group_of = |name: Option<String>| self.groups.get(name?.as_str()).copied();
        let defaults = self.defaults;
        let own_group = group_of(said(Some(node), "group")?);
        let default_group = group_of(said(defaults, "group")?);
        let levels = [Some(node), own_group, default_group, defaults];
        let mut kind = None;
        for level in levels {
            kind = kind.or(said(level, "kind")?);
        }
        let Some(kind) = kind else {
            let message = format!("node `{name}` is of no kind");
            return Err(self
                .source
                .refuse(at, message, "give it a `kind`, or `defaults` one"));
        };
        let of_kind = self.kinds.get(kind.as_str()).copied();
        let group = match said(Some(node), "group")? {
            Some(_) => own_group,
            None => group_of(said(of_kind, "group")?).or(default_group),
        };
        Ok(Node {
            source: self.source,
            name,
            at,
            kind: kind.to_lowercase(),
            levels: [Some(node), group, of_kind, defaults]
                .into_iter()
                .flatten()
                .collect(),
        })
    }
}

impl<'a> Node<'a> {
    /// The value of a key, from the level nearest to the node that has one.
    pub(super) fn value(&self, key: &str) -> Option<&'a Tree> {
        self.levels.iter().find_map(|level| level.get(key))
    }

    /// The values of a key on all levels, the one nearest to the node last.
    pub(super) fn values(&self, key: &str) -> impl Iterator<Item = &'a Tree> {
        self.levels
            .iter()
            .rev()
            .filter_map(move |level| level.get(key))
    }

    /// The text of a key, from the level nearest to the node that has one.
    pub(super) fn text(&self, key: &str) -> Result<Option<Text>, ImportError> {
        let text = self.value(key).map(|value| self.source.text(value));
        Ok(text.transpose()?.filter(|text| !text.text.is_empty()))
    }

    /// The lists of a key one after the other, each text once, those of the node last.
    pub(super) fn list(&self, key: &str) -> Result<Vec<Text>, ImportError> {
        let mut merged: Vec<Text> = Vec::new();
        for value in self.values(key) {
            for new in self.source.texts(Some(value))? {
                if merged.iter().all(|known| known.text != new.text) {
                    merged.push(new);
                }
            }
        }
        Ok(merged)
    }

    /// The maps of a key, those nearer to the node over those farther from it.
    pub(super) fn map(&self, key: &str) -> Result<BTreeMap<String, Text>, ImportError> {
        let mut merged = BTreeMap::new();
        for value in self.values(key) {
            for entry in self.source.map(Some(value))? {
                merged.insert(entry.key.clone(), self.source.text(&entry.value)?);
            }
        }
        Ok(merged)
    }
}
