//! Preflight checks: requirements of a lab that the host does not meet, found before anything is started.

use std::collections::BTreeMap;
use std::time::Duration;

use plateau_core::error::ErrorCode;
use plateau_core::link::Shape;
use plateau_core::topology::{Device, PhaseAction, Topology};
use plateau_core::wire::HostReport;
use thiserror::Error;

use crate::images::tag;
use crate::labels::ROLE;
use crate::runtime::{EngineInfo, ExecSpec, Labels, OutputEnd, Runtime, RuntimeError};

/// Inotify instances that a node with systemd uses.
pub const INOTIFY_OF_NODE: u64 = 5;

/// Most that asking the kernel may take: it may load a module for each question.
const PATIENCE: Duration = Duration::from_secs(30);

/// Free bytes below which no lab is started.
const DISK_FULL: u64 = 1 << 30;

/// What to do about an engine without seccomp.
pub(crate) const SECCOMP_REMEDY: &str = "a kernel with CONFIG_SECCOMP_FILTER, and an engine whose `seccomp-profile` is not `unconfined`";

/// Why a lab is not started.
#[derive(Debug, Error)]
pub enum PreflightError {
    /// The engine could not be asked.
    #[error("look at what the engine has")]
    Engine(#[source] RuntimeError),
    /// Something that the lab needs is not there: one entry each.
    #[error("the host lacks what the lab needs: {}", .0.iter().map(MissingRequirement::seen).collect::<Vec<_>>().join("; "))]
    Lacks(Vec<MissingRequirement>),
}

/// Something that a lab needs and the host does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissingRequirement {
    /// An image is not built.
    Image {
        /// Its name.
        image: String,
        /// Nodes that are made from it.
        nodes: Vec<String>,
    },
    /// The host has no `/dev/net/tun`.
    Tun {
        /// Nodes that are given it.
        nodes: Vec<String>,
    },
    /// The kernel cannot limit a rate.
    Rate {
        /// Networks and steps that have one.
        networks: Vec<String>,
    },
    /// The kernel can neither hold packets back nor lose them.
    Netem {
        /// Steps that have it done, such as `shape eth0 of gate: delay 50ms (phase slow)`.
        steps: Vec<String>,
    },
    /// The nodes may use more memory than there is.
    Memory {
        /// Bytes that they may use.
        limits: u64,
        /// Bytes that there are.
        available: u64,
    },
    /// The engine filters no system calls.
    Seccomp,
    /// The disk is nearly full.
    Disk {
        /// Bytes that are free.
        free: u64,
    },
}

impl MissingRequirement {
    /// What is missing, in words.
    #[must_use]
    pub fn seen(&self) -> String {
        match self {
            Self::Image { image, nodes } => {
                format!("image `{image}` is not built (for {})", nodes.join(", "))
            }
            Self::Tun { nodes } => {
                format!("no `/dev/net/tun` (for {})", nodes.join(", "))
            }
            Self::Rate { networks } => format!(
                "the kernel has no `tbf` for the rate of {}",
                networks.join(", ")
            ),
            Self::Netem { steps } => format!(
                "the kernel has no `netem` for the delay or loss of: {}",
                steps.join("; ")
            ),
            Self::Memory { limits, available } => format!(
                "its nodes may use {} of memory, and {} are available",
                gib(*limits),
                gib(*available)
            ),
            Self::Seccomp => {
                "the engine runs containers without seccomp, and root in a node could call all of the kernel".to_owned()
            }
            Self::Disk { free } => {
                format!("only {} are free on the engine's disk", gib(*free))
            }
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Image { image, .. } if image.contains(['/', ':']) => {
                format!("docker pull {image}")
            }
            Self::Image { image, .. } => format!("plateau images build {image}"),
            Self::Tun { .. } => "modprobe tun".to_owned(),
            Self::Rate { .. } => "modprobe sch_tbf, or leave the rate out".to_owned(),
            Self::Netem { .. } => "modprobe sch_netem, or leave `delay` and `loss` out".to_owned(),
            Self::Memory { .. } => "take other labs down, or lower the nodes' `memory`".to_owned(),
            Self::Seccomp => SECCOMP_REMEDY.to_owned(),
            Self::Disk { .. } => "docker image prune".to_owned(),
        }
    }
}

impl PreflightError {
    /// What it is in the API.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Engine(source) => source.code(),
            Self::Lacks(_) => ErrorCode::HostLacks,
        }
    }

    /// A hint that fits better than that of the code.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Engine(_) => None,
            Self::Lacks(lacks) => {
                let remedies: Vec<String> = lacks.iter().map(MissingRequirement::remedy).collect();
                Some(remedies.join("; "))
            }
        }
    }
}

