//! Plugs nodes into bridges.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use plateau_core::wire::Port;
use thiserror::Error;

use super::links::{Link, Links, Shaping};
use super::{Process, WireError};

/// Why one step of plugging failed.
#[derive(Debug, Error)]
pub(crate) enum PlugError {
    #[error(transparent)]
    Kernel(#[from] nlink::Error),
    #[error("`{0}` is no hardware address")]
    Address(String),
    #[error("there is no bridge `{0}`")]
    NoBridge(String),
    #[error("the node has an interface of this name that is plugged in nowhere")]
    Taken,
}

/// The fabric, and the nodes that were opened so far.
pub(crate) struct Plugs {
    fabric: Links,
    found: BTreeMap<String, Link>,
    nodes: BTreeMap<u32, Links>,
}

impl Plugs {
    /// Opens the fabric.
    pub(crate) async fn open(fabric: &Process) -> Result<Self, WireError> {
        let opened = async {
            let links = Links::open(&fabric.net).await?;
            let found = links.list().await?;
            Ok((links, found))
        };
        let (links, found) = opened
            .await
            .map_err(|source: nlink::Error| WireError::Look {
                process: fabric.pid,
                source: std::io::Error::other(source),
            })?;
        Ok(Self {
            fabric: links,
            found,
            nodes: BTreeMap::new(),
        })
    }

    /// Has a bridge in the fabric.
    pub(crate) async fn bridge(&mut self, name: &str) -> Result<(), WireError> {
        let failed = |step| {
            move |source| WireError::Bridge {
                bridge: name.to_owned(),
                step,
                source,
            }
        };
        if !self.found.contains_key(name) {
            self.fabric.add_bridge(name).await.map_err(failed("add"))?;
            let made = self.fabric.find(name).await.map_err(failed("find"))?;
            self.found.extend(made.map(|made| (name.to_owned(), made)));
        }
        if let Some(bridge) = self.found.get(name) {
            up_and_silent(&self.fabric, bridge.index)
                .await
                .map_err(failed("set up"))?;
        }
        Ok(())
    }

    /// Has a link from a bridge into a node.
    pub(crate) async fn plug(&mut self, node: &Process, port: &Port) -> Result<(), WireError> {
        let mut step = "open the node";
        let done = self.plug_in_steps(node, port, &mut step).await;
        done.map_err(|source| WireError::Plug {
            interface: port.interface.clone(),
            process: port.node,
            bridge: port.bridge.clone(),
            step,
            source,
        })
    }

    async fn plug_in_steps(
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
        let bridge = self.found.get(&port.bridge);
        let bridge = bridge.ok_or_else(|| PlugError::NoBridge(port.bridge.clone()))?;
        *step = "look at what is there";
        let here = fabric.find(&port.fabric_port).await?;
        let there = node.find(&port.interface).await?;
        if let (Some(here), Some(there)) = (here, there)
            && is_plugged(here, there, bridge)
        {
            *step = "shape it";
            shape(fabric, here.index, port).await?;
            *step = "set its end in the fabric up or down";
            carry(fabric, here.index, port.cut).await?;
            return set_up(node, there, port, step).await;
        }
        if let Some(stale) = here {
            *step = "remove the stale port";
            fabric.remove(stale.index).await?;
        }
        // The stale port may have been the other end of what was found under the name.
        if there.is_some() && node.find(&port.interface).await?.is_some() {
            return Err(PlugError::Taken);
        }
        let there = connect(fabric, process, node, bridge.index, port, step).await?;
        set_up(node, there, port, step).await
    }
}

/// Makes the cable. The node's end gets its name last: by then the link is whole, and an end
/// with that name is one that needs nothing more.
async fn connect(
    fabric: &Links,
    process: &Process,
    node: &Links,
    bridge: u32,
    port: &Port,
    step: &mut &'static str,
) -> Result<Link, PlugError> {
    *step = "read the hardware address";
    let mac = parse_mac(&port.mac).ok_or_else(|| PlugError::Address(port.mac.clone()))?;
    *step = "make the cable";
    let unnamed = format!("~{:.14}", port.fabric_port);
    fabric
        .add_cable(&port.fabric_port, bridge, (&unnamed, &process.net, mac))
        .await?;
    *step = "turn off checksum offload";
    fabric.checksum_in_software(&port.fabric_port).await?;
    node.checksum_in_software(&unnamed).await?;
    *step = "find its ends";
    let (here, there) = (
        fabric.find(&port.fabric_port).await?,
        node.find(&unnamed).await?,
    );
    let (Some(here), Some(there)) = (here, there) else {
        return Err(PlugError::NoBridge(port.fabric_port.clone()));
    };
    *step = "shape it";
    shape(fabric, here.index, port).await?;
    *step = "set its end in the fabric up or down";
    carry(fabric, here.index, port.cut).await?;
    *step = "name it";
    node.rename(there.index, &port.interface).await?;
    Ok(there)
}

/// Has a port do to packets exactly what is asked for.
async fn shape(fabric: &Links, index: u32, port: &Port) -> Result<(), PlugError> {
    if port.delay_ms.is_some() || port.loss_ppm.is_some() {
        let delay = Duration::from_millis(port.delay_ms.unwrap_or(0));
        let loss = port.loss_ppm.unwrap_or(0);
        return Ok(fabric.impair(index, delay, loss, port.rate).await?);
    }
    match (port.rate, fabric.shaping(index).await?) {
        // The kernel keeps whole bytes per second.
        (Some(rate), Shaping::Limited(is)) if is / 8 == rate / 8 => {}
        (Some(rate), _) => fabric.limit(index, rate).await?,
        (None, Shaping::Free) => {}
        (None, Shaping::Limited(_) | Shaping::Impaired) => fabric.free(index).await?,
    }
    Ok(())
}

/// Has a port up, or down: then the node's end has no carrier, as with a cable pulled out.
async fn carry(fabric: &Links, index: u32, cut: bool) -> nlink::Result<()> {
    if cut {
        fabric.down(index).await
    } else {
        up_and_silent(fabric, index).await
    }
}

/// Sets up an interface of the fabric, which has nothing to say in the lab itself.
async fn up_and_silent(fabric: &Links, index: u32) -> nlink::Result<()> {
    // A host without IPv6 refuses, and has no such address to prevent.
    let _ = fabric.no_own_address(index).await;
    fabric.up(index).await
}

/// Whether two interfaces are the ends of one cable that is plugged into the bridge.
fn is_plugged(here: Link, there: Link, bridge: &Link) -> bool {
    here.bridge == Some(bridge.index)
        && here.other_end == Some(there.index)
        && there.other_end == Some(here.index)
}

/// Configures an examiner's end; a node's is left bare.
async fn set_up(
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
    node.address(link.index, address).await?;
    *step = "set it up";
    node.up(link.index).await?;
    if let Some(gateway) = port.gateway {
        *step = "give it its gateway";
        node.gateway(gateway).await?;
    }
    Ok(())
}

fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut mac = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut mac {
        let part = parts.next().filter(|part| part.len() == 2)?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(mac)
}

#[cfg(test)]
mod tests {
    use super::parse_mac;

    #[test]
    fn a_hardware_address_has_six_bytes_of_two_digits() {
        assert_eq!(parse_mac("02:1f:00:00:00:0A"), Some([2, 0x1f, 0, 0, 0, 10]));
        for wrong in [
            "",
            "02:1f:00:00:00",
            "02:1f:00:00:00:0a:0b",
            "2:1f:00:00:00:01",
            "02-1f-00-00-00-01",
        ] {
            assert_eq!(parse_mac(wrong), None, "{wrong}");
        }
    }
}
