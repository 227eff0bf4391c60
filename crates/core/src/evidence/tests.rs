//! Tests of evidence and regrading.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::exam::sample::{
    DOCUMENT, Sight, Sights, evidence, folder, gather, sights, topology, topology_of,
};
use crate::grade::{Verdict, grade};

static PLAIN: LazyLock<Topology> = LazyLock::new(topology);

fn mended(from: &str, to: &str) -> Topology {
    assert!(DOCUMENT.contains(from), "{from}");
    topology_of(folder(&DOCUMENT.replace(from, to)))
}

fn bad(check: &str) -> Sights {
    Sights::from([(check.to_owned(), Sight::Bad)])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_grade_follows_from_evidence_as_from_its_facts_also_through_json(sights in sights(&PLAIN)) {
        let evidence = evidence(&PLAIN, &sights);
        let direct = grade(&PLAIN, &evidence.gatherings[0].facts());
        prop_assert_eq!(&grade_evidence(&PLAIN, &evidence), &direct);
        let text = serde_json::to_string(&evidence).unwrap();
        let through: Evidence = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(through.verify(), Ok(()));
        prop_assert_eq!(&through, &evidence);
        prop_assert_eq!(grade_evidence(&PLAIN, &through), direct);
    }

    #[test]
    fn the_same_scenario_gives_the_same_grade_and_asks_nothing(sights in sights(&PLAIN)) {
        let evidence = evidence(&PLAIN, &sights);
        let regrading = regrade(&PLAIN, &PLAIN, &evidence);
        let old = grade_evidence(&PLAIN, &evidence);
        prop_assert!(!compare(&old, &regrading.grade).is_change());
        prop_assert_eq!(regrading.grade, old);
        prop_assert!(regrading.unanswered.is_empty() && regrading.removed_checks.is_empty());
        prop_assert!(regrading.changed_parameters.is_empty());
    }

    #[test]
    fn what_is_asked_later_completes_what_was_asked_before(first in sights(&PLAIN), later in sights(&PLAIN)) {
        let new = mended("path: /x", "path: /z");
        let evidence = evidence(&PLAIN, &first);
        let before = regrade(&PLAIN, &new, &evidence);
        prop_assert!(before.unanswered.contains(&"web/file".to_owned()));
        let asked = gather(&new, &later, Some(&before.unanswered));
        let whole = evidence.and(asked);
        prop_assert_eq!(whole.verify(), Ok(()));
        let after = regrade(&PLAIN, &new, &whole);
        // What needed a check that could not be judged may have to be asked now.
        for check in &after.unanswered {
            prop_assert!(!before.unanswered.contains(check), "{check} was asked");
        }
        prop_assert_eq!(grade_evidence(&new, &whole), after.grade);
        // The old scenario's grade is as it was.
        prop_assert_eq!(grade_evidence(&PLAIN, &whole), grade_evidence(&PLAIN, &evidence_of(&whole)));
    }
}

fn evidence_of(whole: &Evidence) -> Evidence {
    let mut first = whole.clone();
    first.gatherings.truncate(1);
    first
}

#[test]
fn every_change_of_a_record_is_found() {
    let good = evidence(&PLAIN, &Sights::new());
    let count = good.gatherings[0].facts.len();
    assert_eq!(count, PLAIN.checks().count() + 1, "the sender is asked too");
    for index in 0..count {
        let changes: [fn(&mut FactRecord); 8] = [
            |record| record.check.push('x'),
            |record| record.phase.push('x'),
            |record| record.timeout_ms += 1,
            |record| record.call.answered_ms += 1,
            |record| record.call.exit = Some(1),
            |record| record.took_ms = None,
            |record| record.wants.clear(),
            |record| record.fact = Fact::CouldNotLook { reason: "x".into() },
        ];
        for change in changes {
            let mut changed = good.clone();
            change(&mut changed.gatherings[0].facts[index]);
            assert!(changed.verify().is_err(), "record {index}");
        }
    }
}

#[test]
fn other_expectations_and_points_are_judged_from_what_was_seen() {
    let evidence = evidence(&PLAIN, &bad("web/file"));
    let new = mended("path: /x }", "path: /x, exists: false }");
    let regrading = regrade(&PLAIN, &new, &evidence);
    let old = grade_evidence(&PLAIN, &evidence);
    let compared = compare(&old, &regrading.grade);
    let change = compared.checks.iter().find(|c| c.id == "web/file").unwrap();
    assert_eq!(change.old.unwrap().verdict, Verdict::Fail);
    assert_eq!(change.new.unwrap().verdict, Verdict::Pass);
    // What needed it was asked in the same phase, and is judged by its fact; what needed that in a
    // later phase was never asked.
    let service = compared
        .checks
        .iter()
        .find(|c| c.id == "web/service")
        .unwrap();
    assert_eq!(service.new.unwrap().verdict, Verdict::Pass);
    assert_eq!(regrading.unanswered, ["web/survives"]);
    assert!(compared.is_change());
}

