//! What candidates hand in beside their labs: files and texts, with their versions.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::localized::Localized;

/// Longest file name in bytes: with its number before it, it fits into an archive.
pub const NAME: usize = 80;

/// What a task asks a candidate for, and what they handed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeliverableView {
    /// The task.
    pub task: String,
    /// The task's title by language.
    pub title: Localized,
    /// File name endings that are accepted, such as `pdf`.
    pub accept: Vec<String>,
    /// Largest size, in bytes.
    pub at_most: u64,
    /// What was saved, in the order in which it was: the last counts.
    pub versions: Vec<VersionView>,
}

/// What a task asks a candidate for, and which version of what they handed in counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AssignedDeliverableView {
    /// The task.
    pub task: String,
    /// The task's title by language.
    pub title: Localized,
    /// File name endings that are accepted, such as `pdf`.
    pub accept: Vec<String>,
    /// Largest size, in bytes.
    pub at_most: u64,
    /// What counts: what was saved last; nothing where nothing was.
    pub current: Option<VersionView>,
}

/// The version of a task's deliverable that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SubmissionView {
    /// The task.
    pub task: String,
    /// The version that was saved last.
    pub current: VersionView,
}

/// A saved version or draft of a deliverable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionView {
    /// Its number among the versions of its task, from 1. A draft has none: the next one takes its
    /// place, until it becomes a version, at the latest when the attempt is handed in.
    pub number: Option<u32>,
    /// Its file name.
    pub name: String,
    /// The kind that its name says and its content is, by the ending, such as `pdf`.
    pub kind: String,
    /// Bytes of its content.
    pub size: u64,
    /// BLAKE3 of its content, as 64 hexadecimal digits: by this it is read.
    pub content: String,
    /// When it was saved (milliseconds since the epoch).
    pub saved_ms: u64,
    /// Who saved it, such as `seat:001`.
    pub by: String,
}

/// Answer to saving a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SavedDeliverableView {
    /// The saved version; it counts from now on.
    pub saved: VersionView,
    /// The version that counted until now. A client that does not know it learns that somebody else saved too.
    pub before: Option<VersionView>,
}

/// What is wrong with a file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// It is empty, or nothing but spaces and dots.
    #[error("it is empty")]
    Empty,
    /// It is too long.
    #[error("it has more than {NAME} bytes")]
    TooLong,
    /// It leads into a folder, or out of one.
    #[error("it is a path")]
    Path,
    /// It has characters that cannot be seen.
    #[error("it has control characters")]
    Control,
    /// It is hidden, or ends where some systems cut it.
    #[error("it begins with a dot or a space, or ends with one")]
    Edge,
    /// Nothing says what kind of file it is.
    #[error("it has no ending, such as `.pdf`")]
    NoEnding,
}

/// Whether a text can be the name of a file on any system, and its ending in small letters.
///
/// # Errors
/// What is wrong with it.
pub fn ending(name: &str) -> Result<String, NameError> {
    if name.chars().all(|c| c.is_whitespace() || c == '.') {
        return Err(NameError::Empty);
    }
    if name.len() > NAME {
        return Err(NameError::TooLong);
    }
    if name.contains(['/', '\\', ':']) {
        return Err(NameError::Path);
    }
    if name.chars().any(is_invisible) {
        return Err(NameError::Control);
    }
    let at_edge = |c: char| c == '.' || c.is_whitespace();
    if name.starts_with(at_edge) || name.ends_with(at_edge) {
        return Err(NameError::Edge);
    }
    match name.rsplit_once('.') {
        Some((_, ending)) => Ok(ending.to_lowercase()),
        None => Err(NameError::NoEnding),
    }
}

/// Control characters, and those that only turn the direction in which the others are read, by which
/// one ending looks like another.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_by_its_ending_what_it_is() {
        for (name, kind) in [
            ("report.md", "md"),
            ("Compte rendu d'Élise.ODT", "odt"),
            ("a.b.pdf", "pdf"),
        ] {
            assert_eq!(ending(name).as_deref(), Ok(kind), "{name}");
        }
    }

    #[test]
    fn a_name_that_leads_elsewhere_or_hides_something_is_refused() {
        let long = format!("{}.pdf", "x".repeat(NAME));
        for (name, error) in [
            ("", NameError::Empty),
            (" . ", NameError::Empty),
            ("..", NameError::Empty),
            (long.as_str(), NameError::TooLong),
            ("../report.pdf", NameError::Path),
            ("a/report.pdf", NameError::Path),
            ("C:report.pdf", NameError::Path),
            ("a\\report.pdf", NameError::Path),
            ("report\n.pdf", NameError::Control),
            ("report\0.pdf", NameError::Control),
            ("report\u{202e}fdp.exe", NameError::Control),
            (".report.pdf", NameError::Edge),
            ("report.pdf ", NameError::Edge),
            ("report.", NameError::Edge),
            ("report", NameError::NoEnding),
        ] {
            assert_eq!(ending(name), Err(error), "{name:?}");
        }
    }
}
