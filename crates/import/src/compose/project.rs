//! A Compose project: its files read, variables put in, includes and extensions followed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use plateau_core::problem::{SourceLocation, nearest};
use plateau_core::tree::{Entry, Kind, Position, Tree};

use super::variables::{environment, interpolate};
use crate::document::{self, Document, entries, scalar};
use crate::error::ImportError;

/// Most files that one project may consist of.
const MOST_FILES: usize = 50;
/// Keys of a Compose file that are read.
const SECTIONS: &[&str] = &["services", "networks", "volumes", "configs", "secrets"];
/// Other keys of a Compose file.
const OTHER_KEYS: &[&str] = &["name", "version", "include", "models"];

/// An attribute, with the file that it stands in.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub(super) key: String,
    pub(super) key_at: Position,
    pub(super) tree: Tree,
    pub(super) file: String,
    /// Folder that paths in it are meant from.
    pub(super) folder: PathBuf,
}

impl Attribute {
    /// Where it stands.
    pub(super) fn place(&self) -> SourceLocation {
        self.key_at.in_file(&self.file)
    }

    /// Its elements where it is a list; itself where it is not.
    pub(super) fn each(&self) -> Vec<&Tree> {
        match &self.tree.kind {
            Kind::List(elements) => elements.iter().collect(),
            _ => vec![&self.tree],
        }
    }
}

/// A service, what it extends included.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) place: SourceLocation,
    pub(super) attributes: Vec<Attribute>,
}

impl Service {
    /// An attribute that says something.
    pub(super) fn get(&self, key: &str) -> Option<Attribute> {
        let found = self
            .attributes
            .iter()
            .find(|attribute| attribute.key == key);
        found
            .filter(|attribute| attribute.tree.kind != Kind::Null)
            .cloned()
    }

    /// A part of an attribute that is a map, as an attribute of its own.
    pub(super) fn below(&self, key: &str, part: &str) -> Option<Attribute> {
        let above = self.get(key)?;
        let entry = entries(&above.tree)
            .iter()
            .find(|entry| entry.key == part)?;
        let below = Attribute {
            key: format!("{key}.{part}"),
            key_at: entry.key_at,
            tree: entry.value.clone(),
            ..above.clone()
        };
        (below.tree.kind != Kind::Null).then_some(below)
    }

    /// An attribute's text.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        scalar(&self.get(key)?.tree)
    }
}

/// Everything that the files declare.
#[derive(Debug, Default)]
pub(super) struct Project {
    pub(super) name: String,
    pub(super) services: Vec<Service>,
    /// `networks`, `volumes`, `configs` and `secrets` by section and name.
    pub(super) declared: BTreeMap<(String, String), Attribute>,
    /// What could not be carried over of the files themselves.
    pub(super) left_out: Vec<(SourceLocation, String)>,
    /// Variables that `${…}` stands for.
    variables: HashMap<String, String>,
    files: usize,
}

impl Project {
    /// Reads a project from its first file.
    pub(super) fn read(path: &Path) -> Result<Self, ImportError> {
        let folder = folder_of(path);
        let mut project = Self {
            variables: environment(&folder.join(".env"))?,
            ..Self::default()
        };
        let real = folder.canonicalize().unwrap_or(folder);
        let stem = real
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        project.name = project
            .variables
            .get("COMPOSE_PROJECT_NAME")
            .cloned()
            .or(stem)
            .unwrap_or_else(|| "compose".to_owned());
        project.file(path, &mut Vec::new())?;
        if project.services.is_empty() {
            let place = document::whole(path);
            let hint = "a Compose file has machines below `services:`";
            let message = "no service is declared, or none is started".to_owned();
            return Err(crate::document::refused(place, "no-service", message, hint));
        }
        Ok(project)
    }

    /// Reads one file into the project. `open` are the files that it is included from.
    fn file(&mut self, path: &Path, open: &mut Vec<PathBuf>) -> Result<(), ImportError> {
        let document = self.document(path)?;
        open.push(path.canonicalize().unwrap_or_else(|_| path.to_owned()));
        if let Some(name) = document.root.get("name").and_then(scalar) {
            self.name = name;
        }
        if let Some(includes) = document.root.get("include") {
            self.includes(&document, includes, &folder_of(path), open)?;
        }
        for entry in entries(&document.root) {
            let known = SECTIONS.contains(&entry.key.as_str());
            if !known && !OTHER_KEYS.contains(&entry.key.as_str()) && !entry.key.starts_with("x-") {
                let all = SECTIONS.iter().chain(OTHER_KEYS).copied();
                let what = format!(
                    "`{}`: it is not a key of Compose files; {}",
                    entry.key,
                    nearest(&entry.key, all)
                );
                self.left_out.push((document.place(entry.key_at), what));
            }
            if entry.key == "models" {
                let what = "`models`: no language models are run".to_owned();
                self.left_out.push((document.place(entry.key_at), what));
            }
        }
        for section in SECTIONS.iter().skip(1) {
            for entry in document.root.get(section).map(entries).unwrap_or_default() {
                let attribute = attribute(&document, entry, path);
                self.declared
                    .insert(((*section).to_owned(), entry.key.clone()), attribute);
            }
        }
        let Some(services) = document.root.get("services") else {
            open.pop();
            return Ok(());
        };
        for entry in entries(services) {
            let service = self.service(&document, path, entry, &mut Vec::new())?;
            self.start(service);
        }
        open.pop();
        Ok(())
    }

