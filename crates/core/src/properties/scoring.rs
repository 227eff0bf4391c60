//! Properties of needs, groups, bonus and critical checks.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use crate::folder::Folder;
use crate::grade::{Facts, Grade, Standing, Verdict, batches, grade, grade_phases};
use crate::question::Fact;
use crate::scenario::Scenario;
use crate::topology::{AS_LEFT, Localized, Topology};

/// Checks of the scenario: three tasks of four.
const CHECKS: usize = 12;
const LATER: &str = "later";

/// Read once for all cases.
static PLAIN: LazyLock<Topology> = LazyLock::new(plain);

/// Three tasks of two skills with four plain checks each, and a later phase.
fn plain() -> Topology {
    let task = |id: &str, skill: &str| {
        let check = |n: usize| json!({ "id": format!("c{n}"), "on": "n", "that": { "file": { "path": "/x" } }, "points": n + 1 });
        let checks: Vec<_> = (0..4).map(check).collect();
        json!({ "id": id, "skill": skill, "title": { "en": "T" }, "solution": [{ "on": "n", "run": "s.sh" }], "checks": checks })
    };
    let document = json!({
        "plateau": 1, "id": "p", "title": { "en": "P" }, "duration": "1h", "brief": { "en": "b.md" },
        "nodes": { "n": { "image": "debian-server" } },
        "phases": { LATER: { "reboot": ["n"] } },
        "tasks": [task("a", "tsgeri/1.2"), task("b", "tsgeri/1.2"), task("c", "tsgeri/1.3")],
    });
    let text = serde_saphyr::to_string(&document).expect("YAML");
    let files = [("scenario.yaml", text.as_str()), ("b.md", ""), ("s.sh", "")];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    let scenario = Scenario::read(Folder(files.into()));
    scenario.expect("it is good").draw("x").expect("it is good")
}

/// How one check counts.
#[derive(Clone, Debug)]
struct Counts {
    needs: Vec<usize>,
    later: bool,
    grouped: bool,
    bonus: bool,
    critical: bool,
}

fn counts() -> impl Strategy<Value = Vec<Counts>> {
    let one = (
        prop::collection::vec(0..CHECKS, 0..3),
        any::<bool>(),
        prop::bool::weighted(0.4),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
    );
    let one = one.prop_map(|(needs, later, grouped, bonus, critical)| Counts {
        needs,
        later,
        grouped,
        bonus,
        critical,
    });
    prop::collection::vec(one, CHECKS)
}

/// The scenario in which checks count so. `wild`: with circles and needs in later phases, too,
/// which no scenario that is accepted has.
fn scenario(counts: &[Counts], wild: bool) -> Topology {
    let mut topology = PLAIN.clone();
    let ids: Vec<String> = topology.checks().map(|check| check.id.clone()).collect();
    for task in &mut topology.tasks {
        task.groups.insert("g".to_owned(), Localized::new());
    }
    let checks = topology.tasks.iter_mut().flat_map(|task| &mut task.checks);
    for (index, (check, own)) in checks.zip(counts).enumerate() {
        let in_time = |need: &&usize| **need < index && (own.later || !counts[**need].later);
        let needs = own.needs.iter().filter(|need| wild || in_time(need));
        check.needs = needs.map(|need| ids[*need].clone()).collect();
        check.phase = if own.later { LATER } else { AS_LEFT }.to_owned();
        check.group = own.grouped.then(|| "g".to_owned());
        check.bonus = own.bonus;
        check.critical = own.critical;
    }
    topology
}

fn seen(exists: bool) -> Fact {
    let seen = json!({ "file": { "exists": exists } });
    Fact::Seen(serde_json::from_value(seen).expect("an observation"))
}

/// A fact for every check: passes, fails, could not be looked at, or is missing.
fn facts() -> impl Strategy<Value = Vec<Option<Fact>>> {
    let blind = Fact::CouldNotLook {
        reason: "x".to_owned(),
    };
    let one = prop_oneof![
        4 => Just(Some(seen(true))),
        2 => Just(Some(seen(false))),
        1 => Just(Some(blind)),
        1 => Just(None),
    ];
    prop::collection::vec(one, CHECKS)
}

fn by_check(topology: &Topology, facts: &[Option<Fact>]) -> Facts {
    let ids = topology.checks().map(|check| check.id.clone());
    ids.zip(facts.iter().cloned())
        .filter_map(|(id, fact)| Some((id, fact?)))
        .collect()
}

fn verdicts(grade: &Grade) -> BTreeMap<&str, Verdict> {
    let checks = grade.checks();
    checks.map(|check| (&*check.id, check.verdict)).collect()
}

