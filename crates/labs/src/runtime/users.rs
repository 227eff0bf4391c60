//! Who the users of containers are on the engine's host.

/// Which user namespaces an engine gives nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserNamespaces {
    /// That of the host: root in a node is root on the host.
    Host,
    /// One range of users for all nodes: root in a node is nobody on the host, and the same nobody in
    /// all nodes.
    Shared,
    /// A range of users for each node.
    Each,
}

/// A layer of an image whose files belong to the users that a container's own have on the host. In an
/// image they have to belong to the users that the container shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedLayer {
    /// Its folder on the engine's host.
    pub folder: String,
    /// A file there that belongs to the container's root.
    pub like: String,
}
