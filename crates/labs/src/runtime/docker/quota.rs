//! The size of a container's disk, where the engine's storage has quotas.

use std::sync::atomic::Ordering;

use bollard::query_parameters::CreateContainerOptionsBuilder;

use super::Docker;
use super::body::container_body;
use super::failure::of_image;
use crate::runtime::{ContainerSpec, Result};

/// Parts of what engines say of storage without quotas: Docker names the option of xfs that they need,
/// Podman its own option or the file system.
const WITHOUT: [&str; 3] = ["pquota", "overlay.size", "not enabled quotas"];

impl Docker {
    /// Creates a container whose disk has a size; `None` where none is wanted or storage has no quotas,
    /// and nothing was created. An engine says whether it has them only when it is asked for one.
    pub(super) async fn create_with_quota(&self, spec: &ContainerSpec) -> Option<Result<String>> {
        let size = spec.disk?;
        if !self.quotas.load(Ordering::Relaxed) {
            return None;
        }
        let created = self.create(spec, Some(size)).await;
        match &created {
            Err(error) if lacks_quotas(&crate::error::chain(error)) => {
                self.quotas.store(false, Ordering::Relaxed);
                None
            }
            Ok(_) | Err(_) => Some(created),
        }
    }

    /// Creates a container, with a size of its disk where that is given.
    pub(super) async fn create(&self, spec: &ContainerSpec, size: Option<u64>) -> Result<String> {
        let options = CreateContainerOptionsBuilder::default()
            .name(&spec.name)
            .build();
        self.client
            .create_container(Some(options), container_body(spec, self.flavour, size))
            .await
            .map(|created| created.id)
            .map_err(of_image(&spec.image))
    }
}

fn lacks_quotas(message: &str) -> bool {
    WITHOUT.iter().any(|word| message.contains(word))
}

#[cfg(test)]
mod tests {
    use super::lacks_quotas;

    #[test]
    fn engines_without_quotas_are_told_from_other_failures() {
        for without in [
            "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
            "storage option overlay.size only supported for backingFS XFS. Found extfs",
        ] {
            assert!(lacks_quotas(without), "{without}");
        }
        assert!(!lacks_quotas("No such image: plateau/debian-server"));
    }
}
