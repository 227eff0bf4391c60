//! What was expected, for messages in any language.

use serde::{Deserialize, Serialize};

/// What a matcher accepts, its values as they are shown: texts in quotes, lists in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(no_recursion))]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// Equal to this.
    Is(String),
    /// A part or element.
    Contains(String),
    /// A regular expression.
    Matches(String),
    /// One of these.
    OneOf(Vec<String>),
    /// Not below this.
    AtLeast(i64),
    /// Not above this.
    AtMost(i64),
    /// Not accepted by this.
    Not(Box<Expected>),
    /// Accepted by at least one of these.
    Any(Vec<Expected>),
    /// Accepted by each of these.
    All(Vec<Expected>),
}

impl From<String> for Expected {
    fn from(value: String) -> Self {
        Self::Is(value)
    }
}
