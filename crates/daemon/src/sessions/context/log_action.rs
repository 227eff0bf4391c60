//! What moves write into a session's log, and what an attempt's clock is granted.

use plateau_core::exam::clock::TimeGrant;
use plateau_core::exam::log::LogAction;
use plateau_core::exam::session::{AttemptMove, SessionMove};

use crate::store::seats::SeatRow;
use crate::store::sessions::ScenarioRow;

/// What an attempt's clock is granted.
pub(in crate::sessions) fn grant(seat: &SeatRow, scenario: &ScenarioRow) -> TimeGrant {
    TimeGrant {
        duration_ms: scenario.duration_ms,
        factor: seat.factor,
        breaks_ms: seat.breaks_ms,
    }
}

/// A deed that moves an attempt.
pub(in crate::sessions) fn moved(attempt: &str, by: AttemptMove) -> LogAction {
    LogAction::Attempt {
        attempt: attempt.to_owned(),
        by,
        pause: None,
    }
}

/// A deed that moves a session.
pub(in crate::sessions) fn session_moved(by: SessionMove) -> LogAction {
    LogAction::Session { by }
}
