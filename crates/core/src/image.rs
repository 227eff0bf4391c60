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
