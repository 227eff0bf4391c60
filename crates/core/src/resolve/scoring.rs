//! Rules for a check's points: needs, groups, bonus.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use crate::localized::Localized;
use crate::spec::{CheckSpec, ScenarioSpec, TaskSpec};
use crate::topology::AS_LEFT;
use crate::tree::Path;

/// Most points of one check, so that no sum of them overflows.
const MOST_POINTS: u32 = 1000;

/// A check of the document by its full name.
struct NamedCheck<'a> {
    path: Path,
    spec: &'a CheckSpec,
    /// Number of its phase in the order in which they are brought about; `None`: there is no such.
    phase: Option<usize>,
    needs: Vec<String>,
}

/// The groups of a task with their titles.
pub(super) fn groups(task: &TaskSpec) -> BTreeMap<String, Localized> {
    let titles = task.groups.iter();
    titles
        .map(|(name, group)| (name.clone(), group.title.clone()))
        .collect()
}

/// Needs as `task/check`.
pub(super) fn full_names(task: &str, needs: &[String]) -> Vec<String> {
    let full = |need: &String| match need.contains('/') {
        true => need.clone(),
        false => format!("{task}/{need}"),
    };
    needs.iter().map(full).collect()
}

impl Resolver<'_> {
    /// Points, and what stands in contradiction to how a check counts.
    pub(super) fn points(&mut self, path: &Path, spec: &CheckSpec) {
        if spec.points == 0 {
            let hint = "1 or more; a check without points would tell nobody anything";
            let message = "points must be positive".to_owned();
            self.problem(
                &path.key("points"),
                "bad-points",
                message,
                Some(hint.to_owned()),
            );
        }
        if spec.points > MOST_POINTS {
            let message = format!("{} points are too many for one check", spec.points);
            let hint = Some(format!("at most {MOST_POINTS}"));
            self.problem(&path.key("points"), "bad-points", message, hint);
        }
        if spec.bonus && spec.critical {
            let message = "a bonus may be missed, and what is critical may not".to_owned();
            let hint = Some("leave `bonus` or `critical` out".to_owned());
            self.problem(&path.key("critical"), "critical-bonus", message, hint);
        }
        if spec.bonus && spec.holds_from_start {
            let message = "a bonus that holds from the start is given for nothing".to_owned();
            let hint = Some("leave `bonus` or `holds_from_start` out".to_owned());
            self.problem(&path.key("bonus"), "bonus-from-start", message, hint);
        }
        for (key, text) in [("title", &spec.title), ("hint", &spec.hint)] {
            if !text.is_empty() {
                self.languages(&path.key(key), text);
            }
        }
    }

    /// The groups of a task, and that its bonus has something to make up for.
    pub(super) fn groups(&mut self, path: &Path, task: &TaskSpec) {
        for (name, group) in &task.groups {
            let path = path.key("groups").key(name);
            self.name_of_key(&path, name);
            if !group.title.is_empty() {
                self.languages(&path.key("title"), &group.title);
            }
            let members = task.checks.iter();
            let members: Vec<&CheckSpec> = members
                .filter(|check| check.group.as_ref() == Some(name))
                .collect();
            if members.len() < 2 {
                let message = format!("group `{name}` has no two checks");
                let hint = Some(format!("give `group: {name}` to two checks of the task"));
                self.problem(&path, "small-group", message, hint);
            }
            if members.iter().any(|check| check.bonus) && !members.iter().all(|check| check.bonus) {
                let message = format!("group `{name}` is a bonus in part");
                let hint = "a bonus may be missed, and the whole group with it; mark all of its checks or none";
                self.problem(&path, "mixed-group", message, Some(hint.to_owned()));
            }
        }
        for (index, check) in task.checks.iter().enumerate() {
            let path = path.key("checks").index(index).key("group");
            let unknown = check.group.as_ref();
            if let Some(name) = unknown.filter(|name| !task.groups.contains_key(*name)) {
                self.unknown(&path, "group", name, task.groups.keys().map(String::as_str));
            }
        }
        if !task.checks.is_empty() && task.checks.iter().all(|check| check.bonus) {
            let message = format!("task `{}` has nothing but a bonus", task.id);
            let hint = "a bonus makes up for points lost in its task; give points to another check";
            self.problem(
                &path.key("checks"),
                "only-bonus",
                message,
                Some(hint.to_owned()),
            );
        }
    }

    /// Needs of all checks: that they are known, stand in time, and lead nowhere in a circle.
    pub(super) fn needs(&mut self, spec: &ScenarioSpec) {
        let named = self.named(spec);
        for check in named.values() {
            self.needs_of(check, &named);
        }
        self.circles(&named);
    }

    fn named<'s>(&self, spec: &'s ScenarioSpec) -> BTreeMap<String, NamedCheck<'s>> {
        let mut named = BTreeMap::new();
        for (index, task) in spec.tasks.iter().enumerate() {
            let path = Path::default().key("tasks").index(index).key("checks");
            for (index, check) in task.checks.iter().enumerate() {
                let phase = check.phase.as_deref().unwrap_or(AS_LEFT);
                let known = self.declared.phases.iter();
                let entry = NamedCheck {
                    path: path.index(index),
                    spec: check,
                    phase: known.clone().position(|known| known == phase),
                    needs: full_names(&task.id, &check.needs),
                };
                named.insert(format!("{}/{}", task.id, check.id), entry);
            }
        }
        named
    }

    fn needs_of(&mut self, check: &NamedCheck<'_>, named: &BTreeMap<String, NamedCheck<'_>>) {
        let mut seen = BTreeSet::new();
        for (index, need) in check.needs.iter().enumerate() {
            let path = check.path.key("needs").index(index);
            if !self.check(&path, need) {
                continue;
            }
            if !seen.insert(need) {
                self.problem(
                    &path,
                    "duplicate-need",
                    format!("`{need}` is needed twice"),
                    None,
                );
            }
            // A check that cannot be read is declared all the same.
            let Some(needed) = named.get(need) else {
                continue;
            };
            if needed.phase > check.phase && check.phase.is_some() {
                let message = format!("`{need}` is asked in a later phase");
                let hint = "a check may need what is asked in its own phase or in an earlier one";
                self.problem(&path, "need-in-later-phase", message, Some(hint.to_owned()));
            }
            if needed.spec.bonus && !check.spec.bonus {
                let message = format!("`{need}` is a bonus, and this check is none");
                let hint = "a bonus may be missed; nothing but another bonus may need it";
                self.problem(&path, "needs-bonus", message, Some(hint.to_owned()));
            }
            if check.spec.holds_from_start && !needed.spec.holds_from_start {
                let message =
                    format!("it holds from the start, and `{need}`, which it needs, does not");
                let hint = Some("leave `holds_from_start` or the need out".to_owned());
                self.problem(&path, "needs-what-does-not-hold", message, hint);
            }
        }
    }

    /// Takes away what can be asked, again and again; what stays holds circles, each told once.
    fn circles(&mut self, named: &BTreeMap<String, NamedCheck<'_>>) {
        let mut left: BTreeSet<&str> = named.keys().map(String::as_str).collect();
        loop {
            let open = |id: &&str| named[*id].needs.iter().any(|need| left.contains(&**need));
            let blocked: BTreeSet<&str> = left.iter().copied().filter(open).collect();
            if blocked.len() < left.len() {
                left = blocked;
                continue;
            }
            let Some(first) = left.first() else {
                return;
            };
            let mut way = vec![*first];
            let (from, index) = loop {
                let here = way[way.len() - 1];
                let needs = named[here].needs.iter();
                let next = needs
                    .enumerate()
                    .find(|(_, need)| left.contains(need.as_str()));
                let Some((index, next)) = next else {
                    return;
                };
                if let Some(from) = way.iter().position(|passed| *passed == next.as_str()) {
                    break (from, index);
                }
                way.push(next);
            };
            let last = &named[way[way.len() - 1]];
            let names: Vec<String> = way[from..].iter().map(|id| format!("`{id}`")).collect();
            let message = match names.as_slice() {
                [one] => format!("{one} needs itself"),
                more => format!("{} need one another", more.join(", ")),
            };
            let path = last.path.key("needs").index(index);
            self.problem(&path, "circular-needs", message, None);
            for id in &way[from..] {
                left.remove(id);
            }
        }
    }
}
