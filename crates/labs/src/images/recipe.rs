//! Recipes of images: `recipes.yaml`, a folder per image, and the order of their dependencies.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use plateau_core::problem::nearest;
use serde::Deserialize;

mod error;

pub use error::RecipeError;

/// Name of the base image in recipes.
pub const BASE: &str = "base";

/// The file that names all images.
const RECIPES_FILE: &str = "recipes.yaml";

/// The recipes that are built into the daemon.
#[derive(rust_embed::RustEmbed)]
#[folder = "../../images"]
struct Embedded;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecipesSpec {
    base: Base,
    images: BTreeMap<String, ImageSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageSpec {
    from: Vec<String>,
    #[serde(default)]
    internal: bool,
    summary: String,
}

/// How the base image is made with mmdebstrap.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// The distribution's release, such as `bookworm`.
    pub suite: String,
    /// mmdebstrap's variant, such as `minbase`.
    pub variant: String,
    /// Packages beyond the variant's.
    #[serde(default)]
    pub include: Vec<String>,
}

/// The recipe of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Images that it is made from, [`BASE`] among them.
    pub from: Vec<String>,
    /// Whether only other images use it.
    pub internal: bool,
    /// What it is for.
    pub summary: String,
    /// BLAKE3 over its files and all its dependencies, in hexadecimal.
    pub hash: String,
    files: BTreeMap<String, Vec<u8>>,
}

/// All recipes, checked: every name is known, and there are no cycles.
#[derive(Clone, Debug)]
pub struct Recipes {
    base: Base,
    base_image: Option<String>,
    base_hash: String,
    images: BTreeMap<String, Recipe>,
}

impl Recipes {
    /// The recipes that are built into the daemon.
    ///
    /// `base_image` replaces the image that mmdebstrap would make.
    ///
    /// # Errors
    /// Where a recipe names what is not there.
    pub fn embedded(base_image: Option<String>) -> Result<Self, RecipeError> {
        let files = Embedded::iter()
            .filter_map(|path| {
                Embedded::get(&path).map(|file| (path.into_owned(), file.data.into_owned()))
            })
            .collect();
        Self::check(files, base_image)
    }

    /// The recipes of a folder.
    ///
    /// # Errors
    /// The folder cannot be read, or a recipe names something that does not exist.
    pub fn read(folder: &Path, base_image: Option<String>) -> Result<Self, RecipeError> {
        let mut files = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for path in entries(&next)? {
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let content = std::fs::read(&path).map_err(|source| RecipeError::Read {
                    path: path.clone(),
                    source,
                })?;
                if let Ok(name) = path.strip_prefix(folder) {
                    files.insert(name.to_string_lossy().into_owned(), content);
                }
            }
        }
        Self::check(files, base_image)
    }

    /// Recipes from their files: path in the folder → content.
    ///
    /// # Errors
    /// Where a recipe names what is not there.
    pub fn check(
        files: BTreeMap<String, Vec<u8>>,
        base_image: Option<String>,
    ) -> Result<Self, RecipeError> {
        let text = files.get(RECIPES_FILE).ok_or(RecipeError::NoRecipes)?;
        let spec: RecipesSpec =
            serde_saphyr::from_slice(text).map_err(|source| RecipeError::Yaml {
                source: Box::new(source),
            })?;
        let base_hash = hash_base(&spec.base, base_image.as_deref());
        let mut recipes = Self {
            base: spec.base,
            base_image,
            base_hash,
            images: BTreeMap::new(),
        };
        for (name, image) in spec.images {
            let recipe = recipe_of(&name, image, &files)?;
            recipes.images.insert(name, recipe);
        }
        for name in recipes.order(&[])? {
            recipes.hash(&name);
        }
        Ok(recipes)
    }

    /// How the first image is made; `None` where a ready image is used instead.
    #[must_use]
    pub fn base(&self) -> Option<&Base> {
        match self.base_image {
            Some(_) => None,
            None => Some(&self.base),
        }
    }

    /// All images but the first, by name.
    #[must_use]
    pub fn images(&self) -> &BTreeMap<String, Recipe> {
        &self.images
    }

    /// The hash of an image's recipe, [`BASE`]'s included.
    #[must_use]
    pub fn hash_of(&self, name: &str) -> Option<&str> {
        match name {
            BASE => Some(&self.base_hash),
            name => self.images.get(name).map(|recipe| recipe.hash.as_str()),
        }
    }

    /// The tag that an image has on the engine.
    #[must_use]
    pub fn tag_of(&self, name: &str) -> String {
        match (name, &self.base_image) {
            (BASE, Some(image)) => image.clone(),
            (BASE, None) => super::tag(&self.base.suite),
            (name, _) => super::tag(name),
        }
    }

    /// The named images and their dependencies, each after its own dependencies; all images if none is named.
    ///
    /// # Errors
    /// A name is not known, or images depend on themselves.
    pub fn order(&self, names: &[String]) -> Result<Vec<String>, RecipeError> {
        if let Some(image) = names.iter().find(|name| !self.knows(name)) {
            return Err(RecipeError::UnknownImage {
                image: image.clone(),
                hint: nearest(image, self.images.keys().map(String::as_str)),
            });
        }
        let mut order = Vec::new();
        let asked: Vec<&String> = match names {
            [] => self.images.keys().collect(),
            names => names.iter().collect(),
        };
        for name in asked {
            self.visit(name, &mut BTreeSet::new(), &mut order)?;
        }
        Ok(order)
    }

    fn knows(&self, name: &str) -> bool {
        name == BASE || self.images.contains_key(name)
    }

    fn visit<'a>(
        &'a self,
        name: &'a str,
        below: &mut BTreeSet<&'a str>,
        order: &mut Vec<String>,
    ) -> Result<(), RecipeError> {
        if order.iter().any(|done| done == name) {
            return Ok(());
        }
        if !below.insert(name) {
            return Err(RecipeError::Circle {
                image: name.to_owned(),
            });
        }
        let from: &[String] = self.images.get(name).map_or(&[], |recipe| &recipe.from);
        for stands_on in from {
            if !self.knows(stands_on) {
                return Err(RecipeError::UnknownFrom {
                    image: name.to_owned(),
                    from: stands_on.clone(),
                    hint: nearest(stands_on, self.images.keys().map(String::as_str)),
                });
            }
            self.visit(stands_on, below, order)?;
        }
        below.remove(name);
        order.push(name.to_owned());
        Ok(())
    }

    /// Gives an image its hash; what it stands on has one already.
    fn hash(&mut self, name: &str) {
        let Some(recipe) = self.images.get(name) else {
            return;
        };
        let mut hasher = blake3::Hasher::new();
        for (path, content) in &recipe.files {
            part(&mut hasher, path.as_bytes());
            part(&mut hasher, content);
        }
        for from in &recipe.from {
            part(&mut hasher, from.as_bytes());
            part(
                &mut hasher,
                self.hash_of(from).unwrap_or_default().as_bytes(),
            );
        }
        let hash = hasher.finalize().to_hex().to_string();
        if let Some(recipe) = self.images.get_mut(name) {
            recipe.hash = hash;
        }
    }
}

