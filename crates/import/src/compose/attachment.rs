//! The networks that a service is attached to.

use std::net::Ipv4Addr;

use plateau_core::tree::{Kind, Position, Tree};

use super::project::Attribute;
use super::{Machine, leave_out};
use crate::document::{entries, scalar};
use crate::draft::Draft;

/// The network of services that name none.
pub(super) const DEFAULT: &str = "default";

/// A network that a machine is to be in.
pub(super) struct Attachment {
    pub(super) network: String,
    /// The address that it wants.
    pub(super) address: Option<Ipv4Addr>,
    /// The name that its interface wants.
    pub(super) interface: Option<String>,
    /// Names that it has there.
    pub(super) aliases: Vec<String>,
    priority: i64,
    /// What says so.
    pub(super) source: Attribute,
}

/// The networks that a machine is to be in, in the order of its interfaces.
pub(super) fn attachments(draft: &mut Draft, machine: &Machine<'_>) -> Vec<Attachment> {
    let service = machine.service;
    let place = Attribute {
        key: "networks".to_owned(),
        key_at: Position {
            line: service.place.line,
            column: service.place.column,
        },
        tree: Tree {
            at: Position::default(),
            kind: Kind::Null,
        },
        file: service.place.file.clone(),
        folder: std::path::PathBuf::new(),
    };
    let plain = |network: &str, source: &Attribute| Attachment {
        network: network.to_owned(),
        address: None,
        interface: None,
        aliases: Vec::new(),
        priority: 0,
        source: source.clone(),
    };
    if let Some(mode) = service.get("network_mode") {
        match scalar(&mode.tree).as_deref() {
            Some("none") => return Vec::new(),
            Some("bridge" | "default") => {}
            _ => leave_out(draft, machine, &mode, "a machine has interfaces of its own"),
        }
    }
    let Some(networks) = service.get("networks") else {
        return vec![plain(DEFAULT, &place)];
    };
    if !matches!(networks.tree.kind, Kind::Map(_)) {
        let names = networks.each().into_iter().filter_map(scalar);
        return names.map(|name| plain(&name, &networks)).collect();
    }
    let mut attachments = Vec::new();
    for entry in entries(&networks.tree) {
        let source = Attribute {
            key: format!("networks.{}", entry.key),
            key_at: entry.key_at,
            ..networks.clone()
        };
        let get = |key: &str| entry.value.get(key).and_then(scalar);
        for (key, why) in [
            ("ipv6_address", "an interface has one address here"),
            ("link_local_ips", "an interface has one address here"),
            ("mac_address", "hardware addresses are given by Plateau"),
            (
                "driver_opts",
                "a network is a layer-2 segment without options",
            ),
        ] {
            if entry.value.get(key).is_some() {
                let source = Attribute {
                    key: format!("networks.{}.{key}", entry.key),
                    ..source.clone()
                };
                leave_out(draft, machine, &source, why);
            }
        }
        let aliases = entry
            .value
            .get("aliases")
            .map(Tree::elements)
            .unwrap_or_default();
        attachments.push(Attachment {
            address: get("ipv4_address").and_then(|text| text.parse().ok()),
            interface: get("interface_name").filter(|name| is_port(name)),
            aliases: aliases.iter().filter_map(scalar).collect(),
            priority: get("priority")
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
            ..plain(&entry.key, &source)
        });
    }
    attachments.sort_by_key(|attachment| std::cmp::Reverse(attachment.priority));
    attachments
}

fn is_port(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name != "lo" && (1..=15).contains(&name.len()) && name.chars().all(plain)
}
