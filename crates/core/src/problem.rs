//! Problems of a scenario: where, what, and what would be right.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One problem of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Where it stands.
    pub place: SourceLocation,
    /// Short code that stays the same in every language, such as `unknown-key`.
    pub code: String,
    /// What is wrong, one sentence.
    pub message: String,
    /// What is allowed, or what was probably meant.
    pub hint: Option<String>,
}

/// A place in a scenario's folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SourceLocation {
    /// Path in the scenario's folder.
    pub file: String,
    /// Line, from 1; 0 where the whole file is meant.
    pub line: u32,
    /// Column in characters, from 1; 0 where the whole file is meant.
    pub column: u32,
}

impl fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.place, self.message, self.code)?;
        match &self.hint {
            Some(hint) => write!(f, "\n    {hint}"),
            None => Ok(()),
        }
    }
}

/// "`x` is meant?" or the list of what is allowed.
#[must_use]
pub fn nearest<'a>(wrong: &str, allowed: impl IntoIterator<Item = &'a str>) -> String {
    let mut allowed: Vec<&str> = allowed.into_iter().collect();
    if allowed.is_empty() {
        return "none is declared".to_owned();
    }
    let closest = allowed
        .iter()
        .map(|name| (strsim::damerau_levenshtein(wrong, name), *name))
        .min()
        .filter(|(distance, name)| *distance <= (name.chars().count() / 3).max(1) + 1);
    if allowed.len() > 24 {
        allowed.truncate(24);
        allowed.push("…");
    }
    let listed = format!("allowed: {}", allowed.join(", "));
    match closest {
        Some((_, name)) => format!("did you mean `{name}`? {listed}"),
        None => listed,
    }
}
