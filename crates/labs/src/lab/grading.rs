//! Grading: every phase brought about, every observer asked once, the facts written down and judged.
//!
//! What cannot be looked at is a fact too, which never costs a point; so nothing in here fails
//! once the phases are known.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use plateau_core::api::{CheckRequest, LabEventKind, LabGradeView, LabState};
use plateau_core::evidence::reopening::{MEMORY_LOST, booted, remove_unanswerable};
use plateau_core::evidence::{
    Evidence, FactRecord, GATHERING_LIMIT, Gathering, PhaseRecord, grade_evidence,
    preparation_hashes,
};
use plateau_core::grade::{batches, check_of, mark};
use plateau_core::topology::{Start, Topology};

use super::LabError;
use super::availability::Batches;
use super::core::LabCore;
use super::observers::{AnswersById, now_ms};
use super::phases::{PhaseRunner, millis, none_answered};
use super::rollback::Rollback;
use crate::error::chain;
use crate::metrics;

/// Grades a lab.
#[derive(Debug)]
pub(super) struct Grader {
    core: Arc<LabCore>,
    rollback: Arc<Rollback>,
    phases: Arc<PhaseRunner>,
}

impl Grader {
    pub(super) fn new(
        core: Arc<LabCore>,
        rollback: Arc<Rollback>,
        phases: Arc<PhaseRunner>,
    ) -> Self {
        Self {
            core,
            rollback,
            phases,
        }
    }

    /// Grades the lab in some phases, or in all.
    pub(super) async fn check(&self, check: CheckRequest) -> Result<LabGradeView, LabError> {
        let evidence = self.gather(check).await?;
        let phases = evidence.gatherings.iter().flat_map(|one| &one.phases);
        Ok(LabGradeView {
            took_ms: phases
                .map(|phase| (phase.name.clone(), phase.took_ms))
                .collect(),
            grade: grade_evidence(&self.core.topology, &evidence),
        })
    }

    /// Looks at the lab in some phases, or in all, and gives back all that is known of it.
    pub(super) async fn gather(&self, check: CheckRequest) -> Result<Evidence, LabError> {
        let gathered = self.gather_all(check).await;
        metrics::graded(gathered.is_ok());
        gathered
    }

    async fn gather_all(&self, check: CheckRequest) -> Result<Evidence, LabError> {
        let phases = phases(&self.core.topology, check.phases)?;
        let _work = self.core.lock_work().await;
        let absences = self.core.absences();
        let events = self.core.event_records().await?;
        let gathering = self.gathering(&self.core.topology, &phases, None).await?;
        self.is_available_since(absences)?;
        let left_out = self.core.topology.phase_names();
        let left_out = left_out.filter(|name| !phases.iter().any(|phase| phase == name));
        Ok(Evidence {
            scenario: self.core.topology.scenario.clone(),
            hash: self.core.topology.hash.clone(),
            seed: self.core.topology.seed.clone(),
            parameters: self.core.topology.parameters.clone(),
            left_out: left_out.map(str::to_owned).collect(),
            gatherings: vec![gathering],
            events,
        })
    }

    /// Asks these checks alone, as another scenario has them. Phases that they stand on are brought
    /// about as well, so that the lab is in the condition in which they are to be asked.
    pub(super) async fn gather_only(
        &self,
        scenario: &Topology,
        checks: &BTreeSet<String>,
    ) -> Result<Gathering, LabError> {
        let known: BTreeSet<&String> = scenario.checks().map(|check| &check.id).collect();
        if let Some(unknown) = checks.iter().find(|check| !known.contains(check)) {
            return Err(LabError::NoSuchPart {
                what: "check",
                name: unknown.clone(),
            });
        }
        let phases = phases_under(scenario, checks);
        let _work = self.core.lock_work().await;
        let absences = self.core.absences();
        let gathering = self.gathering(scenario, &phases, Some(checks)).await?;
        self.is_available_since(absences)?;
        Ok(gathering)
    }

    /// Whoever looked at a lab that was away meanwhile has seen how it fell, not how it was left.
    fn is_available_since(&self, absences: usize) -> Result<(), LabError> {
        if self.core.absences() == absences && self.core.state() != LabState::Recovering {
            return Ok(());
        }
        Err(LabError::Interrupted {
            lab: self.core.marker.name.clone(),
        })
    }

    /// What a daemon before us did not come to undo.
    pub(super) async fn load(&self) -> Result<(), LabError> {
        self.rollback.load().await
    }

    /// Undoes what a grading did; nothing to do where none did anything.
    pub(super) async fn undo(&self) -> Result<(), LabError> {
        self.rollback.undo().await
    }

