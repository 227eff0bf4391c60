//! Arranging a session: what is decided of it, its scenarios, its seats and their codes.

use std::collections::BTreeMap;

use plateau_core::api::{AccessSlip, CreateSessionRequest, SeatView, SessionTerms, SessionView};
use plateau_core::exam::code;
use plateau_core::exam::log::LogAction;
use plateau_core::exam::roster::{self, RosterEntry};
use plateau_core::exam::session::{AttemptState, SessionState};
use plateau_core::scenario::Scenario;
use plateau_labs::lab::LabError;
use plateau_labs::labs::folder_of;

use crate::access::Access;
use crate::sessions::arranging::terms::{check_name, check_scenario, check_terms, terms, title_of};
use crate::sessions::context::view::{blocks, sample_draw};
use crate::sessions::{SessionError, Sessions};
use crate::store::attempts::AttemptRow;
use crate::store::log::Log;
use crate::store::seats::{SeatRow, Seats};
use crate::store::sessions::{ScenarioRow, SessionRow};
use crate::store::ssh_keys::SshKeys;

pub(super) mod export;
pub(super) mod rehearsal;
pub(super) mod terms;

impl Sessions {
    /// Describes a session: its scenarios are frozen as they are.
    ///
    /// # Errors
    /// The terms do not go together, a scenario has problems or no proof, or the name is taken.
    pub async fn create(
        &self,
        new: CreateSessionRequest,
        actor: &str,
    ) -> Result<SessionView, SessionError> {
        check_name(&new.name)?;
        let title = check_terms(&new.terms)?;
        let invigilators = self.invigilators(&new.terms).await?;
        if new.scenarios.is_empty() {
            return Err(terms("a session without a scenario", "name at least one"));
        }
        let mut scenarios: Vec<ScenarioRow> = Vec::new();
        let mut insisted = Vec::new();
        for sent in new.scenarios {
            let folder = folder_of(&sent.files)?;
            let scenario = Scenario::read(folder.clone()).map_err(LabError::Scenario)?;
            let topology = sample_draw(&scenario)?;
            check_scenario(&topology, title, new.terms.block.as_deref())?;
            if scenarios
                .iter()
                .any(|row| row.scenario == topology.scenario)
            {
                let what = format!("scenario `{}` is there twice", topology.scenario);
                return Err(terms(what, "name it once"));
            }
            let proven_ms = self.inner.database.proofs().proven(&topology.hash).await?;
            match (proven_ms, sent.unproven_reason) {
                (Some(_), _) => {}
                (None, Some(reason)) if !reason.trim().is_empty() => {
                    insisted.push((topology.scenario.clone(), reason));
                }
                (None, _) => {
                    return Err(SessionError::NotProven {
                        scenario: topology.scenario,
                    });
                }
            }
            self.inner.scenarios.freeze(folder).await?;
            scenarios.push(ScenarioRow {
                scenario: topology.scenario,
                hash: topology.hash,
                duration_ms: topology.duration.0,
                proven_ms,
            });
        }
        let now = self.inner.clock.now_ms();
        let session = SessionRow {
            id: uuid::Uuid::now_v7().to_string(),
            name: new.name.clone(),
            state: SessionState::Draft,
            terms: SessionTerms {
                seed: Some(match new.terms.seed {
                    Some(seed) => seed,
                    None => uuid::Uuid::new_v4().simple().to_string(),
                }),
                ..new.terms
            },
            created_ms: now,
        };
        let kept = self
            .inner
            .database
            .sessions()
            .add(&session, &scenarios, now, actor, insisted)
            .await;
        match kept {
            Err(error) if error.is_taken() => Err(SessionError::NameTaken { name: new.name }),
            Err(error) => Err(error.into()),
            Ok(()) => {
                for account in invigilators {
                    let database = &self.inner.database;
                    database.invigilators().add(&session.id, &account).await?;
                }
                self.view(session).await
            }
        }
    }

    /// The accounts of those who are to watch over a session.
    async fn invigilators(&self, of: &SessionTerms) -> Result<Vec<String>, SessionError> {
        let mut accounts = Vec::new();
        for name in &of.invigilators {
            let found = self.inner.database.accounts().find(name).await?;
            let account = found.ok_or_else(|| {
                terms(
                    format!("there is no account `{name}`"),
                    "`plateau account list` shows those that are there",
                )
            })?;
            accounts.push(account.id);
        }
        Ok(accounts)
    }

