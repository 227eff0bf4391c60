//! Labels of the daemon's containers, images and volumes on an engine.

/// Label with a lab's identifier, on every container that belongs to one.
pub const LAB: &str = "plateau.lab";
/// Label with the role of a container: `node`, `fabric`, `examiner` or `wirer`; with an image, `snapshot`, `shared` or `kept`.
pub const ROLE: &str = "plateau.role";
/// Label with a node's name.
pub const NODE: &str = "plateau.node";
/// Label with the attempt that an image was kept for.
pub const ATTEMPT: &str = "plateau.attempt";
/// Label of a container that stands in for a node while a lab is graded.
pub const COPY: &str = "plateau.copy";
/// Label with the installation of the daemon that created a container. Containers of other installations are
/// left alone.
pub const OWNER: &str = "plateau.owner";
