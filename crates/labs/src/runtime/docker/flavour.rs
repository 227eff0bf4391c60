//! What engines that speak Docker's API do in ways of their own.

use bollard::models::ResourcesUlimits;

use super::body::limit;
use super::failure::failed;
use crate::runtime::{Labels, Result, RuntimeError, UserNamespaces};

/// How many users each node has on an engine that gives each a range of its own: as many as a
/// machine's own programs expect.
const RANGE: u32 = 65536;

/// Soft and hard limits that Podman is told. By itself it asks for more than a service may have that
/// lacks CAP_SYS_RESOURCE, and then no container starts.
const PODMAN_LIMITS: [(&str, i64, i64); 2] = [("nofile", 1024, 16384), ("nproc", 16384, 16384)];

/// Registries that Podman puts before the names of images that it made itself.
const PODMAN_PREFIXES: [&str; 2] = ["localhost/", "docker.io/"];

/// Which engine it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    /// Docker.
    Docker {
        /// Whether it maps the users of containers (`userns-remap`).
        remapped: bool,
    },
    /// Podman's service.
    Podman,
}

impl Flavour {
    /// Asks the engine.
    pub(super) async fn of(client: &bollard::Docker) -> Result<Self> {
        let version = client.version().await.map_err(failed)?;
        let parts = version.components.unwrap_or_default();
        if parts.iter().any(|part| part.name == "Podman Engine") {
            return Ok(Self::Podman);
        }
        let options = client.info().await.map_err(failed)?.security_options;
        let remapped = options
            .iter()
            .flatten()
            .any(|option| option == "name=userns");
        Ok(Self::Docker { remapped })
    }

    /// Its name, in small letters.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Docker { .. } => "docker",
            Self::Podman => "podman",
        }
    }

    /// Which user namespaces nodes get.
    pub(super) fn user_namespaces(self) -> UserNamespaces {
        match self {
            Self::Docker { remapped: false } => UserNamespaces::Host,
            Self::Docker { remapped: true } => UserNamespaces::Shared,
            Self::Podman => UserNamespaces::Each,
        }
    }

    /// The user namespace of a container, in the engine's words.
    pub(super) fn users_mode(self, host_users: bool) -> Option<String> {
        match (self, host_users) {
            (Self::Docker { remapped: false }, _) | (Self::Docker { remapped: true }, false) => {
                None
            }
            (Self::Docker { remapped: true } | Self::Podman, true) => Some("host".to_owned()),
            (Self::Podman, false) => Some(format!("auto:size={RANGE}")),
        }
    }

    /// The limits of a container, with those that it has to be told.
    pub(super) fn with_own_limits(self, limits: Vec<ResourcesUlimits>) -> Vec<ResourcesUlimits> {
        let own = match self {
            Self::Docker { .. } => &[][..],
            Self::Podman => &PODMAN_LIMITS[..],
        };
        let is_set = |name: &str| limits.iter().any(|one| one.name.as_deref() == Some(name));
        let missing = own.iter().filter(|(name, ..)| !is_set(name));
        let missing: Vec<_> = missing
            .map(|(name, soft, hard)| limit(name, *soft, *hard))
            .collect();
        limits.into_iter().chain(missing).collect()
    }

    /// Whether it takes a filter of system calls in the request: Podman takes a path on its host alone,
    /// and keeps its own filter.
    pub(super) fn takes_filters(self) -> bool {
        match self {
            Self::Docker { .. } => true,
            Self::Podman => false,
        }
    }

    /// The tag of an image as it was given.
    pub(super) fn tag(self, tag: String) -> String {
        let bare = match self {
            Self::Docker { .. } => None,
            Self::Podman => PODMAN_PREFIXES
                .iter()
                .find_map(|prefix| tag.strip_prefix(prefix)),
        };
        bare.map(str::to_owned).unwrap_or(tag)
    }

    /// How filters of events call a container's start, end and removal.
    pub(super) fn events(self) -> [&'static str; 3] {
        match self {
            Self::Docker { .. } => ["start", "die", "destroy"],
            Self::Podman => ["start", "died", "remove"],
        }
    }

    /// Those of some labels by which it can find images: Podman finds none by several.
    pub(super) fn image_labels(self, labels: &Labels) -> Labels {
        let most = match self {
            Self::Docker { .. } => labels.len(),
            Self::Podman => 1,
        };
        labels.clone().into_iter().take(most).collect()
    }

    /// Whether its events can be filtered by the key of a label alone.
    pub(super) fn filters_by_label(self) -> bool {
        match self {
            Self::Docker { .. } => true,
            Self::Podman => false,
        }
    }

    /// Whether it begins with events of the past where it is not told since when they are wanted.
    pub(super) fn repeats_events(self) -> bool {
        match self {
            Self::Docker { .. } => false,
            Self::Podman => true,
        }
    }

    /// Whether it keeps the host's numbers of a container's users in the images that it makes of it.
    pub(super) fn maps_layers(self) -> bool {
        match self {
            Self::Docker { .. } => false,
            Self::Podman => true,
        }
    }

    /// Whether the volumes of a container are filled when it is started, and not when it is created.
    pub(super) fn fills_volumes_at_start(self) -> bool {
        match self {
            Self::Docker { .. } => false,
            Self::Podman => true,
        }
    }

    /// Whether removing a container failed for a moment: Podman ends a container in a process of its
    /// own, which may not have taken its mounts away yet.
    pub(super) fn is_busy(self, error: &RuntimeError) -> bool {
        match self {
            Self::Docker { .. } => false,
            Self::Podman => matches!(
                error,
                RuntimeError::Engine { status: 500, message } if message.contains("device or resource busy")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_have_users_of_their_own_where_the_engine_can_and_helpers_those_of_the_host() {
        let plain = Flavour::Docker { remapped: false };
        assert_eq!(plain.users_mode(false), None);
        assert_eq!(plain.users_mode(true), None);
        let remapped = Flavour::Docker { remapped: true };
        assert_eq!(remapped.users_mode(false), None);
        assert_eq!(remapped.users_mode(true).as_deref(), Some("host"));
        let own = Flavour::Podman.users_mode(false);
        assert_eq!(own.as_deref(), Some("auto:size=65536"));
        assert_eq!(Flavour::Podman.users_mode(true).as_deref(), Some("host"));
    }

    #[test]
    fn tags_are_as_they_were_given() {
        let tag = |flavour: Flavour, tag: &str| flavour.tag(tag.to_owned());
        for stored in [
            "localhost/plateau/kept:1",
            "docker.io/plateau/kept:1",
            "plateau/kept:1",
        ] {
            assert_eq!(tag(Flavour::Podman, stored), "plateau/kept:1");
        }
        let labels = Labels::from(
            [("a", "1"), ("b", "")].map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        assert_eq!(Flavour::Podman.image_labels(&labels).len(), 1);
        let docker = Flavour::Docker { remapped: false };
        assert_eq!(docker.image_labels(&labels), labels);
        assert_eq!(tag(docker, "localhost/kept:1"), "localhost/kept:1");
    }
}
