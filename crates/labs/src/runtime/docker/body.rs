//! A container's description in the engine's own shape.

use bollard::models::{
    ContainerCreateBody, DeviceMapping, HostConfig, HostConfigCgroupnsModeEnum,
    HostConfigLogConfig, Mount as EngineMount, MountType, ResourcesUlimits,
};

use super::flavour::Flavour;
use crate::runtime::{ContainerSpec, Mount};

/// Open files of a process that did not ask for more, as everywhere.
const SOFT_OPEN_FILES: u32 = 1024;

/// What an engine is asked to create, with a quota for its disk where that is given.
pub(super) fn container_body(
    spec: &ContainerSpec,
    flavour: Flavour,
    disk: Option<u64>,
) -> ContainerCreateBody {
    let memory = spec.memory.and_then(|bytes| i64::try_from(bytes).ok());
    let host = HostConfig {
        network_mode: Some("none".to_owned()),
        log_config: Some(log()),
        memory,
        memory_swap: memory,
        nano_cpus: spec.cpu_millis.map(|millis| i64::from(millis) * 1_000_000),
        pids_limit: spec.pids.map(i64::from),
        storage_opt: disk.map(|bytes| [("size".to_owned(), bytes.to_string())].into()),
        cap_add: some(&spec.cap_add),
        cap_drop: some(&spec.cap_drop),
        devices: Some(spec.devices.iter().map(|path| device(path)).collect()),
        tmpfs: Some(spec.tmpfs.clone().into_iter().collect()),
        mounts: Some(spec.mounts.iter().map(mount).collect()),
        security_opt: some(&security(spec, flavour)),
        pid_mode: spec.host_pids.then(|| "host".to_owned()),
        userns_mode: flavour.users_mode(spec.host_users),
        ulimits: Some(flavour.with_own_limits(ulimits(spec))),
        cgroupns_mode: spec
            .private_cgroups
            .then_some(HostConfigCgroupnsModeEnum::PRIVATE),
        ..HostConfig::default()
    };
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        entrypoint: Some(spec.argv.clone()),
        // An image's own arguments would be added to our entry point.
        cmd: Some(vec![]),
        env: Some(
            spec.env
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect(),
        ),
        labels: Some(spec.labels.clone().into_iter().collect()),
        hostname: spec.hostname.clone(),
        stop_signal: spec.stop_signal.clone(),
        host_config: Some(host),
        ..ContainerCreateBody::default()
    }
}

/// Whoever writes to a console without end must not fill the engine's disk.
fn log() -> HostConfigLogConfig {
    let bounds = [("max-size", "1m"), ("max-file", "1")];
    HostConfigLogConfig {
        typ: Some("json-file".to_owned()),
        config: Some(
            bounds
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        ),
    }
}

/// The system calls of nodes: what engines allow to containers without privileges, but for sockets of
/// AF_VSOCK, which reach the host's hypervisor and belong to no network namespace, and for what opens
/// them otherwise (`socketcall`, `io_uring`).
const NODE_CALLS: &str = include_str!("seccomp.json");

fn security(spec: &ContainerSpec, flavour: Flavour) -> Vec<String> {
    let filtered = spec.node_calls && flavour.takes_filters();
    let calls = filtered.then(|| format!("seccomp={NODE_CALLS}"));
    spec.security.iter().cloned().chain(calls).collect()
}

/// Limits of each process. They are there from the first one on, and root in a container cannot raise
/// them.
fn ulimits(spec: &ContainerSpec) -> Vec<ResourcesUlimits> {
    let open = spec.open_files.map(|most| {
        let soft = SOFT_OPEN_FILES.min(most);
        limit("nofile", soft.into(), most.into())
    });
    let size = spec.disk.and_then(|bytes| i64::try_from(bytes).ok());
    let size = size.map(|bytes| limit("fsize", bytes, bytes));
    open.into_iter().chain(size).collect()
}

/// A soft and a hard limit.
pub(super) fn limit(name: &str, soft: i64, hard: i64) -> ResourcesUlimits {
    ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(soft),
        hard: Some(hard),
    }
}

fn some(words: &[String]) -> Option<Vec<String>> {
    (!words.is_empty()).then(|| words.to_vec())
}

fn device(path: &str) -> DeviceMapping {
    DeviceMapping {
        path_on_host: Some(path.to_owned()),
        path_in_container: Some(path.to_owned()),
        cgroup_permissions: Some("rwm".to_owned()),
    }
}

fn mount(mount: &Mount) -> EngineMount {
    let (kind, source, target, read_only) = match mount {
        Mount::Volume {
            name,
            target,
            read_only,
        } => (MountType::VOLUME, name, target, read_only),
        Mount::Bind {
            source,
            target,
            read_only,
        } => (MountType::BIND, source, target, read_only),
    };
    EngineMount {
        typ: Some(kind),
        source: Some(source.clone()),
        target: Some(target.clone()),
        read_only: Some(*read_only),
        ..EngineMount::default()
    }
}
