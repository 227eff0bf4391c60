//! Labs and what runs in them.

use plateau_core::api::{
    DiskAlert, DiskAlertLevel, EventProgress, EventView, LabEvent, LabEventKind, LabState, LabView,
    NodeState, NodeView, ScriptRun, SolveResult,
};
use plateau_core::messages::Language;
use plateau_core::topology::{Access, Value};

use super::{bytes, lines, pairs, seconds, table};
use crate::style::{FAINT, GOOD, HEAD, UNSURE, WRONG, styled};

/// Labs, a line each.
pub(crate) fn list(labs: &[LabView]) -> String {
    if labs.is_empty() {
        return "no labs; `plateau lab up PATH` builds one\n".to_owned();
    }
    let mut table = table(["NAME", "SCENARIO", "STATE", "NODES", "SEED", "CREATED"]);
    for lab in labs {
        let running = lab
            .nodes
            .values()
            .filter(|node| node.state == NodeState::Running);
        table.add_row([
            lab.name.clone(),
            lab.scenario.clone(),
            lab_state(lab.state),
            format!("{}/{} run", running.count(), lab.nodes.len()),
            lab.seed.clone(),
            lab.created.clone(),
        ]);
    }
    lines(&table)
}

/// One lab, whole.
pub(crate) fn lab(lab: &LabView, language: Language) -> String {
    let parameters = lab
        .parameters
        .iter()
        .map(|(name, value)| (name.clone(), shown_value(value)))
        .collect();
    let mut text = format!("{}  {}\n", styled(HEAD, &lab.name), language.of(&lab.title));
    for (what, value) in [
        ("state", lab_state(lab.state)),
        (
            "scenario",
            format!("{} {}", lab.scenario, styled(FAINT, &lab.hash)),
        ),
        ("seed", lab.seed.clone()),
        ("parameters", pairs(&parameters)),
        ("id", lab.id.clone()),
        ("created", lab.created.clone()),
        (
            "started",
            lab.started.clone().unwrap_or_else(|| "no".to_owned()),
        ),
    ] {
        text.push_str(&format!("  {what:<11} {value}\n"));
    }
    if let Some(problem) = &lab.problem {
        text.push_str(&format!("  {:<11} {}\n", "problem", problem.message));
    }
    let mut table = table(["NODE", "IMAGE", "STATE", "ACCESS", "INTERFACES"]);
    for (name, node) in &lab.nodes {
        table.add_row([
            name.clone(),
            node.image.clone(),
            node_state(node.state),
            access(node),
            pairs(&node.interfaces),
        ]);
    }
    text.push('\n');
    text.push_str(&lines(&table));
    for (name, node) in &lab.nodes {
        if let Some(alert) = &node.disk {
            text.push_str(&format!("{name}: {}\n", styled(WRONG, disk_alert(alert))));
        }
    }
    if !lab.events.is_empty() {
        text.push_str(&format!("\n{}", happenings(&lab.events)));
    }
    text
}

/// What is wrong with a node's disk.
fn disk_alert(alert: &DiskAlert) -> String {
    let used = format!(
        "{} of {} and {} of {} files written",
        bytes(alert.used),
        bytes(alert.limit),
        alert.files,
        alert.most_files
    );
    match alert.level {
        DiskAlertLevel::High => format!("its disk is nearly full: {used}"),
        DiskAlertLevel::Stopped => format!("stopped, its disk is full: {used}"),
        DiskAlertLevel::HostFull => {
            format!("stopped, it was filling the disk of the host: {used}")
        }
    }
}

fn happenings(events: &[EventView]) -> String {
    let mut table = table(["EVENT", "HAPPENS", "BEGUN", "PROGRESS"]);
    for event in events {
        table.add_row([
            event.id.clone(),
            event.trigger.clone(),
            event.begun.clone().unwrap_or_else(|| "–".to_owned()),
            event
                .progress
                .as_ref()
                .map_or_else(|| "–".to_owned(), progress),
        ]);
    }
    lines(&table)
}

fn progress(progress: &EventProgress) -> String {
    match progress {
        EventProgress::Begun {} => styled(UNSURE, "begun"),
        EventProgress::Step { step, .. } => format!("{} {step}", styled(UNSURE, "…")),
        EventProgress::Done {} => styled(GOOD, "done"),
        EventProgress::Failed { reason } => format!("{}: {reason}", styled(WRONG, "failed")),
    }
}

/// What happened, on a line; `None` where it is not worth one.
pub(crate) fn event(event: &LabEvent) -> Option<String> {
    Some(match &event.what {
        LabEventKind::State { state } => format!("lab is {}", lab_state(*state)),
        LabEventKind::StepStarted { .. } | LabEventKind::PhaseStarted { .. } => return None,
        LabEventKind::StepDone { step, took_ms } => {
            let took = styled(FAINT, seconds(*took_ms));
            format!("{} {step} {took}", styled(GOOD, "✓"))
        }
        LabEventKind::StepFailed { step, reason } => {
            format!("{} {step}: {reason}", styled(WRONG, "✗"))
        }
        LabEventKind::ScenarioEvent {
            event,
            progress: done,
        } => format!("event {event}: {}", progress(done)),
        LabEventKind::Disk { node, alert } => match alert {
            Some(alert) => format!("{node}: {}", styled(WRONG, disk_alert(alert))),
            None => format!("{node}: its disk has room again"),
        },
        LabEventKind::Node { node, state } => match state {
            NodeState::Running | NodeState::Absent => return None,
            NodeState::Rebooting | NodeState::Stopped => {
                format!("{node} is {}", node_state(*state))
            }
        },
    })
}

/// Scripts that were run, a line each; of the one that failed also what it said.
pub(crate) fn solved(result: &SolveResult) -> String {
    let mut text = String::new();
    for run in &result.scripts {
        text.push_str(&script(run));
    }
    if result.scripts.is_empty() {
        text.push_str("no script to run\n");
    }
    text
}

fn script(run: &ScriptRun) -> String {
    let ScriptRun {
        node,
        script,
        result,
    } = run;
    if result.exit == 0 {
        return format!("{} {script} on {node}\n", styled(GOOD, "✓"));
    }
    let mut text = format!(
        "{} {script} on {node} ended with {}\n",
        styled(WRONG, "✗"),
        result.exit
    );
    for line in result.stdout.lines().chain(result.stderr.lines()) {
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        text.push_str(&format!("    {line}\n"));
    }
    text
}

fn access(node: &NodeView) -> String {
    let names: Vec<&str> = node
        .access
        .iter()
        .map(|way| match way {
            Access::Terminal => "terminal",
            Access::Desktop => "desktop",
        })
        .collect();
    if names.is_empty() {
        return styled(FAINT, "none");
    }
    names.join(", ")
}

fn lab_state(state: LabState) -> String {
    match state {
        LabState::Building => styled(UNSURE, "building"),
        LabState::Ready => styled(GOOD, "ready"),
        LabState::Recovering => styled(UNSURE, "recovering"),
        LabState::Failed => styled(WRONG, "failed"),
        LabState::Removing => styled(UNSURE, "removing"),
        LabState::Removed => styled(FAINT, "removed"),
    }
}

fn node_state(state: NodeState) -> String {
    match state {
        NodeState::Absent => styled(FAINT, "absent"),
        NodeState::Running => styled(GOOD, "running"),
        NodeState::Rebooting => styled(UNSURE, "rebooting"),
        NodeState::Stopped => styled(WRONG, "stopped"),
    }
}

/// A parameter's value.
pub(crate) fn shown_value(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.clone(),
    }
}
