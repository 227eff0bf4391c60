//! The seats of a session: the list of candidates, and their access codes.

use std::collections::BTreeMap;

use plateau_core::api::{AccessSlip, SeatView};
use plateau_core::exam::log::LogAction;
use plateau_core::exam::roster::{self, RosterEntry};
use plateau_core::exam::session::AttemptState;

use super::Arranging;
use super::terms::title_of;
use crate::access::Access;
use crate::sessions::SessionError;
use crate::sessions::codes::digest;
use crate::sessions::context::view::blocks;
use crate::store::attempts::AttemptRow;
use crate::store::log::Log;
use crate::store::seats::{SeatRow, Seats};
use crate::store::sessions::SessionRow;
use crate::store::ssh_keys::SshKeys;

impl Arranging {
    /// Puts the candidates of a list (CSV) in the place of those that were there. Whoever is listed
    /// again under the same number keeps their code.
    ///
    /// # Errors
    /// The list has flaws, or the session is past arranging.
    pub async fn replace_seats(
        &self,
        session: &str,
        list: &[u8],
        actor: &str,
    ) -> Result<Vec<SeatView>, SessionError> {
        let session = self.context.find(session).await?;
        let _guard = self.context.lock_of(&session.id).lock_owned().await;
        let session = self.context.find(&session.id).await?;
        if !session.state.is_draft() {
            return Err(SessionError::State {
                session: session.name,
                state: session.state,
                hint: "dismantle it first: `plateau session dismantle`".to_owned(),
            });
        }
        let title = title_of(&session.terms)?;
        let known = title.blocks.iter().map(|block| block.id.clone());
        let listed = roster::read(list, &known.collect::<Vec<_>>());
        let listed = listed.map_err(SessionError::Roster)?;
        let scenarios = self
            .context
            .database()
            .sessions()
            .scenarios(&session.id)
            .await?;
        let mut about = BTreeMap::new();
        for row in &scenarios {
            let topology = self.context.scenarios().sample_draw(&row.hash).await?;
            about.insert(row.scenario.clone(), blocks(&topology));
        }
        let before = self
            .context
            .database()
            .seats()
            .of_session(&session.id)
            .await?;
        let seats: Vec<_> = listed
            .into_iter()
            .map(|one| {
                let seat = self.listed_seat(&session, &before, one);
                let attempts = self.attempts_for(&session, &seat, &about);
                (seat, attempts)
            })
            .collect();
        let what = format!("{} candidates were listed", seats.len());
        let now = self.context.now_ms();
        let mut tx = self.context.database().begin().await?;
        Seats::replace(&mut tx, &session.id, &seats).await?;
        let deed = LogAction::Changed { what };
        let entry = Log::append(&mut tx, &session.id, now, actor, None, deed).await?;
        tx.commit().await?;
        self.context.publish(&session.id, vec![entry]);
        let snapshot = self.context.snapshot(session).await?;
        Ok(snapshot.seat_views(now))
    }

    fn listed_seat(&self, session: &SessionRow, before: &[SeatRow], one: RosterEntry) -> SeatRow {
        let known = before.iter().find(|seat| seat.number == one.number);
        let (id, generation) = match known {
            Some(seat) => (seat.id.clone(), seat.generation),
            None => (uuid::Uuid::now_v7().to_string(), 0),
        };
        SeatRow {
            code: digest(&self.codes.code(&id, generation)),
            session: session.id.clone(),
            number: one.number,
            name: one.name,
            email: one.email,
            blocks: one.blocks,
            factor: one.factor,
            breaks_ms: one.breaks_ms,
            notes: one.notes,
            generation,
            id,
        }
    }

    /// One for each scenario that has to do with what the candidate presents.
    fn attempts_for(
        &self,
        session: &SessionRow,
        seat: &SeatRow,
        about: &BTreeMap<String, Vec<String>>,
    ) -> Vec<AttemptRow> {
        let presented = about.iter().filter(|(_, blocks)| {
            seat.blocks.is_empty() || blocks.iter().any(|block| seat.blocks.contains(block))
        });
        let seed = session.terms.seed.as_deref().unwrap_or_default();
        presented
            .map(|(scenario, _)| AttemptRow {
                id: uuid::Uuid::now_v7().to_string(),
                session: session.id.clone(),
                seat: seat.id.clone(),
                scenario: scenario.clone(),
                state: AttemptState::Waiting,
                seed: format!("{seed}/{}/{scenario}", seat.number),
                lab: None,
                problem: None,
            })
            .collect()
    }

    /// Every candidate's access code, by candidate number.
    ///
    /// # Errors
    /// There is no such session.
    pub async fn slips(&self, session: &str) -> Result<Vec<AccessSlip>, SessionError> {
        let session = self.context.find(session).await?;
        let seats = self
            .context
            .database()
            .seats()
            .of_session(&session.id)
            .await?
            .into_iter();
        Ok(seats
            .map(|seat| AccessSlip {
                code: self.codes.code(&seat.id, seat.generation),
                number: seat.number,
                name: seat.name,
            })
            .collect())
    }

    /// Gives a seat another access code; the old one opens nothing any more, and whoever came in by it
    /// is out.
    ///
    /// # Errors
    /// There is no such session or seat.
    pub async fn replace_code(
        &self,
        access: &Access,
        session: &str,
        seat: &str,
        reason: Option<String>,
        actor: &str,
    ) -> Result<AccessSlip, SessionError> {
        let reason = reason.filter(|reason| !reason.trim().is_empty());
        let reason = reason.ok_or(SessionError::NoReason)?;
        let session = self.context.find(session).await?;
        let seats = self
            .context
            .database()
            .seats()
            .of_session(&session.id)
            .await?;
        let found = seats.into_iter().find(|row| row.number == seat);
        let row = found.ok_or_else(|| SessionError::NoSuchSeat {
            session: session.name,
            seat: seat.to_owned(),
        })?;
        let generation = row.generation + 1;
        let code = self.codes.code(&row.id, generation);
        let now = self.context.now_ms();
        let mut tx = self.context.database().begin().await?;
        Seats::replace_code(&mut tx, &row.id, generation, &digest(&code)).await?;
        // Whoever had the code may have set a key of their own.
        SshKeys::remove_of(&mut tx, &row.id).await?;
        let deed = LogAction::Recoded {
            seat: row.number.clone(),
        };
        let entry = Log::append(&mut tx, &session.id, now, actor, Some(reason), deed).await?;
        tx.commit().await?;
        self.context.publish(&session.id, vec![entry]);
        if let Some(place) = self.context.database().seats().summary(&row.id).await? {
            access.revoke_seat(&place).await?;
        }
        // Whoever is in by the old code has to come again.
        for attempt in self
            .context
            .database()
            .attempts()
            .of_session(&session.id)
            .await?
        {
            if let Some(lab) = attempt.lab.filter(|_| attempt.seat == row.id) {
                self.terminals.close_open_terminals(&lab).await;
            }
        }
        Ok(AccessSlip {
            number: row.number,
            name: row.name,
            code,
        })
    }
}
