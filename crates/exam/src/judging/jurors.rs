//! Judgements of jurors, and the outcome of an attempt.

use std::collections::BTreeSet;

use plateau_core::api::JudgementsView;
use plateau_core::exam::judgement::{
    Judgement, JurorStatement, Jury, OpenPoint, Outcome, admit, outcome,
};
use plateau_core::exam::log::LogAction;
use serde::Deserialize;

use super::{Judging, JudgingContext, JudgingError};
use crate::store::DatabaseError;
use crate::store::attempts::AttemptSession;
use crate::store::judgements::Judgements;
use crate::store::log::Log;

/// The part of a session's terms about its jury.
#[derive(Debug, Default, Deserialize)]
struct JuryTerms {
    /// Names of accounts; two of them and more judge apart.
    #[serde(default)]
    jurors: BTreeSet<String>,
}

impl Judging {
    /// Adds a judgement of a juror. `actor` is the juror, or the administrator who acts for them.
    ///
    /// # Errors
    /// The judgement is not allowed, the attempt has no grading yet, or the session is sealed.
    pub async fn judge(
        &self,
        attempt: &str,
        actor: &str,
        word: JurorStatement,
    ) -> Result<Judgement, JudgingError> {
        let matter = self.matter(attempt).await?;
        let mut tx = self.database.begin().await?;
        let sitting = self.may_change(&mut tx, attempt).await?;
        let jury = jury(&sitting)?;
        let before = Judgements::of_attempt_in(&mut tx, attempt).await?;
        // Not by what others say apart: whether a reason is needed would tell of it.
        let so_far = matter.visible_outcome(&word.juror, &jury, &before);
        admit(&matter.topology, &jury, &before, &so_far, &word)?;
        let subject = word.says.subject();
        let same = before
            .iter()
            .filter(|said| said.word.says.subject() == subject);
        let last = same.map(|said| said.version).max().unwrap_or(0);
        let judgement = Judgement {
            version: last.saturating_add(1),
            at_ms: self.clock.now_ms(),
            word,
        };
        Judgements::add(&mut tx, attempt, &judgement).await?;
        let deed = LogAction::Judged {
            attempt: attempt.to_owned(),
            what: subject.to_string(),
            content: judgement.digest(),
        };
        let reason = judgement.word.says.reason().map(str::to_owned);
        Log::append(
            &mut tx,
            &sitting.session,
            judgement.at_ms,
            actor,
            reason,
            deed,
        )
        .await?;
        tx.commit().await?;
        Ok(judgement)
    }

    /// The judgements that a juror may see.
    ///
    /// # Errors
    /// There is no such attempt.
    pub async fn judgements(
        &self,
        attempt: &str,
        viewer: &str,
    ) -> Result<JudgementsView, JudgingError> {
        let jury = jury(&self.sitting(attempt).await?)?;
        let all = self.database.judgements().of_attempt(attempt).await?;
        let (independent_jurors, pending_jurors) = match &jury {
            Jury::Together => Default::default(),
            Jury::Apart(panel) => (panel.jurors().clone(), panel.at_work(&all)),
        };
        let shown = jury.visible_to(viewer, &all);
        Ok(JudgementsView {
            independent_jurors,
            pending_jurors,
            judgements: shown.into_iter().cloned().collect(),
        })
    }

    /// The outcome of an attempt. While jurors still work separately, it counts only the viewer's
    /// judgements, as if they were the only juror.
    ///
    /// # Errors
    /// There is no such attempt, or it has no grading yet.
    pub async fn outcome(&self, attempt: &str, viewer: &str) -> Result<Outcome, JudgingError> {
        let matter = self.matter(attempt).await?;
        let jury = jury(&matter.sitting)?;
        let all = self.database.judgements().of_attempt(attempt).await?;
        Ok(matter.visible_outcome(viewer, &jury, &all))
    }
}

impl Judging {
    /// What an attempt lacks before its session can be sealed, as texts.
    ///
    /// # Errors
    /// There is no such attempt, or the database fails.
    pub async fn open_points(&self, attempt: &str) -> Result<Vec<String>, JudgingError> {
        match self.outcome(attempt, "").await {
            Ok(outcome) => {
                let open = outcome.open_points.iter();
                Ok(open.map(OpenPoint::to_string).collect())
            }
            Err(JudgingError::NotGraded { .. }) => Ok(vec!["no grading counts".to_owned()]),
            Err(error) => Err(error),
        }
    }
}

impl JudgingContext {
    /// What it comes to for one of the jury: while somebody works apart, only what they said
    /// counts, as if they were alone.
    fn visible_outcome(&self, viewer: &str, jury: &Jury, all: &[Judgement]) -> Outcome {
        let of = |said: &[Judgement], jury: &Jury| {
            outcome(&self.topology, &self.grading.evidence, said, jury)
        };
        if !jury.is_apart(all) {
            return of(all, jury);
        }
        let shown: Vec<Judgement> = jury.visible_to(viewer, all).into_iter().cloned().collect();
        let mut own = of(&shown, &Jury::Together);
        let pending_jurors = of(all, jury).open_points.into_iter();
        let pending_jurors = pending_jurors.filter(|open| matches!(open, OpenPoint::AtWork { .. }));
        own.open_points.extend(pending_jurors);
        own
    }
}

/// Who judges, by the session's terms: `jurors` in them, apart where they are at least two.
fn jury(sitting: &AttemptSession) -> Result<Jury, DatabaseError> {
    let terms: JuryTerms = serde_json::from_str(&sitting.terms)
        .map_err(DatabaseError::kept("read the session's terms"))?;
    Ok(Jury::of(terms.jurors))
}
