//! How much a candidate is shown of a check, as the trainer chooses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a candidate is shown of a check.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Share {
    /// Not even that it is there.
    Nothing,
    /// Its title, and whether it passes.
    Title,
    /// What was asked, expected and seen as well.
    Everything,
}

/// How much a candidate is shown of a check, by mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Shown {
    /// In training.
    pub training: Share,
    /// In an exam.
    pub exam: Share,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            training: Share::Everything,
            exam: Share::Nothing,
        }
    }
}

impl Shown {
    /// The same, but for what a trainer chose.
    #[must_use]
    pub(crate) fn with(self, training: Option<Share>, exam: Option<Share>) -> Self {
        Self {
            training: training.unwrap_or(self.training),
            exam: exam.unwrap_or(self.exam),
        }
    }

    /// Whether it is what is shown where nobody chose.
    #[must_use]
    pub(crate) fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}
