//! Properties of the core, tested with generated values.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::folder::Folder;
use crate::grade::{Facts, Verdict, grade, judge};
use crate::matcher::{Matchable, Matcher};
use crate::plan::plan_up;
use crate::question::Fact;
use crate::question::{Expectation, Observation};
use crate::scenario::Scenario;
use crate::spec::ScenarioSpec;
use crate::topology::Topology;
use crate::tree::Tree;
use vocabulary::vocabulary;

mod scoring;
mod vocabulary;

/// The same shape with other values, some left out.
fn mutated(value: &Json) -> BoxedStrategy<Json> {
    match value {
        Json::Bool(_) => any::<bool>().prop_map(Json::from).boxed(),
        Json::Number(_) => any::<i64>().prop_map(Json::from).boxed(),
        Json::String(text) => prop_oneof![
            Just(Json::from(text.clone())),
            any::<String>().prop_map(Json::from)
        ]
        .boxed(),
        Json::Array(elements) => match elements.first() {
            Some(first) => prop::collection::vec(mutated(first), 0..4)
                .prop_map(Json::from)
                .boxed(),
            None => Just(json!([])).boxed(),
        },
        Json::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| {
                    (
                        Just(name.clone()),
                        prop::option::weighted(0.7, mutated(value)),
                    )
                })
                .collect();
            fields
                .prop_map(|fields| {
                    let present = fields
                        .into_iter()
                        .filter_map(|(name, value)| Some((name, value?)));
                    Json::Object(present.collect())
                })
                .boxed()
        }
        Json::Null => Just(Json::Null).boxed(),
    }
}

/// Any fact of the kind; what the agent could not say in its types is garbage and stays out.
fn fact(sample: &Json) -> impl Strategy<Value = Option<Fact>> + use<> {
    let (kind, sees) = sample
        .as_object()
        .and_then(|o| o.iter().next())
        .map(|(k, s)| (k.clone(), s.clone()))
        .expect("a kind");
    let seen = mutated(&sees).prop_map(move |sees| {
        let observation =
            serde_json::from_value::<Observation>(json!({ kind.as_str(): sees })).ok()?;
        Some(Fact::Seen(observation))
    });
    prop_oneof![
        1 => Just(None),
        1 => any::<String>().prop_map(|reason| Some(Fact::CouldNotLook { reason })),
        6 => seen,
    ]
}

/// A scenario with one check of each kind.
fn every_kind() -> Topology {
    let mut document = json!({
        "plateau": 1, "id": "all", "title": { "en": "All" }, "duration": "1h", "brief": {},
        "networks": { "lan": {} },
        "nodes": { "n": { "image": "debian-server", "interfaces": { "eth0": { "network": "lan" } } } },
        "phases": { "after": { "reboot": ["n"] } },
        "tasks": [{ "id": "t", "skill": "tsgeri/1.2", "title": { "en": "T" }, "solution": [{ "on": "n", "run": "s.sh" }], "checks": [] }],
    });
    for (index, (check, _)) in vocabulary().into_iter().enumerate() {
        let expectation: Expectation = serde_json::from_value(check.clone()).expect("a check");
        let inside = expectation.vantage() == crate::question::Vantage::Inside;
        let side = if inside { "on" } else { "from" };
        // What is watched is watched while a phase is brought about.
        let watched = matches!(expectation, Expectation::Availability(_));
        let phase = if watched { "after" } else { "as-left" };
        let check = json!({ "id": format!("c{index}"), side: "n", "that": check, "points": index + 1, "phase": phase });
        document["tasks"][0]["checks"]
            .as_array_mut()
            .expect("a list")
            .push(check);
    }
    document["brief"] = json!({ "en": "b.md" });
    let text = serde_saphyr::to_string(&document).expect("YAML");
    let files = [
        ("scenario.yaml", text),
        ("b.md", "x".to_owned()),
        ("s.sh", "true".to_owned()),
    ];
    let folder = Folder(
        files
            .into_iter()
            .map(|(path, text)| (path.to_owned(), text.into_bytes()))
            .collect(),
    );
    Scenario::read(folder)
        .expect("it is good")
        .draw("x")
        .expect("it is good")
}

