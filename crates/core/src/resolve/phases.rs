//! Phases, events, and the steps that both are made of.

use std::collections::BTreeSet;

use super::Resolver;
use crate::fault::{LIMITED, is_limited};
use crate::path::NodePath;
use crate::quantity::{Size, Span};
use crate::question::Expectation;
use crate::spec::{
    CheckSpec, EventSpec, FillSpec, PhaseSpec, RunSpec, ScenarioSpec, ShapeSpec, StartSpec,
    StepSpec, WaitSpec,
};
use crate::topology::{
    AS_LEFT, Condition, NodeScript, Phase, PhaseAction, ScenarioEvent, Start, Trigger,
};
use crate::topology::{Link, Shape};
use crate::tree::{Path, Tree};

const LONGEST_DELAY: Span = Span(10_000);
const LONGEST_WAIT: Span = Span(600_000);

impl Resolver<'_> {
    /// Phases stand in the order of the document, since they build on one another.
    pub(super) fn phases(&mut self, spec: &ScenarioSpec) -> Vec<Phase> {
        let root = Path::default().key("phases");
        let order = self.tree.get("phases").map(Tree::keys).unwrap_or_default();
        let mut phases = Vec::new();
        for name in order {
            let path = root.key(&name);
            self.name_of_key(&path, &name);
            if name == AS_LEFT {
                let message =
                    format!("`{AS_LEFT}` is the phase before all others and cannot be declared");
                self.problem(&path, "reserved-name", message, None);
            }
            if let Some(phase) = spec.phases.get(&name) {
                phases.push(self.one_phase(&path, name, phase, spec));
            }
        }
        phases
    }

    fn one_phase(
        &mut self,
        path: &Path,
        name: String,
        phase: &PhaseSpec,
        spec: &ScenarioSpec,
    ) -> Phase {
        let mut actions = Vec::new();
        if let Some(nodes) = &phase.reboot {
            self.some_nodes(&path.key("reboot"), nodes);
            actions.push(PhaseAction::Reboot(nodes.clone()));
        }
        actions.extend(self.steps(&path.key("steps"), &phase.steps, spec));
        let untouched = self.tree.mark(&path.key("steps")) == self.tree.mark(path);
        if phase.from.is_none() && phase.reboot.is_none() && phase.steps.is_empty() && untouched {
            let message = format!("phase `{name}` is the same as the one before it");
            let hint = Some("add `steps`, `reboot` or `from: as-left`".to_owned());
            self.problem(path, "empty-phase", message, hint);
        }
        let from = match phase.from {
            Some(StartSpec::AsLeft) => Start::AsLeft,
            None => Start::PhaseBefore,
        };
        Phase {
            name,
            from,
            actions,
        }
    }

    /// Resolves all events.
    pub(super) fn events(&mut self, spec: &ScenarioSpec) -> Vec<ScenarioEvent> {
        let root = Path::default().key("events");
        let mut seen = BTreeSet::new();
        let mut events = Vec::new();
        for (index, event) in spec.events.iter().enumerate() {
            let path = root.index(index);
            self.name(&path.key("id"), &event.id);
            if !seen.insert(event.id.as_str()) {
                let message = format!("there are two events `{}`", event.id);
                self.problem(&path.key("id"), "duplicate-event", message, None);
            }
            let steps = path.key("do");
            if event.steps.is_empty() {
                let hint = Some("add a step, such as `- stop: [NODE]`".to_owned());
                self.problem(&steps, "empty-event", "nothing happens".to_owned(), hint);
            }
            let actions = self.steps(&steps, &event.steps, spec);
            if let Some(trigger) = self.trigger(&path, event, spec) {
                events.push(ScenarioEvent {
                    id: event.id.clone(),
                    trigger,
                    actions,
                });
            }
        }
        events
    }

    fn trigger(&mut self, path: &Path, event: &EventSpec, spec: &ScenarioSpec) -> Option<Trigger> {
        match (&event.at, &event.when) {
            (Some(at), None) => {
                if *at > spec.duration {
                    let message = format!("after {at} the candidate has finished");
                    let hint = Some(format!("at most {}, the duration", spec.duration));
                    self.problem(&path.key("at"), "bad-time", message, hint);
                }
                Some(Trigger::At(*at))
            }
            (None, Some(check)) => {
                let path = path.key("when");
                if self.check(&path, check) && !asked_as_left(spec, check) {
                    let message =
                        format!("`{check}` is asked in a phase, which comes after all work");
                    let hint = Some("name a check without a `phase`".to_owned());
                    self.problem(&path, "bad-when", message, hint);
                } else if is_of_a_message(spec, check) {
                    let message =
                        format!("`{check}` takes two observers, and one looks for events");
                    let hint = Some("name another check, such as one of the file".to_owned());
                    self.problem(&path, "bad-when", message, hint);
                }
                Some(Trigger::When(check.clone()))
            }
            (Some(_), Some(_)) | (None, None) => {
                let message = "exactly one of `at` and `when` is needed".to_owned();
                let hint = "`at: 20m` is a time of the candidate's clock, `when: TASK/CHECK` a check that first passes";
                self.problem(path, "at-or-when", message, Some(hint.to_owned()));
                None
            }
        }
    }

    fn steps(&mut self, path: &Path, steps: &[StepSpec], spec: &ScenarioSpec) -> Vec<PhaseAction> {
        let numbered = steps.iter().enumerate();
        numbered
            .filter_map(|(index, step)| self.step(&path.index(index), step, spec))
            .collect()
    }

    fn step(&mut self, path: &Path, step: &StepSpec, spec: &ScenarioSpec) -> Option<PhaseAction> {
        match step {
            StepSpec::Reboot(nodes) => {
                self.some_nodes(&path.key("reboot"), nodes);
                Some(PhaseAction::Reboot(nodes.clone()))
            }
            StepSpec::Stop(nodes) => {
                self.some_nodes(&path.key("stop"), nodes);
                Some(PhaseAction::Stop(nodes.clone()))
            }
            StepSpec::Start(nodes) => {
                self.some_nodes(&path.key("start"), nodes);
                Some(PhaseAction::Start(nodes.clone()))
            }
            StepSpec::Cut(link) => self
                .link(&path.key("cut"), (&link.node, &link.interface), spec)
                .map(PhaseAction::Cut),
            StepSpec::Mend(link) => self
                .link(&path.key("mend"), (&link.node, &link.interface), spec)
                .map(PhaseAction::Mend),
            StepSpec::Shape(shape) => self.shape(&path.key("shape"), shape, spec),
            StepSpec::Fill(fill) => self.fill(&path.key("fill"), fill),
            StepSpec::Kill(kill) => {
                let path = path.key("kill");
                if kill.process.is_empty() || kill.process.contains('/') {
                    let message = format!("`{}` is not the name of a program", kill.process);
                    let hint = Some("the last part of its path, such as `nginx`".to_owned());
                    self.problem(&path.key("process"), "bad-value", message, hint);
                }
                self.node(&path.key("node"), &kill.node)
                    .then(|| PhaseAction::Kill {
                        node: kill.node.clone(),
                        process: kill.process.clone(),
                    })
            }
            StepSpec::Run(run) => self.run(&path.key("run"), run),
            StepSpec::Wait(wait) => self.wait(&path.key("wait"), wait),
        }
    }

    fn some_nodes(&mut self, path: &Path, nodes: &[String]) {
        if nodes.is_empty() {
            let hint = Some("name at least one node".to_owned());
            self.problem(path, "empty-step", "no nodes are named".to_owned(), hint);
        }
        for (index, node) in nodes.iter().enumerate() {
            self.node(&path.index(index), node);
        }
    }

    fn link(
        &mut self,
        path: &Path,
        (node, interface): (&String, &String),
        spec: &ScenarioSpec,
    ) -> Option<Link> {
        if !self.node(&path.key("node"), node) {
            return None;
        }
        // A node whose content cannot be read has been reported.
        let interfaces = &spec.nodes.get(node)?.interfaces;
        if !interfaces.contains_key(interface) {
            let known = interfaces.keys().map(String::as_str);
            self.unknown(&path.key("interface"), "interface", interface, known);
            return None;
        }
        Some(Link {
            node: node.clone(),
            interface: interface.clone(),
        })
    }

    fn shape(
        &mut self,
        path: &Path,
        spec: &ShapeSpec,
        scenario: &ScenarioSpec,
    ) -> Option<PhaseAction> {
        // One that cannot be read has been reported.
        let absent = |key: &&str| self.tree.mark(&path.key(key)) == self.tree.mark(path);
        if ["rate", "delay", "loss"].iter().all(absent) {
            let hint = Some("add `rate: 10Mbit`, `delay: 50ms` or `loss: 5`".to_owned());
            self.problem(path, "empty-step", "nothing is shaped".to_owned(), hint);
        }
        if let Some(delay) = spec.delay.filter(|d| d.0 == 0 || *d > LONGEST_DELAY) {
            let message = format!("{delay} cannot be a packet's delay");
            let hint = Some(format!("more than nothing, and at most {LONGEST_DELAY}"));
            self.problem(&path.key("delay"), "bad-value", message, hint);
        }
        let possible = |loss: f64| (0.0001..=100.0).contains(&loss);
        if let Some(loss) = spec.loss.filter(|loss| !possible(*loss)) {
            let message = format!("{loss} percent of the packets cannot be lost");
            let hint = Some("more than nothing, and at most 100".to_owned());
            self.problem(&path.key("loss"), "bad-value", message, hint);
        }
        // In range by the check above; a value outside has been reported and is not used.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let ppm = |percent: f64| (percent.clamp(0.0, 100.0) * 10_000.0).round() as u32;
        let link = self.link(path, (&spec.node, &spec.interface), scenario)?;
        let shape = Shape {
            rate: spec.rate,
            delay: spec.delay,
            loss_ppm: spec.loss.map(ppm),
        };
        Some(PhaseAction::Shape { link, shape })
    }

    /// A node's disk is the engine's, so that filling it would fill the host.
    fn fill(&mut self, path: &Path, spec: &FillSpec) -> Option<PhaseAction> {
        if NodePath::parse(&spec.path).is_none() || !is_limited(&spec.path) {
            let message = format!(
                "`{}` is not on a file system whose size is limited: filling it would fill the host's disk",
                spec.path
            );
            let hint = Some(format!("one of {}, or a folder below", LIMITED.join(", ")));
            self.problem(&path.key("path"), "unlimited-fill", message, hint);
        }
        self.node(&path.key("node"), &spec.node)
            .then(|| PhaseAction::Fill {
                node: spec.node.clone(),
                path: spec.path.clone(),
                leave: spec.leave.unwrap_or(Size(0)),
            })
    }

    fn run(&mut self, path: &Path, run: &RunSpec) -> Option<PhaseAction> {
        let node = self.node(&path.key("on"), &run.on);
        let script = self.script(&path.key("run"), &run.run)?;
        node.then(|| {
            PhaseAction::Run(NodeScript {
                node: run.on.clone(),
                script,
            })
        })
    }

    fn wait(&mut self, path: &Path, spec: &WaitSpec) -> Option<PhaseAction> {
        if spec.at_most.0 == 0 || spec.at_most > LONGEST_WAIT {
            let message = format!("`{}` is not a valid time to wait", spec.at_most);
            let hint = Some(format!("more than nothing, and at most {LONGEST_WAIT}"));
            self.problem(&path.key("at_most"), "bad-duration", message, hint);
        }
        if matches!(
            spec.that,
            Expectation::Availability(_) | Expectation::Syslog(_)
        ) {
            let message = format!(
                "`{}` is not a valid condition to wait for",
                spec.that.kind()
            );
            let hint = Some("wait for something that one look can see".to_owned());
            self.problem(&path.key("that"), "bad-condition", message, hint);
            return None;
        }
        let observer = self.observer(path, (&spec.on, &spec.from), &spec.that);
        let expectation = self.expectation(&path.key("that"), &spec.that)?;
        Some(PhaseAction::Wait(Box::new(Condition {
            observer: observer?,
            expectation,
            at_most: spec.at_most,
        })))
    }
}

/// Whether a check, as `task/check`, is asked while nothing has been done to the lab yet.
fn asked_as_left(spec: &ScenarioSpec, name: &str) -> bool {
    let phase = check_of(spec, name).and_then(|check| check.phase.as_ref());
    phase.is_none_or(|phase| phase == AS_LEFT)
}

fn is_of_a_message(spec: &ScenarioSpec, name: &str) -> bool {
    check_of(spec, name).is_some_and(|check| matches!(check.that, Expectation::Syslog(_)))
}

/// The check that goes by `task/check`.
fn check_of<'a>(spec: &'a ScenarioSpec, name: &str) -> Option<&'a CheckSpec> {
    spec.tasks.iter().find_map(|task| {
        let check = name.strip_prefix(&task.id)?.strip_prefix('/')?;
        task.checks.iter().find(|known| known.id == check)
    })
}