    /// Puts the candidates of a list (CSV) in the place of those that were there. One whose number
    /// was there already keeps his code.
    ///
    /// # Errors
    /// The list has flaws, or the session is past arranging.
    pub async fn replace_seats(
        &self,
        session: &str,
        list: &[u8],
        actor: &str,
    ) -> Result<Vec<SeatView>, SessionError> {
        let session = self.find(session).await?;
        let gate = self.gate(&session.id);
        let _gate = gate.lock().await;
        let session = self.find(&session.id).await?;
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
            .inner
            .database
            .sessions()
            .scenarios(&session.id)
            .await?;
        let mut about = BTreeMap::new();
        for row in &scenarios {
            let topology = self.inner.scenarios.sample_draw(&row.hash).await?;
            about.insert(row.scenario.clone(), blocks(&topology));
        }
        let before = self.inner.database.seats().of_session(&session.id).await?;
        let seats: Vec<_> = listed
            .into_iter()
            .map(|one| {
                let seat = self.listed_seat(&session, &before, one);
                let attempts = self.attempts_for(&session, &seat, &about);
                (seat, attempts)
            })
            .collect();
        let what = format!("{} candidates were listed", seats.len());
        let now = self.inner.clock.now_ms();
        let mut tx = self.inner.database.begin().await?;
        Seats::replace(&mut tx, &session.id, &seats).await?;
        let deed = LogAction::Changed { what };
        let entry = Log::append(&mut tx, &session.id, now, actor, None, deed).await?;
        tx.commit().await?;
        self.tell(&session.id, vec![entry]);
        let snapshot = self.snapshot(session).await?;
        Ok(snapshot.seat_views(now))
    }

    fn listed_seat(&self, session: &SessionRow, before: &[SeatRow], one: RosterEntry) -> SeatRow {
        let known = before.iter().find(|seat| seat.number == one.number);
        let (id, generation) = match known {
            Some(seat) => (seat.id.clone(), seat.generation),
            None => (uuid::Uuid::now_v7().to_string(), 0),
        };
        SeatRow {
            code: digest(&self.code(&id, generation)),
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
        let session = self.find(session).await?;
        let seats = self
            .inner
            .database
            .seats()
            .of_session(&session.id)
            .await?
            .into_iter();
        Ok(seats
            .map(|seat| AccessSlip {
                code: self.code(&seat.id, seat.generation),
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
        let session = self.find(session).await?;
        let seats = self.inner.database.seats().of_session(&session.id).await?;
        let found = seats.into_iter().find(|row| row.number == seat);
        let row = found.ok_or_else(|| SessionError::NoSuchSeat {
            session: session.name,
            seat: seat.to_owned(),
        })?;
        let generation = row.generation + 1;
        let code = self.code(&row.id, generation);
        let now = self.inner.clock.now_ms();
        let mut tx = self.inner.database.begin().await?;
        Seats::replace_code(&mut tx, &row.id, generation, &digest(&code)).await?;
        // Whoever had the code may have given himself a key.
        SshKeys::remove_of(&mut tx, &row.id).await?;
        let deed = LogAction::Recoded {
            seat: row.number.clone(),
        };
        let entry = Log::append(&mut tx, &session.id, now, actor, Some(reason), deed).await?;
        tx.commit().await?;
        self.tell(&session.id, vec![entry]);
        if let Some(place) = self.inner.database.seats().summary(&row.id).await? {
            access.revoke_seat(&place).await?;
        }
        // Whoever is in by the old code has to come again.
        for attempt in self
            .inner
            .database
            .attempts()
            .of_session(&session.id)
            .await?
        {
            if let Some(lab) = attempt.lab.filter(|_| attempt.seat == row.id) {
                self.inner.terminals.close_open_terminals(&lab).await;
            }
        }
        Ok(AccessSlip {
            number: row.number,
            name: row.name,
            code,
        })
    }

    /// A seat's code follows from the key in the state folder: the database alone opens nothing.
    fn code(&self, seat: &str, generation: u64) -> String {
        let of = format!("{seat}/{generation}");
        code::write(blake3::keyed_hash(&self.inner.key, of.as_bytes()).as_bytes())
    }
}

/// What the database has of a code.
pub(super) fn digest(code: &str) -> String {
    blake3::hash(code.as_bytes()).to_hex().to_string()
}
