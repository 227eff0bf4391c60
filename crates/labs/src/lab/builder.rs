//! Building a lab: the plan, step by step.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use plateau_core::api::NodeState;
use plateau_core::plan::{Plan, Step, Wiring, plan_reopening, plan_up};

use super::LabError;
use super::containers::Containers;
use super::core::LabCore;
use super::power::Power;
use super::programs::{Programs, last_lines};
use super::wirer::Wirer;

/// Builds a lab.
#[derive(Debug)]
pub(super) struct Builder {
    core: Arc<LabCore>,
    containers: Arc<Containers>,
    wirer: Arc<Wirer>,
    power: Arc<Power>,
    programs: Arc<Programs>,
}

impl Builder {
    pub(super) fn new(
        core: Arc<LabCore>,
        containers: Arc<Containers>,
        wirer: Arc<Wirer>,
        power: Arc<Power>,
        programs: Arc<Programs>,
    ) -> Self {
        Self {
            core,
            containers,
            wirer,
            power,
            programs,
        }
    }

    /// Does what the plan says: stage by stage, the steps of a stage at the same time.
    pub(super) async fn build(self: &Arc<Self>) -> Result<(), LabError> {
        for stage in self.plan().stages {
            let steps = stage.steps.into_iter().map(|step| {
                let builder = Arc::clone(self);
                async move { builder.run_and_report(stage.name, step).await }
            });
            // At the first failure no further step is begun.
            stream::iter(steps)
                .buffer_unordered(self.core.context.settings.concurrency.max(1))
                .try_collect::<Vec<()>>()
                .await?;
        }
        Ok(())
    }

    /// How it is built: from its scenario, or again from what was kept.
    fn plan(&self) -> Plan {
        match &self.core.again {
            None => plan_up(&self.core.topology),
            Some(again) => plan_reopening(&self.core.topology, &again.ran),
        }
    }

    /// Does a step and tells what becomes of it.
    async fn run_and_report(self: Arc<Self>, stage: &str, step: Step) -> Result<(), LabError> {
        let words = in_words(&step);
        self.core
            .run_and_record(stage, words, self.step(step))
            .await
    }

    async fn step(self: &Arc<Self>, step: Step) -> Result<(), LabError> {
        match step {
            Step::Fabric => {
                let builder = Arc::clone(self);
                self.core
                    .call_engine(async move { builder.create_fabric().await })
                    .await
            }
            Step::Create(node) => {
                let builder = Arc::clone(self);
                self.core
                    .call_engine(async move {
                        builder.create_node(&node).await?;
                        builder.core.set_node(&node, NodeState::Stopped);
                        Ok(())
                    })
                    .await
            }
            Step::Start(node) => {
                let builder = Arc::clone(self);
                self.core
                    .call_engine(async move { builder.start_node(&node).await })
                    .await
            }
            Step::Wire(wiring) => self.wire_all(&wiring).await,
            Step::Boot(node) => self.power.await_boot(&node).await,
            Step::Setup(node) => self.set_up(&node).await,
        }
    }

    async fn create_fabric(&self) -> Result<(), LabError> {
        let runtime = &self.core.context.runtime;
        let spec = self.containers.fabric_spec();
        runtime
            .create_container(&spec)
            .await
            .map_err(LabError::runtime("create the fabric"))?;
        runtime
            .start_container(&spec.name)
            .await
            .map_err(LabError::runtime("start the fabric"))
    }

    /// Returns the container's name.
    async fn create_node(&self, name: &str) -> Result<String, LabError> {
        let Some(node) = self.core.topology.nodes.get(name) else {
            return self.core.known(name).map(|()| String::new());
        };
        let spec = self.containers.node_spec(name, node);
        let created = self.core.context.runtime.create_container(&spec).await;
        created.map_err(LabError::runtime(format!("create node `{name}`")))?;
        Ok(spec.name)
    }

    async fn start_node(&self, name: &str) -> Result<(), LabError> {
        let container = self.create_node(name).await?;
        let started = self.core.context.runtime.start_container(&container).await;
        started.map_err(LabError::runtime(format!("start node `{name}`")))?;
        self.core.set_node(name, NodeState::Running);
        Ok(())
    }

    async fn wire_all(&self, wiring: &Wiring) -> Result<(), LabError> {
        let pids = self.wirer.wire(wiring).await?;
        self.power.wired(pids).await;
        Ok(())
    }

    async fn set_up(&self, name: &str) -> Result<(), LabError> {
        let node = self.core.topology.nodes.get(name);
        let Some(script) = node.and_then(|node| node.setup.as_ref()) else {
            return Ok(());
        };
        let run = self.programs.run_script(name, script).await?;
        if run.result.exit == 0 {
            return Ok(());
        }
        Err(LabError::Script {
            script: run.script,
            node: run.node,
            exit: run.result.exit,
            output: last_lines(&run.result.stderr, &run.result.stdout),
        })
    }
}

fn in_words(step: &Step) -> String {
    match step {
        Step::Fabric => "create the fabric".to_owned(),
        Step::Create(node) => format!("create {node}"),
        Step::Start(node) => format!("start {node}"),
        Step::Wire(wiring) => format!("plug in {} interfaces", wiring.ports.len()),
        Step::Boot(node) => format!("boot {node}"),
        Step::Setup(node) => format!("set up {node}"),
    }
}
