//! Services that extend others.

use std::path::Path;

use plateau_core::problem::nearest;
use plateau_core::tree::{Entry, Kind, Position, Tree};

use super::project::{Attribute, Project, Service, attribute, folder_of};
use crate::document::{self, Document, entries, scalar};
use crate::error::ImportError;

/// Attributes that the one that extends replaces, instead of adding to them.
const REPLACED: &[&str] = &["command", "entrypoint", "test"];
/// Attributes that are never inherited, see `extends` in the specification.
const NOT_INHERITED: &[&str] = &["depends_on", "links", "volumes_from"];

impl Project {
    /// A service with what it extends. `chain` are the services that extend it, with their files.
    pub(super) fn service(
        &mut self,
        document: &Document,
        path: &Path,
        entry: &Entry,
        chain: &mut Vec<(String, String)>,
    ) -> Result<Service, ImportError> {
        if !matches!(entry.value.kind, Kind::Map(_)) {
            let message = format!(
                "{} stands where the attributes of service `{}` are expected",
                document::kind(&entry.value),
                entry.key
            );
            return Err(document.refuse(
                entry.value.at,
                "wrong-type",
                message,
                "write `image:` and the like below its name",
            ));
        }
        let own = (document.file.clone(), entry.key.clone());
        if chain.contains(&own) {
            let message = format!("service `{}` extends itself", entry.key);
            return Err(document.refuse(
                entry.key_at,
                "extends-cycle",
                message,
                "take `extends` out",
            ));
        }
        chain.push(own);
        let mut attributes: Vec<Attribute> = entries(&entry.value)
            .iter()
            .map(|entry| attribute(document, entry, path))
            .collect();
        if let Some(extends) = entry.value.get("extends") {
            let base = self.base(document, path, extends, chain)?;
            for inherited in base.attributes {
                match attributes.iter_mut().find(|own| own.key == inherited.key) {
                    Some(own) => merge(&mut own.tree, &inherited.tree, &inherited.key),
                    None if NOT_INHERITED.contains(&inherited.key.as_str()) => {}
                    None => attributes.push(inherited),
                }
            }
        }
        attributes.retain(|attribute| attribute.key != "extends");
        chain.pop();
        Ok(Service {
            name: entry.key.clone(),
            place: document.place(entry.key_at),
            attributes,
        })
    }

    fn base(
        &mut self,
        document: &Document,
        path: &Path,
        extends: &Tree,
        chain: &mut Vec<(String, String)>,
    ) -> Result<Service, ImportError> {
        let name = scalar(extends).or_else(|| extends.get("service").and_then(scalar));
        let Some(name) = name else {
            let message = "`extends` does not say which service".to_owned();
            return Err(document.refuse(extends.at, "missing-key", message, "add `service:`"));
        };
        let (other, other_path) = match extends.get("file").and_then(scalar) {
            None => (document.clone(), path.to_owned()),
            Some(file) => {
                let other_path = folder_of(path).join(&file);
                if !other_path.is_file() {
                    let message =
                        format!("no file `{}` is there to be extended", other_path.display());
                    return Err(document.refuse(
                        extends.at,
                        "missing-file",
                        message,
                        "put it there, or take `extends` out",
                    ));
                }
                self.bounded(document, extends.at)?;
                (self.document(&other_path)?, other_path)
            }
        };
        let services = other.root.get("services");
        let found = services
            .map(entries)
            .unwrap_or_default()
            .iter()
            .find(|entry| entry.key == name);
        let Some(entry) = found else {
            let known = services.map(Tree::keys).unwrap_or_default();
            let message = format!("no service named `{name}` in {}", other.file);
            let hint = nearest(&name, known.iter().map(String::as_str));
            return Err(document.refuse(extends.at, "unknown-service", message, &hint));
        };
        self.service(&other, &other_path, entry, chain)
    }
}

/// Adds what is inherited, as the specification merges: maps key by key, lists after one another.
/// What is inherited stands, for messages, where what inherits it does.
fn merge(own: &mut Tree, inherited: &Tree, key: &str) {
    let at = own.at;
    match (&mut own.kind, &inherited.kind) {
        (Kind::Map(entries), Kind::Map(more)) => {
            for entry in more {
                match entries.iter_mut().find(|own| own.key == entry.key) {
                    Some(own) => merge(&mut own.value, &entry.value, &entry.key),
                    None => entries.push(Entry {
                        key: entry.key.clone(),
                        key_at: at,
                        value: moved(&entry.value, at),
                    }),
                }
            }
        }
        (Kind::List(elements), Kind::List(more)) if !REPLACED.contains(&key) => {
            let mut all: Vec<Tree> = more.iter().map(|element| moved(element, at)).collect();
            all.append(elements);
            *elements = all;
        }
        _ => {}
    }
}

fn moved(tree: &Tree, at: Position) -> Tree {
    let kind = match &tree.kind {
        Kind::List(elements) => Kind::List(elements.iter().map(|part| moved(part, at)).collect()),
        Kind::Map(entries) => Kind::Map(
            entries
                .iter()
                .map(|entry| Entry {
                    key: entry.key.clone(),
                    key_at: at,
                    value: moved(&entry.value, at),
                })
                .collect(),
        ),
        other => other.clone(),
    };
    Tree { at, kind }
}