fn matcher_of<T: Matchable + Clone + 'static>(
    value: impl Strategy<Value = T> + Clone + 'static,
) -> impl Strategy<Value = Matcher<T>> {
    let leaf = prop_oneof![
        value.clone().prop_map(Matcher::Is),
        "[a-z]{0,5}".prop_map(Matcher::Contains),
        "[a-z.*]{1,5}".prop_filter_map("not a pattern", |text| text
            .parse()
            .ok()
            .map(Matcher::Matches)),
        prop::collection::vec(value, 0..3).prop_map(Matcher::OneOf),
        any::<i64>().prop_map(Matcher::AtLeast),
        any::<i64>().prop_map(Matcher::AtMost),
    ];
    leaf.prop_filter("not an operator of the type", |matcher| {
        let name = match matcher {
            Matcher::Is(_) => return true,
            Matcher::Contains(_) => "contains",
            Matcher::Matches(_) => "matches",
            Matcher::OneOf(_) => "one_of",
            Matcher::AtLeast(_) => "at_least",
            Matcher::AtMost(_) => "at_most",
            Matcher::Not(_) | Matcher::Any(_) | Matcher::All(_) => return true,
        };
        T::OPERATORS.contains(&name)
    })
    .prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|m| Matcher::Not(Box::new(m))),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Matcher::Any),
            prop::collection::vec(inner, 0..3).prop_map(Matcher::All),
        ]
    })
}

proptest! {
    #[test]
    fn judging_never_panics_and_points_add_up(facts in vocabulary().iter().map(|(_, sample)| fact(sample)).collect::<Vec<_>>()) {
        let topology = every_kind();
        // Each check meets the fact of its own kind, and of its neighbour's.
        for shift in [0, 1] {
            let facts: Facts = topology
                .checks()
                .enumerate()
                .filter_map(|(index, check)| Some((check.id.clone(), facts[(index + shift) % facts.len()].clone()?)))
                .collect();
            let grade = grade(&topology, &facts);
            let passed: u32 = grade.checks().filter(|check| check.verdict == Verdict::Pass).map(|check| check.of).sum();
            prop_assert_eq!(grade.points, passed);
            prop_assert_eq!(grade.of, topology.checks().map(|check| check.points).sum::<u32>());
            for check in grade.checks() {
                let unseen = !matches!(facts.get(&check.id), Some(Fact::Seen(_)));
                prop_assert!(!unseen || check.verdict == Verdict::Unknown, "{} fails unseen", check.id);
            }
        }
    }

    #[test]
    fn text_matchers_come_back_from_yaml(matcher in matcher_of::<String>("[ -~é\n]{0,12}")) {
        comes_back(&matcher)?;
    }

    #[test]
    fn number_matchers_come_back_from_yaml(matcher in matcher_of::<i64>(any::<i64>())) {
        comes_back(&matcher)?;
    }

    #[test]
    fn list_matchers_come_back_from_yaml(matcher in matcher_of::<Vec<String>>(prop::collection::vec("[a-z]{0,5}", 0..3))) {
        comes_back(&matcher)?;
    }

    #[test]
    fn not_accepts_what_the_other_refuses(matcher in matcher_of::<String>("[a-z]{0,8}"), value in "[a-z]{0,8}") {
        let accepts = matcher.accepts(&value);
        prop_assert_eq!(Matcher::Not(Box::new(matcher)).accepts(&value), !accepts);
    }

    #[test]
    fn no_document_makes_the_reader_panic(text in "[ -~\n]{0,200}") {
        let folder = Folder(BTreeMap::from([("scenario.yaml".to_owned(), text.into_bytes())]));
        prop_assert!(Scenario::read(folder).is_err());
    }
}

