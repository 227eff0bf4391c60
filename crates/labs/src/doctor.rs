//! Diagnosis of the host: findings from the container engine and its kernel, without assumptions.

use std::collections::BTreeSet;

use plateau_core::api::{Diagnosis, Health, HostFinding, ImageState};
use plateau_core::wire::{HostReport, INOTIFY_INSTANCE_BYTES, INOTIFY_WATCH_BYTES};

use crate::disk::{self, DiskSpace, DiskUsage};
use crate::error::chain;
use crate::images::Images;
use crate::labels::LAB;
use crate::labs::Labs;
use crate::preflight::{INOTIFY_OF_NODE, SECCOMP_REMEDY, ask_host, gib};
use crate::runtime::{EngineInfo, Labels, RuntimeError, UserNamespaces};

/// Free bytes on the disk below which there is a finding.
pub const DISK_LOW: u64 = 5 << 30;

/// Available bytes of memory below which there is a finding.
pub const MEMORY_LOW: u64 = 2 << 30;

/// Nodes for which there should be inotify instances.
const INOTIFY_ROOM: u64 = 60;

/// What to do about an engine whose nodes have no users of their own.
const USERS_REMEDY: &str = "Podman's service as the engine, which gives each node a range of its own: \
                            see \"Which engine\" in docs/operations.md";

/// What cannot be done without a feature of the kernel. Without the first two nothing can.
const FEATURES: [(&str, &str); 11] = [
    ("veth", "no lab can be built"),
    ("bridge", "no lab can be built"),
    ("tbf", "networks cannot have a rate"),
    (
        "tun",
        "nodes cannot be given `devices: [tun]`, which a switch needs",
    ),
    ("nftables", "nodes cannot filter with nftables"),
    (
        "8021q",
        "nodes cannot make VLAN interfaces; a switch with Open vSwitch still can",
    ),
    ("wireguard", "nodes cannot make WireGuard tunnels"),
    ("vxlan", "nodes cannot make VXLAN tunnels"),
    ("macvlan", "nodes cannot make macvlan interfaces"),
    ("netem", "delay and loss cannot be imitated"),
    ("openvswitch", "Open vSwitch forwards in user space alone"),
];

/// Diagnoses the host. A check that fails is a finding, not an error.
pub async fn diagnose(labs: &Labs, images: &Images) -> Diagnosis {
    let runtime = labs.runtime();
    let mut findings = vec![of_state(labs.disk().look())];
    match runtime.info().await {
        Ok(info) => {
            let host = ask_host(runtime.as_ref()).await;
            findings.extend(of_engine(&info, runtime.name()));
            findings.extend(of_kernel(&info, host.as_ref()));
            findings.extend(of_room(&info, host.as_ref()));
            findings.extend(of_images(images).await);
            findings.push(leftovers(labs).await);
        }
        Err(error) => findings.push(unreachable(&error)),
    }
    Diagnosis {
        healthy: findings.iter().all(|finding| finding.health != Health::Bad),
        findings,
    }
}

/// The disk of the state folder, which need not be the engine's.
fn of_state(look: DiskUsage) -> HostFinding {
    let DiskUsage { free, low, room } = look;
    let seen = format!("{} free in the state folder", disk::shown(free));
    let finding = |health| HostFinding {
        subject: "state disk".to_owned(),
        health,
        seen: format!("{seen}, and below {} no lab is built", disk::shown(low)),
        remedy: Some("remove old recordings or backups, or give it a larger disk".to_owned()),
    };
    match room {
        DiskSpace::Ample => good("state disk", seen),
        DiskSpace::Low => finding(Health::Limited),
        DiskSpace::Full => finding(Health::Bad),
    }
}

fn unreachable(error: &RuntimeError) -> HostFinding {
    HostFinding {
        subject: "engine".to_owned(),
        health: Health::Bad,
        seen: chain(error),
        remedy: error.api().hint,
    }
}

fn of_engine(info: &EngineInfo, runtime: &str) -> Vec<HostFinding> {
    let mut findings = vec![
        good(
            "engine",
            format!("{runtime} {}, API {}", info.version, info.api),
        ),
        good("kernel", info.kernel.clone()),
        good(
            "cgroups",
            format!(
                "version {}, driven by {}",
                info.cgroup_version, info.cgroup_driver
            ),
        ),
    ];
    findings.push(match info.storage.as_str() {
        "vfs" => limited(
            "storage",
            "vfs: every node is a whole copy of its image".to_owned(),
            "have the engine use overlay2",
        ),
        storage => good("storage", storage.to_owned()),
    });
    findings.push(of_seccomp(info));
    findings.push(of_access_control(info));
    findings.push(of_users(info));
    findings
}

