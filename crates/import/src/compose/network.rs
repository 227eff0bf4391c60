//! Networks, and who has which address in them.
//!
//! Compose gives addresses and names as machines start. Here both are written down: every machine
//! has a fixed address in each of its networks, and the names of its neighbours in `/etc/hosts`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};
use plateau_core::spec::{InterfaceSpec, NetworkSpec};
use plateau_core::tree::{Path as At, Tree};

use super::attachment::{Attachment, DEFAULT, attachments};
use super::hosts::write_hosts;
use super::project::{Attribute, Project};
use super::{Machine, leave_out};
use crate::document::{entries, scalar};
use crate::draft::{Draft, UniqueNames};

/// Networks that we choose a subnet for get one of these.
const OURS: [u8; 2] = [172, 30];

/// A network of the project.
struct Segment {
    name: String,
    subnet: Ipv4Net,
    taken: BTreeSet<Ipv4Addr>,
}

/// A machine's place in a network.
pub(super) struct NetworkPlug {
    /// Which of the machines.
    pub(super) machine: usize,
    pub(super) network: String,
    pub(super) address: Ipv4Addr,
    /// Names that it has there beside its own.
    pub(super) names: Vec<String>,
}

/// Plugs all machines into their networks.
pub(super) fn plug_in(draft: &mut Draft, project: &Project, machines: &[Machine<'_>]) {
    let wanted: Vec<Vec<Attachment>> = machines
        .iter()
        .map(|machine| attachments(draft, machine))
        .collect();
    let mut segments = segments(draft, project, &wanted);
    for attachment in wanted.iter().flatten() {
        if let (Some(segment), Some(address)) =
            (segments.get_mut(&attachment.network), attachment.address)
        {
            segment.taken.insert(address);
        }
    }
    let mut plugs: Vec<NetworkPlug> = Vec::new();
    for (index, attachments) in wanted.iter().enumerate() {
        let machine = &machines[index];
        let mut interfaces = BTreeMap::new();
        for (number, attachment) in attachments.iter().enumerate() {
            let Some(segment) = segments.get_mut(&attachment.network) else {
                continue;
            };
            let same = |plug: &NetworkPlug| {
                plug.network == attachment.network && Some(plug.address) == attachment.address
            };
            let fixed = attachment
                .address
                .filter(|address| is_host(segment.subnet, *address) && !plugs.iter().any(same));
            if let (Some(address), None) = (attachment.address, fixed) {
                let why = format!("{address} is taken, or outside {}", segment.subnet);
                leave_out(draft, machine, &attachment.source, &why);
            }
            let Some(address) = fixed.or_else(|| free(segment)) else {
                leave_out(
                    draft,
                    machine,
                    &attachment.source,
                    "no address is free in its network",
                );
                continue;
            };
            let free = |name: &String| !interfaces.contains_key(name);
            let wanted = attachment.interface.clone();
            let numbered = (number..).map(|number| format!("eth{number}"));
            let Some(name) = wanted.into_iter().chain(numbered).find(free) else {
                continue;
            };
            let net = Ipv4Net::new(address, segment.subnet.prefix_len())
                .ok()
                .map(IpNet::V4);
            let port = InterfaceSpec {
                network: segment.name.clone(),
                address: net,
                ..InterfaceSpec::default()
            };
            interfaces.insert(name, port);
            plugs.push(NetworkPlug {
                machine: index,
                network: attachment.network.clone(),
                address,
                names: attachment.aliases.clone(),
            });
        }
        if let Some(node) = draft.nodes.get_mut(&machine.node) {
            node.interfaces = interfaces;
        }
    }
    for index in 0..machines.len() {
        write_hosts(draft, machines, index, &plugs);
    }
}

/// The networks that somebody is in, each with a subnet.
fn segments(
    draft: &mut Draft,
    project: &Project,
    wanted: &[Vec<Attachment>],
) -> BTreeMap<String, Segment> {
    let used: BTreeSet<&String> = wanted
        .iter()
        .flatten()
        .map(|attachment| &attachment.network)
        .collect();
    let mut names = UniqueNames::default();
    let mut segments: BTreeMap<String, Segment> = BTreeMap::new();
    let declared = |name: &str| {
        project
            .declared
            .get(&("networks".to_owned(), name.to_owned()))
    };
    let given: Vec<Ipv4Net> = used
        .iter()
        .filter_map(|name| subnet(declared(name)?))
        .collect();
    let mut chosen = 0;
    for name in used {
        let ours = names.take(if name == DEFAULT { "lan" } else { name });
        let at = At::default().key("networks").key(&ours);
        if let Some(declared) = declared(name) {
            describe(draft, declared, &at);
        }
        let subnet = match declared(name).and_then(subnet) {
            Some(subnet) => subnet,
            None => {
                let subnet = loop {
                    let subnet =
                        Ipv4Net::new_assert(Ipv4Addr::new(OURS[0], OURS[1], chosen, 0), 24);
                    chosen = chosen.saturating_add(1);
                    let overlaps =
                        |other: &Ipv4Net| other.contains(&subnet) || subnet.contains(other);
                    if chosen == u8::MAX || !given.iter().any(overlaps) {
                        break subnet;
                    }
                };
                draft.comment(&at, &format!("{subnet} was chosen by the import: the Compose file leaves it to the engine."));
                subnet
            }
        };
        draft.networks.insert(ours.clone(), NetworkSpec::default());
        segments.insert(
            name.clone(),
            Segment {
                name: ours,
                subnet,
                taken: BTreeSet::new(),
            },
        );
    }
    segments
}

/// The first IPv4 subnet that a network is declared with.
fn subnet(declared: &Attribute) -> Option<Ipv4Net> {
    let configs = declared.tree.get("ipam")?.get("config")?.elements();
    let subnets = configs
        .iter()
        .filter_map(|config| scalar(config.get("subnet")?)?.parse::<Ipv4Net>().ok());
    subnets
        .map(|subnet| subnet.trunc())
        .find(|subnet| (8..=29).contains(&subnet.prefix_len()))
}

/// Says what a network of ours has not.
fn describe(draft: &mut Draft, declared: &Attribute, at: &At) {
    for entry in entries(&declared.tree) {
        let why = match entry.key.as_str() {
            "name" | "internal" | "attachable" | "enable_ipv4" | "labels" => continue,
            "driver" if scalar(&entry.value).as_deref() == Some("bridge") => continue,
            "ipam" => {
                describe_ipam(draft, declared, &entry.value, at);
                continue;
            }
            key if key.starts_with("x-") => continue,
            "external" if scalar(&entry.value).as_deref() == Some("false") => continue,
            "external" => "it is made for each lab, and not shared with anything outside",
            "enable_ipv6" => "addresses of IPv6 are for the scenario to give",
            _ => "a network is a layer-2 segment without options",
        };
        let what = format!("network {}: `{}`: {why}", declared.key, entry.key);
        draft.leave_out(entry.key_at.in_file(&declared.file), at, what);
    }
}

fn describe_ipam(draft: &mut Draft, declared: &Attribute, ipam: &Tree, at: &At) {
    let mut leave_out = |mark: plateau_core::tree::Position, key: &str, why: &str| {
        let what = format!("network {}: `ipam.{key}`: {why}", declared.key);
        draft.leave_out(mark.in_file(&declared.file), at, what);
    };
    let used = subnet(declared);
    for entry in entries(ipam) {
        if !["config", "driver"].contains(&entry.key.as_str()) && !entry.key.starts_with("x-") {
            leave_out(
                entry.key_at,
                &entry.key,
                "addresses are written down one by one",
            );
        }
    }
    for entry in ipam
        .get("config")
        .map(Tree::elements)
        .unwrap_or_default()
        .iter()
        .flat_map(entries)
    {
        match entry.key.as_str() {
            "subnet"
                if scalar(&entry.value).and_then(|text| text.parse().ok()) == used
                    && used.is_some() => {}
            "subnet" => leave_out(entry.value.at, "subnet", "a network has one subnet of IPv4"),
            "gateway" => leave_out(
                entry.value.at,
                "gateway",
                "nothing in the lab is the engine's router; make a node one",
            ),
            "ip_range" | "aux_addresses" => leave_out(
                entry.key_at,
                &entry.key,
                "addresses are written down one by one",
            ),
            _ => {}
        }
    }
}

fn is_host(subnet: Ipv4Net, address: Ipv4Addr) -> bool {
    subnet.contains(&address) && address != subnet.network() && address != subnet.broadcast()
}

/// The next address that nobody has. The first is the engine's own in Compose, and stays free.
fn free(segment: &mut Segment) -> Option<Ipv4Addr> {
    let free = segment
        .subnet
        .hosts()
        .skip(1)
        .find(|address| !segment.taken.contains(address))?;
    segment.taken.insert(free);
    Some(free)
}
