//! How much of a check is disclosed to a candidate, as the trainer chooses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a candidate is shown of a check.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FeedbackDetail {
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
pub struct FeedbackPolicy {
    /// In training.
    pub training: FeedbackDetail,
    /// In an exam.
    pub exam: FeedbackDetail,
}

impl Default for FeedbackPolicy {
    fn default() -> Self {
        Self {
            training: FeedbackDetail::Everything,
            exam: FeedbackDetail::Nothing,
        }
    }
}

impl FeedbackPolicy {
    /// The same, but for what a trainer chose.
    #[must_use]
    pub(crate) fn with(
        self,
        training: Option<FeedbackDetail>,
        exam: Option<FeedbackDetail>,
    ) -> Self {
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
