//! A service's image and limits, and what of it has no counterpart.

use std::net::IpAddr;

use plateau_core::image::is_foreign;
use plateau_core::problem::nearest;
use plateau_core::quantity::Size;
use plateau_core::spec::{NodeSpec, ResolverSpec};
use plateau_core::topology::{Capability, Device};
use plateau_core::tree::Kind;
use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};

use super::project::Attribute;
use super::{Machine, leave_out};
use crate::document::{entries, scalar};
use crate::draft::Draft;

/// Attributes that become something.
const CARRIED: &[&str] = &[
    "image",
    "build",
    "hostname",
    "domainname",
    "container_name",
    "networks",
    "network_mode",
    "volumes",
    "configs",
    "secrets",
    "tmpfs",
    "environment",
    "env_file",
    "command",
    "entrypoint",
    "working_dir",
    "user",
    "group_add",
    "cap_add",
    "devices",
    "mem_limit",
    "cpus",
    "cpu_quota",
    "cpu_period",
    "pids_limit",
    "deploy",
    "dns",
    "dns_search",
    "extra_hosts",
    "links",
    "sysctls",
    "healthcheck",
    "restart",
    "profiles",
    "extends",
    "scale",
    "stop_signal",
    "stop_grace_period",
    "ulimits",
];
/// Attributes that make no difference to a machine.
const IDLE: &[&str] = &[
    "attach",
    "expose",
    "init",
    "platform",
    "pull_policy",
    "pull_refresh_after",
    "stdin_open",
    "tty",
];
/// Attributes that have no place here, and why.
const REFUSED: &[(&str, &str)] = &[
    (
        "ports",
        "nothing is published from a lab; ask from another node",
    ),
    ("depends_on", "all machines start together"),
    ("privileged", "no machine is privileged"),
    (
        "cap_drop",
        "every machine has the capabilities that systemd needs",
    ),
    (
        "read_only",
        "a candidate works in the machine's file system",
    ),
    ("logging", "a machine keeps its own journal"),
    ("labels", "machines have no labels"),
    ("label_file", "machines have no labels"),
    ("annotations", "machines have no annotations"),
    ("mac_address", "hardware addresses are given by Plateau"),
    (
        "dns_opt",
        "a resolver has name servers and search domains alone",
    ),
    ("volumes_from", "machines share no disk"),
    ("external_links", "a lab reaches nothing outside"),
    ("post_start", "write it into the setup script"),
    ("pre_start", "write it into the setup script"),
    ("pre_stop", "nothing is run before a machine is taken away"),
    ("develop", "nothing is built while a lab runs"),
    ("gpus", "machines have no graphics processors"),
    ("models", "no language models are run"),
    ("provider", "nobody else manages a lab's machines"),
];
/// Attributes that say how the engine is to isolate or limit a container, as Plateau does by itself.
const ENGINE: &[&str] = &[
    "blkio_config",
    "cgroup",
    "cgroup_parent",
    "cpu_count",
    "cpu_percent",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "cpuset",
    "credential_spec",
    "device_cgroup_rules",
    "ipc",
    "isolation",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "oom_kill_disable",
    "oom_score_adj",
    "pid",
    "runtime",
    "security_opt",
    "shm_size",
    "storage_opt",
    "use_api_socket",
    "userns_mode",
    "uts",
];
/// The image of a service that has none that we know of.
const IMAGE: &str = "debian-server";
/// Least memory of a node.
const LEAST_MEMORY: u64 = 32 << 20;
/// Least number of processes of a node.
const LEAST_PIDS: u32 = 32;

/// Describes a machine: its image, limits and resolver.
pub(super) fn describe(draft: &mut Draft, machine: &Machine<'_>, node: &mut NodeSpec) {
    image(draft, machine, node);
    memory(draft, machine, node);
    cpus(draft, machine, node);
    pids(draft, machine, node);
    capabilities(draft, machine, node);
    resolver(draft, machine, node);
    deploy(draft, machine);
    others(draft, machine);
}

