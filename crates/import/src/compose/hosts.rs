//! Names that a service resolves, as lines of `/etc/hosts`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use plateau_core::spec::FileSpec;

use super::network::NetworkPlug;
use super::{Machine, leave_out};
use crate::document::{entries, scalar};
use crate::draft::Draft;

/// Writes the names that a machine's service would resolve into its `/etc/hosts`.
pub(super) fn write_hosts(
    draft: &mut Draft,
    machines: &[Machine<'_>],
    index: usize,
    plugs: &[NetworkPlug],
) {
    let machine = &machines[index];
    let service = machine.service;
    let host = service
        .text("hostname")
        .unwrap_or_else(|| machine.node.clone());
    let full = match service.text("domainname") {
        Some(domain) => format!("{host}.{domain} {host}"),
        None => host.clone(),
    };
    let mut lines = vec![
        "127.0.0.1\tlocalhost".to_owned(),
        format!("127.0.1.1\t{full}"),
        String::new(),
    ];
    let before = lines.len();
    let networks: Vec<&String> = plugs
        .iter()
        .filter(|plug| plug.machine == index)
        .map(|plug| &plug.network)
        .collect();
    let mut named = BTreeSet::new();
    for network in networks {
        for plug in plugs
            .iter()
            .filter(|plug| plug.network == *network && plug.machine != index)
        {
            let other = &machines[plug.machine];
            if !named.insert(plug.machine) {
                continue;
            }
            let mut names = vec![other.service.name.clone(), other.node.clone()];
            names.extend(other.service.text("container_name"));
            names.extend(plug.names.iter().cloned());
            names.extend(links(machine, &other.service.name));
            let mut seen = BTreeSet::new();
            names.retain(|name| seen.insert(name.clone()));
            lines.push(format!("{}\t{}", plug.address, names.join(" ")));
        }
    }
    lines.extend(extra_hosts(draft, machine));
    if lines.len() == before && full == machine.node {
        return;
    }
    let text = lines.join("\n") + "\n";
    let source = draft.add_file(&format!("files/{}/hosts", machine.node), text.into_bytes());
    let mut files = vec![("/etc/hosts", source)];
    if host != machine.node {
        let source = draft.add_file(
            &format!("files/{}/hostname", machine.node),
            format!("{host}\n").into_bytes(),
        );
        files.push(("/etc/hostname", source));
    }
    let Some(node) = draft.nodes.get_mut(&machine.node) else {
        return;
    };
    node.files
        .extend(files.into_iter().map(|(path, source)| FileSpec {
            path: path.to_owned(),
            source: Some(source),
            ..FileSpec::default()
        }));
}

/// Names by which a machine's service links another.
fn links(machine: &Machine<'_>, other: &str) -> Vec<String> {
    let Some(links) = machine.service.get("links") else {
        return Vec::new();
    };
    let texts = links.each().into_iter().filter_map(scalar);
    texts
        .filter_map(|link| {
            let (service, alias) = link.split_once(':')?;
            (service == other).then(|| alias.to_owned())
        })
        .collect()
}

/// `extra_hosts` as lines of `/etc/hosts`.
fn extra_hosts(draft: &mut Draft, machine: &Machine<'_>) -> Vec<String> {
    let Some(extra) = machine.service.get("extra_hosts") else {
        return Vec::new();
    };
    let mut pairs: Vec<(String, String)> = Vec::new();
    for entry in entries(&extra.tree) {
        let listed = entry.value.elements().iter().filter_map(scalar);
        let addresses: Vec<String> = scalar(&entry.value).into_iter().chain(listed).collect();
        pairs.extend(
            addresses
                .into_iter()
                .map(|address| (entry.key.clone(), address)),
        );
    }
    for text in extra.tree.elements().iter().filter_map(scalar) {
        let split = text.split_once('=').or_else(|| text.split_once(':'));
        pairs.extend(split.map(|(host, address)| (host.to_owned(), address.to_owned())));
    }
    let mut lines = Vec::new();
    for (host, address) in pairs {
        let bare = address.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(address) => lines.push(format!("{address}\t{host}")),
            Err(_) => leave_out(
                draft,
                machine,
                &extra,
                &format!("{host} is to be `{address}`, which is not a valid address"),
            ),
        }
    }
    lines
}
