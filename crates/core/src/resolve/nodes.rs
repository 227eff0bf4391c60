//! Nodes: limits, interfaces and the files that they boot with.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Resolver;
use crate::image::{IMAGES, is_foreign, is_internal};
use crate::path::NodePath;
use crate::quantity::Size;
use crate::spec::{FileSpec, NodeSpec, ScenarioSpec};
use crate::topology::{Access, Interface, Limits, Node, PlacedFile};
use crate::tree::Path;

const DEFAULT_MEMORY: Size = Size(512 << 20);
const LEAST_MEMORY: Size = Size(32 << 20);
const DEFAULT_PIDS: u32 = 512;
const LEAST_PIDS: u32 = 32;
const DEFAULT_DISK: Size = Size(4 << 30);
/// What the first boot and an installed package write.
const LEAST_DISK: Size = Size(64 << 20);
/// The kernel's IFNAMSIZ less the closing zero (linux/if.h).
const LONGEST_INTERFACE: usize = 15;

impl Resolver<'_> {
    /// Resolves all nodes.
    pub(super) fn nodes(&mut self, spec: &ScenarioSpec) -> BTreeMap<String, Node> {
        let root = Path::default().key("nodes");
        if spec.nodes.is_empty() && self.declared.nodes.is_empty() {
            let hint = Some("declare at least one machine".to_owned());
            self.problem(&root, "no-node", "no nodes are declared".to_owned(), hint);
        }
        let mut nodes = BTreeMap::new();
        for (name, node) in &spec.nodes {
            let path = root.key(name);
            self.name_of_key(&path, name);
            nodes.insert(name.clone(), self.one_node(&path, &spec.id, name, node));
        }
        nodes
    }

    fn one_node(&mut self, path: &Path, scenario: &str, name: &str, spec: &NodeSpec) -> Node {
        if is_internal(&spec.image) {
            self.problem(
                &path.key("image"),
                "unknown-image",
                format!("`{}` is an image of the daemon's own", spec.image),
                Some(format!("allowed: {}", IMAGES.join(", "))),
            );
        }
        if !is_foreign(&spec.image) && !IMAGES.contains(&spec.image.as_str()) {
            self.unknown(
                &path.key("image"),
                "image",
                &spec.image,
                IMAGES.iter().copied(),
            );
        }
        let mut capabilities = spec.capabilities.clone();
        capabilities.sort_unstable();
        capabilities.dedup();
        let interfaces = self.interfaces(path, scenario, name, spec);
        let mut files = system_files(name, spec, &interfaces);
        for (index, file) in spec.files.iter().enumerate() {
            let Some(file) = self.file(&path.key("files").index(index), file) else {
                continue;
            };
            files.retain(|earlier| earlier.path != file.path);
            files.push(file);
        }
        let setup = spec
            .setup
            .as_ref()
            .and_then(|source| self.script(&path.key("setup"), source));
        Node {
            image: spec.image.clone(),
            limits: self.limits(path, spec),
            capabilities,
            devices: spec.devices.clone(),
            interfaces,
            files,
            setup,
            access: spec
                .access
                .clone()
                .unwrap_or_else(|| vec![Access::Terminal]),
        }
    }

    fn limits(&mut self, path: &Path, spec: &NodeSpec) -> Limits {
        let memory = spec.memory.unwrap_or(DEFAULT_MEMORY);
        if memory < LEAST_MEMORY {
            let hint = Some(format!("at least {LEAST_MEMORY}"));
            self.problem(
                &path.key("memory"),
                "bad-limit",
                format!("{memory} is too little for a node"),
                hint,
            );
        }
        let pids = spec.pids.unwrap_or(DEFAULT_PIDS);
        if pids < LEAST_PIDS {
            let hint = Some(format!("at least {LEAST_PIDS}"));
            self.problem(
                &path.key("pids"),
                "bad-limit",
                format!("{pids} processes are too few for a node"),
                hint,
            );
        }
        let disk = spec.disk.unwrap_or(DEFAULT_DISK);
        if disk < LEAST_DISK {
            let hint = Some(format!("at least {LEAST_DISK}"));
            self.problem(
                &path.key("disk"),
                "bad-limit",
                format!("a disk of {disk} is too small for a node"),
                hint,
            );
        }
        let cpus = spec.cpus.unwrap_or(1.0);
        if !(0.05..=256.0).contains(&cpus) {
            let hint = Some("between 0.05 and 256".to_owned());
            self.problem(
                &path.key("cpus"),
                "bad-limit",
                format!("{cpus} cores cannot be given"),
                hint,
            );
        }
        // In range by the check above; a value outside has been reported and is not used.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let cpu_millis = (cpus.clamp(0.05, 256.0) * 1000.0).round() as u32;
        Limits {
            memory,
            cpu_millis,
            pids,
            disk,
        }
    }

    fn interfaces(
        &mut self,
        path: &Path,
        scenario: &str,
        node: &str,
        spec: &NodeSpec,
    ) -> BTreeMap<String, Interface> {
        let root = path.key("interfaces");
        let mut interfaces = BTreeMap::new();
        for (name, interface) in &spec.interfaces {
            let path = root.key(name);
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if name.is_empty()
                || name.len() > LONGEST_INTERFACE
                || !name.chars().all(plain)
                || name == "lo"
            {
                let place = self.tree.key_mark(&path).in_file(super::DOCUMENT);
                self.problems.push(crate::problem::Problem {
                    place,
                    code: "bad-interface-name".to_owned(),
                    message: format!("`{name}` ({} bytes) cannot be the name of an interface", name.len()),
                    hint: Some(format!(
                        "1 to {LONGEST_INTERFACE} bytes of letters, digits, `-`, `_` and `.`, and not `lo`"
                    )),
                });
            }
            self.network(&path.key("network"), &interface.network);
            let resolved = Interface {
                network: interface.network.clone(),
                mac: mac(scenario, node, name),
                address: interface.address,
                gateway: interface.gateway,
            };
            interfaces.insert(name.clone(), resolved);
        }
        interfaces
    }

    fn file(&mut self, path: &Path, spec: &FileSpec) -> Option<PlacedFile> {
        if !NodePath::parse(&spec.path).is_some_and(NodePath::can_be_file) {
            let message = format!("`{}` is not an absolute path of a file", spec.path);
            let hint = Some("write it from the root, such as `/etc/motd`".to_owned());
            self.problem(&path.key("path"), "bad-path", message, hint);
            return None;
        }
        let content = match (&spec.source, &spec.content) {
            (Some(source), None) if spec.verbatim => self.source(&path.key("source"), source)?,
            (Some(source), None) => self.text(&path.key("source"), source)?.into_bytes(),
            (None, Some(content)) => content.clone().into_bytes(),
            (Some(_), Some(_)) | (None, None) => {
                let hint = Some(
                    "`source` names a file of the folder, `content` is the text itself".to_owned(),
                );
                self.problem(
                    path,
                    "source-or-content",
                    "exactly one of `source` and `content` is needed".to_owned(),
                    hint,
                );
                return None;
            }
        };
        Some(PlacedFile {
            path: spec.path.clone(),
            content,
            mode: spec.mode.map_or(0o644, |mode| mode.0),
            uid: spec.owner.unwrap_or(0),
            gid: spec.group.unwrap_or(0),
        })
    }
}

