//! Judging: the gradings of attempts, what jurors say of them, and the evidence of both.
//!
//! Whatever changes something is one transaction with its entry in the session's log, and is
//! refused once the session is sealed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use plateau_core::api::{EvidenceKeyView, GradingView, JudgementsView};
use plateau_core::exam::bundle::{Content, seal};
use plateau_core::exam::evidence::{Evidence, grade_evidence};
use plateau_core::exam::judgement::{Judgement, Jury, Outcome, Word, admit, outcome};
use plateau_core::exam::log::Deed;
use plateau_core::exam::session::SessionState;
use plateau_core::scenario::{Folder, Scenario};
use plateau_core::topology::Topology;
use serde::Deserialize;
use sqlx::{Any, Transaction};
use thiserror::Error;

use crate::lab::{LabError, on_disk};
use crate::store::evidence::{
    Grading, GradingHead, Sitting, accept_grading, add_grading, append, is_graded,
};
use crate::store::judgements::{add_judgement, judgements_in};
use crate::store::{Database, DatabaseError, Store};

pub use error::JudgingError;
pub use key::{EvidenceKey, EvidenceKeyError};
pub use regrading::KeptLab;

mod error;
mod key;
mod regrading;

/// A handle on judging; clones share what it stands on.
#[derive(Clone, Debug)]
pub struct Judging {
    database: Database,
    store: Store,
    key: EvidenceKey,
}

/// Why there is no judging.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The state folder cannot be used.
    #[error(transparent)]
    Store(#[from] LabError),
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] EvidenceKeyError),
}

/// What an attempt is judged by.
#[derive(Clone, Debug)]
struct Matter {
    sitting: Sitting,
    grading: Grading,
    topology: Arc<Topology>,
}

/// The part of a session's terms that says who judges.
#[derive(Debug, Default, Deserialize)]
struct Terms {
    /// Names of accounts; two of them and more judge apart.
    #[serde(default)]
    jurors: BTreeSet<String>,
}

impl Judging {
    /// Judging by this database, with frozen scenarios and the key in this state folder.
    ///
    /// # Errors
    /// The folder or the key in it cannot be used.
    pub fn open(database: Database, state: &Path) -> Result<Self, OpenError> {
        Ok(Self {
            database,
            store: Store::open(state)?,
            key: EvidenceKey::open(state)?,
        })
    }

