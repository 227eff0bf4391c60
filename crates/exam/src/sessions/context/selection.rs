//! Which attempts an order means, and whether it can be done for them.

use plateau_core::api::AttemptSelection;
use plateau_core::exam::session::{AttemptState, SessionState};

use super::snapshot::SessionSnapshot;
use crate::sessions::SessionError;
use crate::store::attempts::AttemptRow;

impl SessionSnapshot {
    pub(in crate::sessions) fn seat_number(&self, attempt: &AttemptRow) -> String {
        self.seat(attempt)
            .map_or_else(|| attempt.seat.clone(), |seat| seat.number.clone())
    }

    pub(in crate::sessions) fn in_states(
        &self,
        allowed: &[SessionState],
    ) -> Result<(), SessionError> {
        if allowed.contains(&self.session.state) {
            return Ok(());
        }
        let words: Vec<&str> = allowed.iter().map(|state| state.word()).collect();
        Err(SessionError::State {
            session: self.session.name.clone(),
            state: self.session.state,
            hint: format!("it can be done where the session is {}", words.join(", ")),
        })
    }

    /// Whether all that is named is there.
    pub(in crate::sessions) fn known(
        &self,
        selection: &AttemptSelection,
    ) -> Result<(), SessionError> {
        let numbers: Vec<&String> = self.seats.values().map(|seat| &seat.number).collect();
        let wanted = selection.seats.iter().flatten();
        if let Some(seat) = wanted.into_iter().find(|seat| !numbers.contains(seat)) {
            return Err(SessionError::NoSuchSeat {
                session: self.session.name.clone(),
                seat: seat.clone(),
            });
        }
        let known = |wanted: &String| self.scenarios.iter().any(|row| row.scenario == *wanted);
        match selection.scenario.as_ref().filter(|wanted| !known(wanted)) {
            Some(scenario) => Err(SessionError::NoSuchScenario {
                session: self.session.name.clone(),
                scenario: scenario.clone(),
            }),
            None => Ok(()),
        }
    }

    /// The attempts that are meant and for which it can be done. Where seats are named it has to be
    /// possible for each of them.
    pub(in crate::sessions) fn choose(
        &self,
        selection: &AttemptSelection,
        can: impl Fn(AttemptState) -> Option<AttemptState>,
    ) -> Result<Vec<AttemptRow>, SessionError> {
        self.known(selection)?;
        let meant = self.attempts.iter().filter(|attempt| {
            let seat = self.seat_number(attempt);
            let scenario = &attempt.scenario;
            selection
                .seats
                .as_ref()
                .is_none_or(|seats| seats.contains(&seat))
                && selection
                    .scenario
                    .as_ref()
                    .is_none_or(|one| one == scenario)
        });
        let (good, bad): (Vec<_>, Vec<_>) = meant
            .cloned()
            .partition(|attempt| can(attempt.state).is_some());
        let unserved = |attempt: &AttemptRow| !good.iter().any(|one| one.seat == attempt.seat);
        let stuck: Vec<_> = bad
            .iter()
            .filter(|attempt| unserved(attempt))
            .map(|attempt| (self.seat_number(attempt), attempt.state))
            .collect();
        if selection.seats.is_some() && !stuck.is_empty() {
            return Err(SessionError::Attempts { attempts: stuck });
        }
        if good.is_empty() {
            return Err(SessionError::Nobody);
        }
        Ok(good)
    }
}