fn comes_back<T>(matcher: &Matcher<T>) -> Result<(), TestCaseError>
where
    T: Matchable + Clone + serde::Serialize + serde::de::DeserializeOwned,
{
    let text = serde_saphyr::to_string(&json!({ "m": matcher })).expect("YAML");
    let tree = Tree::parse("m.yaml", text.as_bytes())
        .map_err(|p| TestCaseError::fail(format!("{text}: {p:?}")))?;
    let mut problems = Vec::new();
    let read = tree.read::<BTreeMap<String, Matcher<T>>>("m.yaml", &[], &mut problems);
    let (read, _) = read.ok_or_else(|| TestCaseError::fail(format!("{text}: {problems:?}")))?;
    prop_assert_eq!(read.get("m"), Some(matcher), "{}", text);
    Ok(())
}

fn spec_of(text: &str) -> ScenarioSpec {
    let tree = Tree::parse("scenario.yaml", text.as_bytes()).expect("YAML");
    let mut problems = Vec::new();
    let spec = tree.read("scenario.yaml", &[], &mut problems);
    spec.unwrap_or_else(|| panic!("{problems:?}")).0
}

#[test]
fn a_scenario_comes_back_from_the_yaml_that_it_is_written_as() {
    // Numbers from templates are numbers only once they are rendered.
    let text = include_str!("../tests/good.yaml")
        .replace("\"{{ octet }}\"", "80")
        .replace("{{ octet }}", "9");
    let spec = spec_of(&text);
    let written = serde_saphyr::to_string(&spec).expect("YAML");
    assert_eq!(spec_of(&written), spec, "{written}");
}

#[test]
fn planning_the_same_lab_twice_gives_the_same_plan() {
    let plans: Vec<String> = (0..5)
        .map(|_| serde_json::to_string(&plan_up(&every_kind())).expect("JSON"))
        .collect();
    assert!(plans.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn every_kind_passes_on_what_it_expects_and_fails_on_its_absence() {
    let topology = every_kind();
    assert_eq!(topology.checks().count(), Expectation::KINDS.len());
    for (check, (_, sample)) in topology.checks().zip(vocabulary()) {
        let there: Observation = serde_json::from_value(sample.clone()).expect("an observation");
        let kind = check.expectation.kind();
        assert_eq!(
            judge(check, Some(&Fact::Seen(there))).verdict,
            Verdict::Pass,
            "{kind}"
        );
        let nothing = match kind {
            "schedule" => json!({ kind: { "jobs": [] } }),
            "availability" => {
                let closed = json!({ "seen": { "tcp": {} } });
                let run = json!({ "from_ms": 0, "to_ms": 1000, "attempts": 2, "fact": closed });
                json!({ kind: { "lasted_ms": 2000, "runs": [run] } })
            }
            _ => json!({ kind: {} }),
        };
        let absent: Observation = serde_json::from_value(nothing).expect("an observation");
        assert_eq!(
            judge(check, Some(&Fact::Seen(absent))).verdict,
            Verdict::Fail,
            "{kind}"
        );
    }
}

#[test]
fn what_travels_into_a_lab_has_no_expected_value() {
    let topology = every_kind();
    for check in topology.checks() {
        let question = serde_json::to_value(check.expectation.question()).expect("JSON");
        let whole = serde_json::to_value(&check.expectation).expect("JSON");
        let kind = check.expectation.kind();
        let (asked, expected) = (&question[kind], &whole[kind]);
        for name in check.expectation.wants() {
            assert!(asked.get(&name).is_none(), "`{name}` of {kind} travels");
        }
        assert!(
            asked.as_object().map_or(0, serde_json::Map::len)
                <= expected.as_object().map_or(0, serde_json::Map::len)
        );
    }
}
