//! A session with everything that belongs to it, as it was at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use plateau_core::api::ReceiptView;
use plateau_core::exam::clock::{ClockReading, TimeGrant, read};
use plateau_core::exam::deliverable::SubmissionView;
use plateau_core::exam::receipt::Receipt;

use super::history::History;
use crate::store::attempts::AttemptRow;
use crate::store::seats::SeatRow;
use crate::store::sessions::{ScenarioRow, SessionRow};

/// A session with its scenarios, seats, attempts and log.
#[derive(Debug)]
pub(in crate::sessions) struct SessionSnapshot {
    pub(in crate::sessions) session: SessionRow,
    pub(in crate::sessions) scenarios: Vec<ScenarioRow>,
    pub(in crate::sessions) seats: BTreeMap<String, SeatRow>,
    pub(in crate::sessions) attempts: Vec<AttemptRow>,
    pub(in crate::sessions) log: Arc<History>,
    /// Attempt → the deliverables that count, where they are to be shown.
    pub(super) counting: BTreeMap<String, Vec<SubmissionView>>,
    /// Fingerprint of the key that signs the log.
    pub(super) fingerprint: Arc<str>,
}

impl SessionSnapshot {
    pub(in crate::sessions) fn seat(&self, attempt: &AttemptRow) -> Option<&SeatRow> {
        self.seats.get(&attempt.seat)
    }

    pub(in crate::sessions) fn scenario(&self, attempt: &AttemptRow) -> Option<&ScenarioRow> {
        let mut scenarios = self.scenarios.iter();
        scenarios.find(|scenario| scenario.scenario == attempt.scenario)
    }

    /// What an attempt's clock shows. One whose seat or scenario is gone has no time at all.
    pub(in crate::sessions) fn reading(
        &self,
        attempt: &AttemptRow,
        now_ms: u64,
    ) -> Option<ClockReading> {
        let grant = grant(self.seat(attempt)?, self.scenario(attempt)?);
        Some(read(&grant, self.log.ticks(&attempt.id), now_ms))
    }

    /// What the candidate keeps of an attempt that was handed in.
    pub(in crate::sessions) fn receipt(&self, attempt: &AttemptRow) -> Option<ReceiptView> {
        let entry = self.log.hand_in(&attempt.id)?;
        let head = entry.head(&self.session.id);
        let seat = &self.seat(attempt)?.number;
        Receipt::of(head, entry, seat, &attempt.id, &self.fingerprint).map(ReceiptView::from)
    }
}

/// What an attempt's clock is granted.
fn grant(seat: &SeatRow, scenario: &ScenarioRow) -> TimeGrant {
    TimeGrant {
        duration_ms: scenario.duration_ms,
        factor: seat.factor,
        breaks_ms: seat.breaks_ms,
    }
}
