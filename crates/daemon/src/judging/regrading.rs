//! Grading an attempt by a mended scenario: from the facts that there are, and from a kept lab where
//! questions are new.

use std::collections::BTreeSet;

use plateau_core::api::Proposal;
use plateau_core::exam::evidence::{Evidence, Regrading, compare, regrade};
use plateau_core::scenario::{Folder, Scenario};
use plateau_core::topology::Topology;

use super::{Judging, JudgingError};
use crate::lab::on_disk;
use crate::labs::Labs;

/// A lab as an attempt was handed in, which can be asked what was not asked then.
#[derive(Clone, Debug)]
pub struct KeptLab<'a> {
    /// All labs.
    pub labs: &'a Labs,
    /// Its name or identifier.
    pub lab: &'a str,
}

impl Judging {
    /// Grades an attempt by a mended scenario. The grading is kept beside the earlier ones and counts
    /// only once it is accepted. New questions are asked of the lab, where there is one, and unknown
    /// else.
    ///
    /// # Errors
    /// The scenario has problems or is another, no reason is given, the attempt is not graded yet,
    /// the lab does not run, or the session is sealed.
    pub async fn regrade(
        &self,
        attempt: &str,
        mended: Folder,
        actor: &str,
        reason: &str,
        kept: Option<KeptLab<'_>>,
    ) -> Result<Proposal, JudgingError> {
        if reason.trim().is_empty() {
            let doing = "grade again";
            return Err(JudgingError::NoReason { doing });
        }
        let matter = self.matter(attempt).await?;
        let new = drawn(&mended, &matter.grading.evidence)?;
        // Refused before a lab is asked, and again when the grading is kept.
        let mut tx = self.database.begin().await?;
        self.may_change(&mut tx, attempt).await?;
        drop(tx);
        let asking = self.ask(&matter.topology, &new, matter.grading.evidence, kept);
        let (evidence, regrading, asked) = asking.await?;
        let store = self.store.clone();
        on_disk(move || store.freeze(&mended)).await?;
        let reason = Some(reason.to_owned());
        let kept = self.keep(attempt, &new, evidence, actor, reason).await?;
        Ok(Proposal {
            comparison: compare(&matter.grading.head.grade, &regrading.grade),
            grading: kept,
            reused: regrading.reused,
            asked: asked.into_iter().collect(),
            to_ask: regrading.to_ask,
            blind: regrading.blind,
            gone: regrading.gone,
            redrawn: regrading.redrawn,
        })
    }

    /// Asks what no fact answers until nothing is left, or nothing more comes of it: what is seen of
    /// a check may bring others to be asked that need it.
    async fn ask(
        &self,
        old: &Topology,
        new: &Topology,
        mut evidence: Evidence,
        kept: Option<KeptLab<'_>>,
    ) -> Result<(Evidence, Regrading, BTreeSet<String>), JudgingError> {
        let mut asked = BTreeSet::new();
        loop {
            let regrading = regrade(old, new, &evidence);
            let to_ask = regrading.to_ask.iter().cloned();
            let to_ask: BTreeSet<String> = to_ask.filter(|id| !asked.contains(id)).collect();
            let Some(kept) = kept.as_ref().filter(|_| !to_ask.is_empty()) else {
                return Ok((evidence, regrading, asked));
            };
            let wanted = to_ask.clone();
            let gathered = kept.labs.gather_only(kept.lab, new.clone(), wanted).await?;
            evidence = evidence.and(gathered);
            asked.extend(to_ask);
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