    /// The public key that bundles are verified with.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub fn public_key(&self) -> Result<EvidenceKeyView, JudgingError> {
        Ok(self.key.public()?)
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
        let accepted = !is_graded(&mut tx, attempt).await?;
        let grading = Grading {
            head: GradingHead {
                id: uuid::Uuid::now_v7().to_string(),
                attempt: attempt.to_owned(),
                hash: topology.hash.clone(),
                grade: grade_evidence(topology, &evidence),
                at_ms: now_ms(),
                actor: actor.to_owned(),
                reason,
                accepted,
            },
            evidence,
        };
        add_grading(&mut tx, &grading).await?;
        let head = &grading.head;
        if accepted {
            let reason = head.reason.clone();
            log_accepted(&mut tx, &sitting.session, attempt, &head.id, actor, reason).await?;
        }
        commit(tx).await?;
        Ok(view(head))
    }

    /// The gradings of an attempt in the order in which they were done.
    ///
    /// # Errors
    /// There is no such attempt.
    pub async fn gradings(&self, attempt: &str) -> Result<Vec<GradingView>, JudgingError> {
        self.sitting(attempt).await?;
        let gradings = self.database.gradings(attempt).await?;
        Ok(gradings.iter().map(view).collect())
    }

    /// Lets another grading of an attempt count; the one that did stays, and can be returned to.
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
        if !accept_grading(&mut tx, attempt, grading).await? {
            return Err(JudgingError::NoSuchGrading {
                attempt: attempt.to_owned(),
                grading: grading.to_owned(),
            });
        }
        let reason = Some(reason.to_owned());
        log_accepted(&mut tx, &sitting.session, attempt, grading, actor, reason).await?;
        commit(tx).await?;
        self.gradings(attempt).await
    }

    /// Keeps what a juror says; `actor` enters it, which is the juror himself but for the
    /// administrator.
    ///
    /// # Errors
    /// It may not be said, the attempt has no grading yet, or the session is sealed.
    pub async fn judge(
        &self,
        attempt: &str,
        actor: &str,
        word: Word,
    ) -> Result<Judgement, JudgingError> {
        let matter = self.matter(attempt).await?;
        let mut tx = self.database.begin().await?;
        let sitting = self.may_change(&mut tx, attempt).await?;
        let jury = jury(&sitting)?;
        let before = judgements_in(&mut tx, attempt).await?;
        let so_far = outcome(
            &matter.topology,
            &matter.grading.evidence,
            &before,
            &Jury::Together,
        );
        admit(&matter.topology, &jury, &before, &so_far, &word)?;
        let subject = word.says.subject();
        let same = before
            .iter()
            .filter(|said| said.word.says.subject() == subject);
        let last = same.map(|said| said.version).max().unwrap_or(0);
        let judgement = Judgement {
            version: last.saturating_add(1),
            at_ms: now_ms(),
            word,
        };
        add_judgement(&mut tx, attempt, &judgement).await?;
        let deed = Deed::Judged {
            attempt: attempt.to_owned(),
            what: subject.to_string(),
            content: judgement.digest(),
        };
        let reason = judgement.word.says.reason().map(str::to_owned);
        append(
            &mut tx,
            &sitting.session,
            judgement.at_ms,
            actor,
            reason,
            deed,
        )
        .await?;
        commit(tx).await?;
        Ok(judgement)
    }

    /// What a juror may see of what was said.
    ///
    /// # Errors
    /// There is no such attempt.
    pub async fn judgements(
        &self,
        attempt: &str,
        viewer: &str,
    ) -> Result<JudgementsView, JudgingError> {
        let jury = jury(&self.sitting(attempt).await?)?;
        let all = self.database.judgements(attempt).await?;
        let (apart, at_work) = match &jury {
            Jury::Together => Default::default(),
            Jury::Apart(panel) => (panel.jurors().clone(), panel.at_work(&all)),
        };
        let shown = jury.shown_to(viewer, &all);
        Ok(JudgementsView {
            apart,
            at_work,
            judgements: shown.into_iter().cloned().collect(),
        })
    }

    /// What an attempt comes to. While jurors still work apart, what the viewer said himself, as if
    /// he were alone.
    ///
    /// # Errors
    /// There is no such attempt, or it has no grading yet.
    pub async fn outcome(&self, attempt: &str, viewer: &str) -> Result<Outcome, JudgingError> {
        let matter = self.matter(attempt).await?;
        let jury = jury(&matter.sitting)?;
        let all = self.database.judgements(attempt).await?;
        let shown: Vec<Judgement> = jury.shown_to(viewer, &all).into_iter().cloned().collect();
        let of = |said: &[Judgement], jury: &Jury| {
            outcome(&matter.topology, &matter.grading.evidence, said, jury)
        };
        if !jury.is_apart(&all) {
            return Ok(of(&all, &jury));
        }
        let mut own = of(&shown, &Jury::Together);
        own.open_points = of(&all, &jury).open_points;
        Ok(own)
    }

    /// The evidence of an attempt as a signed bundle. `extra` are deliverables and recordings, by
    /// names that begin with `deliverables/` or `recordings/`.
    ///
    /// # Errors
    /// There is no such attempt, or it has no grading yet.
    pub async fn export(
        &self,
        attempt: &str,
        actor: &str,
        extra: BTreeMap<String, Vec<u8>>,
    ) -> Result<Vec<u8>, JudgingError> {
        let sitting = self.sitting(attempt).await?;
        let grading = self.accepted(attempt).await?;
        let judgements = self.database.judgements(attempt).await?;
        let log = self.database.log(&sitting.session).await?;
        let scenario = self.folder(&grading.head.hash).await?;
        let lab_scenario = match grading.evidence.hash == grading.head.hash {
            true => None,
            false => Some(self.folder(&grading.evidence.hash).await?),
        };
        let content = Content {
            session: &sitting.session,
            attempt,
            exported_by: actor,
            exported_ms: now_ms(),
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

    /// Whether anything of an attempt may change: not in a sealed session. This is the one place that
    /// is asked, in the transaction that makes the change.
    async fn may_change(
        &self,
        tx: &mut Transaction<'static, Any>,
        attempt: &str,
    ) -> Result<Sitting, JudgingError> {
        let sitting = self.database.sitting_in(tx, attempt).await?;
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

    async fn sitting(&self, attempt: &str) -> Result<Sitting, JudgingError> {
        let sitting = self.database.sitting_of(attempt).await?;
        sitting.ok_or_else(|| no_such(attempt))
    }

    async fn accepted(&self, attempt: &str) -> Result<Grading, JudgingError> {
        let grading = self.database.accepted_grading(attempt).await?;
        grading.ok_or_else(|| JudgingError::NotGraded {
            attempt: attempt.to_owned(),
        })
    }

    async fn matter(&self, attempt: &str) -> Result<Matter, JudgingError> {
        let sitting = self.sitting(attempt).await?;
        let grading = self.accepted(attempt).await?;
        let seed = &grading.evidence.seed;
        let topology = self.topology(&grading.head.hash, seed).await?;
        Ok(Matter {
            sitting,
            topology: Arc::new(topology),
            grading,
        })
    }

    async fn folder(&self, hash: &str) -> Result<Folder, JudgingError> {
        let (store, hash) = (self.store.clone(), hash.to_owned());
        Ok(on_disk(move || store.thaw(&hash)).await?)
    }

    /// A frozen scenario, drawn.
    async fn topology(&self, hash: &str, seed: &str) -> Result<Topology, JudgingError> {
        let folder = self.folder(hash).await?;
        let frozen = |problems| {
            tracing::error!(hash, ?problems, "a frozen scenario has problems");
            JudgingError::Frozen {
                hash: hash.to_owned(),
            }
        };
        let scenario = Scenario::read(folder).map_err(frozen)?;
        scenario.draw(seed).map_err(frozen)
    }
}

fn no_such(attempt: &str) -> JudgingError {
    JudgingError::NoSuchAttempt {
        attempt: attempt.to_owned(),
    }
}

/// Who judges, by the session's terms: `jurors` in them, apart where they are at least two.
fn jury(sitting: &Sitting) -> Result<Jury, DatabaseError> {
    let terms: Terms = serde_json::from_str(&sitting.terms)
        .map_err(DatabaseError::kept("read the session's terms"))?;
    Ok(Jury::of(terms.jurors))
}

async fn log_accepted(
    tx: &mut Transaction<'static, Any>,
    session: &str,
    attempt: &str,
    grading: &str,
    actor: &str,
    reason: Option<String>,
) -> Result<(), DatabaseError> {
    let deed = Deed::Accepted {
        attempt: attempt.to_owned(),
        grading: grading.to_owned(),
    };
    let appended = append(tx, session, now_ms(), actor, reason, deed).await;
    appended.map(drop)
}

async fn commit(tx: Transaction<'static, Any>) -> Result<(), DatabaseError> {
    let done = tx.commit().await;
    done.map_err(DatabaseError::query("end a transaction"))
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

/// Milliseconds since the epoch.
fn now_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)
}
