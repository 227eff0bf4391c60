//! Arranging a session: its terms, its scenarios, its seats and their codes, its rehearsals, and what staff
//! are shown of it.

use plateau_core::api::{CreateSessionRequest, SessionTerms, SessionView};
use plateau_core::exam::session::SessionState;
use plateau_core::proof::Proof;
use plateau_core::scenario::Scenario;
use plateau_labs::lab::LabError;
use plateau_labs::labs::{Labs, folder_of};
use plateau_labs::terminals::Terminals;
use tokio_util::sync::CancellationToken;

use super::SessionError;
use super::codes::AccessCodes;
use super::context::SessionContext;
use super::context::view::sample_draw;
use super::permits::LabPermits;
use super::rehearsal_lock::RehearsalLocks;
use crate::judging::Judging;
use crate::store::database::DatabaseError;
use crate::store::sessions::{ScenarioRow, SessionRow};

mod export;
mod rehearsal;
mod seats;
mod terms;
mod views;

use terms::{check_name, check_scenario, check_terms, terms};

/// Describes sessions and who sits in them, rehearses them, and shows them to staff. Clones share all of it.
#[derive(Clone, Debug)]
pub struct Arranging {
    context: SessionContext,
    labs: Labs,
    terminals: Terminals,
    judging: Judging,
    codes: AccessCodes,
    permits: LabPermits,
    rehearsals: RehearsalLocks,
    stop: CancellationToken,
}

/// What arranging needs besides the context.
#[derive(Debug)]
pub(super) struct ArrangingParts {
    pub(super) labs: Labs,
    pub(super) terminals: Terminals,
    pub(super) judging: Judging,
    pub(super) codes: AccessCodes,
    pub(super) permits: LabPermits,
    pub(super) rehearsals: RehearsalLocks,
    pub(super) stop: CancellationToken,
}

impl Arranging {
    pub(super) fn new(context: SessionContext, parts: ArrangingParts) -> Self {
        Self {
            context,
            labs: parts.labs,
            terminals: parts.terminals,
            judging: parts.judging,
            codes: parts.codes,
            permits: parts.permits,
            rehearsals: parts.rehearsals,
            stop: parts.stop,
        }
    }

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
            let proven_ms = self
                .context
                .database()
                .proofs()
                .proven(&topology.hash)
                .await?;
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
            self.context.scenarios().freeze(folder).await?;
            scenarios.push(ScenarioRow {
                scenario: topology.scenario,
                hash: topology.hash,
                duration_ms: topology.duration.0,
                proven_ms,
            });
        }
        let now = self.context.now_ms();
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
            .context
            .database()
            .sessions()
            .add(&session, &scenarios, now, actor, insisted)
            .await;
        match kept {
            Err(error) if error.is_taken() => Err(SessionError::NameTaken { name: new.name }),
            Err(error) => Err(error.into()),
            Ok(()) => {
                for account in invigilators {
                    let database = self.context.database();
                    database.invigilators().add(&session.id, &account).await?;
                }
                self.context.view(session).await
            }
        }
    }

    /// The accounts of those who are to watch over a session.
    async fn invigilators(&self, of: &SessionTerms) -> Result<Vec<String>, SessionError> {
        let mut accounts = Vec::new();
        for name in &of.invigilators {
            let found = self.context.database().accounts().find(name).await?;
            let account = found.ok_or_else(|| {
                terms(
                    format!("no account named `{name}`"),
                    "`plateau account list` shows those that are there",
                )
            })?;
            accounts.push(account.id);
        }
        Ok(accounts)
    }

    /// Keeps that a scenario's folder was proven, where the proof holds and is complete: sessions take
    /// it from now on. That it could not be kept is told in the log alone, since the proof was given.
    pub async fn record_proof(&self, hash: &str, proof: &Proof) {
        if !proof.holds || !proof.complete {
            return;
        }
        let kept = match serde_json::to_string(proof) {
            Ok(text) => {
                let now = self.context.now_ms();
                self.context
                    .database()
                    .proofs()
                    .keep(hash, now, &text)
                    .await
            }
            Err(error) => Err(DatabaseError::kept("keep a proof")(error)),
        };
        if let Err(error) = kept {
            tracing::error!(
                hash,
                error = plateau_labs::error::chain(&error),
                "a proof is not kept"
            );
        }
    }
}