/// What the wirer sees of its host; `None` where there is no wirer that answers.
pub(crate) async fn ask_host(runtime: &dyn Runtime) -> Option<HostReport> {
    let wirers = Labels::from([(ROLE.to_owned(), "wirer".to_owned())]);
    let exec = ExecSpec {
        argv: vec![crate::layout::GRADER.to_owned(), "kernel".to_owned()],
        env: BTreeMap::new(),
        stdin: vec![],
        timeout: PATIENCE,
        limit: 64 << 10,
        keep: OutputEnd::Head,
    };
    let wirers = runtime.list_containers(&wirers).await.ok()?;
    // One that an older daemon has left may not understand the question.
    for wirer in wirers.iter().filter(|wirer| wirer.running) {
        match runtime.exec(&wirer.id, &exec).await {
            Ok(output) => match serde_json::from_slice(&output.stdout) {
                Ok(answer) => return Some(answer),
                Err(error) => tracing::debug!(wirer = wirer.name, %error, "no answer"),
            },
            Err(error) => tracing::debug!(wirer = wirer.name, %error, "no answer"),
        }
    }
    None
}

/// Checks that the host meets the requirements of a lab. A requirement that cannot be checked counts as met.
///
/// # Errors
/// [`PreflightError::Lacks`] names all missing requirements at once.
pub async fn preflight(
    runtime: &dyn Runtime,
    engine: &EngineInfo,
    host: Option<&HostReport>,
    topology: &Topology,
) -> Result<(), PreflightError> {
    let mut lacks = missing_images(runtime, topology)
        .await
        .map_err(PreflightError::Engine)?;
    if !engine.has_seccomp() {
        lacks.push(MissingRequirement::Seccomp);
    }
    if let Some(host) = host {
        warn_of_inotify(host, topology);
        lacks.extend(missing(host, topology));
    }
    if lacks.is_empty() {
        Ok(())
    } else {
        Err(PreflightError::Lacks(lacks))
    }
}

/// No reason to refuse: what is in use may be given back before it is needed.
fn warn_of_inotify(host: &HostReport, topology: &Topology) {
    let nodes = topology.nodes.len() as u64;
    let used = host.inotify_used.unwrap_or_default();
    match host.inotify_limit {
        Some(limit) if used + nodes * INOTIFY_OF_NODE > limit => tracing::warn!(
            limit,
            used,
            nodes,
            "the host may run out of inotify instances, and nodes fail to boot: \
             raise fs.inotify.max_user_instances"
        ),
        Some(_) | None => {}
    }
}

async fn missing_images(
    runtime: &dyn Runtime,
    topology: &Topology,
) -> Result<Vec<MissingRequirement>, RuntimeError> {
    let mut nodes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, node) in &topology.nodes {
        nodes.entry(&node.image).or_default().push(name.clone());
    }
    let mut lacks = Vec::new();
    for (image, nodes) in nodes {
        if runtime.inspect_image(&tag(image)).await?.is_none() {
            let image = image.to_owned();
            lacks.push(MissingRequirement::Image { image, nodes });
        }
    }
    Ok(lacks)
}

fn missing(host: &HostReport, topology: &Topology) -> Vec<MissingRequirement> {
    let has_not = |feature: &str| host.features.get(feature) == Some(&false);
    let mut lacks = Vec::new();
    let nodes: Vec<String> = topology
        .nodes
        .iter()
        .filter(|(_, node)| node.devices.contains(&Device::Tun))
        .map(|(name, _)| name.clone())
        .collect();
    if has_not("tun") && !nodes.is_empty() {
        lacks.push(MissingRequirement::Tun { nodes });
    }
    let mut networks: Vec<String> = topology
        .networks
        .iter()
        .filter(|(_, network)| network.rate.is_some())
        .map(|(name, _)| name.clone())
        .collect();
    networks.extend(shapes(topology, |shape| {
        shape.rate.is_some() && !needs_netem(shape)
    }));
    let impaired = shapes(topology, needs_netem);
    if has_not("netem") && !impaired.is_empty() {
        lacks.push(MissingRequirement::Netem { steps: impaired });
    }
    if has_not("tbf") && !networks.is_empty() {
        lacks.push(MissingRequirement::Rate { networks });
    }
    let limits = topology
        .nodes
        .values()
        .map(|node| node.limits.memory.0)
        .sum();
    match host.memory_available {
        Some(available) if available < limits => {
            lacks.push(MissingRequirement::Memory { limits, available })
        }
        Some(_) | None => {}
    }
    match host.disk_free {
        Some(free) if free < DISK_FULL => lacks.push(MissingRequirement::Disk { free }),
        Some(_) | None => {}
    }
    lacks
}

