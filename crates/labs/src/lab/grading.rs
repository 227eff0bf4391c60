//! Grading: every phase brought about, every observer asked once, the facts written down and judged.
//!
//! What cannot be looked at is a fact too, which never costs a point; so nothing in here fails
//! once the phases are known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures_util::future::join_all;
use plateau_core::api::{CheckRequest, LabEventKind, LabGradeView, LabState};
use plateau_core::evidence::reopening::{MEMORY_LOST, booted, remove_unanswerable};
use plateau_core::evidence::{
    Evidence, FactRecord, GATHERING_LIMIT, Gathering, PhaseRecord, StepRecord, grade_evidence,
    preparation_hashes,
};
use plateau_core::grade::{batches, check_of, mark};
use plateau_core::plan::plan_phase;
use plateau_core::probe::ProbeRequest;
use plateau_core::topology::{Observer, Start, Topology};

use super::availability::Watch;
use super::effects::GradingEffects;
use super::observers::{AnswersById, NotAnswered, now_ms};
use super::{Lab, LabError};
use crate::error::chain;
use crate::metrics;

/// What each observer of a phase is asked.
pub(super) type Batches = BTreeMap<Observer, ProbeRequest>;

/// What became of a phase.
struct PhaseFacts {
    said: AnswersById,
    steps: Vec<StepRecord>,
    problem: Option<String>,
}

/// What a grading of the lab has made of it, and whom it brought in.
#[derive(Debug, Default)]
pub(super) struct Grading {
    /// What the one that is under way has to undo.
    upset: Mutex<Option<GradingEffects>>,
    /// Examiners that there have been.
    examiners: AtomicUsize,
}

impl Grading {
    /// What there is to undo.
    pub(super) fn upset(&self) -> Option<GradingEffects> {
        let upset = self.upset.lock().unwrap_or_else(PoisonError::into_inner);
        upset.clone()
    }

    /// There is this to undo, as it is written down.
    pub(super) fn set_effects(&self, upset: Option<GradingEffects>) {
        *self.upset.lock().unwrap_or_else(PoisonError::into_inner) = upset;
    }

    /// The nodes that ran before it.
    pub(super) fn ran(&self) -> BTreeSet<String> {
        self.upset().unwrap_or_default().ran
    }

    /// The number of another examiner.
    pub(super) fn next_examiner(&self) -> usize {
        self.examiners.fetch_add(1, Ordering::Relaxed)
    }
}

impl Lab {
    /// Grades the lab in some phases, or in all.
    pub(super) async fn check(
        self: &Arc<Self>,
        check: CheckRequest,
    ) -> Result<LabGradeView, LabError> {
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
    pub(super) async fn gather(
        self: &Arc<Self>,
        check: CheckRequest,
    ) -> Result<Evidence, LabError> {
        let gathered = self.gather_all(check).await;
        metrics::graded(gathered.is_ok());
        gathered
    }

    async fn gather_all(self: &Arc<Self>, check: CheckRequest) -> Result<Evidence, LabError> {
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
        self: &Arc<Self>,
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

    async fn gathering(
        self: &Arc<Self>,
        scenario: &Topology,
        phases: &[String],
        only: Option<&BTreeSet<String>>,
    ) -> Result<Gathering, LabError> {
        // What an earlier grading could not undo would be this candidate's loss.
        self.undo_grading().await?;
        self.prepare(scenario, phases).await?;
        let info = self.core.context.runtime.info().await.ok();
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
            let looked = self
                .look_in_phase(scenario, phase, &asked, &mut broken)
                .await;
            gathering
                .facts
                .extend(records(phase, &asked, looked.said, &mut room));
            let unseen = all_blind(&lost, MEMORY_LOST);
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
        if let Err(error) = self.undo_grading().await {
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

    /// Brings a phase about, watching what is to be watched meanwhile, and looks. One that builds on
    /// a phase that could not be brought about cannot be either: `broken` says why.
    async fn look_in_phase(
        self: &Arc<Self>,
        scenario: &Topology,
        phase: &str,
        batches: &Batches,
        broken: &mut Option<String>,
    ) -> PhaseFacts {
        let plan = plan_phase(scenario, phase);
        let mut steps = Vec::new();
        if plan.copies {
            *broken = self.as_left(phase, &mut steps).await.err();
        }
        if let Some(reason) = broken.clone() {
            return PhaseFacts {
                said: all_blind(batches, &reason),
                steps,
                problem: Some(reason),
            };
        }
        let mut watch = self.begin_watch(batches).await;
        let brought = self.start_phase(phase, &plan.actions, &mut steps);
        let (said, problem) = match brought.await {
            Ok(()) => (self.look(batches, &mut watch).await, None),
            Err(reason) => {
                *broken = Some(reason.clone());
                (all_blind(batches, &reason), Some(reason))
            }
        };
        self.end_watch(watch).await;
        PhaseFacts {
            said,
            steps,
            problem,
        }
    }

    /// Asks all observers of a phase at the same time.
    async fn look(self: &Arc<Self>, batches: &Batches, watch: &mut Watch) -> AnswersById {
        let watchers = batches.keys().map(|observer| watch.take(observer));
        let watchers: Vec<_> = watchers.collect();
        let asked = batches.iter().zip(watchers).map(async |((observer, batch), watcher)| {
            let answered = self.ask_watcher(observer, batch, watcher).await;
            answered.unwrap_or_else(|silence| {
                let reason = &silence.reason;
                tracing::warn!(lab = %self.core.marker.name, observer = observer.label(), reason, "blind");
                silence.of_all(batch)
            })
        });
        join_all(asked).await.into_iter().flatten().collect()
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

/// Nobody could look at anything of a phase.
fn all_blind(batches: &Batches, reason: &str) -> AnswersById {
    let batches = batches.values();
    batches
        .flat_map(|batch| NotAnswered::now(reason.to_owned()).of_all(batch))
        .collect()
}

/// How long ago that was, in milliseconds.
pub(super) fn millis(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}
