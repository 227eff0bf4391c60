//! Judging: gradings of attempts, judgements of jurors, and the evidence of both.
//!
//! Each change is one transaction with its entry in the session's log, and is refused once the session is
//! sealed.

use std::collections::BTreeMap;
use std::sync::Arc;

use plateau_core::api::{EvidenceKeyView, GradingView};
use plateau_core::evidence::{Evidence, grade_evidence};
use plateau_core::exam::bundle::{Content, deliverable_name, seal};
use plateau_core::exam::log::LogAction;
use plateau_core::exam::session::SessionState;
use plateau_core::scenario::Folder;
use plateau_core::topology::Topology;

use crate::clock::Clock;
use crate::evidence_key::EvidenceKey;
use crate::scenarios::{FrozenError, Scenarios};
use crate::store::attempts::{AttemptSession, Attempts};
use crate::store::gradings::{Grading, GradingHead, Gradings};
use crate::store::log::Log;
use crate::store::{Database, DatabaseError, Transaction};

pub use error::JudgingError;
pub use regrading::CorrectedScenario;

mod error;
mod jurors;
mod regrading;

/// The judging service. Clones share it.
#[derive(Clone, Debug)]
pub struct Judging {
    database: Database,
    scenarios: Scenarios,
    key: EvidenceKey,
    clock: Clock,
}

/// What an attempt is judged by.
#[derive(Clone, Debug)]
struct JudgingContext {
    sitting: AttemptSession,
    grading: Grading,
    topology: Arc<Topology>,
}

impl Judging {
    /// Judging on a database and frozen scenarios, with the key that signs bundles.
    #[must_use]
    pub fn new(database: Database, scenarios: Scenarios, key: EvidenceKey, clock: Clock) -> Self {
        Self {
            clock,
            database,
            scenarios,
            key,
        }
    }

    /// The public key that bundles are verified with.
    #[must_use]
    pub fn public_key(&self) -> &EvidenceKeyView {
        self.key.public()
    }

    /// Grades an attempt from evidence by the scenario that its lab was built from, which has to be
    /// frozen, and keeps both. The first grading of an attempt counts; a later one has to be accepted.
    ///
    /// # Errors
    /// There is no such attempt or scenario, or the session is sealed.
    pub async fn record(
        &self,
        attempt: &str,
        evidence: Evidence,
        actor: &str,
        reason: Option<String>,
    ) -> Result<GradingView, JudgingError> {
        let topology = self.topology(&evidence.hash, &evidence.seed).await?;
        self.keep(attempt, &topology, evidence, actor, reason).await
    }

    async fn keep(
        &self,
        attempt: &str,
        topology: &Topology,
        evidence: Evidence,
        actor: &str,
        reason: Option<String>,
    ) -> Result<GradingView, JudgingError> {
        let mut tx = self.database.begin().await?;
        let sitting = self.may_change(&mut tx, attempt).await?;
        let accepted = !Gradings::has_accepted(&mut tx, attempt).await?;
        let grading = Grading {
            head: GradingHead {
                id: uuid::Uuid::now_v7().to_string(),
                attempt: attempt.to_owned(),
                hash: topology.hash.clone(),
                grade: grade_evidence(topology, &evidence),
                at_ms: self.clock.now_ms(),
                actor: actor.to_owned(),
                reason,
                accepted,
            },
            evidence,
        };
        Gradings::add(&mut tx, &grading).await?;
        let head = &grading.head;
        if accepted {
            let reason = head.reason.clone();
            log_accepted(
                &mut tx,
                self.clock.now_ms(),
                &sitting.session,
                attempt,
                &head.id,
                actor,
                reason,
            )
            .await?;
        }
        tx.commit().await?;
        Ok(view(head))
    }

    /// The gradings of an attempt in the order in which they were made.
    ///
    /// # Errors
    /// There is no such attempt.
    pub async fn gradings(&self, attempt: &str) -> Result<Vec<GradingView>, JudgingError> {
        self.sitting(attempt).await?;
        let gradings = self.database.gradings().of_attempt(attempt).await?;
        Ok(gradings.iter().map(view).collect())
    }

    /// Accepts another grading of an attempt; the present one is kept, and can be accepted again.
    ///
    /// # Errors
    /// There is no such attempt or grading, no reason is given, or the session is sealed.
    pub async fn accept(
        &self,
        attempt: &str,
        grading: &str,
        actor: &str,
        reason: &str,
    ) -> Result<Vec<GradingView>, JudgingError> {
        if reason.trim().is_empty() {
            let doing = "accept a grading";
            return Err(JudgingError::NoReason { doing });
        }
        let mut tx = self.database.begin().await?;
        let sitting = self.may_change(&mut tx, attempt).await?;
        if !Gradings::accept(&mut tx, attempt, grading).await? {
            return Err(JudgingError::NoSuchGrading {
                attempt: attempt.to_owned(),
                grading: grading.to_owned(),
            });
        }
        let reason = Some(reason.to_owned());
        log_accepted(
            &mut tx,
            self.clock.now_ms(),
            &sitting.session,
            attempt,
            grading,
            actor,
            reason,
        )
        .await?;
        tx.commit().await?;
        self.gradings(attempt).await
    }

