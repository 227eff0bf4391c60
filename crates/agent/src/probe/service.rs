//! Observes a systemd unit.

use anyhow::Context;
use plateau_core::question::service::{ServiceQuestion, ServiceSeen};

use super::context::ProbeContext;
use super::systemd::{connection, manager_proxy, unit_proxy};

/// The suffixes of unit names.
const SUFFIXES: [&str; 11] = [
    "service",
    "socket",
    "target",
    "device",
    "mount",
    "automount",
    "swap",
    "timer",
    "path",
    "slice",
    "scope",
];

/// Unit file states in which a unit starts at boot.
const AT_BOOT: [&str; 5] = ["enabled", "enabled-runtime", "static", "alias", "generated"];

pub(super) async fn observe(
    question: &ServiceQuestion,
    context: &ProbeContext,
) -> anyhow::Result<ServiceSeen> {
    let name = unit_name(&question.name);
    let connection = connection(context).await?;
    let inspecting = || format!("cannot look at `{name}`");
    let manager = manager_proxy(connection).await.with_context(inspecting)?;
    let path = manager.load_unit(&name).await.with_context(inspecting)?;
    let unit = unit_proxy(connection, path.as_ref())
        .await
        .with_context(inspecting)?;
    let load = unit.load_state().await.with_context(inspecting)?;
    if load == "not-found" {
        return Ok(ServiceSeen {
            exists: Some(false),
            ..ServiceSeen::default()
        });
    }
    let state = unit.active_state().await.with_context(inspecting)?;
    let id = unit.id().await.with_context(inspecting)?;
    // From the files as they are now: the unit's property is from the last reload.
    let unit_file = match manager.get_unit_file_state(&id).await {
        Ok(state) => state,
        Err(_) => unit.unit_file_state().await.with_context(inspecting)?,
    };
    Ok(ServiceSeen {
        exists: Some(true),
        running: Some(state == "active" || state == "reloading"),
        enabled: Some(AT_BOOT.contains(&unit_file.as_str())),
        state: Some(state),
        unit_file: Some(unit_file),
    })
}

fn unit_name(name: &str) -> String {
    let has_suffix = name
        .rsplit_once('.')
        .is_some_and(|(_, suffix)| SUFFIXES.contains(&suffix));
    if has_suffix {
        name.to_owned()
    } else {
        format!("{name}.service")
    }
}
