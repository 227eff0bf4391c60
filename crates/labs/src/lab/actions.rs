//! Actions: what phases and events do to a lab.
//!
//! Whatever fails here has a cause outside, or in the scenario, and never in the candidate's work: the
//! checks of the phase are unknown. What a candidate was asked to bring about and did not is not
//! a failure: to kill a process that does not run, to wait in vain.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use plateau_core::probe::Fact;
use plateau_core::topology::{Condition, NodeScript, PhaseAction};

use super::LabError;
use super::core::LabCore;
use super::faults::Faults;
use super::links::EffectDuration;
use super::observers::Observers;
use super::power::Power;
use super::programs::Programs;

/// Between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(250);

/// Most that one look at a condition may take.
const LOOK: Duration = Duration::from_secs(10);

/// Does to a lab what phases and events say.
#[derive(Debug)]
pub(super) struct Actions {
    core: Arc<LabCore>,
    power: Arc<Power>,
    programs: Arc<Programs>,
    faults: Arc<Faults>,
    observers: Arc<Observers>,
}

impl Actions {
    pub(super) fn new(
        core: Arc<LabCore>,
        power: Arc<Power>,
        programs: Arc<Programs>,
        faults: Arc<Faults>,
        observers: Arc<Observers>,
    ) -> Self {
        Self {
            core,
            power,
            programs,
            faults,
            observers,
        }
    }

    /// Does one thing to the lab.
    pub(super) async fn act(
        &self,
        action: &PhaseAction,
        lasting: EffectDuration,
    ) -> Result<(), LabError> {
        match action {
            PhaseAction::Reboot(nodes) => {
                try_join_all(nodes.iter().map(|node| self.power.reboot(node))).await?;
                Ok(())
            }
            PhaseAction::Stop(nodes) => {
                try_join_all(nodes.iter().map(|node| self.power.switch_off(node))).await?;
                Ok(())
            }
            PhaseAction::Start(nodes) => {
                try_join_all(nodes.iter().map(|node| self.power.switch_on(node))).await?;
                Ok(())
            }
            PhaseAction::Cut(_) | PhaseAction::Mend(_) | PhaseAction::Shape { .. } => {
                self.faults.change_link(action, lasting).await
            }
            PhaseAction::Fill { node, path, leave } => {
                self.faults.fill(node, path, leave.0, lasting).await
            }
            PhaseAction::Kill { node, process } => self.faults.kill(node, process).await,
            PhaseAction::Run(run) => self.run_of_scenario(run).await,
            PhaseAction::Wait(condition) => self.await_condition(condition).await,
        }
    }

    async fn run_of_scenario(&self, run: &NodeScript) -> Result<(), LabError> {
        let run = self.programs.run_script(&run.node, &run.script).await?;
        if run.result.exit == 0 {
            return Ok(());
        }
        Err(LabError::Script {
            script: run.script,
            node: run.node,
            exit: run.result.exit,
            output: super::programs::last_lines(&run.result.stderr, &run.result.stdout),
        })
    }

    /// Asks until it is so, or time is over. That it did not come true is the candidate's work, or
    /// the lack of it; that nobody could look is not.
    async fn await_condition(&self, condition: &Condition) -> Result<(), LabError> {
        let at_most = Duration::from_millis(condition.at_most.0);
        let deadline = Instant::now() + at_most;
        loop {
            let fact = self
                .observers
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
}
