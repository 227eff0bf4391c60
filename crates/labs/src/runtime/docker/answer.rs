//! The engine's answers, in our words.

use bollard::models::{
    ContainerInspectResponse, ContainerSummary, ContainerSummaryStateEnum, EventMessage,
};

use crate::runtime::{Container, ContainerChange, ContainerDetails, ContainerEvent, Labels};

pub(super) fn container_of(summary: ContainerSummary) -> Container {
    let name = summary.names.unwrap_or_default().into_iter().next();
    Container {
        id: summary.id.unwrap_or_default(),
        name: bare(name),
        labels: summary.labels.unwrap_or_default().into_iter().collect(),
        running: summary.state == Some(ContainerSummaryStateEnum::RUNNING),
        image: summary.image_id.unwrap_or_default(),
    }
}

pub(super) fn inspected_of(response: ContainerInspectResponse) -> ContainerDetails {
    let state = response.state.unwrap_or_default();
    let running = state.running.unwrap_or(false);
    // Before its first start the engine gives the year 1.
    let started = state.started_at.filter(|at| !at.starts_with("0001-"));
    ContainerDetails {
        id: response.id.unwrap_or_default(),
        name: bare(response.name),
        labels: response
            .config
            .and_then(|config| config.labels)
            .unwrap_or_default()
            .into_iter()
            .collect(),
        running,
        paused: state.paused.unwrap_or(false),
        pid: state
            .pid
            .filter(|_| running)
            .and_then(|pid| u32::try_from(pid).ok())
            .filter(|pid| *pid > 0),
        exit: state.exit_code.filter(|_| !running && started.is_some()),
        started,
        // So called by overlay2, where a container's own layer is a folder.
        disk: response
            .graph_driver
            .and_then(|mut driver| driver.data.remove("UpperDir")),
    }
}

/// The engine writes a slash before a container's name.
fn bare(name: Option<String>) -> String {
    name.unwrap_or_default().trim_start_matches('/').to_owned()
}

pub(super) fn event_of(event: EventMessage) -> Option<ContainerEvent> {
    let actor = event.actor?;
    let mut labels: Labels = actor.attributes.unwrap_or_default().into_iter().collect();
    let exit = labels.remove("exitCode");
    let what = match event.action?.as_str() {
        "start" => ContainerChange::Started,
        "die" => ContainerChange::Died(exit.and_then(|exit| exit.parse().ok()).unwrap_or(-1)),
        "destroy" | "remove" => ContainerChange::Destroyed,
        _ => return None,
    };
    Some(ContainerEvent {
        container: actor.id?,
        labels,
        what,
    })
}
