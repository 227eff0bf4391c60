//! Networks out of links and bridges.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use plateau_core::spec::{InterfaceSpec, NetworkSpec};
use plateau_core::tree::{Path, Position};

use super::keys::{self, Role};
use super::links::{End, HostEnd, Link};
use super::source::Source;
use super::topology::Topology;
use crate::draft::Draft;
use crate::emulator::{Machine, interface, renamed};
use crate::error::ImportError;
use crate::names::UniqueNames;

/// The largest packet of a lab's networks.
const MTU: u32 = 1500;

/// The machines of a topology while they are being connected.
pub(super) struct Wiring<'a, 'b> {
    source: &'a Source,
    machines: &'b mut BTreeMap<&'a str, Machine>,
    draft: &'b mut Draft,
    names: UniqueNames,
    /// Nodes that are neither machines nor bridges.
    outside: BTreeSet<&'a str>,
    /// The network of each bridge.
    bridges: BTreeMap<&'a str, String>,
    /// Interfaces that are connected, by node and name in the topology.
    connected: BTreeMap<(String, String), Position>,
    /// Addresses by network.
    addresses: BTreeMap<String, Vec<IpNet>>,
}

impl<'a, 'b> Wiring<'a, 'b> {
    /// Makes a network for each bridge.
    pub(super) fn new(
        topology: &Topology<'a>,
        machines: &'b mut BTreeMap<&'a str, Machine>,
        draft: &'b mut Draft,
    ) -> Result<Self, ImportError> {
        let mut wiring = Self {
            source: topology.source,
            machines,
            draft,
            names: UniqueNames::default(),
            outside: BTreeSet::new(),
            bridges: BTreeMap::new(),
            connected: BTreeMap::new(),
            addresses: BTreeMap::new(),
        };
        for node in &topology.nodes {
            match keys::role(&node.kind) {
                Role::Bridge => {
                    // In a container's namespace it is called `bridge|container`.
                    let network = wiring.network(node.name);
                    wiring.bridges.insert(node.name, network);
                }
                Role::Outside => {
                    wiring.outside.insert(node.name);
                }
                Role::Container | Role::System(_) => {}
            }
        }
        let changed = wiring.bridges.iter();
        let changed = changed.map(|(old, new)| ((*old).to_owned(), new.clone()));
        if let Some(names) = renamed(&changed.collect()) {
            let path = Path::default().key("networks");
            wiring.draft.comment(&path, &names);
        }
        Ok(wiring)
    }

    /// Plugs everything in.
    ///
    /// # Errors
    /// A link names a node that is not declared, or an interface that another link has.
    pub(super) fn plug(mut self, links: &[Link]) -> Result<(), ImportError> {
        self.join_bridges(links)?;
        for link in links {
            for (key, at) in &link.rest {
                let what = format!("{key} of a link: it is for templates of configurations");
                self.leave_out(*at, &Path::default().key("networks"), what);
            }
            let Some(network) = self.network_of(link)? else {
                continue;
            };
            if let Some((mtu, at)) = link.mtu.filter(|(mtu, _)| *mtu > MTU) {
                let what = format!("mtu: {mtu}; a lab's networks carry at most {MTU} bytes");
                self.leave_out(at, &Path::default().key("networks").key(&network), what);
            }
            for end in &link.ends {
                if self.machines.contains_key(end.node.as_str()) {
                    self.connect(end, &network, link)?;
                }
            }
        }
        Ok(())
    }

    fn network(&mut self, name: &str) -> String {
        let network = self.names.take(name);
        let spec = NetworkSpec::default();
        self.draft.networks.insert(network.clone(), spec);
        network
    }

    fn leave_out(&mut self, at: Position, path: &Path, what: String) {
        self.draft.leave_out(self.source.place(at), path, what);
    }

    /// Bridges that are linked to each other are one network.
    fn join_bridges(&mut self, links: &[Link]) -> Result<(), ImportError> {
        for link in links {
            for end in &link.ends {
                self.is_declared(end)?;
            }
            let [a, b] = link.ends.as_slice() else {
                continue;
            };
            let network = |end: &End| self.bridges.get(end.node.as_str()).cloned();
            let (Some(kept), Some(joined)) = (network(a), network(b)) else {
                continue;
            };
            if kept != joined {
                self.draft.networks.remove(&joined);
                let of_both = self.bridges.values_mut().filter(|name| **name == joined);
                of_both.for_each(|name| name.clone_from(&kept));
                let path = Path::default().key("networks").key(&kept);
                let both = format!(
                    "The bridges `{}` and `{}`, which are linked.",
                    a.node, b.node
                );
                self.draft.comment(&path, &both);
            }
        }
        Ok(())
    }

