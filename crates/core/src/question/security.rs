//! Whether a connection to a server is encrypted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How TLS comes about on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// It does not: everything travels in the clear.
    #[default]
    None,
    /// The protocol's own command turns it on, and nothing else is said before.
    StartTls,
    /// It is there from the first byte.
    Implicit,
}

impl Security {
    /// Whether it is the default, which is not written.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}