/// Everything that is added up: task by task, skill by skill, block by block.
fn sums(grade: &Grade) -> BTreeMap<String, (u32, u32, Standing)> {
    let tasks = grade.tasks.iter();
    let tasks = tasks.map(|t| (t.id.clone(), (t.points, t.of, t.standing)));
    let skills = grade.skills.iter();
    let skills = skills.map(|s| (s.id.clone(), (s.points, s.of, s.standing)));
    let blocks = grade.blocks.iter();
    let blocks = blocks.map(|b| (b.id.clone(), (b.acquired, b.of, b.standing)));
    tasks.chain(skills).chain(blocks).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn points_add_up_and_never_exceed_whatever_the_scenario(
        counts in counts(), facts in facts(), wild in any::<bool>(),
    ) {
        let topology = scenario(&counts, wild);
        let grade = grade(&topology, &by_check(&topology, &facts));
        for task in &grade.tasks {
            let earned: u32 = task.checks.iter().map(|check| check.points).sum();
            prop_assert_eq!(task.points, earned.min(task.of));
            let of = task.checks.iter().filter(|check| !check.bonus);
            prop_assert_eq!(task.of, of.map(|check| check.of).sum::<u32>());
            for check in &task.checks {
                let earns = check.verdict == Verdict::Pass;
                prop_assert!(check.points == 0 || (earns && check.points == check.of));
            }
            for group in &task.groups {
                let whole = group.verdict == Verdict::Pass;
                prop_assert_eq!(group.points, if whole { group.of } else { 0 });
            }
        }
        prop_assert_eq!(grade.points, grade.tasks.iter().map(|task| task.points).sum::<u32>());
        prop_assert_eq!(grade.points, grade.skills.iter().map(|skill| skill.points).sum::<u32>());
        prop_assert!(grade.points <= grade.of);
    }

    #[test]
    fn a_check_is_judged_only_where_all_that_it_needs_passes(counts in counts(), facts in facts()) {
        let topology = scenario(&counts, false);
        let grade = grade(&topology, &by_check(&topology, &facts));
        let verdicts = verdicts(&grade);
        for check in grade.checks() {
            let needs: Vec<Verdict> = check.needs.iter().map(|need| verdicts[&**need]).collect();
            let lost = needs.iter().any(|v| [Verdict::Fail, Verdict::NotAsked].contains(v));
            prop_assert_eq!(check.verdict == Verdict::NotAsked, lost);
            if !lost && needs.contains(&Verdict::Unknown) {
                prop_assert_eq!(check.verdict, Verdict::Unknown);
            }
        }
    }

    #[test]
    fn leaving_out_what_is_asked_in_vain_changes_no_verdict(counts in counts(), facts in facts()) {
        let topology = scenario(&counts, false);
        let all = by_check(&topology, &facts);
        let mut so_far = Facts::new();
        for phase in [AS_LEFT, LATER] {
            let asked = batches(&topology, phase, &so_far);
            let ids = asked.values().flat_map(|batch| &batch.questions).map(|asked| &asked.id);
            let answered: Vec<_> = ids.filter_map(|id| Some((id.clone(), all.get(id)?.clone()))).collect();
            so_far.extend(answered);
        }
        prop_assert_eq!(grade(&topology, &so_far), grade(&topology, &all));
    }

    #[test]
    fn the_order_of_tasks_and_checks_changes_nothing(
        counts in counts(), facts in facts(), tasks in Just([0, 1, 2]).prop_shuffle(), checks in Just([0, 1, 2, 3]).prop_shuffle(),
    ) {
        let topology = scenario(&counts, false);
        let facts = by_check(&topology, &facts);
        let mut other = topology.clone();
        other.tasks = tasks.map(|task| topology.tasks[task].clone()).to_vec();
        for task in &mut other.tasks {
            task.checks = checks.map(|check| task.checks[check].clone()).to_vec();
        }
        let (one, other) = (grade(&topology, &facts), grade(&other, &facts));
        prop_assert_eq!(verdicts(&one), verdicts(&other));
        prop_assert_eq!(sums(&one), sums(&other));
    }

    #[test]
    fn what_was_unknown_and_turns_out_to_pass_lowers_nothing(
        counts in counts(), facts in facts(), which in 0..CHECKS,
    ) {
        let topology = scenario(&counts, false);
        let before = by_check(&topology, &facts);
        let id = topology.checks().nth(which).expect("a check").id.clone();
        prop_assume!(!matches!(before.get(&id), Some(Fact::Seen(_))));
        let mut after = before.clone();
        after.insert(id.clone(), seen(true));
        let (before, after) = (grade(&topology, &before), grade(&topology, &after));
        for (old, new) in before.checks().zip(after.checks()) {
            prop_assert!(new.points >= old.points, "{}", old.id);
        }
        let needed = topology.checks().any(|check| check.needs.contains(&id));
        let (before, after) = (sums(&before), sums(&after));
        for (name, (points, _, standing)) in before {
            let (new_points, _, new_standing) = after[&name];
            prop_assert!(new_points >= points, "{name}");
            // Once it is known to pass, what needs it is judged, and may fail.
            let settles = needed && standing == Standing::Undecided;
            prop_assert!(settles || new_standing >= standing, "{name}: {standing:?} to {new_standing:?}");
        }
    }

    #[test]
    fn a_part_of_the_phases_acquires_nothing_that_the_whole_does_not(counts in counts(), facts in facts()) {
        let topology = scenario(&counts, false);
        let all = by_check(&topology, &facts);
        let left: Facts = all.clone().into_iter().filter(|(id, _)| {
            topology.checks().any(|check| check.id == *id && check.phase == AS_LEFT)
        }).collect();
        let part = grade_phases(&topology, &left, &[AS_LEFT]);
        prop_assert!(part.checks().all(|check| check.phase == AS_LEFT));
        let whole = sums(&grade(&topology, &all));
        for (name, (_, _, standing)) in sums(&part) {
            if standing != Standing::Undecided {
                prop_assert_eq!(standing, whole[&name].2, "{}", name);
            }
        }
    }
}
