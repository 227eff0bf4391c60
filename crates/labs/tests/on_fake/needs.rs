//! What is asked where a need failed.
#![expect(clippy::unwrap_used, reason = "these are tests too")]

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plateau_core::api::{CheckRequest, CreateLabRequest};
use plateau_core::grade::{Grade, Reason, Verdict};
use plateau_core::probe::Fact;
use plateau_labs::runtime::fake::Fake;

use super::house::{files, house, new_lab};

/// The house's scenario, in which what is asked after the reboot needs the first check.
fn with_a_need() -> CreateLabRequest {
    let mut files = files();
    let document = STANDARD.decode(&files["scenario.yaml"]).unwrap();
    let document = String::from_utf8(document).unwrap();
    let needing = document.replace(
        "        phase: after-reboot\n",
        "        phase: after-reboot\n        needs: [first/there]\n",
    );
    assert_ne!(document, needing);
    files.insert("scenario.yaml".to_owned(), STANDARD.encode(needing));
    CreateLabRequest {
        files,
        ..new_lab("one")
    }
}

/// Grades a lab whose first file is there, or not; also says what was asked.
async fn graded(there: bool) -> (Grade, Vec<String>) {
    let house = house(Fake::new()).await;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    house.fake.answering(move |_, _, question| {
        heard.lock().unwrap().push(question.id.clone());
        let seen = match question.id.as_str() {
            "first/seen" => r#"{"tcp":{"state":"open"}}"#.to_owned(),
            "first/there" if !there => r#"{"file":{"exists":false}}"#.to_owned(),
            _ => r#"{"file":{"exists":true,"type":"file"}}"#.to_owned(),
        };
        Fact::Seen(serde_json::from_str(&seen).unwrap())
    });
    house.labs.create(with_a_need()).await.unwrap();
    house.labs.built("one").await.unwrap();
    let all = CheckRequest { phases: None };
    let checked = house.labs.check("one", all).await.unwrap();
    let asked = asked.lock().unwrap().clone();
    (checked.grade, asked)
}

#[tokio::test]
async fn a_check_whose_need_failed_in_an_earlier_phase_is_not_asked() {
    let (grade, asked) = graded(true).await;
    assert_eq!((grade.points, grade.of), (6, 6));
    assert!(asked.contains(&"second/survives".to_owned()));

    let (grade, asked) = graded(false).await;
    assert!(!asked.contains(&"second/survives".to_owned()), "{asked:?}");
    let check = grade.checks().find(|check| check.id == "second/survives");
    let check = check.unwrap();
    assert_eq!((check.verdict, check.points), (Verdict::NotAsked, 0));
    let need = Reason::NeedFailed("first/there".to_owned());
    assert_eq!(check.reason, Some(need));
    assert_eq!((grade.points, grade.unknown), (1, 0));
}