fn of_seccomp(info: &EngineInfo) -> HostFinding {
    if info.has_seccomp() {
        return good("seccomp", "filters the system calls of nodes".to_owned());
    }
    HostFinding {
        subject: "seccomp".to_owned(),
        health: Health::Bad,
        seen: "missing: root in a node could call all of the kernel, and no lab is started"
            .to_owned(),
        remedy: Some(SECCOMP_REMEDY.to_owned()),
    }
}

/// Mandatory access control.
fn of_access_control(info: &EngineInfo) -> HostFinding {
    let guards = info.guards();
    let found = guards
        .into_iter()
        .find(|guard| matches!(*guard, "apparmor" | "selinux"));
    match found {
        Some(guard) => good("access control", guard.to_owned()),
        None => limited(
            "access control",
            "neither AppArmor nor SELinux: if a flaw of the kernel lets root out of a node, nothing \
             else holds them back from the host's files"
                .to_owned(),
            "a host with AppArmor (Debian, Ubuntu) or SELinux (Fedora, RHEL), and the engine told to use it",
        ),
    }
}

/// Who root in a node is on the host.
fn of_users(info: &EngineInfo) -> HostFinding {
    const SUBJECT: &str = "user namespaces";
    match info.users {
        UserNamespaces::Each => good(
            SUBJECT,
            "a range of users for each node: root in a node is nobody on the host".to_owned(),
        ),
        UserNamespaces::Shared => limited(
            SUBJECT,
            "one range of users for all nodes: root in a node is nobody on the host, and the same \
             nobody in all nodes, so that what the kernel counts by user is shared by all seats"
                .to_owned(),
            USERS_REMEDY,
        ),
        UserNamespaces::Host => limited(
            SUBJECT,
            "none: root in a node is root on the host, so that a flaw of the kernel that lets them \
             out gives them all of it, and what the kernel counts by user is shared by all seats"
                .to_owned(),
            USERS_REMEDY,
        ),
    }
}

fn of_kernel(info: &EngineInfo, host: Option<&HostReport>) -> Vec<HostFinding> {
    let Some(host) = host else {
        return vec![limited(
            "kernel features",
            "could not be asked: no wirer answers".to_owned(),
            "build `plateau-agent` anew and restart plateaud",
        )];
    };
    FEATURES
        .into_iter()
        .map(|(feature, without)| {
            let subject = format!("kernel: {feature}");
            match host.features.get(feature) {
                Some(true) => good(&subject, "works".to_owned()),
                Some(false) | None => HostFinding {
                    subject,
                    health: match feature {
                        "veth" | "bridge" => Health::Bad,
                        _ => Health::Limited,
                    },
                    seen: format!("missing: {without}"),
                    remedy: Some(format!(
                        "`modprobe {}` on the engine's host, or a kernel other than {} that has it",
                        module(feature),
                        info.kernel
                    )),
                },
            }
        })
        .collect()
}

/// The module that brings a feature.
fn module(feature: &str) -> &str {
    match feature {
        "tbf" => "sch_tbf",
        "netem" => "sch_netem",
        "nftables" => "nf_tables",
        other => other,
    }
}

fn of_room(info: &EngineInfo, host: Option<&HostReport>) -> Vec<HostFinding> {
    let disk = match host.and_then(|host| host.disk_free) {
        Some(free) if free < DISK_LOW => limited(
            "disk",
            format!("{} free below {}", gib(free), info.root),
            "free some: `docker image prune`, or give the engine a larger disk",
        ),
        Some(free) => good("disk", format!("{} free below {}", gib(free), info.root)),
        None => limited(
            "disk",
            format!("what is free below {} could not be asked", info.root),
            "look at it on the engine's host",
        ),
    };
    let memory = match host.and_then(|host| host.memory_available) {
        Some(free) if free < MEMORY_LOW => limited(
            "memory",
            format!("{} of {} available", gib(free), gib(info.memory)),
            "take labs down or give the host more memory: a lab of Debian nodes wants 2 GiB",
        ),
        Some(free) => good(
            "memory",
            format!("{} of {} available", gib(free), gib(info.memory)),
        ),
        None => good("memory", format!("{} in all", gib(info.memory))),
    };
    let cores = match info.cpus {
        1 => limited(
            "cores",
            "1".to_owned(),
            "labs boot one node after the other; two cores or more do better",
        ),
        cores => good("cores", cores.to_string()),
    };
    let mut findings = vec![disk, memory, cores];
    findings.extend(host.and_then(|host| of_inotify(host, info.memory)));
    findings
}

