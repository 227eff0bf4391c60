//! Starting, stopping and plugging in nodes.
//!
//! A node's container that was (re)started has lost its links, whoever started it, and its init
//! waits until they are there again. So whoever hears of a change looks at the container as it is
//! now and does what is missing; a change that was brought about here is found done already.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use plateau_core::api::{NodeState, NodeView};
use plateau_core::plan::wiring;
use tokio::sync::{Mutex, MutexGuard};

use super::LabError;
use super::containers::Containers;
use super::core::LabCore;
use super::wirer::Wirer;
use crate::error::chain;
use crate::layout;
use crate::runtime::{ContainerDetails, ExecSpec, OutputEnd, RuntimeError};

/// With which a node's init ends when the node is rebooted from inside.
const REBOOT: i64 = 129;

/// What the await-boot role may say.
const BOOT_LIMIT: usize = 4 << 10;

/// Each node's switch: in it is the process that the node's links were plugged into last.
type Switches = BTreeMap<String, Mutex<Option<u32>>>;

/// Starts, stops and plugs in nodes.
#[derive(Debug)]
pub(super) struct Power {
    core: Arc<LabCore>,
    containers: Arc<Containers>,
    wirer: Arc<Wirer>,
    /// Whoever starts, stops or plugs in a node holds its own meanwhile.
    switches: Switches,
}

/// All switches, held while nodes and copies change places.
#[derive(Debug)]
pub(super) struct SwitchesGuard<'a>(Vec<(&'a String, MutexGuard<'a, Option<u32>>)>);

impl Power {
    /// Of a lab of whose nodes none is plugged in.
    pub(super) fn new(core: Arc<LabCore>, containers: Arc<Containers>, wirer: Arc<Wirer>) -> Self {
        let nodes = core.topology.nodes.keys();
        Self {
            switches: nodes.map(|node| (node.clone(), Mutex::default())).collect(),
            core,
            containers,
            wirer,
        }
    }

