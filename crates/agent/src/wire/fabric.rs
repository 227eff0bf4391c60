//! Plugs nodes into the bridges of the fabric.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use plateau_core::wire::Port;

use crate::mac::parse_mac;

use super::error::{PlugError, WireError};
use super::links::{Link, Links, Shaping};
use super::process::Process;

/// The fabric, and the nodes that have been opened so far.
pub(crate) struct Fabric {
    fabric: Links,
    interfaces: BTreeMap<String, Link>,
    nodes: BTreeMap<u32, Links>,
}

impl Fabric {
    /// Opens the fabric.
    pub(crate) async fn open(fabric: &Process) -> Result<Self, WireError> {
        let opened = async {
            let links = Links::open(&fabric.net).await?;
            let interfaces = links.list().await?;
            Ok((links, interfaces))
        };
        let (links, interfaces) =
            opened
                .await
                .map_err(|source: nlink::Error| WireError::Inspect {
                    process: fabric.pid,
                    source: std::io::Error::other(source),
                })?;
        Ok(Self {
            fabric: links,
            interfaces,
            nodes: BTreeMap::new(),
        })
    }

    /// Creates a bridge in the fabric unless it exists.
    pub(crate) async fn ensure_bridge(&mut self, name: &str) -> Result<(), WireError> {
        let failed = |step| {
            move |source| WireError::Bridge {
                bridge: name.to_owned(),
                step,
                source,
            }
        };
        if !self.interfaces.contains_key(name) {
            self.fabric.add_bridge(name).await.map_err(failed("add"))?;
            let made = self.fabric.find(name).await.map_err(failed("find"))?;
            self.interfaces
                .extend(made.map(|made| (name.to_owned(), made)));
        }
        if let Some(bridge) = self.interfaces.get(name) {
            set_up_without_address(&self.fabric, bridge.index)
                .await
                .map_err(failed("set up"))?;
        }
        Ok(())
    }

    /// Connects a bridge with a node unless that is done.
    pub(crate) async fn plug(&mut self, node: &Process, port: &Port) -> Result<(), WireError> {
        let mut step = "open the node";
        let done = self.plug_step_by_step(node, port, &mut step).await;
        done.map_err(|source| WireError::Plug {
            interface: port.interface.clone(),
            process: port.node,
            bridge: port.bridge.clone(),
            step,
            source,
        })
    }

    async fn plug_step_by_step(
        &mut self,
        process: &Process,
        port: &Port,
        step: &mut &'static str,
    ) -> Result<(), PlugError> {
        let fabric = &self.fabric;
        let node = match self.nodes.entry(port.node) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(Links::open(&process.net).await?),
        };
        *step = "find the bridge";
        let bridge = self.interfaces.get(&port.bridge);
        let bridge = bridge.ok_or_else(|| PlugError::NoBridge(port.bridge.clone()))?;
        *step = "inspect the existing interfaces";
        let fabric_end = fabric.find(&port.fabric_port).await?;
        let node_end = node.find(&port.interface).await?;
        if let (Some(fabric_end), Some(node_end)) = (fabric_end, node_end)
            && is_connected(fabric_end, node_end, bridge)
        {
            *step = "set its shaping";
            shape(fabric, fabric_end.index, port).await?;
            *step = "set its end in the fabric up or down";
            set_carrier(fabric, fabric_end.index, port.cut).await?;
            return configure(node, node_end, port, step).await;
        }
        if let Some(stale) = fabric_end {
            *step = "remove the stale port";
            fabric.remove(stale.index).await?;
        }
        // The stale port may have been the other end of the interface with that name.
        if node_end.is_some() && node.find(&port.interface).await?.is_some() {
            return Err(PlugError::Taken);
        }
        let node_end = create_cable(fabric, process, node, bridge.index, port, step).await?;
        configure(node, node_end, port, step).await
    }
}

