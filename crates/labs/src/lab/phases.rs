//! Phases of a grading: brought about, watched meanwhile, and looked at.
//!
//! Whatever fails here is never the candidate's fault: the checks of the phase are unknown.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use plateau_core::evidence::StepRecord;
use plateau_core::plan::plan_phase;
use plateau_core::topology::{PhaseAction, Topology};

use super::LabError;
use super::actions::Actions;
use super::availability::{Batches, Watch, ask_watcher};
use super::copies::Copies;
use super::core::LabCore;
use super::links::EffectDuration;
use super::observers::{AnswersById, NotAnswered, Observers, now_ms};
use crate::error::chain;

/// What became of a phase.
pub(super) struct PhaseFacts {
    pub(super) said: AnswersById,
    pub(super) steps: Vec<StepRecord>,
    pub(super) problem: Option<String>,
}

/// Brings phases about and has their questions asked.
#[derive(Debug)]
pub(super) struct PhaseRunner {
    core: Arc<LabCore>,
    actions: Arc<Actions>,
    copies: Arc<Copies>,
    observers: Arc<Observers>,
}

impl PhaseRunner {
    pub(super) fn new(
        core: Arc<LabCore>,
        actions: Arc<Actions>,
        copies: Arc<Copies>,
        observers: Arc<Observers>,
    ) -> Self {
        Self {
            core,
            actions,
            copies,
            observers,
        }
    }

    /// Brings a phase about, watching what is to be watched meanwhile, and looks. One that builds on
    /// a phase that could not be brought about cannot be either: `broken` says why.
    pub(super) async fn run(
        &self,
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
                said: none_answered(batches, &reason),
                steps,
                problem: Some(reason),
            };
        }
        let mut watch = Watch::begin(&self.observers, batches).await;
        let brought = self.start(phase, &plan.actions, &mut steps);
        let (said, problem) = match brought.await {
            Ok(()) => (self.look(batches, &mut watch).await, None),
            Err(reason) => {
                *broken = Some(reason.clone());
                (none_answered(batches, &reason), Some(reason))
            }
        };
        watch.end(&self.observers).await;
        PhaseFacts {
            said,
            steps,
            problem,
        }
    }

    /// Asks all observers of a phase at the same time.
    async fn look(&self, batches: &Batches, watch: &mut Watch) -> AnswersById {
        let watchers = batches.keys().map(|observer| watch.take(observer));
        let watchers: Vec<_> = watchers.collect();
        let asked = batches.iter().zip(watchers).map(async |((observer, batch), watcher)| {
            let answered = ask_watcher(&self.observers, observer, batch, watcher).await;
            answered.unwrap_or_else(|not_answered| {
                let reason = &not_answered.reason;
                tracing::warn!(lab = %self.core.marker.name, observer = observer.label(), reason, "an observer did not answer");
                not_answered.of_all(batch)
            })
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// Puts the nodes back as they were left, or says why that cannot be.
    async fn as_left(&self, phase: &str, steps: &mut Vec<StepRecord>) -> Result<(), String> {
        let words = "put the nodes back as they were left".to_owned();
        let work = self.copies.start();
        self.step(phase, words, work, steps).await
    }

    /// Brings a phase about, or says why that cannot be; nothing of it is asked here.
    async fn start(
        &self,
        phase: &str,
        actions: &[PhaseAction],
        steps: &mut Vec<StepRecord>,
    ) -> Result<(), String> {
        for action in actions {
            let work = self.actions.act(action, EffectDuration::Grading);
            self.step(phase, action.to_string(), work, steps).await?;
        }
        Ok(())
    }

    /// Does one thing of a phase, tells it and writes it down.
    async fn step(
        &self,
        phase: &str,
        step: String,
        work: impl Future<Output = Result<(), LabError>>,
        steps: &mut Vec<StepRecord>,
    ) -> Result<(), String> {
        let (begun_ms, begun) = (now_ms(), Instant::now());
        let done = self.core.run_and_record(phase, step.clone(), work).await;
        steps.push(StepRecord {
            step,
            begun_ms,
            took_ms: millis(begun),
            problem: done.as_ref().err().map(|error| chain(error)),
        });
        done.map_err(|error| self.phase_failed(phase, &error))
    }

    fn phase_failed(&self, phase: &str, error: &LabError) -> String {
        let reason = chain(error);
        tracing::warn!(lab = %self.core.marker.name, phase, reason, "a phase could not be brought about");
        format!("phase `{phase}` could not be brought about: {reason}")
    }
}

/// Nobody could look at anything of a phase.
pub(super) fn none_answered(batches: &Batches, reason: &str) -> AnswersById {
    let batches = batches.values();
    batches
        .flat_map(|batch| NotAnswered::now(reason.to_owned()).of_all(batch))
        .collect()
}

/// How long ago that was, in milliseconds.
pub(super) fn millis(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}
