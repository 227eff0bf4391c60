//! Names of the images that Plateau builds.

/// Images that a scenario may name. Their recipes stand in the project's `images` folder.
pub const IMAGES: &[&str] = &[
    "debian-depot",
    "debian-router",
    "debian-server",
    "debian-switch",
    "debian-workstation",
];

/// The engine's reference for an image of a scenario: Plateau's own by name, others as they are written.
#[must_use]
pub fn reference(image: &str) -> String {
    if is_foreign(image) {
        image.to_owned()
    } else {
        format!("plateau/{image}:latest")
    }
}

/// Whether it is an image of the site's own, written as a reference.
#[must_use]
pub fn is_foreign(image: &str) -> bool {
    image.contains(['/', ':'])
}

/// Whether it is an image that the daemon made for itself, such as the agent's or one kept from
/// another lab, or an image named by its identifier, which may be any of these.
#[must_use]
pub fn is_internal(image: &str) -> bool {
    let local = ["docker.io/", "index.docker.io/", "localhost/"];
    let bare = local.iter().find_map(|host| image.strip_prefix(host));
    let bare = bare.unwrap_or(image);
    let is_shipped = IMAGES.iter().any(|name| {
        let shipped = reference(name);
        bare == shipped || Some(bare) == shipped.strip_suffix(":latest")
    });
    image.starts_with("sha256:") || bare.starts_with("plateau/") && !is_shipped
}

#[cfg(test)]
mod tests {
    use super::is_internal;

    #[test]
    fn of_our_own_images_a_scenario_may_name_those_that_are_shipped() {
        for image in [
            "plateau/agent:ec2eeccdc0ed",
            "plateau/kept:019a-srv1",
            "plateau/snapshot:019a-srv1",
            "plateau/debian-server:019a",
            "docker.io/plateau/kept:019a-srv1",
            "localhost/plateau/agent:1",
            "sha256:0123456789abcdef",
        ] {
            assert!(is_internal(image), "{image}");
        }
        for image in [
            "debian-server",
            "plateau/debian-server",
            "plateau/debian-server:latest",
            "registry.example.org/plateau/router:1",
            "debian:12",
        ] {
            assert!(!is_internal(image), "{image}");
        }
    }
}