/// Creates the cable. The node's end gets its name last, so that an interface with that name is
/// always complete.
async fn create_cable(
    fabric: &Links,
    process: &Process,
    node: &Links,
    bridge: u32,
    port: &Port,
    step: &mut &'static str,
) -> Result<Link, PlugError> {
    *step = "read the hardware address";
    let mac = parse_mac(&port.mac).ok_or_else(|| PlugError::Address(port.mac.clone()))?;
    *step = "create the cable";
    let unnamed = format!("~{:.14}", port.fabric_port);
    fabric
        .add_cable(&port.fabric_port, bridge, (&unnamed, &process.net, mac))
        .await?;
    *step = "turn off checksum offload";
    fabric.disable_checksum_offload(&port.fabric_port).await?;
    node.disable_checksum_offload(&unnamed).await?;
    *step = "find its ends";
    let (fabric_end, node_end) = (
        fabric.find(&port.fabric_port).await?,
        node.find(&unnamed).await?,
    );
    let (Some(fabric_end), Some(node_end)) = (fabric_end, node_end) else {
        return Err(PlugError::NoBridge(port.fabric_port.clone()));
    };
    *step = "set its shaping";
    shape(fabric, fabric_end.index, port).await?;
    *step = "set its end in the fabric up or down";
    set_carrier(fabric, fabric_end.index, port.cut).await?;
    *step = "name it";
    node.rename(node_end.index, &port.interface).await?;
    Ok(node_end)
}

/// Sets exactly the delay, loss and rate that the port asks for.
async fn shape(fabric: &Links, index: u32, port: &Port) -> Result<(), PlugError> {
    if port.delay_ms.is_some() || port.loss_ppm.is_some() {
        let delay = Duration::from_millis(port.delay_ms.unwrap_or(0));
        let loss = port.loss_ppm.unwrap_or(0);
        return Ok(fabric.impair(index, delay, loss, port.rate).await?);
    }
    match (port.rate, fabric.shaping(index).await?) {
        // The kernel stores whole bytes per second.
        (Some(rate), Shaping::RateLimited(is)) if is / 8 == rate / 8 => {}
        (Some(rate), _) => fabric.limit_rate(index, rate).await?,
        (None, Shaping::None) => {}
        (None, Shaping::RateLimited(_) | Shaping::Impaired) => fabric.remove_shaping(index).await?,
    }
    Ok(())
}

/// Sets a port up or down. When it is down, the node's end has no carrier, as if the cable were
/// unplugged.
async fn set_carrier(fabric: &Links, index: u32, cut: bool) -> nlink::Result<()> {
    if cut {
        fabric.down(index).await
    } else {
        set_up_without_address(fabric, index).await
    }
}

/// Sets up an interface of the fabric, which must not send packets of its own into the lab.
async fn set_up_without_address(fabric: &Links, index: u32) -> nlink::Result<()> {
    // Fails on a host without IPv6, which generates none.
    let _ = fabric.disable_address_generation(index).await;
    fabric.up(index).await
}

/// Whether two interfaces are the ends of one cable that is plugged into the bridge.
fn is_connected(fabric_end: Link, node_end: Link, bridge: &Link) -> bool {
    fabric_end.bridge == Some(bridge.index)
        && fabric_end.other_end == Some(node_end.index)
        && node_end.other_end == Some(fabric_end.index)
}

/// Configures the interface of an examiner; that of a node gets no address.
async fn configure(
    node: &Links,
    link: Link,
    port: &Port,
    step: &mut &'static str,
) -> Result<(), PlugError> {
    let Some(address) = port.address else {
        return Ok(());
    };
    *step = "set the loopback up";
    if let Some(lo) = node.find("lo").await? {
        node.up(lo.index).await?;
    }
    *step = "give it its address";
    node.add_address(link.index, address).await?;
    *step = "set it up";
    node.up(link.index).await?;
    if let Some(gateway) = port.gateway {
        *step = "give it its gateway";
        node.add_default_route(gateway).await?;
    }
    Ok(())
}