fn needs_netem(shape: &Shape) -> bool {
    shape.delay.is_some() || shape.loss_ppm.is_some()
}

/// Steps of phases and events that shape a link in a certain way, in words.
fn shapes(topology: &Topology, wanted: impl Fn(&Shape) -> bool) -> Vec<String> {
    let steps = topology.actions().filter_map(|(of, action)| match action {
        PhaseAction::Shape { shape, .. } if wanted(shape) => Some(format!("{action} ({of})")),
        PhaseAction::Shape { .. }
        | PhaseAction::Reboot(_)
        | PhaseAction::Stop(_)
        | PhaseAction::Start(_)
        | PhaseAction::Cut(_)
        | PhaseAction::Mend(_)
        | PhaseAction::Fill { .. }
        | PhaseAction::Kill { .. }
        | PhaseAction::Run(_)
        | PhaseAction::Wait(_) => None,
    });
    steps.collect()
}

/// Bytes for people, in tenths of a GiB.
pub(crate) fn gib(bytes: u64) -> String {
    let tenths = bytes / ((1 << 30) / 10);
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab() -> Topology {
        let text = "\
plateau: 1
id: pair
title: { en: Two }
duration: 10m
brief: { en: brief.md }
networks:
  lan: { rate: 10Mbit }
nodes:
  sw:
    image: debian-switch
    memory: 1GiB
    devices: [tun]
    interfaces: { eth0: { network: lan } }
tasks:
  - id: look
    skill: tsgeri/1.2
    title: { en: Look }
    solution: [ { on: sw, run: look.sh } ]
    checks:
      - { id: up, on: sw, that: { file: { path: /etc/looked, exists: true } }, points: 1 }
";
        let file = |path: &str, text: &str| (path.to_owned(), text.as_bytes().to_vec());
        let folder = plateau_core::scenario::Folder(BTreeMap::from([
            file("scenario.yaml", text),
            file("brief.md", "Look."),
            file("look.sh", "touch /etc/looked"),
        ]));
        let scenario = plateau_core::scenario::Scenario::read(folder).unwrap();
        scenario.draw("1").unwrap()
    }

    fn host(feature: bool, memory: u64, disk: u64) -> HostReport {
        HostReport {
            features: ["tun", "tbf"].map(|name| (name.to_owned(), feature)).into(),
            memory_available: Some(memory),
            disk_free: Some(disk),
            ..HostReport::default()
        }
    }

    #[test]
    fn everything_that_is_missing_is_named_at_once() {
        let lacks = missing(&host(false, 1 << 29, 1 << 20), &lab());
        assert_eq!(
            lacks,
            [
                MissingRequirement::Tun {
                    nodes: vec!["sw".to_owned()]
                },
                MissingRequirement::Rate {
                    networks: vec!["lan".to_owned()]
                },
                MissingRequirement::Memory {
                    limits: 1 << 30,
                    available: 1 << 29
                },
                MissingRequirement::Disk { free: 1 << 20 },
            ]
        );
        let error = PreflightError::Lacks(lacks);
        assert!(error.to_string().contains("/dev/net/tun"), "{error}");
        assert!(error.hint().unwrap().contains("sch_tbf"));
    }

    #[tokio::test]
    async fn no_lab_starts_on_an_engine_without_seccomp() {
        let fake = crate::runtime::fake::Fake::new();
        fake.with_image(&tag("debian-switch"));
        let filtered = fake.info().await.unwrap();
        assert!(preflight(&fake, &filtered, None, &lab()).await.is_ok());
        for security in [vec![], vec!["name=seccomp,profile=unconfined".to_owned()]] {
            let bare = EngineInfo {
                security,
                ..filtered.clone()
            };
            let refused = preflight(&fake, &bare, None, &lab()).await;
            let Err(PreflightError::Lacks(lacks)) = refused else {
                panic!("{refused:?}");
            };
            assert_eq!(lacks, [MissingRequirement::Seccomp]);
        }
    }

    #[test]
    fn a_host_that_has_it_all_or_does_not_say_lacks_nothing() {
        assert_eq!(missing(&host(true, 2 << 30, 9 << 30), &lab()), []);
        assert_eq!(missing(&HostReport::default(), &lab()), []);
    }
}
