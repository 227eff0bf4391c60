use proptest::prelude::*;
use serde_json::json;

use super::*;

fn check(text: &str) -> AvailabilityCheck {
    let read: Expectation = serde_saphyr::from_str(text).expect("a check");
    let Expectation::Availability(check) = read else {
        panic!("another kind")
    };
    check
}

/// What one attempt saw: an open port, a closed one, or nothing.
fn fact(held: Option<bool>) -> Fact {
    let state = match held {
        Some(true) => "open",
        Some(false) => "refused",
        None => {
            let reason = "no socket".to_owned();
            return Fact::CouldNotLook { reason };
        }
    };
    let seen = json!({ "seen": { "tcp": { "state": state } } });
    serde_json::from_value(seen).expect("a fact")
}

/// Attempts half a second apart, none folded.
fn series(attempts: &[Option<bool>]) -> AvailabilitySeen {
    let runs = attempts.iter().zip(0u64..).map(|(held, index)| AttemptRun {
        from_ms: index * 500,
        to_ms: index * 500,
        attempts: 1,
        fact: fact(*held),
    });
    AvailabilitySeen {
        lasted_ms: attempts.len() as u64 * 500,
        runs: runs.collect(),
    }
}

fn folded(mut seen: AvailabilitySeen) -> AvailabilitySeen {
    seen.runs.dedup_by(|next, kept| {
        let same = next.fact == kept.fact;
        if same {
            kept.to_ms = next.to_ms;
            kept.attempts += next.attempts;
        }
        same
    });
    seen
}

const TCP: &str = "of: { tcp: { host: 10.0.0.1, port: 80 } }";

fn seen_of(findings: &[Finding], attribute: &str) -> String {
    let finding = findings.iter().find(|one| one.attribute == attribute);
    finding.and_then(|one| one.seen.clone()).expect("seen")
}

#[test]
fn silence_lasts_from_the_first_attempt_in_vain_to_the_next_that_held() {
    let check = check(&format!(
        "availability: {{ {TCP}, longest_silence: {{ at_most: 2 }}, share: {{ at_least: 50 }} }}"
    ));
    let (up, down) = (Some(true), Some(false));
    let seen = series(&[up, down, up, up, down, down, down, down, down, up]);
    let findings = check.judge(&seen);
    assert_eq!(seen_of(&findings, "longest_silence"), "2");
    assert_eq!(seen_of(&findings, "share"), "40");
    assert!(findings[0].holds && !findings[1].holds);
    // One that never comes back is silent to the end.
    let seen = series(&[up, down, down, down, down, down, down]);
    assert_eq!(seen_of(&check.judge(&seen), "longest_silence"), "3");
}

#[test]
fn without_an_attribute_every_attempt_has_to_hold() {
    let check = check(&format!("availability: {{ {TCP} }}"));
    assert_eq!(check.wants(), BTreeSet::from(["share".to_owned()]));
    assert!(check.judge(&series(&[Some(true); 3]))[0].holds);
    assert!(!check.judge(&series(&[Some(true), Some(false)]))[0].holds);
}

#[test]
fn attempts_that_could_not_be_made_count_only_where_they_would_decide() {
    let check = check(&format!(
        "availability: {{ {TCP}, longest_silence: {{ at_most: 1 }} }}"
    ));
    let (up, down) = (Some(true), Some(false));
    assert_eq!(check.undecided(&series(&[up, None, None, up])), None);
    let reason = check.undecided(&series(&[up, down, None, None, down, up]));
    assert_eq!(
        reason.as_deref(),
        Some("2 of 6 attempts could not be made: no socket")
    );
    // Silent for too long whatever the others would have seen.
    let lost = series(&[down, down, down, down, up, None]);
    assert_eq!(check.undecided(&lost), None);
    assert!(!check.judge(&lost)[0].holds);
    let none = check.undecided(&AvailabilitySeen::default());
    assert_eq!(none.as_deref(), Some("no attempt was made"));
}

#[test]
fn what_travels_has_no_expected_value_of_the_question_within() {
    let check = check(
        r#"availability: { of: { http: { url: "http://a/", body: { contains: secret } } }, share: 7 }"#,
    );
    let travels = serde_json::to_string(&check.question()).expect("JSON");
    assert!(
        !travels.contains("secret") && !travels.contains('7'),
        "{travels}"
    );
    assert!(travels.contains("body"), "{travels}");
}

proptest! {
    #[test]
    fn folding_changes_nothing(attempts in prop::collection::vec(prop::option::weighted(0.8, any::<bool>()), 1..60)) {
        let check = check(&format!("availability: {{ {TCP}, longest_silence: 0, share: 100 }}"));
        let seen = series(&attempts);
        let folded = folded(seen.clone());
        prop_assert_eq!(check.judge(&seen), check.judge(&folded));
        prop_assert_eq!(check.undecided(&seen), check.undecided(&folded));
    }

    #[test]
    fn one_more_attempt_in_vain_makes_nothing_better(attempts in prop::collection::vec(any::<bool>(), 1..60), at in any::<prop::sample::Index>()) {
        let check = check(&format!("availability: {{ {TCP}, longest_silence: 0, share: 100 }}"));
        let attempts: Vec<Option<bool>> = attempts.into_iter().map(Some).collect();
        let mut worse = attempts.clone();
        worse[at.index(attempts.len())] = Some(false);
        let number = |attempts: &[Option<bool>], name| seen_of(&check.judge(&series(attempts)), name).parse::<i64>().expect("a number");
        prop_assert!(number(&worse, "longest_silence") >= number(&attempts, "longest_silence"));
        prop_assert!(number(&worse, "share") <= number(&attempts, "share"));
        prop_assert!((0..=100).contains(&number(&attempts, "share")));
    }
}
