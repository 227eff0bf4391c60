//! Images of nodes: their recipes, whether they are up to date, and their builds.

use std::sync::Arc;

use plateau_core::api::{ApiError, BuildEvent, ImageState, ImageView};
use plateau_core::error::ErrorCode;
use thiserror::Error;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tracing::Instrument;

use crate::error::chain;
use crate::runtime::{Image, Runtime, RuntimeError};

mod bootstrap;
mod build;
pub mod recipe;

pub use bootstrap::BootstrapError;
pub use recipe::{RecipeError, Recipes};

/// Label that holds an image's name.
pub const IMAGE_LABEL: &str = "plateau.image";

/// Label that holds the hash of the recipe that an image was built by.
pub const RECIPE_LABEL: &str = "plateau.recipe";

/// An image's tag on the engine: `plateau/<name>:latest`, unless the name is a tag itself.
#[must_use]
pub fn tag(name: &str) -> String {
    if name.contains(['/', ':']) {
        name.to_owned()
    } else {
        format!("plateau/{name}:latest")
    }
}

/// Why images were not built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// Somebody builds already.
    #[error("images are being built already")]
    Busy,
    /// The recipes do not give it.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The first image could not be made.
    #[error("make the base of all images")]
    Bootstrap(#[source] BootstrapError),
    /// The folder could not be packed.
    #[error("pack the folder of image `{image}`")]
    Pack {
        /// The image.
        image: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The engine was asked for something and failed.
    #[error("{doing} image `{image}`")]
    Engine {
        /// What was asked for.
        doing: &'static str,
        /// The image.
        image: String,
        /// Why.
        #[source]
        source: RuntimeError,
    },
    /// A step of a build failed.
    #[error("build image `{image}`")]
    Step {
        /// The image.
        image: String,
        /// The last lines of its output.
        tail: String,
        /// Why.
        #[source]
        source: RuntimeError,
    },
    /// The build said that all went well, and the image is not there.
    #[error("image `{image}` is not there after it was built")]
    Gone {
        /// The image.
        image: String,
    },
}

impl BuildError {
    /// What it is in the API.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Busy => ErrorCode::ImagesBeingBuilt,
            Self::Recipe(RecipeError::UnknownImage { .. }) => ErrorCode::ImageNotFound,
            Self::Recipe(_) => ErrorCode::RecipesBroken,
            Self::Bootstrap(error) => error.code(),
            Self::Pack { .. } => ErrorCode::ImageNotPacked,
            Self::Engine { source, .. } => source.code(),
            Self::Step { .. } if self.no_network().is_some() => ErrorCode::NoNetwork,
            Self::Step { source, .. } => source.code(),
            Self::Gone { .. } => ErrorCode::ImageMissing,
        }
    }

    /// As the API answers it.
    #[must_use]
    pub fn api(&self) -> ApiError {
        let mut message = chain(self);
        if let Self::Step { tail, .. } = self {
            message.push_str("; its last lines:\n");
            message.push_str(tail);
        }
        let error = ApiError::new(self.code(), message);
        match self {
            Self::Recipe(RecipeError::UnknownImage { hint, .. }) => error.with_hint(Some(hint)),
            Self::Bootstrap(source) => error.with_hint(source.hint()),
            Self::Step { .. } => error.with_hint(self.no_network()),
            // To build it is what was just done.
            Self::Gone { .. } => ApiError {
                hint: None,
                ..error
            },
            Self::Busy | Self::Recipe(_) | Self::Pack { .. } | Self::Engine { .. } => error,
        }
    }

    /// What to do where a step failed for lack of a network.
    fn no_network(&self) -> Option<String> {
        let Self::Step { tail, source, .. } = self else {
            return None;
        };
        build::no_network(&format!("{tail}\n{source}"))
    }
}

/// The images of an engine, and the recipes that they are built from.
#[derive(Clone, Debug)]
pub struct Images {
    runtime: Arc<dyn Runtime>,
    recipes: Arc<Recipes>,
    network: Option<String>,
    building: Arc<Mutex<()>>,
}

impl Images {
    /// Images of `runtime` by `recipes`; `network` is the engine's network that builds use, such as `host`.
    #[must_use]
    pub fn new(runtime: Arc<dyn Runtime>, recipes: Recipes, network: Option<String>) -> Self {
        Self {
            runtime,
            recipes: Arc::new(recipes),
            network,
            building: Arc::default(),
        }
    }

    /// The images that scenarios can use, by name.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn list(&self) -> Result<Vec<ImageView>, RuntimeError> {
        let mut views = Vec::new();
        for (name, recipe) in self.recipes.images() {
            if recipe.internal {
                continue;
            }
            let tag = self.recipes.tag_of(name);
            let image = self.runtime.inspect_image(&tag).await?;
            views.push(ImageView {
                name: name.clone(),
                summary: recipe.summary.clone(),
                state: state(image.as_ref(), &recipe.hash),
                tag,
                size: image.as_ref().map(|image| image.size),
                built: image.and_then(|image| image.created),
            });
        }
        Ok(views)
    }

    /// Builds the named images that are not up to date, with those that they depend on; all images if none is named.
    ///
    /// The stream ends with `Finished` or `Broken`; dropping it cancels the build.
    ///
    /// # Errors
    /// [`BuildError::Busy`] and [`BuildError::Recipe`]; a later failure is the last event of the stream.
    pub fn build(&self, names: &[String]) -> Result<ReceiverStream<BuildEvent>, BuildError> {
        let order = self.recipes.order(names)?;
        let guard = Arc::clone(&self.building)
            .try_lock_owned()
            .map_err(|_| BuildError::Busy)?;
        let asked = match names {
            [] => self.recipes.images().keys().cloned().collect(),
            names => names.to_vec(),
        };
        let (events, stream) = mpsc::channel(64);
        tokio::spawn(
            self.clone()
                .run(asked, order, events, guard)
                .in_current_span(),
        );
        Ok(ReceiverStream::new(stream))
    }

    /// Builds until all is done or nobody listens.
    async fn run(
        self,
        asked: Vec<String>,
        order: Vec<String>,
        events: mpsc::Sender<BuildEvent>,
        _guard: OwnedMutexGuard<()>,
    ) {
        let build = build::Build {
            images: &self,
            events: &events,
        };
        let done = tokio::select! {
            done = build.all(&asked, &order) => done,
            () = events.closed() => {
                tracing::info!("the build of images was given up: nobody listens");
                return;
            }
        };
        let last = match done {
            Ok(()) => BuildEvent::Finished {},
            Err(error) => {
                tracing::warn!(error = %chain(&error), "images were not built");
                BuildEvent::Failed { error: error.api() }
            }
        };
        // Whoever has gone does not need to hear the end.
        let _ = events.send(last).await;
    }
}

/// Whether an image was built by the recipe of this hash.
fn state(image: Option<&Image>, hash: &str) -> ImageState {
    match image {
        None => ImageState::Missing,
        Some(image) if image.labels.get(RECIPE_LABEL).is_some_and(|by| by == hash) => {
            ImageState::Ready
        }
        Some(_) => ImageState::Outdated,
    }
}