/// A locally administered address, the same in every lab of a scenario.
fn mac(scenario: &str, node: &str, interface: &str) -> String {
    let digest = blake3::hash(format!("{scenario}\0{node}\0{interface}").as_bytes());
    let mut text = "02".to_owned();
    for byte in &digest.as_bytes()[..5] {
        let _ = write!(text, ":{byte:02x}");
    }
    text
}

/// What a freshly installed machine of this name and these addresses has in `/etc`.
fn system_files(
    name: &str,
    spec: &NodeSpec,
    interfaces: &BTreeMap<String, Interface>,
) -> Vec<PlacedFile> {
    let file = |path: &str, text: String| PlacedFile {
        path: path.to_owned(),
        content: text.into_bytes(),
        mode: 0o644,
        uid: 0,
        gid: 0,
    };
    let hosts = format!(
        "127.0.0.1\tlocalhost\n127.0.1.1\t{name}\n\n::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
    );
    let mut resolv = String::new();
    if let Some(resolver) = &spec.resolver {
        if !resolver.search.is_empty() {
            let _ = writeln!(resolv, "search {}", resolver.search.join(" "));
        }
        for server in &resolver.nameservers {
            let _ = writeln!(resolv, "nameserver {server}");
        }
    }
    vec![
        file("/etc/hosts", hosts),
        file("/etc/hostname", format!("{name}\n")),
        file("/etc/resolv.conf", resolv),
        file("/etc/network/interfaces", ifupdown(interfaces)),
    ]
}

/// `/etc/network/interfaces` of ifupdown, see interfaces(5).
fn ifupdown(interfaces: &BTreeMap<String, Interface>) -> String {
    let mut text = "# Network interfaces of this machine, see interfaces(5).\n\
                    source /etc/network/interfaces.d/*\n\n\
                    auto lo\niface lo inet loopback\n"
        .to_owned();
    for (name, interface) in interfaces {
        let Some(address) = interface.address else {
            continue;
        };
        let family = if address.addr().is_ipv4() {
            "inet"
        } else {
            "inet6"
        };
        let _ = write!(
            text,
            "\nauto {name}\niface {name} {family} static\n    address {address}\n"
        );
        if let Some(gateway) = interface.gateway {
            let _ = writeln!(text, "    gateway {gateway}");
        }
    }
    text
}
