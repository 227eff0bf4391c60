//! Health checks as checks that hold from the start.

use plateau_core::matcher::Matcher;
use plateau_core::quantity::Span;
use plateau_core::question::Expectation;
use plateau_core::question::command::CommandCheck;
use plateau_core::spec::TaskSpec;
use plateau_core::tree::Kind;

use super::{Machine, leave_out};
use crate::document::scalar;
use crate::draft::{self, Draft, in_both};

/// Longest that looking may take.
const LONGEST: Span = Span(120_000);

/// Adds a machine's health check to a task.
pub(super) fn check(draft: &mut Draft, machine: &Machine<'_>, healthy: &mut TaskSpec) {
    let Some(source) = machine.service.get("healthcheck") else {
        return;
    };
    let get = |key: &str| source.tree.get(key);
    if get("disable").is_some_and(|tree| tree.kind == Kind::Bool(true)) {
        return;
    }
    let run = match get("test") {
        None => None,
        Some(test) => match &test.kind {
            Kind::List(words) => {
                let words: Vec<String> = words.iter().filter_map(scalar).collect();
                match words.split_first() {
                    Some((first, _)) if first == "NONE" => return,
                    Some((first, rest)) if first == "CMD-SHELL" => Some(rest.join(" ")),
                    Some((first, rest)) if first == "CMD" => {
                        shlex::try_join(rest.iter().map(String::as_str)).ok()
                    }
                    _ => None,
                }
            }
            _ => scalar(test),
        },
    };
    let Some(run) = run.filter(|run| !run.is_empty()) else {
        let why = "its `test` is the image's own, or begins with none of CMD, CMD-SHELL and NONE";
        return leave_out(draft, machine, &source, why);
    };
    let timeout: Option<Span> = get("timeout")
        .and_then(scalar)
        .and_then(|text| text.parse().ok());
    let asked = CommandCheck {
        run,
        user: None,
        timeout: timeout
            .filter(|span| span.0 > 0)
            .map(|span| span.min(LONGEST)),
        exit: Some(Matcher::Is(0)),
        stdout: None,
        stderr: None,
    };
    let title = in_both(
        format!("{} fonctionne", machine.service.name),
        format!("{} works", machine.service.name),
    );
    let that = Expectation::Command(asked);
    let mut asked = draft::check(&machine.node, title, &machine.node, that);
    asked.holds_from_start = true;
    healthy.checks.push(asked);
}
