//! Images made from containers.

use bollard::models::ContainerConfig;
use bollard::query_parameters::{CommitContainerOptionsBuilder, ListImagesOptionsBuilder};

use super::by_labels;
use super::failure::{failed, of_container};
use super::flavour::Flavour;
use crate::runtime::{Labels, Result};

pub(super) async fn commit(
    client: &bollard::Docker,
    container: &str,
    tag: &str,
    labels: &Labels,
) -> Result<()> {
    let (repo, version) = tag.rsplit_once(':').unwrap_or((tag, "latest"));
    let options = CommitContainerOptionsBuilder::default()
        .container(container)
        .repo(repo)
        .tag(version)
        .pause(true)
        .build();
    let config = ContainerConfig {
        labels: Some(labels.clone().into_iter().collect()),
        ..ContainerConfig::default()
    };
    let done = client.commit_container(options, config).await;
    done.map(drop).map_err(of_container(container))
}

/// Their tags; an image that lost its tag is named by its identifier.
pub(super) async fn list(
    client: &bollard::Docker,
    labels: &Labels,
    flavour: Flavour,
) -> Result<Vec<String>> {
    let options = ListImagesOptionsBuilder::default()
        .filters(&by_labels(labels))
        .build();
    let found = client.list_images(Some(options)).await.map_err(failed)?;
    let names = found.into_iter().flat_map(|image| {
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
