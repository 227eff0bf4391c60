//! Phases: what is done to a lab before its checks are asked.
//!
//! Whatever fails here is the outside's fault, or the scenario's, and never the candidate's: the
//! checks of the phase are unknown. What a candidate was asked to bring about and did not is no
//! failure: to kill a process that does not run, to wait in vain.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use plateau_core::evidence::StepRecord;
use plateau_core::probe::{Fact, ProbeQuestion, ProbeRequest};
use plateau_core::topology::{Condition, NodeScript, Observer, PhaseAction};

use super::grading::millis;
use super::observers::now_ms;
use super::{Lab, LabError};
use crate::error::chain;

/// Between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(250);

/// Most that one look at a condition may take.
const LOOK: Duration = Duration::from_secs(10);

/// What a condition's question goes by.
const CONDITION: &str = "condition";

/// How long what is done to a lab lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EffectDuration {
    /// Until the end of the grading, which undoes it.
    Grading,
    /// For good: it is part of the situation that the candidate works in.
    Permanent,
}

impl Lab {
    /// Puts the nodes back as they were left, or says why that cannot be.
    pub(super) async fn as_left(
        self: &Arc<Self>,
        phase: &str,
        steps: &mut Vec<StepRecord>,
    ) -> Result<(), String> {
        let words = "put the nodes back as they were left".to_owned();
        let work = self.start_copies();
        self.step_of_phase(phase, words, work, steps).await
    }

    /// Brings a phase about, or says why that cannot be; nothing of it is asked here.
    pub(super) async fn start_phase(
        self: &Arc<Self>,
        phase: &str,
        actions: &[PhaseAction],
        steps: &mut Vec<StepRecord>,
    ) -> Result<(), String> {
        for action in actions {
            let work = self.act(action, EffectDuration::Grading);
            self.step_of_phase(phase, action.to_string(), work, steps)
                .await?;
        }
        Ok(())
    }

    /// Does one thing of a phase, tells it and writes it down.
    async fn step_of_phase(
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
        done.map_err(|error| self.no_such_phase(phase, &error))
    }

    fn no_such_phase(&self, phase: &str, error: &LabError) -> String {
        let reason = chain(error);
        tracing::warn!(lab = %self.core.marker.name, phase, reason, "no such phase");
        format!("phase `{phase}` could not be brought about: {reason}")
    }

    /// Does one thing to the lab.
    pub(super) async fn act(
        self: &Arc<Self>,
        action: &PhaseAction,
        lasting: EffectDuration,
    ) -> Result<(), LabError> {
        match action {
            PhaseAction::Reboot(nodes) => {
                try_join_all(nodes.iter().map(|node| self.reboot(node))).await?;
                Ok(())
            }
            PhaseAction::Stop(nodes) => {
                try_join_all(nodes.iter().map(|node| self.switch_off(node))).await?;
                Ok(())
            }
            PhaseAction::Start(nodes) => {
                try_join_all(nodes.iter().map(|node| self.switch_on(node))).await?;
                Ok(())
            }
            PhaseAction::Cut(_) | PhaseAction::Mend(_) | PhaseAction::Shape { .. } => {
                self.change_link(action, lasting).await
            }
            PhaseAction::Fill { node, path, leave } => {
                self.fill(node, path, leave.0, lasting).await
            }
            PhaseAction::Kill { node, process } => self.kill(node, process).await,
            PhaseAction::Run(run) => self.run_of_scenario(run).await,
            PhaseAction::Wait(condition) => self.await_condition(condition).await,
        }
    }

    async fn run_of_scenario(&self, run: &NodeScript) -> Result<(), LabError> {
        let run = self.run_script(&run.node, &run.script).await?;
        if run.result.exit == 0 {
            return Ok(());
        }
        Err(LabError::Script {
            script: run.script,
            node: run.node,
            exit: run.result.exit,
            output: super::builder::last_lines(&run.result.stderr, &run.result.stdout),
        })
    }

    /// Asks until it is so, or time is over. That it did not come true is the candidate's work, or
    /// the lack of it; that nobody could look is not.
    async fn await_condition(self: &Arc<Self>, condition: &Condition) -> Result<(), LabError> {
        let at_most = Duration::from_millis(condition.at_most.0);
        let deadline = Instant::now() + at_most;
        loop {
            let fact = self
                .see(
                    &condition.observer,
                    &condition.expectation,
                    LOOK.min(at_most),
                )
                .await;
            let last = match fact {
                Fact::Seen(seen) => match condition.expectation.judge(&seen) {
                    Some(findings) if findings.iter().all(|finding| finding.holds) => {
                        return Ok(());
                    }
                    Some(_) => None,
                    None => Some("the agent answered another question".to_owned()),
                },
                Fact::CouldNotLook { reason } => Some(reason),
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return match last {
                    None => {
                        tracing::info!(lab = %self.core.marker.name, ?at_most, "waited in vain");
                        Ok(())
                    }
                    Some(reason) => Err(LabError::Condition { reason }),
                };
            }
            tokio::time::sleep(PAUSE.min(left)).await;
        }
    }

    /// Has one question asked.
    pub(super) async fn see(
        self: &Arc<Self>,
        observer: &Observer,
        expectation: &plateau_core::question::Expectation,
        limit: Duration,
    ) -> Fact {
        let batch = ProbeRequest {
            questions: vec![ProbeQuestion {
                id: CONDITION.to_owned(),
                question: expectation.question(),
                wants: expectation.wants(),
                timeout_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
            }],
        };
        let could_not = |reason: String| Fact::CouldNotLook { reason };
        match self.ask_observer(observer, &batch).await {
            Ok(mut said) => match said.remove(CONDITION) {
                Some(answered) => answered.fact,
                None => could_not("the agent gave no answer".to_owned()),
            },
            Err(silence) => could_not(silence.reason),
        }
    }
}