    /// The switch of a node; `None` where there is no such node.
    async fn hold(&self, node: &str) -> Option<MutexGuard<'_, Option<u32>>> {
        match self.switches.get(node) {
            Some(switch) => Some(switch.lock().await),
            None => None,
        }
    }

    /// All switches.
    pub(super) async fn hold_all(&self) -> SwitchesGuard<'_> {
        let mut held = Vec::new();
        // Always in the same order, and nobody else holds more than one.
        for (node, switch) in &self.switches {
            held.push((node, switch.lock().await));
        }
        SwitchesGuard(held)
    }

    /// The nodes were plugged into these processes.
    pub(super) async fn wired(&self, pids: BTreeMap<String, u32>) {
        for (node, pid) in pids {
            if let Some(mut wired) = self.hold(&node).await {
                *wired = Some(pid);
            }
        }
    }

    /// No node is plugged in any longer.
    async fn unplugged(&self) {
        for switch in self.switches.values() {
            *switch.lock().await = None;
        }
    }

    /// Waits until a node's init has finished booting.
    pub(super) async fn await_boot(&self, node: &str) -> Result<(), LabError> {
        let limit = self.core.context.settings.boot_timeout;
        let exec = ExecSpec {
            argv: vec![
                layout::GRADER.to_owned(),
                "await-boot".to_owned(),
                "--timeout-ms".to_owned(),
                limit.as_millis().to_string(),
            ],
            env: BTreeMap::new(),
            stdin: vec![],
            timeout: limit + Duration::from_secs(5),
            limit: BOOT_LIMIT,
            keep: OutputEnd::Tail,
        };
        let container = self.containers.current(node);
        let boot = |reason: String| LabError::Boot {
            node: node.to_owned(),
            reason,
        };
        let waited = self.core.context.runtime.exec(&container, &exec).await;
        if matches!(&waited, Ok(output) if output.exit == 0) {
            return Ok(());
        }
        // The end of an init ends whatever waits for it, in one of many ways.
        if let Ok(ContainerDetails {
            running: false,
            exit: Some(exit),
            ..
        }) = self.containers.inspect(&container).await
        {
            return Err(boot(format!("its init ended with {exit}")));
        }
        match waited {
            Ok(output) => {
                let said = [output.stdout, output.stderr].concat();
                let said = String::from_utf8_lossy(&said);
                Err(boot(format!("{} (exit {})", said.trim(), output.exit)))
            }
            Err(error) => Err(LabError::runtime(format!("wait for node `{node}`"))(error)),
        }
    }

    /// Restarts a node, also one that is stopped, and waits until it has booted.
    pub(super) async fn reboot(&self, node: &str) -> Result<(), LabError> {
        self.core.known(node)?;
        let Some(mut wired) = self.hold(node).await else {
            return self.core.known(node);
        };
        self.core.set_node(node, NodeState::Rebooting);
        *wired = None;
        let done = self.restart(node, &mut wired).await;
        self.core.set_node(
            node,
            match &done {
                Ok(()) => NodeState::Running,
                Err(_) => self.state_now(node).await,
            },
        );
        done
    }

    async fn restart(&self, node: &str, wired: &mut Option<u32>) -> Result<(), LabError> {
        let core = Arc::clone(&self.core);
        let container = self.containers.current(node);
        let doing = format!("restart node `{node}`");
        self.core
            .call_engine(async move {
                let patience = core.context.settings.patience;
                let restarted = core
                    .context
                    .runtime
                    .restart_container(&container, patience)
                    .await;
                restarted.map_err(LabError::runtime(doing))
            })
            .await?;
        self.plug_in(node, wired).await?;
        self.await_boot(node).await
    }

    /// Switches a node off. Nobody but us switches it on again.
    pub(super) async fn switch_off(&self, node: &str) -> Result<(), LabError> {
        let Some(mut wired) = self.hold(node).await else {
            return self.core.known(node);
        };
        *wired = None;
        let core = Arc::clone(&self.core);
        let container = self.containers.current(node);
        let doing = format!("switch node `{node}` off");
        let stopped = self.core.call_engine(async move {
            let patience = core.context.settings.patience;
            let stopped = core
                .context
                .runtime
                .stop_container(&container, patience)
                .await;
            stopped.map_err(LabError::runtime(doing))
        });
        let stopped = stopped.await;
        self.core.set_node(node, self.state_now(node).await);
        stopped
    }

    /// Switches a node on and waits until it has booted; one that runs is left alone.
    pub(super) async fn switch_on(&self, node: &str) -> Result<(), LabError> {
        let Some(mut wired) = self.hold(node).await else {
            return self.core.known(node);
        };
        if self.inspect(node).await?.running {
            return Ok(());
        }
        self.core.set_node(node, NodeState::Rebooting);
        *wired = None;
        let core = Arc::clone(&self.core);
        let container = self.containers.current(node);
        let doing = format!("start node `{node}`");
        let started = self.core.call_engine(async move {
            let started = core.context.runtime.start_container(&container).await;
            started.map_err(LabError::runtime(doing))
        });
        let done = async {
            started.await?;
            self.plug_in(node, &mut wired).await?;
            self.await_boot(node).await
        };
        let done = done.await;
        self.core.set_node(node, self.state_now(node).await);
        done
    }

    /// Has a node's links as they are to be now. One that is off has them so when it is switched on.
    pub(super) async fn update_links(&self, node: &str) -> Result<(), LabError> {
        let Some(mut wired) = self.hold(node).await else {
            return self.core.known(node);
        };
        if self.inspect(node).await?.running {
            self.plug_in(node, &mut wired).await?;
        }
        Ok(())
    }

    async fn plug_in(&self, node: &str, wired: &mut Option<u32>) -> Result<(), LabError> {
        let node = node.to_owned();
        let pids = self
            .wirer
            .wire(&wiring(&self.core.topology, &[&node]))
            .await?;
        *wired = pids.get(&node).copied();
        Ok(())
    }

    /// Looks at the container that stands for a node now.
    async fn inspect(&self, node: &str) -> Result<ContainerDetails, LabError> {
        self.containers
            .inspect(&self.containers.current(node))
            .await
    }

    pub(super) async fn state_now(&self, node: &str) -> NodeState {
        match self.inspect(node).await {
            Ok(found) if found.running => NodeState::Running,
            Ok(_) => NodeState::Stopped,
            Err(_) => NodeState::Absent,
        }
    }

    /// Something may have become of a node: does what is missing.
    pub(super) async fn reconcile_node(self: &Arc<Self>, node: &str) {
        if let Err(error) = self.restore_power(node, false).await {
            let reason = chain(&error);
            tracing::warn!(lab = %self.core.marker.name, node, reason, "a node cannot be looked after");
            self.core.set_node(node, self.state_now(node).await);
        }
    }

    /// Looks at the fabric and all nodes: after the daemon was away, or did not hear the engine.
    ///
    /// Where the fabric itself is down, the engine or its host was restarted, and nobody meant the
    /// nodes to be off; so they are started again, and waited for. Those that do not come back are
    /// told, each with its causes.
    ///
    /// # Errors
    /// The fabric cannot be looked at or started.
    pub(super) async fn settle(self: &Arc<Self>) -> Result<Vec<String>, LabError> {
        let fabric = self.containers.inspect(&self.containers.fabric()).await?;
        if !fabric.running {
            self.core
                .context
                .runtime
                .start_container(&self.containers.fabric())
                .await
                .map_err(LabError::runtime("start the fabric"))?;
            self.unplugged().await;
        }
        let nodes = self.core.topology.nodes.keys().map(async |node| {
            let settled = self.restore_power(node, !fabric.running).await;
            let error = settled.err()?;
            let reason = chain(&error);
            tracing::warn!(lab = %self.core.marker.name, node, reason, "a node is not as it should be");
            self.core.set_node(node, self.state_now(node).await);
            Some(reason)
        });
        let mut problems: Vec<String> = join_all(nodes).await.into_iter().flatten().collect();
        let mut view = self.core.watch();
        let boots = |node: &NodeView| node.state == NodeState::Rebooting;
        let booted = view.wait_for(|view| !view.nodes.values().any(boots)).await;
        if let (Ok(view), false) = (booted, fabric.running) {
            let off = view.nodes.iter();
            let off = off.filter(|(_, node)| node.state != NodeState::Running);
            problems.extend(off.map(|(node, view)| format!("node `{node}` is {:?}", view.state)));
        }
        Ok(problems)
    }

    /// Nobody waits for a boot that nobody asked for.
    fn boot_in_background(self: &Arc<Self>, node: &str) {
        let power = Arc::clone(self);
        let node = node.to_owned();
        self.core.spawn_background(async move {
            if let Err(error) = power.await_boot(&node).await {
                tracing::warn!(lab = %power.core.marker.name, node, %error, "a node boots badly");
            }
            // It may have been restarted again meanwhile, which is somebody else's to wait for.
            if let Some(_switch) = power.hold(&node).await {
                let state = power.state_now(&node).await;
                power.core.set_node(&node, state);
            }
        });
    }

    /// Brings a node back to what it was, as far as that is known: one that ends to reboot is started, and
    /// one with lost links is plugged in. With `start`, one that is off is started too.
    pub(super) async fn restore_power(
        self: &Arc<Self>,
        node: &str,
        start: bool,
    ) -> Result<(), LabError> {
        let Some(mut wired) = self.hold(node).await else {
            return self.core.known(node);
        };
        let container = self.containers.current(node);
        let found = match self.containers.inspect(&container).await {
            Err(LabError::Runtime {
                source: RuntimeError::NoSuchContainer { .. },
                ..
            }) => {
                self.core.set_node(node, NodeState::Absent);
                return Ok(());
            }
            other => other?,
        };
        let started = !found.running && (start || found.exit == Some(REBOOT));
        if !found.running && !started {
            *wired = None;
            self.core.set_node(node, NodeState::Stopped);
            return Ok(());
        }
        if started {
            self.core.set_node(node, NodeState::Rebooting);
            let core = Arc::clone(&self.core);
            let doing = format!("start node `{node}`");
            self.core
                .call_engine(async move {
                    let started = core.context.runtime.start_container(&container).await;
                    started.map_err(LabError::runtime(doing))
                })
                .await?;
            *wired = None;
        }
        if started || wired.is_none() || *wired != found.pid {
            // After an absence of the daemon's it is plugged in anew although it may be plugged in:
            // the wirer leaves alone what is there.
            self.plug_in(node, &mut wired).await?;
        }
        if started {
            self.boot_in_background(node);
        } else if self.core.node_state(node) != NodeState::Rebooting {
            self.core.set_node(node, NodeState::Running);
        }
        Ok(())
    }
}

impl SwitchesGuard<'_> {
    /// The nodes are plugged into these processes, and into no others.
    pub(super) fn wired(&mut self, pids: &BTreeMap<String, u32>) {
        for (node, wired) in &mut self.0 {
            **wired = pids.get(*node).copied();
        }
    }
}
