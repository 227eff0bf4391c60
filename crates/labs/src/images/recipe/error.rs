//! Errors of recipes.

use std::path::PathBuf;

use thiserror::Error;

use super::RECIPES_FILE;

/// Why recipes cannot be used.
#[derive(Debug, Error)]
pub enum RecipeError {
    /// A file of the folder could not be read.
    #[error("read `{}`", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no `recipes.yaml`.
    #[error("no `{RECIPES_FILE}`")]
    NoRecipes,
    /// `recipes.yaml` is not what it should be.
    #[error("read `{RECIPES_FILE}`")]
    Yaml {
        /// Why.
        #[source]
        source: Box<serde_saphyr::Error>,
    },
    /// An image has no Dockerfile.
    #[error("image `{image}` has no `{image}/Dockerfile`")]
    NoDockerfile {
        /// The image.
        image: String,
    },
    /// An image stands on one that is not there.
    #[error("image `{image}` stands on `{from}`, which is not there; {hint}")]
    UnknownFrom {
        /// The image.
        image: String,
        /// What it names.
        from: String,
        /// What there is.
        hint: String,
    },
    /// Images stand on each other in a circle.
    #[error("image `{image}` stands on itself")]
    Circle {
        /// One of the circle.
        image: String,
    },
    /// An image was asked for that is not there.
    #[error("no image named `{image}`")]
    UnknownImage {
        /// The image.
        image: String,
        /// What there is.
        hint: String,
    },
}
