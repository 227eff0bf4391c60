//! Labs that were handed in, opened again on the fake engine, and asked what is new.
#![expect(clippy::unwrap_used, reason = "these are tests too")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plateau_core::api::{AttemptSelection, NodeState, RegradingProposal};
use plateau_core::error::ErrorCode;
use plateau_core::evidence::reopening::MEMORY_LOST;
use plateau_core::exam::session::SessionState;
use plateau_core::grade::Verdict;
use plateau_core::probe::Fact;
use plateau_exam::judging::{CorrectedScenario, JudgingError};
use plateau_labs::labs::folder_of;
use plateau_labs::runtime::fake::Fake;

use crate::house::{House, files, house};
use crate::sessions::{Centre, because};

/// A house in which a lab was kept for an attempt and removed. One of its nodes was off.
async fn kept() -> House {
    let house = house(Fake::new()).await;
    house.ready("a").await;
    house.fake.die("plateau-a-srv2", 130);
    house.until("a", "srv2", NodeState::Stopped).await;
    house.labs.keep("a", "try").await.unwrap();
    house.labs.down("a").await.unwrap();
    house
}

fn images(house: &House) -> Vec<String> {
    house.fake.images_with_prefix("plateau/kept:")
}

#[tokio::test]
async fn a_lab_is_opened_again_from_what_outlived_it() {
    let house = kept().await;
    assert_eq!(house.left(), Vec::<String>::new());
    let all = ["gate", "srv1", "srv2"].map(|node| format!("plateau/kept:try-{node}"));
    assert_eq!(images(&house), all);

    let again = house
        .labs
        .reopened("try", "again".to_owned())
        .await
        .unwrap();
    assert_eq!(again.reopened.as_deref(), Some("try"));
    let states = ["gate", "srv1", "srv2"].map(|node| again.nodes[node].state);
    let (on, off) = (NodeState::Running, NodeState::Stopped);
    assert_eq!(states, [on, on, off]);
    let spec = house.fake.spec("plateau-again-srv1").unwrap();
    assert_eq!(spec.image, "plateau/kept:try-srv1");
    // Neither what the scenario has for a first boot nor its scripts are done a second time.
    assert_eq!(house.fake.files("plateau-again-srv2"), 0);
    house.labs.reboot("again", "srv2").await.unwrap();

    house.labs.down("again").await.unwrap();
    assert_eq!(images(&house), all, "a lab that was looked at can be again");
    house
        .labs
        .reopened("try", "again".to_owned())
        .await
        .unwrap();
    house.labs.forget_kept("try").await.unwrap();
    assert_eq!(house.left(), Vec::<String>::new());
    assert_eq!(images(&house), Vec::<String>::new());
    let gone = house.labs.reopened("try", "again".to_owned()).await;
    assert_eq!(gone.unwrap_err().code(), ErrorCode::NothingKept);
    assert_eq!(house.markers(), 0);
}

