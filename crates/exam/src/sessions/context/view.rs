//! Sessions as they are shown.

use std::collections::BTreeMap;

use plateau_core::api::{AttemptView, ScenarioView, SeatView, SessionView};
use plateau_core::exam::clock::{TimeGrant, WHOLE, read};
use plateau_core::scenario::Scenario;
use plateau_core::topology::Topology;

use super::SessionContext;
use super::snapshot::SessionSnapshot;
use crate::sessions::SessionError;
use crate::store::attempts::AttemptRow;
use crate::store::sessions::SessionRow;

impl SessionContext {
    /// A session as it is shown.
    pub(in crate::sessions) async fn view(
        &self,
        session: SessionRow,
    ) -> Result<SessionView, SessionError> {
        let database = self.database();
        let mut scenarios = Vec::new();
        for row in database.sessions().scenarios(&session.id).await? {
            let topology = self.scenarios().sample_draw(&row.hash).await?;
            scenarios.push(ScenarioView {
                id: row.scenario,
                blocks: blocks(&topology),
                title: topology.title.clone(),
                hash: row.hash,
                duration_ms: row.duration_ms,
                proven_ms: row.proven_ms,
            });
        }
        let mut attempts: BTreeMap<String, u32> = BTreeMap::new();
        for attempt in database.attempts().of_session(&session.id).await? {
            *attempts.entry(attempt.state.word().to_owned()).or_default() += 1;
        }
        let seats = database.seats().of_session(&session.id).await?.len();
        Ok(SessionView {
            rehearsal: database.rehearsals().last(&session.id).await?,
            moves: session.state.moves().collect(),
            id: session.id,
            name: session.name,
            state: session.state,
            terms: session.terms,
            created_ms: session.created_ms,
            scenarios,
            seats: u32::try_from(seats).unwrap_or(u32::MAX),
            attempts,
        })
    }
}

/// A scenario drawn once, for what does not follow from its parameters.
pub(in crate::sessions) fn sample_draw(scenario: &Scenario) -> Result<Topology, SessionError> {
    let drawn = scenario.draw("");
    drawn.map_err(|problems| SessionError::Lab(plateau_labs::lab::LabError::Scenario(problems)))
}

/// Blocks that a scenario's tasks belong to, in their order.
pub(in crate::sessions) fn blocks(topology: &Topology) -> Vec<String> {
    let referentials = plateau_core::referential::referentials();
    let mut blocks = Vec::new();
    for task in &topology.tasks {
        if let Some(found) = plateau_core::referential::find(referentials, &task.skill)
            && !blocks.contains(&found.block.id)
        {
            blocks.push(found.block.id.clone());
        }
    }
    blocks
}

impl SessionSnapshot {
    pub(in crate::sessions) fn seat_views(&self, now_ms: u64) -> Vec<SeatView> {
        let mut seats: Vec<SeatView> = self
            .seats
            .values()
            .map(|seat| SeatView {
                id: seat.id.clone(),
                number: seat.number.clone(),
                name: seat.name.clone(),
                email: seat.email.clone(),
                blocks: seat.blocks.clone(),
                factor: seat.factor,
                breaks_ms: seat.breaks_ms,
                notes: seat.notes.clone(),
                attempts: self.attempts_of(&seat.id, now_ms),
            })
            .collect();
        seats.sort_by(|one, other| one.number.cmp(&other.number));
        seats
    }

    /// A seat's attempts, in the order of the session's scenarios.
    pub(in crate::sessions) fn attempts_of(&self, seat: &str, now_ms: u64) -> Vec<AttemptView> {
        let mut views = Vec::new();
        for scenario in &self.scenarios {
            let own = self.attempts.iter().filter(|attempt| attempt.seat == seat);
            let here = own.filter(|attempt| attempt.scenario == scenario.scenario);
            views.extend(here.map(|attempt| self.attempt_view(attempt, now_ms)));
        }
        views
    }

    pub(in crate::sessions) fn attempt_view(
        &self,
        attempt: &AttemptRow,
        now_ms: u64,
    ) -> AttemptView {
        let nothing = TimeGrant {
            duration_ms: 0,
            factor: WHOLE,
            breaks_ms: 0,
        };
        let reading = self.reading(attempt, now_ms);
        AttemptView {
            id: attempt.id.clone(),
            seat: self
                .seat(attempt)
                .map_or_else(String::new, |seat| seat.number.clone()),
            scenario: attempt.scenario.clone(),
            state: attempt.state,
            lab: attempt.lab.clone(),
            clock: reading.unwrap_or_else(|| read(&nothing, &[], now_ms)),
            problem: attempt.problem.clone(),
            receipt: self.receipt(attempt),
            handed_in: self.counting.get(&attempt.id).cloned().unwrap_or_default(),
        }
    }
}
