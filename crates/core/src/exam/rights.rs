//! Who may do what: the roles, and one table of their rights.

use serde::{Deserialize, Serialize};

/// What somebody is to the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the daemon and its accounts.
    Administrator,
    /// Writes scenarios, tries them, and arranges sessions.
    Trainer,
    /// Reads evidence and judges.
    Evaluator,
    /// Watches over the sessions that he was named for.
    Invigilator,
    /// Sits at one seat.
    Candidate,
}