    async fn gathering(
        &self,
        scenario: &Topology,
        phases: &[String],
        only: Option<&BTreeSet<String>>,
    ) -> Result<Gathering, LabError> {
        // What an earlier grading could not undo would be this candidate's loss.
        self.rollback.undo().await?;
        self.rollback.prepare(scenario, phases).await?;
        let info = self.core.context.engine_info().await;
        let mut gathering = Gathering {
            hash: scenario.hash.clone(),
            begun_ms: now_ms(),
            done_ms: 0,
            reopened: self.core.again.is_some(),
            daemon: env!("CARGO_PKG_VERSION").to_owned(),
            engine: info.as_ref().map(|info| info.version.clone()),
            kernel: info.map(|info| info.kernel),
            phases: Vec::new(),
            facts: Vec::new(),
        };
        let names: Vec<&str> = phases.iter().map(String::as_str).collect();
        let ways = preparation_hashes(scenario, &names);
        let (mut broken, mut room) = (None, GATHERING_LIMIT);
        for phase in phases {
            self.core.emit(LabEventKind::PhaseStarted {
                phase: phase.clone(),
            });
            let (begun_ms, begun) = (now_ms(), Instant::now());
            let mut asked = batches(scenario, phase, &gathering.facts());
            keep_only(&mut asked, only);
            mark(&mut asked, &uuid::Uuid::now_v7().to_string());
            let lost = self.remove_unanswerable(&mut asked, scenario, &names, phase);
            let looked = self.phases.run(scenario, phase, &asked, &mut broken).await;
            gathering
                .facts
                .extend(records(phase, &asked, looked.said, &mut room));
            let unseen = none_answered(&lost, MEMORY_LOST);
            gathering
                .facts
                .extend(records(phase, &lost, unseen, &mut room));
            metrics::phase_graded(phase, begun.elapsed());
            gathering.phases.push(PhaseRecord {
                name: phase.clone(),
                way: ways.get(phase.as_str()).cloned().unwrap_or_default(),
                begun_ms,
                took_ms: millis(begun),
                steps: looked.steps,
                problem: looked.problem,
            });
        }
        if let Err(error) = self.rollback.undo().await {
            let reason = chain(&error);
            tracing::error!(lab = %self.core.marker.name, reason, "not undone, and tried again later");
        }
        gathering.done_ms = now_ms();
        Ok(gathering)
    }

    /// Of what is to be asked in a phase, what a lab that was opened again cannot answer.
    fn remove_unanswerable(
        &self,
        asked: &mut Batches,
        scenario: &Topology,
        phases: &[&str],
        phase: &str,
    ) -> Batches {
        // What a proof takes from a lab that started from another's disks, it has checked itself.
        let again = self
            .core
            .again
            .as_ref()
            .filter(|again| again.attempt().is_some());
        let Some(again) = again else {
            return Batches::new();
        };
        remove_unanswerable(asked, &booted(scenario, phases, phase), &again.ran)
    }
}

/// The phases to grade, in the scenario's order.
fn phases(scenario: &Topology, wanted: Option<Vec<String>>) -> Result<Vec<String>, LabError> {
    let known: Vec<String> = scenario.phase_names().map(str::to_owned).collect();
    let Some(wanted) = wanted else {
        return Ok(known);
    };
    if let Some(unknown) = wanted.iter().find(|phase| !known.contains(phase)) {
        return Err(LabError::NoSuchPart {
            what: "phase",
            name: unknown.clone(),
        });
    }
    let wanted: BTreeSet<String> = wanted.into_iter().collect();
    Ok(known
        .into_iter()
        .filter(|phase| wanted.contains(phase))
        .collect())
}

/// The phases of some checks, and those that these stand on.
fn phases_under(scenario: &Topology, checks: &BTreeSet<String>) -> Vec<String> {
    let asked: BTreeSet<&str> = scenario
        .checks()
        .filter(|check| checks.contains(&check.id))
        .map(|check| check.phase.as_str())
        .collect();
    let (mut all, mut standing_on) = (Vec::new(), Vec::new());
    for name in scenario.phase_names() {
        let declared = scenario.phases.iter().find(|phase| phase.name == name);
        if declared.is_some_and(|phase| phase.from == Start::AsLeft) {
            standing_on.clear();
        }
        standing_on.push(name.to_owned());
        if asked.contains(name) {
            all.append(&mut standing_on);
        }
    }
    all
}

/// Leaves out what is not to be asked; a message's sender is asked with the one who looks for it.
fn keep_only(asked: &mut Batches, only: Option<&BTreeSet<String>>) {
    let Some(only) = only else {
        return;
    };
    for batch in asked.values_mut() {
        batch
            .questions
            .retain(|asked| only.contains(check_of(&asked.id)));
    }
    asked.retain(|_, batch| !batch.questions.is_empty());
}

/// Writes down what became of every question of a phase.
fn records(
    phase: &str,
    asked: &Batches,
    mut said: AnswersById,
    room: &mut usize,
) -> Vec<FactRecord> {
    let mut records = Vec::new();
    for (observer, batch) in asked {
        for asked in &batch.questions {
            // Every question has become something by now.
            if let Some(answered) = said.remove(&asked.id) {
                records.push(FactRecord::new(phase, observer, asked, answered, room));
            }
        }
    }
    records
}
