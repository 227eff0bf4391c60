//! Limits the number of labs of a proof that run at the same time.

use plateau_core::topology::Topology;

use crate::lab::LabError;
use crate::labs::Labs;
use crate::preflight::{INOTIFY_OF_NODE, ask_host};

/// Labs at the same time that keep one core busy.
const LABS_PER_CORE: u64 = 2;

/// More labs than the engine has cores, since a lab waits much: for boots, for the network, for its
/// turn at the engine. Fewer where memory or inotify instances are short: without them nodes do not boot.
pub(super) async fn at_once(labs: &Labs, topology: &Topology) -> Result<usize, LabError> {
    let info = labs.runtime().info().await;
    let info = info.map_err(LabError::runtime("ask the engine what it has"))?;
    let each: u64 = topology
        .nodes
        .values()
        .map(|node| node.limits.memory.0)
        .sum();
    // Half of it is left to the host and to others.
    let fit = (info.memory / 2).checked_div(each).unwrap_or(u64::MAX);
    let busy = u64::from(info.cpus.max(2)) * LABS_PER_CORE;
    let host = ask_host(labs.runtime().as_ref()).await;
    let instances = host.and_then(|host| {
        let left = host
            .inotify_limit?
            .saturating_sub(host.inotify_used.unwrap_or_default());
        let nodes = u64::try_from(topology.nodes.len()).ok()?;
        // A solved lab stands for others meanwhile.
        let labs = left.checked_div(nodes * INOTIFY_OF_NODE)?;
        Some(labs.saturating_sub(1))
    });
    let fit = fit.min(instances.unwrap_or(u64::MAX));
    Ok(usize::try_from(busy.min(fit)).unwrap_or(1))
}