    /// The evidence of an attempt as a signed bundle, with all versions of deliverables. `extra`
    /// are recordings, by names that begin with `recordings/`.
    ///
    /// # Errors
    /// There is no such attempt, or it has no grading yet.
    pub async fn export(
        &self,
        attempt: &str,
        actor: &str,
        mut extra: BTreeMap<String, Vec<u8>>,
    ) -> Result<Vec<u8>, JudgingError> {
        let sitting = self.sitting(attempt).await?;
        let grading = self.accepted(attempt).await?;
        let judgements = self.database.judgements().of_attempt(attempt).await?;
        let log = self.database.log().entries(&sitting.session, 1).await?;
        let scenario = self.folder(&grading.head.hash).await?;
        let lab_scenario = match grading.evidence.hash == grading.head.hash {
            true => None,
            false => Some(self.folder(&grading.evidence.hash).await?),
        };
        extra.extend(self.handed_in(attempt).await?);
        let content = Content {
            session: &sitting.session,
            attempt,
            exported_by: actor,
            exported_ms: self.clock.now_ms(),
            evidence: &grading.evidence,
            grade: &grading.head.grade,
            judgements: &judgements,
            log: &log,
            scenario: &scenario,
            lab_scenario: lab_scenario.as_ref(),
            extra,
        };
        Ok(seal(&content, self.key.signing())?)
    }

    /// All versions of what was handed in, by their names in a bundle.
    async fn handed_in(&self, attempt: &str) -> Result<BTreeMap<String, Vec<u8>>, JudgingError> {
        let mut members = BTreeMap::new();
        for (task, kept) in self.database.deliverables().of_attempt(attempt).await? {
            for version in kept.versions {
                let content = self
                    .database
                    .deliverables()
                    .content(&version.content)
                    .await?;
                let number = version.number.unwrap_or(0);
                let name = deliverable_name(&task, number, &version.name);
                members.insert(name, content.unwrap_or_default());
            }
        }
        Ok(members)
    }

    /// Whether anything of an attempt may change: not in a sealed session. This is the one place that
    /// is asked, in the transaction that makes the change.
    async fn may_change(
        &self,
        tx: &mut Transaction,
        attempt: &str,
    ) -> Result<AttemptSession, JudgingError> {
        let sitting = Attempts::session_in(tx, attempt).await?;
        let sitting = sitting.ok_or_else(|| no_such(attempt))?;
        match sitting.state {
            SessionState::Sealed => Err(JudgingError::Sealed {
                session: sitting.session,
            }),
            SessionState::Draft
            | SessionState::Preparing
            | SessionState::Ready
            | SessionState::Open
            | SessionState::Closed
            | SessionState::Cancelled => Ok(sitting),
        }
    }

    async fn sitting(&self, attempt: &str) -> Result<AttemptSession, JudgingError> {
        let sitting = self.database.attempts().session_of(attempt).await?;
        sitting.ok_or_else(|| no_such(attempt))
    }

    async fn accepted(&self, attempt: &str) -> Result<Grading, JudgingError> {
        let grading = self.database.gradings().accepted(attempt).await?;
        grading.ok_or_else(|| JudgingError::NotGraded {
            attempt: attempt.to_owned(),
        })
    }

    async fn matter(&self, attempt: &str) -> Result<JudgingContext, JudgingError> {
        let sitting = self.sitting(attempt).await?;
        let grading = self.accepted(attempt).await?;
        let seed = &grading.evidence.seed;
        let topology = self.topology(&grading.head.hash, seed).await?;
        Ok(JudgingContext {
            sitting,
            topology,
            grading,
        })
    }

    async fn folder(&self, hash: &str) -> Result<Folder, JudgingError> {
        Ok(self.scenarios.folder(hash).await?)
    }

    /// A frozen scenario, drawn.
    async fn topology(&self, hash: &str, seed: &str) -> Result<Arc<Topology>, JudgingError> {
        let resolved = self.scenarios.resolved(hash, seed).await;
        resolved.map_err(|error| match error {
            FrozenError::Read(error) => error.into(),
            FrozenError::Problems { hash, .. } => JudgingError::Frozen { hash },
        })
    }
}

fn no_such(attempt: &str) -> JudgingError {
    JudgingError::NoSuchAttempt {
        attempt: attempt.to_owned(),
    }
}

async fn log_accepted(
    tx: &mut Transaction,
    at_ms: u64,
    session: &str,
    attempt: &str,
    grading: &str,
    actor: &str,
    reason: Option<String>,
) -> Result<(), DatabaseError> {
    let deed = LogAction::Accepted {
        attempt: attempt.to_owned(),
        grading: grading.to_owned(),
    };
    let appended = Log::append(tx, session, at_ms, actor, reason, deed).await;
    appended.map(drop)
}

fn view(head: &GradingHead) -> GradingView {
    GradingView {
        id: head.id.clone(),
        attempt: head.attempt.clone(),
        hash: head.hash.clone(),
        at_ms: head.at_ms,
        actor: head.actor.clone(),
        reason: head.reason.clone(),
        accepted: head.accepted,
        points: head.grade.points,
        of: head.grade.of,
        unknown: head.grade.unknown,
    }
}