/// Whether systemd can start in as many nodes as a room of candidates has, and whether one node can take
/// the others' instances and watches: all nodes of a host may be one user.
fn of_inotify(host: &HostReport, memory: u64) -> Option<HostFinding> {
    let limit = host.inotify_limit?;
    let used = host.inotify_used.unwrap_or_default();
    let room = limit.saturating_sub(used) / INOTIFY_OF_NODE;
    let seen = format!("{used} of {limit} instances in use: room for about {room} more nodes");
    // The kernel accepts no more than fit into an `int`.
    let fit = |bytes: u64| (memory / bytes).min(i32::MAX.unsigned_abs().into());
    let (instances, watches) = (fit(INOTIFY_INSTANCE_BYTES), fit(INOTIFY_WATCH_BYTES));
    let remedy = format!(
        "`sysctl fs.inotify.max_user_instances={instances} fs.inotify.max_user_watches={watches}` on the \
         engine's host, and in /etc/sysctl.d to keep it"
    );
    let is_bounded = host.inotify_watches.is_some_and(|most| most < watches);
    Some(if room < INOTIFY_ROOM {
        let remedy = format!("{remedy}: beyond it nodes fail to boot at random");
        limited("inotify", seen, &remedy)
    } else if limit < instances || is_bounded {
        let seen = format!("{seen}; one node can take all of them before its memory ends");
        limited("inotify", seen, &remedy)
    } else {
        good("inotify", seen)
    })
}

async fn of_images(images: &Images) -> Vec<HostFinding> {
    let views = match images.list().await {
        Ok(views) => views,
        Err(error) => return vec![limited("images", chain(&error), "see the engine's log")],
    };
    views
        .into_iter()
        .map(|view| {
            let subject = format!("image: {}", view.name);
            let remedy = format!("plateau images build {}", view.name);
            match view.state {
                ImageState::Ready => good(&subject, "built".to_owned()),
                ImageState::Outdated => limited(
                    &subject,
                    "built by another recipe than the present one".to_owned(),
                    &remedy,
                ),
                ImageState::Missing => limited(&subject, "not built".to_owned(), &remedy),
            }
        })
        .collect()
}

/// Containers of labs that nobody here knows.
async fn leftovers(labs: &Labs) -> HostFinding {
    let any = Labels::from([(LAB.to_owned(), String::new())]);
    let containers = match labs.runtime().list_containers(&any).await {
        Ok(containers) => containers,
        Err(error) => return limited("containers", chain(&error), "see the engine's log"),
    };
    let known: BTreeSet<String> = labs.list().into_iter().map(|lab| lab.id).collect();
    let strange: BTreeSet<&str> = containers
        .iter()
        .filter(|container| {
            container
                .labels
                .get(LAB)
                .is_none_or(|lab| !known.contains(lab))
        })
        .map(|container| container.name.as_str())
        .collect();
    if strange.is_empty() {
        return good(
            "containers",
            format!("{}, all of labs that are known", containers.len()),
        );
    }
    let names: Vec<&str> = strange.iter().copied().take(10).collect();
    limited(
        "containers",
        format!(
            "{} of labs that this daemon does not know: {}",
            strange.len(),
            names.join(", ")
        ),
        "where no other plateaud uses this engine: `docker rm --force` and their names",
    )
}

fn good(subject: &str, seen: String) -> HostFinding {
    HostFinding {
        subject: subject.to_owned(),
        health: Health::Good,
        seen,
        remedy: None,
    }
}

