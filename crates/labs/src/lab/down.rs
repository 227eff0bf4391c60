//! Undoing: one function that removes whatever there is of a lab.

use futures_util::future::join_all;

use super::LabError;
use crate::error::chain;
use crate::labels::{LAB, OWNER, ROLE};
use crate::runtime::{Container, Labels, Runtime};

/// Removes everything that carries a lab's label: nodes first, then what they are plugged into.
///
/// Idempotent. One that cannot be removed does not keep the others.
///
/// # Errors
/// All that failed.
pub async fn down(runtime: &dyn Runtime, owner: &str, lab: &str) -> Result<(), LabError> {
    let labels = Labels::from([
        (LAB.to_owned(), lab.to_owned()),
        (OWNER.to_owned(), owner.to_owned()),
    ]);
    let found = runtime
        .list_containers(&labels)
        .await
        .map_err(|error| LabError::Down {
            errors: vec![chain(&error)],
        })?;
    let is_node = |found: &Container| found.labels.get(ROLE).is_some_and(|role| role == "node");
    let (nodes, others): (Vec<_>, Vec<_>) = found.into_iter().partition(is_node);
    let mut errors = Vec::new();
    for group in [nodes, others] {
        let removals = group.iter().map(async |container| {
            let removed = runtime.remove_container(&container.id).await;
            removed.map_err(|error| format!("`{}`: {}", container.name, chain(&error)))
        });
        errors.extend(join_all(removals).await.into_iter().filter_map(Result::err));
    }
    // Now that nothing is made from them any longer.
    errors.extend(remove_images(runtime, &labels).await);
    if errors.is_empty() {
        Ok(())
    } else {
        Err(LabError::Down { errors })
    }
}

/// Removes all images that carry these labels. Returns what failed.
pub(crate) async fn remove_images(runtime: &dyn Runtime, labels: &Labels) -> Vec<String> {
    let images = match runtime.list_images(labels).await {
        Ok(images) => images,
        Err(error) => return vec![chain(&error)],
    };
    let removals = images.iter().map(async |image| {
        let removed = runtime.remove_image(image).await;
        removed.map_err(|error| format!("image `{image}`: {}", chain(&error)))
    });
    let removed = join_all(removals).await;
    removed.into_iter().filter_map(Result::err).collect()
}
