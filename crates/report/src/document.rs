//! What all documents have.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A kind of document: the shape of its JSON, and its looks.
pub(crate) trait Document: DeserializeOwned {
    /// Its template.
    const TEMPLATE: &'static str;

    /// What the template reads.
    type Shown: Serialize;

    /// When it was made: its date in the PDF, so that the same JSON gives the same PDF.
    fn made(&self) -> jiff::Timestamp;

    /// Dates in words, and whatever else a template cannot do by itself.
    fn shown(self) -> Self::Shown;
}

/// The language that a document is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    /// French.
    Fr,
    /// English.
    En,
}

/// The sitting that a document is about.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Session {
    /// Its title, such as `TSGERI, session de décembre`.
    pub(crate) title: crate::text::Line,
    /// The centre that it is held at.
    pub(crate) centre: crate::text::Line,
    /// When it begins, as the clock on the centre's wall says: `2026-12-03T09:00`.
    pub(crate) starts: jiff::civil::DateTime,
}
