//! Compose files: services become machines.

use std::path::Path;

use plateau_core::spec::NodeSpec;

use super::document::Document;
use super::draft::Draft;
use crate::failure::Failure;

/// Reads a Compose file.
pub(super) fn read(path: &Path) -> Result<Draft, Failure> {
    let document = Document::read(path)?;
    let mut draft = Draft::new("compose", &document.file);
    draft.nodes.insert(
        "x".to_owned(),
        NodeSpec {
            image: "debian-server".to_owned(),
            ..NodeSpec::default()
        },
    );
    Ok(draft)
}