fn image(draft: &mut Draft, machine: &Machine<'_>, node: &mut NodeSpec) {
    let service = machine.service;
    if let Some(build) = service.get("build") {
        let why = "images are built beforehand; build it, and name it as the node's image";
        leave_out(draft, machine, &build, why);
    }
    let Some(image) = service.get("image") else {
        node.image = IMAGE.to_owned();
        return;
    };
    let reference = scalar(&image.tree).unwrap_or_default();
    let ours = reference
        .strip_prefix("plateau/")
        .map(|name| name.split(':').next().unwrap_or(name));
    if let Some(name) = ours.filter(|name| plateau_core::image::IMAGES.contains(name)) {
        node.image = name.to_owned();
        return;
    }
    if reference.is_empty() || reference.chars().any(char::is_whitespace) {
        leave_out(draft, machine, &image, "it names no image");
        node.image = IMAGE.to_owned();
        return;
    }
    // Without a tag the engine takes this one.
    node.image = match is_foreign(&reference) {
        true => reference.clone(),
        false => format!("{reference}:latest"),
    };
    let why = format!(
        "{reference} runs a program of its own, and a machine has to run systemd: make an image of yours from it, or take `{IMAGE}`"
    );
    leave_out(draft, machine, &image, &why);
}

/// The first of these that is there.
fn first(machine: &Machine<'_>, plain: &str, limit: &str) -> Option<Attribute> {
    let below = || {
        let limits = machine.service.below("deploy", "resources")?;
        let tree = limits.tree.get("limits")?.get(limit)?.clone();
        Some(Attribute {
            key: format!("deploy.resources.limits.{limit}"),
            tree,
            ..limits
        })
    };
    machine.service.get(plain).or_else(below)
}

fn memory(draft: &mut Draft, machine: &Machine<'_>, node: &mut NodeSpec) {
    let Some(limit) = first(machine, "mem_limit", "memory") else {
        return;
    };
    match scalar(&limit.tree).as_deref().and_then(bytes) {
        Some(bytes) if bytes >= LEAST_MEMORY => node.memory = Some(Size(bytes)),
        Some(_) => leave_out(draft, machine, &limit, "a machine needs at least 32 MiB"),
        None => leave_out(draft, machine, &limit, "it is not a valid amount of memory"),
    }
}

/// A size as Compose writes it: units are powers of 1024.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let exponent = match &text[digits.len()..] {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        _ => return None,
    };
    let number: u64 = digits.trim().parse().ok()?;
    number.checked_mul(1024_u64.pow(exponent))
}

fn cpus(draft: &mut Draft, machine: &Machine<'_>, node: &mut NodeSpec) {
    let number = |key: &str| machine.service.text(key)?.parse::<f64>().ok();
    let quota = number("cpu_quota").map(|quota| quota / number("cpu_period").unwrap_or(100_000.0));
    let limit = first(machine, "cpus", "cpus");
    let cpus = limit
        .as_ref()
        .and_then(|limit| scalar(&limit.tree)?.parse().ok())
        .or(quota);
    let Some(source) = limit.or_else(|| machine.service.get("cpu_quota")) else {
        return;
    };
    match cpus {
        // None is how Compose writes "no limit".
        Some(0.0) => {}
        Some(cpus) if (0.05..=256.0).contains(&cpus) => node.cpus = Some(cpus),
        Some(_) | None => leave_out(
            draft,
            machine,
            &source,
            "between 0.05 and 256 processors can be given",
        ),
    }
}

fn pids(draft: &mut Draft, machine: &Machine<'_>, node: &mut NodeSpec) {
    let Some(limit) = first(machine, "pids_limit", "pids") else {
        return;
    };
    match scalar(&limit.tree).and_then(|text| text.parse::<u32>().ok()) {
        Some(pids) if pids >= LEAST_PIDS => node.pids = Some(pids),
        _ => leave_out(
            draft,
            machine,
            &limit,
            "a machine may have 32 processes or more, and no end of them",
        ),
    }
}