fn limited(subject: &str, seen: String, remedy: &str) -> HostFinding {
    HostFinding {
        subject: subject.to_owned(),
        health: Health::Limited,
        seen,
        remedy: Some(remedy.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn info() -> EngineInfo {
        EngineInfo {
            version: "20.10.24".to_owned(),
            api: "1.41".to_owned(),
            kernel: "6.1.0".to_owned(),
            cgroup_version: 2,
            cgroup_driver: "systemd".to_owned(),
            security: vec![
                "name=apparmor".to_owned(),
                "name=seccomp,profile=default".to_owned(),
            ],
            users: UserNamespaces::Host,
            storage: "overlay2".to_owned(),
            root: "/var/lib/docker".to_owned(),
            cpus: 2,
            memory: 8 << 30,
        }
    }

    fn health(findings: &[HostFinding], subject: &str) -> Health {
        let finding = findings.iter().find(|finding| finding.subject == subject);
        finding.unwrap().health
    }

    #[test]
    fn a_kernel_without_bridges_can_run_nothing_and_one_without_netem_something() {
        let host = HostReport {
            features: FEATURES
                .iter()
                .map(|(name, _)| ((*name).to_owned(), !matches!(*name, "bridge" | "netem")))
                .collect(),
            ..HostReport::default()
        };
        let findings = of_kernel(&info(), Some(&host));
        assert_eq!(findings.len(), FEATURES.len());
        assert_eq!(health(&findings, "kernel: veth"), Health::Good);
        assert_eq!(health(&findings, "kernel: bridge"), Health::Bad);
        assert_eq!(health(&findings, "kernel: netem"), Health::Limited);
        assert!(
            findings
                .iter()
                .all(|finding| { finding.remedy.is_some() == (finding.health != Health::Good) })
        );
    }

    #[test]
    fn little_room_is_said_with_its_remedy() {
        let host = HostReport {
            features: BTreeMap::new(),
            memory_available: Some(1 << 30),
            disk_free: Some(4 << 30),
            inotify_limit: Some(128),
            inotify_used: Some(28),
            inotify_watches: Some(8192),
        };
        let findings = of_room(&info(), Some(&host));
        assert_eq!(health(&findings, "disk"), Health::Limited);
        assert_eq!(health(&findings, "memory"), Health::Limited);
        assert_eq!(findings[1].seen, "1.0 GiB of 8.0 GiB available");
        assert_eq!(health(&findings, "inotify"), Health::Limited);
        assert!(findings[3].seen.ends_with("about 20 more nodes"));
    }

    #[test]
    fn a_node_runs_out_of_memory_before_it_has_all_inotify_instances() {
        let host = |instances: u64, watches: u64| HostReport {
            inotify_limit: Some(instances),
            inotify_watches: Some(watches),
            ..HostReport::default()
        };
        let of = |instances, watches| of_inotify(&host(instances, watches), 1 << 30).unwrap();
        assert_eq!(of(1 << 20, 1 << 23).health, Health::Good);
        for few in [of(8192, 1 << 23), of(1 << 20, 8192)] {
            assert_eq!(few.health, Health::Limited);
            assert!(few.seen.contains("one node can take all"), "{few:?}");
            let remedy = few.remedy.unwrap_or_default();
            assert!(remedy.contains("max_user_instances=1048576"), "{remedy}");
            assert!(remedy.contains("max_user_watches=8388608"), "{remedy}");
        }
    }

    #[test]
    fn it_is_said_whose_users_nodes_have() {
        let said = |users| {
            let finding = of_users(&EngineInfo { users, ..info() });
            (finding.health, finding.seen, finding.remedy.is_some())
        };
        let (health, seen, remedy) = said(UserNamespaces::Each);
        assert_eq!((health, remedy), (Health::Good, false));
        assert!(seen.starts_with("a range of users for each node"));
        for (users, begin) in [
            (UserNamespaces::Shared, "one range of users for all nodes"),
            (UserNamespaces::Host, "none: root in a node is root"),
        ] {
            let (health, seen, remedy) = said(users);
            assert_eq!((health, remedy), (Health::Limited, true));
            assert!(seen.starts_with(begin), "{seen}");
        }
    }

    #[test]
    fn an_engine_without_seccomp_is_bad_and_one_without_access_control_is_limited() {
        let all = of_engine(&info(), "docker");
        assert_eq!(health(&all, "seccomp"), Health::Good);
        assert_eq!(health(&all, "access control"), Health::Good);
        for security in [vec![], vec!["name=seccomp,profile=unconfined".to_owned()]] {
            let bare = EngineInfo { security, ..info() };
            let findings = of_engine(&bare, "docker");
            assert_eq!(health(&findings, "seccomp"), Health::Bad);
            assert_eq!(health(&findings, "access control"), Health::Limited);
        }
    }
}
