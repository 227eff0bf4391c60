//! Links in all their notations.

use ipnet::IpNet;
use plateau_core::tree::{Position, Tree};

use super::source::{Source, Text};
use crate::document;
use crate::emulator::is_mac;
use crate::error::ImportError;

/// What a link connects.
#[derive(Debug)]
pub(super) struct Link<'a> {
    /// Where it stands.
    pub(super) at: Position,
    /// Its ends: two, or one where the other is nothing or not in the lab.
    pub(super) ends: Vec<End>,
    /// What is at the other end of a link with one end.
    pub(super) beyond: Option<HostEnd>,
    /// Its largest packet, and where that is said.
    pub(super) mtu: Option<(u32, Position)>,
    /// What is said of it that has no counterpart.
    pub(super) rest: Vec<(&'a str, Position)>,
}

/// The other end of a link with one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostEnd {
    /// Nothing: an interface that sends into the void.
    Nothing,
    /// Something outside the lab, in these words.
    Outside(&'static str),
}

/// One end of a link.
#[derive(Debug)]
pub(super) struct End {
    /// Where it stands.
    pub(super) at: Position,
    /// Its node.
    pub(super) node: String,
    /// Its interface there.
    pub(super) interface: String,
    /// Its hardware address.
    pub(super) mac: Option<String>,
    /// Its addresses, that of IPv4 first.
    pub(super) addresses: Vec<IpNet>,
}

/// Types of links with one end, and what is at the other.
const SINGLE: &[(&str, HostEnd)] = &[
    ("dummy", HostEnd::Nothing),
    ("host", HostEnd::Outside("the host's network")),
    ("macvlan", HostEnd::Outside("an interface of the host")),
    ("mgmt-net", HostEnd::Outside("the management network")),
    ("vxlan", HostEnd::Outside("a tunnel to another host")),
    ("vxlan-stitch", HostEnd::Outside("a tunnel to another host")),
];
/// Keys that a link's reading uses; what else is said of it has no counterpart.
const READ: &[&str] = &[
    "dst-port",
    "endpoint",
    "endpoints",
    "host-interface",
    "ipv4",
    "ipv6",
    "mode",
    "mtu",
    "remote",
    "src-port",
    "type",
    "vni",
];

impl<'a> Link<'a> {
    /// Reads a link.
    ///
    /// # Errors
    /// Its shape is none of those that links have.
    pub(super) fn read(source: &Source, tree: &'a Tree) -> Result<Self, ImportError> {
        let entries = source.map(Some(tree))?;
        let kind = tree.get("type").map(|kind| source.text(kind)).transpose()?;
        let name = kind.as_ref().map_or("", |kind| kind.text.trim());
        let (ends, beyond) = match name.to_lowercase().as_str() {
            "" | "brief" => brief(source, tree)?,
            "veth" | "veth-stitch" => (extended(source, tree)?, None),
            other => {
                let Some((_, beyond)) = SINGLE.iter().find(|(name, _)| *name == other) else {
                    let at = kind.map_or(tree.at, |kind| kind.at);
                    let message = format!("`{other}` is not a valid type of link");
                    let names: Vec<&str> = SINGLE.iter().map(|(name, _)| *name).collect();
                    let hint = format!("veth, veth-stitch, {}", names.join(", "));
                    return Err(source.refuse(at, message, &hint));
                };
                let end = tree.get("endpoint").ok_or_else(|| {
                    let message = format!("a link of type {other} has an `endpoint`");
                    source.refuse(
                        tree.at,
                        message,
                        "write `endpoint: { node: …, interface: … }`",
                    )
                })?;
                (vec![end_of(source, end)?], Some(*beyond))
            }
        };
        let ends_of = source
            .list(tree.get("endpoints"))?
            .iter()
            .chain(tree.get("endpoint"));
        let at_ends = ends_of
            .flat_map(document::entries)
            .filter(|e| e.key == "vars");
        let rest = entries
            .iter()
            .filter(|e| !READ.contains(&e.key.as_str()))
            .chain(at_ends);
        Ok(Self {
            at: tree.at,
            ends,
            beyond,
            mtu: mtu(source, tree)?,
            rest: rest.map(|e| (e.key.as_str(), e.key_at)).collect(),
        })
    }
}

type Ends = (Vec<End>, Option<HostEnd>);

