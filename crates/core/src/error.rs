//! Errors, as they are answered over HTTP and kept where something could not be done.

use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// Whose fault an error is; it decides the CLI's exit code and the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The request is wrong (CLI exit 2, HTTP 400 or 404 or 409).
    Input,
    /// The outside failed (CLI exit 3, HTTP 500, 502 or 503).
    Outside,
}

/// An error, as every route answers it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiError {
    /// Short code that stays the same, such as `lab-not-found`.
    pub code: String,
    /// Whose fault it is.
    pub fault: Fault,
    /// What is wrong: the whole chain of causes.
    pub message: String,
    /// What to do about it.
    #[serde(default)]
    pub hint: Option<String>,
    /// Problems of a scenario, where that is what is wrong.
    #[serde(default)]
    pub problems: Vec<Problem>,
}
