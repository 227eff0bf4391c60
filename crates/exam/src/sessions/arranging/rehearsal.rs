//! Rehearsals: all labs of a session at once, graded as nobody has touched them, and removed again.

use std::collections::BTreeSet;
use std::sync::Mutex;

use plateau_core::api::AttemptsRequest;
use plateau_core::exam::rehearsal::RehearsalEvent;
use plateau_core::exam::session::{AttemptMove, SessionState};
use plateau_labs::lab::LabError;
use tokio::sync::mpsc;

use super::Arranging;
use crate::sessions::SessionError;

mod run;

use run::{RehearsalLab, RehearsalRun, ScenarioLabs};

/// Events that the receiver may fall behind before the rehearsal waits for it.
const EVENTS: usize = 64;

impl Arranging {
    /// Rehearses a session in the background. The receiver's last event is `Rehearsed` or `Failed`;
    /// dropping it ends the rehearsal and removes its labs.
    ///
    /// # Errors
    /// The session is prepared already or is being rehearsed, nobody is concerned, or the host lacks
    /// something that a lab needs.
    pub async fn rehearse(
        &self,
        session: &str,
        order: AttemptsRequest,
        actor: &str,
    ) -> Result<mpsc::Receiver<RehearsalEvent>, SessionError> {
        let (_guard, snapshot) = self.context.lock_session(session).await?;
        snapshot.in_states(&[SessionState::Draft])?;
        let chosen =
            snapshot.choose(&order.selection, |state| state.after(AttemptMove::Prepare))?;
        let id = snapshot.session.id.clone();
        let guard = self.rehearsals.lock(&id);
        let guard = guard.ok_or_else(|| SessionError::Rehearsing {
            session: snapshot.session.name.clone(),
        })?;
        let unique = uuid::Uuid::now_v7().simple().to_string();
        let name = format!("rehearsal-{}", &unique[unique.len() - 8..]);
        let mut groups = Vec::new();
        let mut number = 0;
        for row in &snapshot.scenarios {
            let scenario = self.context.scenarios().read(&row.hash).await?;
            let mut parts = Vec::new();
            for attempt in chosen.iter().filter(|one| one.scenario == row.scenario) {
                number += 1;
                parts.push(RehearsalLab {
                    name: format!("{name}-{number}"),
                    seat: snapshot.seat_number(attempt),
                    topology: scenario.draw(&attempt.seed).map_err(LabError::Scenario)?,
                });
            }
            let Some(first) = parts.first() else {
                continue;
            };
            let bears = self.labs.preflight(&first.topology).await;
            bears.map_err(LabError::from)?;
            let folder = scenario.folder().clone();
            groups.push(ScenarioLabs { folder, parts });
        }
        let seats: BTreeSet<&String> = chosen.iter().map(|attempt| &attempt.seat).collect();
        let (events, receiver) = mpsc::channel(EVENTS);
        let run = RehearsalRun {
            context: self.context.clone(),
            labs: self.labs.clone(),
            permits: self.permits.clone(),
            _guard: guard,
            session: id,
            actor: actor.to_owned(),
            seats: u32::try_from(seats.len()).unwrap_or(u32::MAX),
            groups,
            events,
            cancel: self.stop.child_token(),
            least: Mutex::default(),
        };
        run.spawn();
        Ok(receiver)
    }
}
