//! One lab: what it is made of, and the task that owns it.

pub mod error;

pub use error::LabError;

/// Label with a lab's identifier, on every container that belongs to one.
pub const LAB: &str = "plateau.lab";
/// Label with what a container is: `node`, `fabric`, `examiner` or `wirer`.
pub const ROLE: &str = "plateau.role";
/// Label with a node's name.
pub const NODE: &str = "plateau.node";