fn capabilities(draft: &mut Draft, machine: &Machine<'_>, node: &mut NodeSpec) {
    if let Some(added) = machine.service.get("cap_add") {
        for name in added.each().into_iter().filter_map(scalar) {
            let bare = name.to_uppercase();
            let bare = bare.strip_prefix("CAP_").unwrap_or(&bare);
            match Capability::deserialize(StrDeserializer::<Error>::new(bare)) {
                // Every machine has these.
                Ok(Capability::NetAdmin | Capability::NetRaw | Capability::SysBoot) => {}
                Ok(capability) => node.capabilities.push(capability),
                Err(_) => leave_out(
                    draft,
                    machine,
                    &added,
                    &format!("{name} is given to no machine"),
                ),
            }
        }
    }
    if let Some(devices) = machine.service.get("devices") {
        for device in devices.each() {
            let source = scalar(device)
                .or_else(|| device.get("source").and_then(scalar))
                .unwrap_or_default();
            match source.split(':').next() {
                Some("/dev/net/tun") => node.devices = vec![Device::Tun],
                _ => leave_out(
                    draft,
                    machine,
                    &devices,
                    &format!("{source} is given to no machine"),
                ),
            }
        }
    }
}

fn resolver(draft: &mut Draft, machine: &Machine<'_>, node: &mut NodeSpec) {
    let texts = |key: &str| -> Vec<String> {
        let attribute = machine.service.get(key);
        attribute
            .iter()
            .flat_map(Attribute::each)
            .filter_map(scalar)
            .collect()
    };
    let mut nameservers: Vec<IpAddr> = Vec::new();
    for text in texts("dns") {
        match text.parse() {
            Ok(address) => nameservers.push(address),
            Err(_) => {
                if let Some(dns) = machine.service.get("dns") {
                    leave_out(
                        draft,
                        machine,
                        &dns,
                        &format!("`{text}` is not a valid address"),
                    );
                }
            }
        }
    }
    let search = texts("dns_search");
    if !nameservers.is_empty() || !search.is_empty() {
        node.resolver = Some(ResolverSpec {
            nameservers,
            search,
        });
    }
}

fn deploy(draft: &mut Draft, machine: &Machine<'_>) {
    let Some(deploy) = machine.service.get("deploy") else {
        return;
    };
    for entry in entries(&deploy.tree) {
        let key = entry.key.as_str();
        let replicated = key == "mode" && scalar(&entry.value).as_deref() == Some("replicated");
        if ["replicas", "resources", "restart_policy"].contains(&key)
            || replicated
            || key.starts_with("x-")
        {
            continue;
        }
        let part = Attribute {
            key: format!("deploy.{key}"),
            key_at: entry.key_at,
            ..deploy.clone()
        };
        leave_out(draft, machine, &part, "a lab is placed as a whole");
    }
}

/// Says of each attribute that is not carried over why.
fn others(draft: &mut Draft, machine: &Machine<'_>) {
    for attribute in &machine.service.attributes {
        let key = attribute.key.as_str();
        let says_nothing = match &attribute.tree.kind {
            Kind::Null | Kind::Bool(false) => true,
            Kind::List(elements) => elements.is_empty(),
            Kind::Map(entries) => entries.is_empty(),
            Kind::Bool(true) | Kind::Integer(_) | Kind::Float(_) | Kind::Text { .. } => false,
        };
        if says_nothing || CARRIED.contains(&key) || IDLE.contains(&key) || key.starts_with("x-") {
            continue;
        }
        let refused = REFUSED
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, why)| (*why).to_owned());
        let engine = || {
            ENGINE
                .contains(&key)
                .then(|| "how machines are kept apart and limited is Plateau's own".to_owned())
        };
        let unknown = || {
            let known = CARRIED.iter().chain(IDLE).chain(ENGINE).copied();
            format!("services have no such attribute; {}", nearest(key, known))
        };
        let why = refused.or_else(engine).unwrap_or_else(unknown);
        leave_out(draft, machine, attribute, &why);
    }
}
