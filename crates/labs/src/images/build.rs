//! Builds of images in sequence, each after those that it depends on.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use futures_util::StreamExt;
use plateau_core::api::{BuildEvent, ImageState};
use tokio::sync::mpsc;

use super::recipe::{BASE, Base, Recipe};
use super::{BuildError, IMAGE_LABEL, Images, RECIPE_LABEL, bootstrap, state};
use crate::runtime::{Image, ImageBuild, Labels};

/// Lines of a failed build that its error repeats.
const TAIL: usize = 20;

/// Variables that a proxy is known by; Docker lets every build use them and keeps them out of the image.
const PROXIES: [&str; 6] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// One run of building.
pub(super) struct Build<'a> {
    pub(super) images: &'a Images,
    pub(super) events: &'a mpsc::Sender<BuildEvent>,
}

impl Build<'_> {
    /// Builds what is not up to date of `asked`; `order` holds these and all that they stand on.
    pub(super) async fn all(&self, asked: &[String], order: &[String]) -> Result<(), BuildError> {
        let needed = self.needed(asked, order).await?;
        let queue: Vec<&String> = order.iter().filter(|name| needed.contains(*name)).collect();
        for image in order.iter().filter(|name| asked.contains(name)) {
            if !needed.contains(image) {
                let image = image.clone();
                self.say(BuildEvent::UpToDate { image }).await;
            }
        }
        let mut replaced = Vec::new();
        for (index, name) in queue.iter().enumerate() {
            let before = self.inspect(name).await?;
            self.say(BuildEvent::Started {
                image: (*name).clone(),
                number: count(index + 1),
                of: count(queue.len()),
            })
            .await;
            let began = Instant::now();
            let after = self.one(name).await?;
            self.say(BuildEvent::Built {
                image: (*name).clone(),
                size: after.size,
                took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            })
            .await;
            replaced.extend(before.filter(|before| before.id != after.id));
        }
        self.tidy(&replaced).await;
        Ok(())
    }

    /// What has to be built: what is asked for and not ready, and what is not ready of that it stands on.
    async fn needed(
        &self,
        asked: &[String],
        order: &[String],
    ) -> Result<BTreeSet<String>, BuildError> {
        let recipes = &self.images.recipes;
        let mut needed = BTreeSet::new();
        let mut wanted: BTreeSet<&String> = asked.iter().collect();
        for name in order.iter().rev().filter(|name| self.is_built(name)) {
            if !wanted.contains(name) {
                continue;
            }
            let hash = recipes.hash_of(name).unwrap_or_default();
            match state(self.inspect(name).await?.as_ref(), hash) {
                ImageState::Ready => {}
                ImageState::Outdated | ImageState::Missing => {
                    wanted.extend(
                        recipes
                            .images()
                            .get(name)
                            .iter()
                            .flat_map(|recipe| &recipe.from),
                    );
                    needed.insert(name.clone());
                }
            }
        }
        Ok(needed)
    }

    /// A ready image that serves as the base is the engine's business.
    fn is_built(&self, name: &str) -> bool {
        name != BASE || self.images.recipes.base().is_some()
    }

    /// Builds one image, whatever there is.
    async fn one(&self, name: &str) -> Result<Image, BuildError> {
        let recipes = &self.images.recipes;
        match (recipes.images().get(name), recipes.base()) {
            (Some(recipe), _) => self.recipe(name, recipe).await?,
            (None, Some(base)) => self.base(base).await?,
            (None, None) => {}
        }
        self.inspect(name).await?.ok_or_else(|| BuildError::Gone {
            image: name.to_owned(),
        })
    }

    async fn base(&self, base: &Base) -> Result<(), BuildError> {
        let tar = bootstrap::bootstrap(base, self)
            .await
            .map_err(BuildError::Bootstrap)?;
        self.images
            .runtime
            .import_image(
                Bytes::from(tar),
                &self.images.recipes.tag_of(BASE),
                &self.labels(BASE),
            )
            .await
            .map_err(|source| engine("import", BASE, source))
    }

    async fn recipe(&self, name: &str, recipe: &Recipe) -> Result<(), BuildError> {
        let context = recipe.context().map_err(|source| BuildError::Pack {
            image: name.to_owned(),
            source,
        })?;
        let mut args = recipe.arguments(&self.images.recipes);
        args.extend(
            PROXIES
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))),
        );
        let build = ImageBuild {
            tag: self.images.recipes.tag_of(name),
            context: Bytes::from(context),
            args,
            labels: self.labels(name),
            network: self.images.network.clone(),
            no_cache: false,
        };
        let mut lines = self
            .images
            .runtime
            .build_image(build)
            .await
            .map_err(|source| engine("build", name, source))?;
        let mut tail = VecDeque::new();
        while let Some(line) = lines.next().await {
            match line {
                Ok(line) => {
                    if tail.len() == TAIL {
                        tail.pop_front();
                    }
                    tail.push_back(line.clone());
                    self.line(name, line).await;
                }
                Err(source) => {
                    return Err(BuildError::Step {
                        image: name.to_owned(),
                        tail: Vec::from(tail).join("\n"),
                        source,
                    });
                }
            }
        }
        Ok(())
    }

    /// Removes what new images have replaced, those that stand on others first. What is in use stays.
    async fn tidy(&self, replaced: &[Image]) {
        for image in replaced.iter().rev() {
            if let Err(error) = self.images.runtime.remove_image(&image.id).await {
                tracing::debug!(image = image.id, %error, "a replaced image stays");
            }
        }
    }

    async fn inspect(&self, name: &str) -> Result<Option<Image>, BuildError> {
        self.images
            .runtime
            .inspect_image(&self.images.recipes.tag_of(name))
            .await
            .map_err(|source| engine("look at", name, source))
    }

    fn labels(&self, name: &str) -> Labels {
        let hash = self.images.recipes.hash_of(name).unwrap_or_default();
        Labels::from([
            (IMAGE_LABEL.to_owned(), name.to_owned()),
            (RECIPE_LABEL.to_owned(), hash.to_owned()),
        ])
    }

    pub(super) async fn line(&self, image: &str, line: String) {
        let image = image.to_owned();
        self.say(BuildEvent::Line { image, line }).await;
    }

    /// A listener who has gone ends the build elsewhere.
    async fn say(&self, event: BuildEvent) {
        let _ = self.events.send(event).await;
    }
}

fn engine(doing: &'static str, image: &str, source: crate::runtime::RuntimeError) -> BuildError {
    BuildError::Engine {
        doing,
        image: image.to_owned(),
        source,
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// What to do about a build that could not reach the network, where its output says so.
pub(super) fn no_network(output: &str) -> Option<String> {
    const SIGNS: [&str; 5] = [
        "Temporary failure resolving",
        "Could not resolve",
        "Network is unreachable",
        "Could not connect to",
        "Connection timed out",
    ];
    SIGNS.iter().any(|sign| output.contains(sign)).then(|| {
        "building needs Debian's package servers; behind a proxy start plateaud with http_proxy set, \
         where containers have no network of their own with `--build-network host`"
            .to_owned()
    })
}
