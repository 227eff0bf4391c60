//! The keys of a node in containerlab, and why some of them have no counterpart.

/// Why a node's key is left out; `None` where it is carried over, or looked at on its own.
pub(super) fn omission_reason(key: &str) -> Option<&'static str> {
    if CARRIED.contains(&key) {
        return None;
    }
    let known = WITHOUT_COUNTERPART
        .iter()
        .find(|(keys, _)| keys.contains(&key));
    Some(known.map_or("containerlab's schema does not know it", |(_, why)| why))
}

/// Keys that are carried over, in whole or in part.
const CARRIED: &[&str] = &[
    "binds",
    "cap-add",
    "cpu",
    "devices",
    "dns",
    "env",
    "env-files",
    "exec",
    "group",
    "image",
    "kind",
    "memory",
    "network-mode",
    "privileged",
    "stages",
    "sysctls",
];
const WITHOUT_COUNTERPART: &[(&[&str], &str)] = &[
    (
        &[
            "entrypoint",
            "cmd",
            "user",
            "healthcheck",
            "auto-remove",
            "restart-policy",
        ],
        "it is about a container's one process; a node boots with systemd",
    ),
    (
        &["ports", "mgmt-ipv4", "mgmt-ipv6", "aliases"],
        "labs have no management network, and no port of a lab is published",
    ),
    (&["hostname"], "a node's name is its host name"),
    (
        &["labels", "position"],
        "it is about how a container is labelled and drawn",
    ),
    (
        &["volumes", "tmpfs"],
        "a node keeps its files as a machine does; mount what it needs in its set-up",
    ),
    (
        &["startup-delay", "link-apply-mode"],
        "all of a lab's nodes start together",
    ),
    (
        &[
            "cpu-set",
            "shm-size",
            "cgroupns-mode",
            "cgroup-parent",
            "pid-mode",
            "security-opts",
        ],
        "a node is bounded by memory, cpus and pids, and confined by Plateau",
    ),
    (
        &["image-pull-policy", "runtime"],
        "it is about how containerlab gets and runs an image",
    ),
    (
        &[
            "startup-config",
            "enforce-startup-config",
            "suppress-startup-config",
            "license",
            "type",
            "config",
            "extras",
            "components",
        ],
        "it is about a network operating system",
    ),
    (
        &["certificate"],
        "no certificate is made; make it in the set-up",
    ),
    (
        &["credentials", "username", "password"],
        "a candidate is let in by Plateau, without a password",
    ),
];

/// What becomes of a node, by its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A container of an image of its own: a node.
    Container,
    /// A bridge: a network.
    Bridge,
    /// Something that is there without the lab.
    Outside,
    /// Another maker's system: a node with one of Plateau's images in its place.
    System(&'static str),
}

/// The role of a kind; one that nobody knows is taken for a router, as most are.
pub(super) fn role(kind: &str) -> Role {
    match kind {
        "linux" => Role::Container,
        "bridge" | "ovs-bridge" => Role::Bridge,
        "host" | "ext-container" | "k8s-kind" | "border0" => Role::Outside,
        "keysight_ixia-c-one" | "spirent_stc" | "ostinato" => Role::System("debian-workstation"),
        "generic_vm" | "freebsd" | "openbsd" => Role::System("debian-server"),
        _ => Role::System("debian-router"),
    }
}
