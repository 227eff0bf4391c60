//! Images made from containers.

use std::collections::HashMap;

use bollard::models::ContainerConfig;
use bollard::query_parameters::{CommitContainerOptionsBuilder, ListImagesOptionsBuilder};

use super::by_labels;
use super::failure::{failed, of_container, of_image};
use super::flavour::Flavour;
use crate::runtime::{Labels, MappedLayer, Result};

pub(super) async fn commit(
    client: &bollard::Docker,
    container: &str,
    tag: &str,
    labels: &Labels,
) -> Result<()> {
    let (repo, version) = tag.rsplit_once(':').unwrap_or((tag, "latest"));
    let label = |(key, value): (&String, &String)| format!("LABEL {key}=\"{value}\"");
    let changes: Vec<String> = labels.iter().map(label).collect();
    let options = CommitContainerOptionsBuilder::default()
        .container(container)
        .repo(repo)
        .tag(version)
        .pause(true)
        // Podman does not read them in the configuration.
        .changes(&changes.join("\n"))
        .build();
    let config = ContainerConfig {
        labels: Some(labels.clone().into_iter().collect()),
        ..ContainerConfig::default()
    };
    let done = client.commit_container(options, config).await;
    done.map(drop).map_err(of_container(container))
}

/// The layer that an image got from a container; none where the engine does not say.
pub(super) async fn mapped_layer(
    client: &bollard::Docker,
    container: &str,
    tag: &str,
) -> Result<Option<MappedLayer>> {
    let image = client.inspect_image(tag).await.map_err(of_image(tag))?;
    let container = client.inspect_container(container, None).await;
    let container = container.map_err(failed)?;
    let data = image.graph_driver.map(|driver| driver.data);
    let folder = data.and_then(|mut data| data.remove("UpperDir"));
    let layer = folder.zip(container.hostname_path);
    Ok(layer.map(|(folder, like)| MappedLayer { folder, like }))
}

/// Their tags; an image that lost its tag is named by its identifier.
pub(super) async fn list(
    client: &bollard::Docker,
    labels: &Labels,
    flavour: Flavour,
) -> Result<Vec<String>> {
    let options = ListImagesOptionsBuilder::default()
        .filters(&by_labels(&flavour.image_labels(labels)))
        .build();
    let found = client.list_images(Some(options)).await.map_err(failed)?;
    let carries = |of: &HashMap<String, String>| {
        let mut wanted = labels.iter();
        wanted.all(|(key, value)| {
            of.get(key)
                .is_some_and(|is| value.is_empty() || is == value)
        })
    };
    let found = found.into_iter().filter(|image| carries(&image.labels));
    let names = found.flat_map(|image| {
        let tags = image.repo_tags.into_iter();
        let mut names: Vec<String> = tags
            .filter(|tag| tag != "<none>:<none>")
            .map(|tag| flavour.tag(tag))
            .collect();
        if names.is_empty() {
            names.push(image.id);
        }
        names
    });
    Ok(names.collect())
}