    fn is_declared(&self, end: &End) -> Result<(), ImportError> {
        let name = end.node.as_str();
        if self.machines.contains_key(name)
            || self.bridges.contains_key(name)
            || self.outside.contains(name)
        {
            return Ok(());
        }
        let message = format!("the link leads to `{name}`, which is not a node");
        let names = self.machines.keys().chain(self.bridges.keys());
        let names: Vec<&str> = names.copied().collect();
        let hint = format!("declared are {}", names.join(", "));
        Err(self.source.refuse(end.at, message, &hint))
    }

    /// The network that a link is: that of its bridge, or one of its own. `None` where there is no
    /// machine at it.
    fn network_of(&mut self, link: &Link) -> Result<Option<String>, ImportError> {
        let bridge = link
            .ends
            .iter()
            .find_map(|end| self.bridges.get(end.node.as_str()));
        if let Some(network) = bridge.cloned() {
            self.beyond(link, &network);
            return Ok(Some(network));
        }
        let at_machines = link
            .ends
            .iter()
            .filter(|end| self.machines.contains_key(end.node.as_str()));
        let names: Vec<String> = at_machines
            .map(|end| self.machines[end.node.as_str()].name.clone())
            .collect();
        let name = match (names.as_slice(), link.ends.first()) {
            ([], _) | (_, None) => return Ok(None),
            ([one], Some(end)) => {
                let interface = link
                    .ends
                    .iter()
                    .find(|end| self.machines.contains_key(end.node.as_str()));
                format!("{one}-{}", interface.unwrap_or(end).interface)
            }
            (both, Some(_)) => both.join("-"),
        };
        let network = self.network(&name);
        self.beyond(link, &network);
        Ok(Some(network))
    }

    /// Says what a link leads to that is not in the lab.
    fn beyond(&mut self, link: &Link, network: &str) {
        let outside = |end: &&End| self.outside.contains(end.node.as_str());
        let beyond = match (link.beyond, link.ends.iter().find(outside)) {
            (Some(HostEnd::Outside(what)), _) => what.to_owned(),
            (_, Some(end)) => format!("`{}`", end.node),
            (Some(HostEnd::Nothing) | None, None) => return,
        };
        let path = Path::default().key("networks").key(network);
        let what =
            format!("what lies behind this network, {beyond}: a lab reaches nothing outside it");
        self.leave_out(link.at, &path, what);
    }

    fn connect(&mut self, end: &End, network: &str, link: &Link) -> Result<(), ImportError> {
        let key = (end.node.clone(), end.interface.clone());
        if self.connected.insert(key, end.at).is_some() {
            let message = format!("`{}` of `{}` has a link already", end.interface, end.node);
            let hint = "give each link interfaces of its own";
            return Err(self.source.refuse(end.at, message, hint));
        }
        let (address, others) = self.addresses(end, network);
        let Some(machine) = self.machines.get_mut(end.node.as_str()) else {
            return Ok(());
        };
        let taken = machine.node.interfaces.keys().cloned().collect();
        let name = interface::allowed(&end.interface, &taken);
        if name != end.interface {
            let path = machine.path().key("interfaces");
            let changed = format!(
                "`{}` is {name}: it cannot be the name of an interface.",
                end.interface
            );
            self.draft.comment(&path, &changed);
        }
        if let Some(mac) = &end.mac {
            machine
                .setup
                .command(format!("ip link set dev {name} address {mac}"));
        }
        if let Some((mtu, _)) = link.mtu.filter(|(mtu, _)| *mtu < MTU) {
            machine
                .setup
                .command(format!("ip link set dev {name} mtu {mtu}"));
        }
        let port = InterfaceSpec {
            network: network.to_owned(),
            address,
            gateway: None,
        };
        machine.plug(name.clone(), port);
        for other in others {
            machine
                .setup
                .command(format!("ip address add {other} dev {name}"));
        }
        Ok(())
    }

    /// The address that the node's own configuration can have, and those that the set-up gives.
    fn addresses(&mut self, end: &End, network: &str) -> (Option<IpNet>, Vec<IpNet>) {
        let known = self.addresses.entry(network.to_owned()).or_default();
        let mut others = end.addresses.clone();
        let fitting = others.iter().position(|address| fits(*address, known));
        let address = fitting.map(|index| others.remove(index));
        known.extend(address);
        (address, others)
    }
}

/// Whether an address can stand beside those that a network has: that of a host, its own, and in
/// the subnet of the others.
fn fits(address: IpNet, known: &[IpNet]) -> bool {
    let ip = address.addr();
    let all = address.prefix_len() + 1 >= address.max_prefix_len();
    let reserved = ip == address.network() || (ip.is_ipv4() && ip == address.broadcast());
    let special = ip.is_unspecified() || ip.is_multicast() || ip.is_loopback();
    let same = |other: &IpNet| same_family(other.addr(), ip);
    let beside = known
        .iter()
        .filter(|other| same(other))
        .all(|other| other.trunc() == address.trunc() && other.addr() != ip);
    (all || !reserved) && !special && beside
}

fn same_family(a: IpAddr, b: IpAddr) -> bool {
    a.is_ipv4() == b.is_ipv4()
}