    /// Adds a service where it is started without being named.
    fn start(&mut self, service: Service) {
        let enabled = self.variables.get("COMPOSE_PROFILES");
        let enabled: BTreeSet<&str> = enabled
            .map(|all| all.split(',').collect())
            .unwrap_or_default();
        if let Some(profiles) = service.get("profiles") {
            let profiles: Vec<String> = profiles.each().into_iter().filter_map(scalar).collect();
            if !profiles
                .iter()
                .any(|profile| enabled.contains(profile.as_str()))
            {
                let what = format!(
                    "{}: it is started with the profile {} alone",
                    service.name,
                    profiles.join(" or ")
                );
                self.left_out.push((service.place, what));
                return;
            }
        }
        self.services.retain(|other| other.name != service.name);
        self.services.push(service);
    }

    /// Reads a file and puts the variables into its texts.
    pub(super) fn document(&mut self, path: &Path) -> Result<Document, ImportError> {
        let mut document = Document::read(path)?;
        self.files += 1;
        if !matches!(document.root.kind, Kind::Map(_)) {
            let message = format!(
                "{} stands where `services:` is expected",
                document::kind(&document.root)
            );
            let hint = "a Compose file has machines below `services:`";
            return Err(document.refuse(document.root.at, "wrong-type", message, hint));
        }
        let file = document.file.clone();
        let mut unset = BTreeMap::new();
        interpolate(&mut document.root, &self.variables, &mut unset).map_err(|(mark, why)| {
            crate::document::refused(
                mark.in_file(&file),
                "interpolation",
                why,
                "`$$` stands for a dollar sign itself",
            )
        })?;
        for (name, mark) in unset {
            let what =
                format!("`${{{name}}}`: it is not set in .env, and was taken for the empty text");
            self.left_out.push((document.place(mark), what));
        }
        for name in ["services", "networks", "volumes", "configs", "secrets"] {
            let Some(section) = document.root.get(name) else {
                continue;
            };
            if !matches!(section.kind, Kind::Map(_) | Kind::Null) {
                let message = format!(
                    "{} stands where a map of {name} is expected",
                    document::kind(section)
                );
                return Err(document.refuse(
                    section.at,
                    "wrong-type",
                    message,
                    "write each with its name as key",
                ));
            }
        }
        Ok(document)
    }

    fn includes(
        &mut self,
        document: &Document,
        includes: &Tree,
        folder: &Path,
        open: &mut Vec<PathBuf>,
    ) -> Result<(), ImportError> {
        let list = match &includes.kind {
            Kind::List(elements) => elements.as_slice(),
            _ => std::slice::from_ref(includes),
        };
        for include in list {
            let paths: Vec<String> = match include.get("path") {
                Some(Tree {
                    kind: Kind::List(paths),
                    ..
                }) => paths.iter().filter_map(scalar).collect(),
                Some(path) => scalar(path).into_iter().collect(),
                None => scalar(include).into_iter().collect(),
            };
            for named in paths {
                let path = folder.join(&named);
                let real = path.canonicalize().map_err(|_| {
                    let message = format!("no file `{}` is there to be included", path.display());
                    document.refuse(
                        include.at,
                        "missing-file",
                        message,
                        "put it there, or take the include out",
                    )
                })?;
                if open.contains(&real) {
                    let message = format!("`{named}` includes itself");
                    return Err(document.refuse(
                        include.at,
                        "include-cycle",
                        message,
                        "take this include out",
                    ));
                }
                self.bounded(document, include.at)?;
                self.file(&path, open)?;
            }
        }
        Ok(())
    }

    pub(super) fn bounded(&self, document: &Document, mark: Position) -> Result<(), ImportError> {
        if self.files < MOST_FILES {
            return Ok(());
        }
        let message = format!("the project has more than {MOST_FILES} files");
        Err(document.refuse(mark, "too-many-files", message, "import it in parts"))
    }
}

/// The folder that a file lies in.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

pub(super) fn attribute(document: &Document, entry: &Entry, path: &Path) -> Attribute {
    Attribute {
        key: entry.key.clone(),
        key_at: entry.key_at,
        tree: entry.value.clone(),
        file: document.file.clone(),
        folder: folder_of(path),
    }
}
