//! Regrading an attempt with a corrected scenario: from existing facts, and for new questions from its
//! lab.

use std::collections::BTreeSet;

use plateau_core::api::RegradingProposal;
use plateau_core::evidence::{Evidence, Regrading, compare, regrade};
use plateau_core::scenario::{Folder, Scenario};
use plateau_core::topology::Topology;
use plateau_labs::lab::LabError;
use plateau_labs::labs::Labs;

use super::{Judging, JudgingError};

/// What a lab is called that is opened again to be asked. Nobody enters it.
fn name(attempt: &str) -> String {
    format!("asked-{attempt}")
}

/// A corrected scenario for regrading an attempt.
#[derive(Clone, Debug)]
pub struct CorrectedScenario {
    /// Its folder.
    pub folder: Folder,
    /// Why.
    pub reason: String,
    /// Where labs are, if new questions are to be asked; else they stay unknown.
    pub labs: Option<Labs>,
}

/// The lab that new questions of an attempt are asked of.
struct LabForQuestions<'a> {
    labs: &'a Labs,
    lab: String,
    reopened: bool,
}

impl Judging {
    /// Regrades an attempt with a corrected scenario. The grading is kept beside the earlier ones and
    /// counts only once it is accepted. New questions are asked of the attempt's lab if it is still as
    /// handed in and asking does not change it, or else of a reopened lab. Continues to the end even if
    /// the caller is gone.
    ///
    /// # Errors
    /// The scenario has problems or is another, no reason is given, the attempt is not graded yet,
    /// its lab cannot be opened again, or the session is sealed.
    pub async fn regrade(
        &self,
        attempt: &str,
        mended: CorrectedScenario,
        actor: &str,
    ) -> Result<RegradingProposal, JudgingError> {
        let (judging, attempt, actor) = (self.clone(), attempt.to_owned(), actor.to_owned());
        let work = tokio::spawn(async move { judging.grade_again(&attempt, mended, &actor).await });
        match work.await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    async fn grade_again(
        &self,
        attempt: &str,
        mended: CorrectedScenario,
        actor: &str,
    ) -> Result<RegradingProposal, JudgingError> {
        if mended.reason.trim().is_empty() {
            let doing = "grade again";
            return Err(JudgingError::NoReason { doing });
        }
        let matter = self.matter(attempt).await?;
        let new = drawn(&mended.folder, &matter.grading.evidence)?;
        // Refused before a lab is asked, and again when the grading is kept.
        let mut tx = self.database.begin().await?;
        self.may_change(&mut tx, attempt).await?;
        drop(tx);
        let (evidence, old) = (matter.grading.evidence, &matter.topology);
        let mut asked = None;
        let asking = self.ask(
            attempt,
            old,
            &new,
            evidence,
            mended.labs.as_ref(),
            &mut asked,
        );
        let answered = asking.await;
        if let Some(asked) = asked {
            asked.leave().await?;
        }
        let (evidence, regrading, asked) = answered?;
        self.scenarios.freeze(mended.folder).await?;
        let reason = Some(mended.reason);
        let kept = self.keep(attempt, &new, evidence, actor, reason).await?;
        Ok(RegradingProposal {
            comparison: compare(&matter.grading.head.grade, &regrading.grade),
            grading: kept,
            reused: regrading.reused,
            asked: asked.into_iter().collect(),
            unanswered: regrading.unanswered,
            unobserved: regrading.unobserved,
            removed_checks: regrading.removed_checks,
            changed_parameters: regrading.changed_parameters,
        })
    }

    /// Asks what no fact answers until nothing is left, or nothing more comes of it: what is seen of
    /// a check may bring others to be asked that need it. The lab that was asked is left in `asked`.
    async fn ask<'a>(
        &self,
        attempt: &str,
        old: &Topology,
        new: &Topology,
        mut evidence: Evidence,
        labs: Option<&'a Labs>,
        asked_of: &mut Option<LabForQuestions<'a>>,
    ) -> Result<(Evidence, Regrading, BTreeSet<String>), JudgingError> {
        let mut asked = BTreeSet::new();
        loop {
            let regrading = regrade(old, new, &evidence);
            let unanswered = regrading.unanswered.iter().cloned();
            let unanswered: BTreeSet<String> =
                unanswered.filter(|id| !asked.contains(id)).collect();
            let Some(labs) = labs.filter(|_| !unanswered.is_empty()) else {
                return Ok((evidence, regrading, asked));
            };
            let lab = match asked_of {
                Some(lab) => lab,
                None => asked_of.insert(
                    self.lab_for_questions(attempt, new, &evidence, labs)
                        .await?,
                ),
            };
            let wanted = unanswered.clone();
            let gathered = labs.gather_only(&lab.lab, new.clone(), wanted).await?;
            evidence = evidence.and(gathered);
            asked.extend(unanswered);
        }
    }

    /// The lab that an attempt's new questions are asked of.
    async fn lab_for_questions<'a>(
        &self,
        attempt: &str,
        new: &Topology,
        evidence: &Evidence,
        labs: &'a Labs,
    ) -> Result<LabForQuestions<'a>, JudgingError> {
        if let Some(lab) = self.unmodified_lab(attempt, new, evidence, labs).await? {
            labs.thaw(&lab).await?;
            return Ok(LabForQuestions {
                labs,
                lab,
                reopened: false,
            });
        }
        let lab = labs.reopened(attempt, name(attempt)).await?;
        Ok(LabForQuestions {
            labs,
            lab: lab.id,
            reopened: true,
        })
    }

    /// The attempt's own lab, where no grading has done anything to it, and this one would not.
    async fn unmodified_lab(
        &self,
        attempt: &str,
        new: &Topology,
        evidence: &Evidence,
        labs: &Labs,
    ) -> Result<Option<String>, JudgingError> {
        let found = self.database.attempts().find(attempt).await?;
        let Some(lab) = found.and_then(|found| found.lab) else {
            return Ok(None);
        };
        let mut phases = evidence.gatherings.iter().flat_map(|one| &one.phases);
        let first_ms = evidence.gatherings.iter().map(|one| one.begun_ms).min();
        let stands = new.phases.is_empty()
            && phases.all(|phase| phase.steps.is_empty())
            && labs.stands_since(&lab, first_ms.unwrap_or(0)).await;
        Ok(stands.then_some(lab))
    }
}

impl LabForQuestions<'_> {
    /// Leaves no lab behind that was not there, and none that goes on.
    async fn leave(self) -> Result<(), LabError> {
        match self.reopened {
            true => self.labs.down(&self.lab).await,
            false => self.labs.freeze(&self.lab).await,
        }
    }
}

/// The mended scenario with the parameters of the attempt's seed.
fn drawn(mended: &Folder, evidence: &Evidence) -> Result<Topology, JudgingError> {
    let scenario = Scenario::read(mended.clone()).map_err(JudgingError::Scenario)?;
    let topology = scenario
        .draw(&evidence.seed)
        .map_err(JudgingError::Scenario)?;
    if topology.scenario != evidence.scenario {
        return Err(JudgingError::OtherScenario {
            attempted: evidence.scenario.clone(),
            given: topology.scenario,
        });
    }
    Ok(topology)
}
