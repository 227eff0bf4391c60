//! What moves write into a session's log.

use plateau_core::exam::log::LogAction;
use plateau_core::exam::session::{AttemptMove, SessionMove};

/// The action of moving an attempt.
pub(in crate::sessions) fn moved(attempt: &str, by: AttemptMove) -> LogAction {
    LogAction::Attempt {
        attempt: attempt.to_owned(),
        by,
        pause: None,
    }
}

/// The action of moving a session.
pub(in crate::sessions) fn session_moved(by: SessionMove) -> LogAction {
    LogAction::Session { by }
}
