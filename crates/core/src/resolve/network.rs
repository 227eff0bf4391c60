//! Addresses: each once, and all of a network in one subnet.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::Resolver;
use crate::observer::FromSpec;
use crate::spec::ScenarioSpec;
use crate::tree::Path;

/// An address that somebody has in a network.
struct AddressHolder {
    path: Path,
    address: IpNet,
    /// Who, for messages; an examiner may share its address with another check's examiner.
    who: String,
    examiner: bool,
}

impl Resolver<'_> {
    /// Checks all addresses of a scenario.
    pub(super) fn addresses(&mut self, spec: &ScenarioSpec) {
        for (network, holders) in holders(spec) {
            let mut subnets: Vec<IpNet> = Vec::new();
            for (index, holder) in holders.iter().enumerate() {
                self.usable(holder);
                let ip = holder.address.addr();
                let taken = |other: &&AddressHolder| {
                    other.address.addr() == ip && !(other.examiner && holder.examiner)
                };
                if let Some(first) = holders[..index].iter().find(taken) {
                    let message = format!(
                        "address {ip} is taken by {} in network `{network}`",
                        first.who
                    );
                    self.problem(
                        &holder.path,
                        "duplicate-address",
                        message,
                        Some("give each its own".to_owned()),
                    );
                }
                // An examiner may be a stranger on purpose: that is how filters and VLANs are tried.
                if holder.examiner {
                    continue;
                }
                let subnet = holder.address.trunc();
                let same_family = subnets
                    .iter()
                    .find(|known| known.addr().is_ipv4() == ip.is_ipv4());
                match same_family {
                    None => subnets.push(subnet),
                    Some(known) if *known != subnet => {
                        let message = format!(
                            "{} is outside {known}, where the others of network `{network}` are",
                            holder.address
                        );
                        let hint = format!("give it an address of {known}, or another network");
                        self.problem(&holder.path, "address-outside-network", message, Some(hint));
                    }
                    Some(_) => {}
                }
            }
        }
        self.gateways(spec);
    }

    fn usable(&mut self, holder: &AddressHolder) {
        let net = holder.address;
        let ip = net.addr();
        let whole = net.prefix_len() >= net.max_prefix_len() - 1;
        let reserved = !whole && (ip == net.network() || (ip.is_ipv4() && ip == net.broadcast()));
        if reserved || ip.is_unspecified() || ip.is_multicast() || ip.is_loopback() {
            let message = format!("{net} cannot be the address of an interface");
            let hint = format!(
                "it is the network's own, its broadcast, or reserved; hosts of {} lie between",
                net.trunc()
            );
            self.problem(&holder.path, "bad-address", message, Some(hint));
        }
    }

    fn gateways(&mut self, spec: &ScenarioSpec) {
        let root = Path::default().key("nodes");
        for (name, node) in &spec.nodes {
            for (interface, plug) in &node.interfaces {
                let Some(gateway) = plug.gateway else {
                    continue;
                };
                let path = root
                    .key(name)
                    .key("interfaces")
                    .key(interface)
                    .key("gateway");
                self.gateway(&path, plug.address, gateway);
            }
        }
    }

    /// A gateway must be a neighbour.
    pub(super) fn gateway(&mut self, path: &Path, address: Option<IpNet>, gateway: IpAddr) {
        match address {
            None => {
                let hint =
                    Some("give the interface an address, or leave the gateway out".to_owned());
                self.problem(
                    path,
                    "gateway-without-address",
                    "a gateway needs an address".to_owned(),
                    hint,
                );
            }
            Some(address) if !address.contains(&gateway) => {
                let message = format!("gateway {gateway} is outside {}", address.trunc());
                self.problem(path, "gateway-outside-network", message, None);
            }
            Some(_) => {}
        }
    }
}

fn holders(spec: &ScenarioSpec) -> BTreeMap<&str, Vec<AddressHolder>> {
    let mut networks: BTreeMap<&str, Vec<AddressHolder>> = BTreeMap::new();
    let root = Path::default();
    for (name, node) in &spec.nodes {
        for (interface, plug) in &node.interfaces {
            let Some(address) = plug.address else {
                continue;
            };
            networks
                .entry(&plug.network)
                .or_default()
                .push(AddressHolder {
                    path: root
                        .key("nodes")
                        .key(name)
                        .key("interfaces")
                        .key(interface)
                        .key("address"),
                    address,
                    who: format!("`{interface}` of node `{name}`"),
                    examiner: false,
                });
        }
    }
    for (t, task) in spec.tasks.iter().enumerate() {
        for (c, check) in task.checks.iter().enumerate() {
            let Some(FromSpec::Examiner(examiner)) = &check.from else {
                continue;
            };
            networks
                .entry(&examiner.examiner)
                .or_default()
                .push(AddressHolder {
                    path: root
                        .key("tasks")
                        .index(t)
                        .key("checks")
                        .index(c)
                        .key("from")
                        .key("address"),
                    address: examiner.address,
                    who: format!("the examiner of check `{}/{}`", task.id, check.id),
                    examiner: true,
                });
        }
    }
    networks
}