impl Recipe {
    /// The folder as a tar, the same bytes for the same files.
    ///
    /// A recipe may come from the daemon's own binary, where files have no permission bits: what starts with
    /// `#!` can be executed.
    ///
    /// # Errors
    /// A path is too long for a tar archive.
    pub fn context(&self) -> std::io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(if content.starts_with(b"#!") {
                0o755
            } else {
                0o644
            });
            header.set_mtime(0);
            archive.append_data(&mut header, path, content.as_slice())?;
        }
        archive.into_inner()
    }

    /// The names of its build arguments and the tags that they carry.
    #[must_use]
    pub fn arguments(&self, recipes: &Recipes) -> BTreeMap<String, String> {
        self.from
            .iter()
            .map(|from| (argument(from), recipes.tag_of(from)))
            .collect()
    }
}

/// `debian-base` → `DEBIAN_BASE`.
fn argument(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}

fn recipe_of(
    name: &str,
    spec: ImageSpec,
    all: &BTreeMap<String, Vec<u8>>,
) -> Result<Recipe, RecipeError> {
    let folder = format!("{name}/");
    let files: BTreeMap<String, Vec<u8>> = all
        .iter()
        .filter_map(|(path, content)| Some((path.strip_prefix(&folder)?, content)))
        .map(|(path, content)| (path.to_owned(), content.clone()))
        .collect();
    if !files.contains_key("Dockerfile") {
        return Err(RecipeError::NoDockerfile {
            image: name.to_owned(),
        });
    }
    Ok(Recipe {
        from: spec.from,
        internal: spec.internal,
        summary: spec.summary,
        hash: String::new(),
        files,
    })
}

fn hash_base(base: &Base, image: Option<&str>) -> String {
    let mut hasher = blake3::Hasher::new();
    match image {
        Some(image) => part(&mut hasher, image.as_bytes()),
        None => {
            part(&mut hasher, base.suite.as_bytes());
            part(&mut hasher, base.variant.as_bytes());
            for package in &base.include {
                part(&mut hasher, package.as_bytes());
            }
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// Length first, so that two parts cannot be taken for two others.
fn part(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, RecipeError> {
    let failed = |source| RecipeError::Read {
        path: folder.to_owned(),
        source,
    };
    std::fs::read_dir(folder)
        .map_err(failed)?
        .map(|entry| entry.map(|entry| entry.path()).map_err(failed))
        .collect()
}