/// `endpoints: ["a:eth1", "b:eth1"]`, where one of the nodes may be `host`, `macvlan` or `mgmt-net`.
fn brief(source: &Source, tree: &Tree) -> Result<Ends, ImportError> {
    let texts = two(source, tree)?
        .iter()
        .map(|end| source.text(end))
        .collect::<Result<Vec<Text>, ImportError>>()?;
    let mut ends = Vec::new();
    for text in texts {
        let Some((node, interface)) = text.text.split_once(':') else {
            let message = format!("`{}` is not the end of a link", text.text);
            return Err(source.refuse(text.at, message, "write `node:interface`"));
        };
        ends.push(End {
            at: text.at,
            node: node.trim().to_owned(),
            interface: interface.trim().to_owned(),
            mac: None,
            addresses: Vec::new(),
        });
    }
    for family in ["ipv4", "ipv6"] {
        let addresses = source.texts(tree.get(family))?;
        for (end, address) in ends.iter_mut().zip(addresses) {
            end.addresses.extend(address_of(source, &address)?);
        }
    }
    let special = |end: &End| {
        let kinds = SINGLE
            .iter()
            .filter(|(name, _)| ["host", "macvlan", "mgmt-net"].contains(name));
        kinds
            .clone()
            .find(|(name, _)| *name == end.node)
            .map(|(_, beyond)| *beyond)
    };
    let Some((index, beyond)) = ends
        .iter()
        .enumerate()
        .find_map(|(index, end)| Some((index, special(end)?)))
    else {
        return Ok((ends, None));
    };
    ends.remove(index);
    Ok((ends, Some(beyond)))
}

fn extended(source: &Source, tree: &Tree) -> Result<Vec<End>, ImportError> {
    let mut ends = two(source, tree)?
        .iter()
        .map(|end| end_of(source, end))
        .collect::<Result<Vec<End>, ImportError>>()?;
    for family in ["ipv4", "ipv6"] {
        let addresses = source.texts(tree.get(family))?;
        for (end, address) in ends.iter_mut().zip(addresses) {
            end.addresses.extend(address_of(source, &address)?);
        }
    }
    Ok(ends)
}

fn two<'a>(source: &Source, tree: &'a Tree) -> Result<&'a [Tree], ImportError> {
    let ends = source.list(tree.get("endpoints"))?;
    if ends.len() == 2 {
        return Ok(ends);
    }
    let at = tree.get("endpoints").map_or(tree.at, |ends| ends.at);
    let message = format!("a link has two endpoints, and this one {}", ends.len());
    Err(source.refuse(at, message, "write `endpoints: [\"a:eth1\", \"b:eth1\"]`"))
}

/// `{ node: …, interface: …, mac: …, ipv4: …, ipv6: … }`
fn end_of(source: &Source, tree: &Tree) -> Result<End, ImportError> {
    source.map(Some(tree))?;
    let text = |key: &str| -> Result<Option<Text>, ImportError> {
        tree.get(key).map(|value| source.text(value)).transpose()
    };
    let (Some(node), Some(interface)) = (text("node")?, text("interface")?) else {
        let message = "the end of a link has a `node` and an `interface`".to_owned();
        return Err(source.refuse(tree.at, message, "write `{ node: a, interface: eth1 }`"));
    };
    let mut addresses = Vec::new();
    for address in [text("ipv4")?, text("ipv6")?].into_iter().flatten() {
        addresses.extend(address_of(source, &address)?);
    }
    let mac = text("mac")?.filter(|mac| !mac.text.is_empty());
    let mac = match mac.map(|mac| (mac.text.replace('-', ":"), mac.at)) {
        Some((mac, at)) if !is_mac(&mac) => {
            let message = format!("`{mac}` is not a hardware address");
            return Err(source.refuse(at, message, "such as 02:42:ac:11:00:02"));
        }
        Some((mac, _)) => Some(mac),
        None => None,
    };
    Ok(End {
        at: tree.at,
        node: node.text,
        interface: interface.text,
        mac,
        addresses,
    })
}

fn address_of(source: &Source, text: &Text) -> Result<Option<IpNet>, ImportError> {
    if text.text.is_empty() {
        return Ok(None);
    }
    text.text.parse().map(Some).map_err(|_| {
        let message = format!("`{}` is not an address with a prefix length", text.text);
        source.refuse(text.at, message, "such as 192.0.2.1/24 or 2001:db8::1/64")
    })
}

fn mtu(source: &Source, tree: &Tree) -> Result<Option<(u32, Position)>, ImportError> {
    let Some(value) = tree.get("mtu") else {
        return Ok(None);
    };
    let text = source.text(value)?;
    text.text
        .parse()
        .map(|mtu| Some((mtu, text.at)))
        .map_err(|_| {
            let message = format!("`{}` is not a valid number of bytes", text.text);
            source.refuse(text.at, message, "such as 1500")
        })
}
