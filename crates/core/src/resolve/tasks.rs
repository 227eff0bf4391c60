//! Tasks, checks and mistakes.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "kinds without rules beyond their shape"
)]

use std::collections::BTreeSet;

use super::for_evaluators::{criterion, deliverable};
use super::scoring::{full_names, groups};
use super::services::wrong_value;
use super::{Resolver, chosen};
use crate::observer::{FromSpec, Observer};
use crate::quantity::Span;
use crate::question::{Expectation, Vantage};
use crate::referential::skill_names;
use crate::spec::{CheckSpec, RunSpec, ScenarioSpec, TaskSpec};
use crate::topology::{AS_LEFT, Check, NodeScript, Task};
use crate::tree::Path;

const DEFAULT_TIMEOUT: Span = Span(10_000);
const LONGEST_TIMEOUT: Span = Span(120_000);
/// Record types that a `dns` question may ask for.
const RECORD_TYPES: &[&str] = &["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"];

impl Resolver<'_> {
    /// Resolves all tasks.
    pub(super) fn tasks(&mut self, spec: &ScenarioSpec) -> Vec<Task> {
        let root = Path::default().key("tasks");
        if spec.tasks.is_empty() && self.declared.tasks.is_empty() {
            self.problem(&root, "no-task", "no tasks are declared".to_owned(), None);
        }
        let mut seen = BTreeSet::new();
        let mut tasks = Vec::new();
        for (index, task) in spec.tasks.iter().enumerate() {
            let path = root.index(index);
            self.name(&path.key("id"), &task.id);
            if !seen.insert(task.id.as_str()) {
                let message = format!("there are two tasks `{}`", task.id);
                self.problem(&path.key("id"), "duplicate-task", message, None);
            }
            tasks.push(self.one_task(&path, task));
        }
        self.needs(spec);
        tasks
    }

    fn one_task(&mut self, path: &Path, spec: &TaskSpec) -> Task {
        let skills = skill_names();
        if !skills.contains(&spec.skill) {
            self.unknown(
                &path.key("skill"),
                "skill",
                &spec.skill,
                skills.iter().map(String::as_str),
            );
        }
        self.languages(&path.key("title"), &spec.title);
        let solution = self.scripts(&path.key("solution"), &spec.solution);
        let checks = self.checks(path, spec);
        self.groups(path, spec);
        self.for_evaluator(path, spec);
        let for_evaluator = spec.deliverable.is_some() || !spec.rubric.is_empty();
        if spec.checks.is_empty()
            && !for_evaluator
            && self.tree.mark(&path.key("checks")) == self.tree.mark(path)
        {
            let message = format!("nothing of task `{}` is ever judged", spec.id);
            self.problem(
                path,
                "empty-task",
                message,
                Some("add `checks`, a `deliverable` or a `rubric`".to_owned()),
            );
        }
        if !spec.checks.is_empty()
            && spec.solution.is_empty()
            && spec.checks.iter().any(|c| !c.holds_from_start)
        {
            let message = format!(
                "task `{}` has checks and no solution, so they cannot be proven",
                spec.id
            );
            self.problem(
                path,
                "no-solution",
                message,
                Some("add `solution: [ { on: NODE, run: FILE } ]`".to_owned()),
            );
        }
        Task {
            id: spec.id.clone(),
            skill: spec.skill.clone(),
            title: spec.title.clone(),
            solution,
            groups: groups(spec),
            checks,
            for_evaluator,
            deliverable: spec.deliverable.as_ref().map(deliverable),
            rubric: spec.rubric.iter().map(criterion).collect(),
        }
    }

    pub(super) fn scripts(&mut self, path: &Path, runs: &[RunSpec]) -> Vec<NodeScript> {
        let mut scripts = Vec::new();
        for (index, run) in runs.iter().enumerate() {
            let path = path.index(index);
            self.node(&path.key("on"), &run.on);
            let Some(script) = self.script(&path.key("run"), &run.run) else {
                continue;
            };
            scripts.push(NodeScript {
                node: run.on.clone(),
                script,
            });
        }
        scripts
    }

    fn checks(&mut self, task_path: &Path, task: &TaskSpec) -> Vec<Check> {
        let mut seen = BTreeSet::new();
        let mut checks = Vec::new();
        for (index, spec) in task.checks.iter().enumerate() {
            let path = task_path.key("checks").index(index);
            self.name(&path.key("id"), &spec.id);
            if !seen.insert(spec.id.as_str()) {
                let message = format!("task `{}` has two checks `{}`", task.id, spec.id);
                self.problem(&path.key("id"), "duplicate-check", message, None);
            }
            checks.extend(self.one_check(&path, &task.id, spec));
        }
        checks
    }

    fn one_check(&mut self, path: &Path, task: &str, spec: &CheckSpec) -> Option<Check> {
        self.points(path, spec);
        let phase = spec.phase.clone().unwrap_or_else(|| AS_LEFT.to_owned());
        self.phase(&path.key("phase"), &phase);
        let timeout = spec.timeout.unwrap_or(DEFAULT_TIMEOUT);
        if timeout.0 == 0 || timeout > LONGEST_TIMEOUT {
            let hint = Some(format!("at most {LONGEST_TIMEOUT}"));
            self.problem(
                &path.key("timeout"),
                "bad-timeout",
                format!("`{timeout}` is not a valid timeout"),
                hint,
            );
        }
        if let Expectation::Syslog(check) = &spec.that
            && check.within >= timeout
        {
            let message = format!("`within` {} leaves no time to look", check.within);
            let hint = Some(format!("less than the check's timeout, {timeout}"));
            self.problem(
                &path.key("that").key("syslog"),
                "bad-timeout",
                message,
                hint,
            );
        }
        let observer = self.observer(path, (&spec.on, &spec.from), &spec.that);
        self.watched_phase(path, &phase, &spec.that);
        let expectation = self.expectation(&path.key("that"), &spec.that)?;
        Some(Check {
            id: format!("{task}/{}", spec.id),
            title: spec.title.clone(),
            observer: observer?,
            phase,
            expectation,
            points: spec.points,
            holds_from_start: spec.holds_from_start,
            needs: full_names(task, &spec.needs),
            group: spec.group.clone(),
            bonus: spec.bonus,
            critical: spec.critical,
            hint: spec.hint.clone(),
            shown: chosen(self.shown, spec.shown),
            timeout,
        })
    }

    pub(super) fn observer(
        &mut self,
        path: &Path,
        (on, from): (&Option<String>, &Option<FromSpec>),
        that: &Expectation,
    ) -> Option<Observer> {
        let kind = that.kind();
        match (on, from, that.vantage()) {
            (Some(node), None, Vantage::Inside) => self
                .node(&path.key("on"), node)
                .then(|| Observer::Node(node.clone())),
            (None, Some(FromSpec::Node(node)), Vantage::Across) => self
                .node(&path.key("from"), node)
                .then(|| Observer::Node(node.clone())),
            (None, Some(FromSpec::Examiner(examiner)), Vantage::Across) => {
                let path = path.key("from");
                if let Some(gateway) = examiner.gateway {
                    self.gateway(&path.key("gateway"), Some(examiner.address), gateway);
                }
                self.network(&path.key("examiner"), &examiner.examiner)
                    .then(|| Observer::Examiner {
                        network: examiner.examiner.clone(),
                        address: examiner.address,
                        gateway: examiner.gateway,
                    })
            }
            (None, None, _) | (Some(_), Some(_), _) => {
                let message = "exactly one of `on` and `from` is needed".to_owned();
                let hint = "`on: NODE` looks inside a node; `from: NODE` or `from: { examiner: NETWORK, address: … }` looks across the network";
                self.problem(path, "on-or-from", message, Some(hint.to_owned()));
                None
            }
            (Some(_), None, Vantage::Across) => {
                let message = format!("`{kind}` is asked across the network: `from`, not `on`");
                self.problem(
                    &path.key("on"),
                    "on-or-from",
                    message,
                    Some("write `from: NODE`".to_owned()),
                );
                None
            }
            (None, Some(_), Vantage::Inside) => {
                let message = format!("`{kind}` is asked of a node's inside: `on`, not `from`");
                self.problem(
                    &path.key("from"),
                    "on-or-from",
                    message,
                    Some("write `on: NODE`".to_owned()),
                );
                None
            }
        }
    }

    /// Checks what the shapes cannot say, and puts a private key's text in the place of its path.
    pub(super) fn expectation(&mut self, path: &Path, that: &Expectation) -> Option<Expectation> {
        let path = path.key(that.kind());
        let absolute = |text: &str| text.starts_with('/');
        let not_absolute = |field, text: Option<&String>| {
            let text = text.filter(|text| !absolute(text))?;
            Some((field, format!("`{text}` is not absolute")))
        };
        let wrong: Option<(&str, String)> = match that {
            Expectation::File(check) if !absolute(&check.path) => {
                Some(("path", format!("`{}` is not absolute", check.path)))
            }
            Expectation::Mount(check) if !absolute(&check.path) => {
                Some(("path", format!("`{}` is not absolute", check.path)))
            }
            Expectation::Http(check)
                if !["http://", "https://"]
                    .iter()
                    .any(|scheme| check.url.starts_with(scheme)) =>
            {
                Some((
                    "url",
                    format!("`{}` is not an http:// or https:// URL", check.url),
                ))
            }
            Expectation::Http(check)
                if check
                    .connect
                    .as_ref()
                    .is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_err()) =>
            {
                Some(("connect", "`connect` takes an address".to_owned()))
            }
            Expectation::Dns(check) if !RECORD_TYPES.contains(&check.kind.as_str()) => Some((
                "type",
                format!("`{}` is not one of {}", check.kind, RECORD_TYPES.join(", ")),
            )),
            Expectation::Dns(check)
                if check.server.as_ref().is_some_and(|server| {
                    server.parse::<std::net::IpAddr>().is_err()
                        && server.parse::<std::net::SocketAddr>().is_err()
                }) =>
            {
                Some(("server", "`server` takes an address".to_owned()))
            }
            Expectation::Route(check)
                if !["default", "default6"].contains(&check.to.as_str())
                    && check.to.parse::<ipnet::IpNet>().is_err() =>
            {
                Some((
                    "to",
                    format!(
                        "`{}` is not `default`, `default6` or a network such as 10.0.0.0/8",
                        check.to
                    ),
                ))
            }
            Expectation::Ssh(check) => return self.ssh_key(&path, check),
            Expectation::Certificate(check) => not_absolute("path", Some(&check.path))
                .or_else(|| not_absolute("key", check.key.as_ref()))
                .or_else(|| not_absolute("ca", check.ca.as_ref())),
            Expectation::Availability(check) => return self.availability(&path, check),
            Expectation::Mail(check) => check.contradiction(),
            Expectation::Ldap(check) => check.contradiction(),
            Expectation::Sql(check) => check.contradiction(),
            Expectation::Smb(check) => check.contradiction(),
            Expectation::Nfs(check) => check.contradiction(),
            Expectation::Syslog(check) => {
                self.sender(&path, check);
                wrong_value(that)
            }
            _ => wrong_value(that),
        };
        if let Some((field, message)) = wrong {
            self.problem(&path.key(field), "bad-value", message, None);
            return None;
        }
        Some(that.clone())
    }

    fn ssh_key(
        &mut self,
        path: &Path,
        check: &crate::question::ssh::SshCheck,
    ) -> Option<Expectation> {
        let mut check = check.clone();
        if let Some(source) = check.key.take() {
            check.key = Some(self.text(&path.key("key"), &source)?);
        }
        Some(Expectation::Ssh(check))
    }
}
