//! Labels of what is ours on an engine: containers, images and volumes.

/// Label with a lab's identifier, on every container that belongs to one.
pub const LAB: &str = "plateau.lab";
/// Label with what a container is: `node`, `fabric`, `examiner` or `wirer`; with an image, `snapshot`, `shared` or `kept`.
pub const ROLE: &str = "plateau.role";
/// Label with a node's name.
pub const NODE: &str = "plateau.node";
/// Label with the attempt that an image was kept for.
pub const ATTEMPT: &str = "plateau.attempt";
/// Label of a container that stands in for a node while a lab is graded.
pub const COPY: &str = "plateau.copy";
/// Label with the daemon's installation that made a container: what carries another is a stranger's.
pub const OWNER: &str = "plateau.owner";