#[tokio::test]
async fn the_next_daemon_removes_what_was_opened_again_and_can_open_it() {
    let house = kept().await;
    house
        .labs
        .reopened("try", "again".to_owned())
        .await
        .unwrap();
    let house = house.restarted().await;
    assert_eq!(house.left(), Vec::<String>::new());
    assert_eq!(house.markers(), 0);
    house
        .labs
        .reopened("try", "again".to_owned())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_failure_at_any_step_of_opening_again_leaves_nothing_and_can_be_tried_again() {
    let dry = kept().await;
    let before = dry.fake.calls();
    dry.labs.reopened("try", "again".to_owned()).await.unwrap();
    let calls = dry.fake.calls() - before;
    assert!(calls > 7, "{calls}");
    let house = kept().await;
    for call in 1..=calls {
        house.fake.fail_in(call);
        let failed = house.labs.reopened("try", "again".to_owned()).await;
        let error = failed.unwrap_err();
        assert!(
            error.code() == ErrorCode::KeptDamaged
                && error.to_string().contains("was told to fail"),
            "call {call}: {error}"
        );
        assert_eq!(house.left(), Vec::<String>::new(), "call {call}");
        assert_eq!(house.markers(), 0, "call {call}");
        assert_eq!(images(&house).len(), 3, "call {call}");
    }
    house
        .labs
        .reopened("try", "again".to_owned())
        .await
        .unwrap();
}

/// A room in which every file is there and every port open, graded.
async fn graded(document: &str) -> Centre {
    let centre = Centre::ready_at(document).await;
    centre.house.fake.answering(|_, _, question| {
        let kind = question.question.kind();
        let seen = match kind {
            "tcp" => serde_json::json!({ "tcp": { "state": "open" } }),
            kind => serde_json::json!({ kind: { "exists": true, "type": "file" } }),
        };
        Fact::Seen(serde_json::from_value(seen).unwrap())
    });
    let everybody = || because(AttemptSelection::default());
    let sessions = &centre.sessions;
    sessions
        .conducting()
        .start("december", everybody(), "trainer")
        .await
        .unwrap();
    let handed = sessions
        .conducting()
        .hand_in("december", everybody(), "trainer");
    handed.await.unwrap();
    centre.until_session(SessionState::Closed).await;
    centre
}

fn document() -> String {
    String::from_utf8(STANDARD.decode(&files()["scenario.yaml"]).unwrap()).unwrap()
}

/// Grades seat 001 again by another document.
async fn regrade(
    centre: &Centre,
    document: &str,
    ask: bool,
) -> Result<RegradingProposal, JudgingError> {
    let mut files = files();
    files.insert("scenario.yaml".to_owned(), STANDARD.encode(document));
    let mended = CorrectedScenario {
        folder: folder_of(&files).unwrap(),
        reason: "it was wrong".to_owned(),
        labs: ask.then(|| centre.house.labs.clone()),
    };
    let attempt = centre.attempt("001").await.id;
    let judging = centre.sessions.judging();
    judging.regrade(&attempt, mended, "trainer").await
}

fn verdict(proposal: &RegradingProposal, check: &str) -> Verdict {
    let mut checks = proposal.comparison.checks.iter();
    let found = checks.find(|change| change.id == check).unwrap();
    found.new.unwrap().verdict
}

#[tokio::test]
async fn what_is_new_is_asked_of_the_disks_and_what_was_in_memory_stays_unknown() {
    let document = document();
    let centre = graded(&document).await;
    let sessions = &centre.sessions;
    sessions
        .conducting()
        .clear("december", false, "trainer")
        .await
        .unwrap();
    assert_eq!(centre.house.left(), Vec::<String>::new());
    let mended = document
        .replace("path: /srv/first", "path: /srv/other")
        .replace("path: /srv/second", "path: /srv/another")
        .replace("port: 80", "port: 81");

    let facts_alone = regrade(&centre, &mended, false).await.unwrap();
    let new = ["first/there", "first/seen", "second/survives"];
    assert_eq!(facts_alone.unanswered, new);
    assert_eq!(facts_alone.grading.points, 0);

    let asked = regrade(&centre, &mended, true).await.unwrap();
    assert_eq!(asked.unanswered, Vec::<String>::new());
    assert_eq!(
        asked.asked,
        ["first/seen", "first/there", "second/survives"]
    );
    assert_eq!(asked.unobserved, ["first/seen"]);
    assert_eq!(verdict(&asked, "first/there"), Verdict::Pass);
    assert_eq!(verdict(&asked, "second/survives"), Verdict::Pass);
    assert_eq!(verdict(&asked, "first/seen"), Verdict::Unknown);
    assert_eq!(centre.house.left(), Vec::<String>::new());

    let attempt = centre.attempt("001").await.id;
    let accepted = sessions
        .judging()
        .accept(&attempt, &asked.grading.id, "trainer", "right");
    accepted.await.unwrap();
    let bundle = sessions
        .arranging()
        .export(&attempt, "trainer")
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&bundle);
    assert!(text.contains(MEMORY_LOST) && text.contains("\"reopened\": true"));

    sessions
        .conducting()
        .clear("december", true, "trainer")
        .await
        .unwrap();
    let mended = mended.replace("/srv/other", "/srv/third");
    let gone = regrade(&centre, &mended, true).await.unwrap_err();
    assert_eq!(gone.code(), ErrorCode::NothingKept);
    let again = regrade(&centre, &mended, false).await.unwrap();
    assert_eq!(again.unanswered, ["first/there"]);
}

#[tokio::test]
async fn a_lab_that_nothing_was_done_to_is_asked_itself() {
    let document = document()
        .replace("phases:\n  after-reboot: { reboot: [srv1, srv2] }\n", "")
        .replace("        phase: after-reboot\n", "");
    let centre = graded(&document).await;
    let labs = centre.house.left();
    let images = centre.house.fake.images();
    let mended = document.replace("port: 80", "port: 81");
    let calls = centre.house.fake.calls();
    let asked = regrade(&centre, &mended, true).await.unwrap();
    assert_eq!(asked.asked, ["first/seen"]);
    assert_eq!(verdict(&asked, "first/seen"), Verdict::Pass);
    assert_eq!(centre.house.left(), labs);
    assert_eq!(centre.house.fake.images(), images);
    assert!(centre.house.fake.calls() > calls, "it was asked");

    // Once one of its nodes was started again, it is not the lab that was handed in any longer.
    let lab = centre.attempt("001").await.lab.unwrap();
    centre.house.labs.thaw(&lab).await.unwrap();
    centre.house.labs.reboot(&lab, "srv1").await.unwrap();
    let mended = document.replace("port: 80", "port: 82");
    let asked = regrade(&centre, &mended, true).await.unwrap();
    assert_eq!(asked.unobserved, ["first/seen"]);
    assert_eq!(centre.house.left(), labs);
}

#[tokio::test]
async fn a_phase_that_does_something_has_the_lab_opened_again() {
    let document = document();
    let centre = graded(&document).await;
    let labs = centre.house.left();
    let mended = document.replace("path: /srv/second", "path: /srv/another");
    let asked = regrade(&centre, &mended, true).await.unwrap();
    assert_eq!(verdict(&asked, "second/survives"), Verdict::Pass);
    assert_eq!(centre.house.left(), labs);
    let lab = centre.attempt("001").await.lab.unwrap();
    let log = centre.house.labs.show(&lab).unwrap();
    assert_eq!(log.reopened, None);
}