#[test]
fn a_question_is_new_where_anything_of_it_differs() {
    let evidence = evidence(&PLAIN, &Sights::new());
    let asks = |from: &str, to: &str| regrade(&PLAIN, &mended(from, to), &evidence).unanswered;
    // Another place to look, another observer, more attributes, more patience.
    assert_eq!(asks("path: /x", "path: /z"), ["web/file"]);
    assert_eq!(asks("file, on: srv", "file, on: log"), ["web/file"]);
    assert_eq!(
        asks("{ path: /x }", "{ path: /x, mode: \"0644\" }"),
        ["web/file"]
    );
    assert_eq!(
        asks("path: /x } },", "path: /x } }, timeout: 20s,"),
        ["web/file"]
    );
    // Less patience, other points, other names and texts: the fact is there.
    assert_eq!(
        asks("path: /x } },", "path: /x } }, timeout: 5s,"),
        Vec::<String>::new()
    );
    assert_eq!(
        asks("points: 4", "points: 7, critical: true"),
        Vec::<String>::new()
    );
    assert_eq!(
        asks("id: wrecked, on", "id: renamed, on"),
        Vec::<String>::new()
    );
    // What is done to the lab before it is asked.
    assert_eq!(
        asks("reboot: [srv]", "reboot: [srv, log]"),
        ["web/survives"]
    );
    assert_eq!(
        asks(
            "after-reboot: {",
            "again: { reboot: [log] }\n  after-reboot: {"
        ),
        ["web/survives"]
    );
    // Both sides of a message.
    assert_eq!(
        asks("through: srv, path: /var", "through: srv, path: /srv"),
        ["logs/arrives"]
    );
    assert_eq!(asks("through: srv", "through: log"), ["logs/arrives"]);
}

#[test]
fn a_script_of_a_phase_is_what_it_says() {
    let evidence = evidence(&PLAIN, &Sights::new());
    let mut folder = folder(DOCUMENT);
    folder.0.insert("s.sh".into(), b"false\n".to_vec());
    let regrading = regrade(&PLAIN, &topology_of(folder), &evidence);
    assert_eq!(regrading.unanswered, ["web/wrecked"]);
}

#[test]
fn a_renamed_check_is_answered_by_the_old_ones_fact_and_the_old_one_is_gone() {
    let evidence = evidence(&PLAIN, &bad("web/wrecked"));
    let new = mended("id: wrecked, on", "id: renamed, on");
    let regrading = regrade(&PLAIN, &new, &evidence);
    assert_eq!(regrading.removed_checks, ["web/wrecked"]);
    assert_eq!(regrading.reused["web/renamed"].check, "web/wrecked");
    let check = regrading
        .grade
        .checks()
        .find(|c| c.id == "web/renamed")
        .unwrap();
    assert_eq!(check.verdict, Verdict::Fail);
}

#[test]
fn parameters_that_are_drawn_otherwise_are_named() {
    let evidence = evidence(&PLAIN, &Sights::new());
    let new = mended("max: 60", "max: 21");
    let regrading = regrade(&PLAIN, &new, &evidence);
    assert_eq!(regrading.changed_parameters, ["octet"]);
    assert_eq!(regrading.unanswered, ["logs/dns"]);
}

#[test]
fn what_nobody_could_look_at_is_named_and_a_later_look_counts() {
    let blind = Sights::from([("web/file".to_owned(), Sight::Blind)]);
    let first = evidence(&PLAIN, &blind);
    let regrading = regrade(&PLAIN, &PLAIN, &first);
    assert_eq!(regrading.unobserved, ["web/file"]);
    let again = gather(&PLAIN, &Sights::new(), Some(&regrading.unobserved));
    let grade = grade_evidence(&PLAIN, &first.clone().and(again));
    assert_eq!(grade.checks().next().unwrap().verdict, Verdict::Pass);
    // And one that could not look takes nothing away.
    let blind_again = gather(&PLAIN, &blind, Some(&regrading.unobserved));
    let seen = evidence(&PLAIN, &bad("web/file")).and(blind_again);
    assert_eq!(
        grade_evidence(&PLAIN, &seen)
            .checks()
            .next()
            .unwrap()
            .verdict,
        Verdict::Fail
    );
}

#[test]
fn phases_that_nobody_asked_for_are_left_out_of_the_grade() {
    let mut evidence = evidence(&PLAIN, &Sights::new());
    evidence.left_out = vec!["wrecked".into()];
    evidence.gatherings[0]
        .facts
        .retain(|record| record.phase != "wrecked");
    let grade = grade_evidence(&PLAIN, &evidence);
    assert!(grade.checks().all(|check| check.phase != "wrecked"));
    assert_eq!(
        regrade(&PLAIN, &PLAIN, &evidence).unanswered,
        Vec::<String>::new()
    );
}

#[test]
fn a_fact_that_is_too_long_is_one_that_nobody_could_look_at() {
    let good = evidence(&PLAIN, &Sights::new());
    let record = &good.gatherings[0].facts[0];
    let asked = ProbeQuestion {
        id: record.check.clone(),
        question: record.question.clone(),
        wants: record.wants.clone(),
        timeout_ms: record.timeout_ms,
    };
    let answered = || AnsweredQuestion {
        fact: Fact::CouldNotLook {
            reason: "x".repeat(100),
        },
        took_ms: None,
        call: AgentCall::unanswered(1, 2).by(&"v".repeat(1000)),
    };
    let write =
        |room: &mut usize| FactRecord::new("as-left", &record.observer, &asked, answered(), room);
    let mut room = 200;
    let fits = write(&mut room);
    assert!(room < 100);
    let does_not = write(&mut room);
    assert_ne!(fits.fact, does_not.fact);
    assert!(matches!(&does_not.fact, Fact::CouldNotLook { reason } if reason.contains("too many")));
    assert_eq!(does_not.hash, does_not.digest());
    assert_eq!(fits.call.agent.map(|agent| agent.len()), Some(64));
}
