//! Goss files: what is tested becomes checks.

use std::path::Path;

use super::document::Document;
use super::draft::Draft;
use crate::failure::Failure;

/// Reads a Goss file.
pub(super) fn read(path: &Path) -> Result<Draft, Failure> {
    let document = Document::read(path)?;
    Ok(Draft::new("goss", &document.file))
}
