//! Faults: links, disks and processes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use plateau_core::api::NodeState;
use plateau_core::fault::{FaultRequest, FaultResponse};
use plateau_core::topology::PhaseAction;

use super::LabError;
use super::containers::Containers;
use super::core::LabCore;
use super::effects::Effects;
use super::links::{EffectDuration, Links};
use super::power::Power;
use crate::layout;
use crate::runtime::{ExecSpec, OutputEnd};

/// Most that a fault in a node may take.
const LIMIT: Duration = Duration::from_secs(60);

/// What the agent may say about it.
const ANSWER_LIMIT: usize = 64 << 10;

/// The file that fills a file system for a grading, and is removed afterwards.
const FILLING: &str = ".plateau-grading";

/// The file that fills one as an event: the candidate's to find and to remove.
const FILLED: &str = "filler.bin";

/// What is broken in nodes and between them.
#[derive(Debug)]
pub(super) struct Faults {
    core: Arc<LabCore>,
    containers: Arc<Containers>,
    links: Arc<Links>,
    power: Arc<Power>,
    effects: Arc<Effects>,
}

impl Faults {
    pub(super) fn new(
        core: Arc<LabCore>,
        containers: Arc<Containers>,
        links: Arc<Links>,
        power: Arc<Power>,
        effects: Arc<Effects>,
    ) -> Self {
        Self {
            core,
            containers,
            links,
            power,
            effects,
        }
    }

    /// Cuts, mends or shapes a link. A node that is off has it so when it is switched on.
    pub(super) async fn change_link(
        &self,
        action: &PhaseAction,
        lasting: EffectDuration,
    ) -> Result<(), LabError> {
        match self.links.record_action(action, lasting) {
            Some(link) => self.power.update_links(&link.node).await,
            None => Ok(()),
        }
    }

    pub(super) async fn fill(
        &self,
        node: &str,
        path: &str,
        leave: u64,
        lasting: EffectDuration,
    ) -> Result<(), LabError> {
        let file = match lasting {
            EffectDuration::Permanent => FILLED,
            EffectDuration::Grading => {
                // Known before it is there, so that it goes whatever happens.
                self.effects.note_filled(node, path).await?;
                FILLING
            }
        };
        let request = FaultRequest::Fill {
            path: path.to_owned(),
            file: file.to_owned(),
            leave,
        };
        self.fault(node, &request).await.map(drop)
    }

    /// Removes what filled a file system for a grading. A node that is off has forgotten it.
    pub(super) async fn empty(&self, node: &str, path: &str) -> Result<(), LabError> {
        if self.core.node_state(node) != NodeState::Running {
            return Ok(());
        }
        let request = FaultRequest::Empty {
            path: path.to_owned(),
            file: FILLING.to_owned(),
        };
        self.fault(node, &request).await.map(drop)
    }

    pub(super) async fn kill(&self, node: &str, process: &str) -> Result<(), LabError> {
        let request = FaultRequest::Kill {
            process: process.to_owned(),
        };
        let killed = self.fault(node, &request).await?;
        tracing::debug!(node, process, killed, "killed");
        Ok(())
    }

    /// Has the agent in a node make a fault. Returns how much was done.
    async fn fault(&self, node: &str, request: &FaultRequest) -> Result<u64, LabError> {
        self.core.running(node)?;
        let failed = |reason: String| LabError::Fault {
            node: node.to_owned(),
            reason,
        };
        let exec = ExecSpec {
            argv: vec![layout::AGENT.to_owned(), "fault".to_owned()],
            env: BTreeMap::new(),
            stdin: serde_json::to_vec(request).map_err(|error| failed(error.to_string()))?,
            timeout: LIMIT,
            limit: ANSWER_LIMIT,
            keep: OutputEnd::Head,
        };
        let output = self
            .core
            .context
            .runtime
            .exec(&self.containers.current(node), &exec)
            .await;
        let output = output.map_err(LabError::runtime(format!("make a fault in node `{node}`")))?;
        match serde_json::from_slice(&output.stdout) {
            Ok(FaultResponse::Done { count }) => Ok(count),
            Ok(FaultResponse::Failed { reason }) => Err(failed(reason)),
            Err(error) => {
                let said = String::from_utf8_lossy(&output.stderr);
                let said: String = said.trim().chars().take(200).collect();
                Err(failed(format!("{error} (exit {}) {said}", output.exit)))
            }
        }
    }
}
