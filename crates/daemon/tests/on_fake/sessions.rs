//! Exam sessions from the list of candidates to their grades.
#![expect(clippy::unwrap_used, reason = "these are tests too")]

use std::time::Duration;

use plateau_core::api::{
    AttemptSelection, AttemptView, AttemptsRequest, CreateSessionRequest, ExtendRequest,
    MessageRequest, OrderNotice, PauseRequest, ScenarioInput, SeatView, SessionTerms,
};
use plateau_core::error::ErrorCode;
use plateau_core::exam::clock::PauseKind;
use plateau_core::exam::judgement::{Award, JurorStatement, OpenPoint, Statement};
use plateau_core::exam::log::{LogAction, verify};
use plateau_core::exam::rehearsal::RehearsalEvent;
use plateau_core::exam::session::{AttemptMove, AttemptState, SessionMove, SessionState};
use plateau_core::feedback::AssessmentMode;
use plateau_core::grade::Ruling;
use plateau_exam::access::{Access, LoginLifetimes};
use plateau_exam::gate::{AuthRejection, AuthRequest, AuthStage, Credential};
use plateau_exam::sessions::{DeliverableUpload, SessionError, Sessions};
use plateau_labs::images::Recipes;
use plateau_labs::runtime::fake::Fake;
use plateaud::app::{App, AppConfig};
use tokio_util::sync::CancellationToken;

use crate::house::{House, as_the_scripts_left_it, files, house};

const LIST: &str = "number,name,factor,breaks\n\
                    001,Ada,1.333,10\n\
                    002,Grace,,\n\
                    003,Linus,,\n";

/// A task that a text is handed in for.
const REPORT: &str = "  - id: report
    skill: tsgeri/1.5
    title: { en: Report }
    deliverable: { accept: [md], at_most: 1KiB }
";

/// A daemon with its sessions.
pub(crate) struct Centre {
    pub(crate) house: House,
    pub(crate) sessions: Sessions,
    pub(crate) stop: CancellationToken,
}

pub(crate) async fn open(house: &House) -> (Sessions, CancellationToken) {
    let settings = house.labs.settings().clone();
    let config = AppConfig::new(settings, Recipes::embedded(None).unwrap());
    let stop = config.stop.clone();
    let app = App::with_labs(config, house.fake.clone(), house.labs.clone());
    (app.await.unwrap().sessions, stop)
}

pub(crate) async fn access(sessions: &Sessions) -> Access {
    let database = sessions.database().clone();
    Access::open(database, LoginLifetimes::default())
        .await
        .unwrap()
}

async fn centre() -> Centre {
    let house = house(Fake::new()).await;
    let (sessions, stop) = open(&house).await;
    Centre {
        house,
        sessions,
        stop,
    }
}

fn terms() -> SessionTerms {
    SessionTerms {
        title: "tsgeri".into(),
        block: None,
        centre: "Nantes".into(),
        from: "2026-12-01".into(),
        to: "2026-12-02".into(),
        responsible: "M. Durand".into(),
        jurors: vec!["Mme Petit".into(), "M. Moreau".into()],
        invigilators: vec![],
        mode: AssessmentMode::Exam,
        seed: Some("december".into()),
    }
}

fn new_session(duration: &str) -> CreateSessionRequest {
    let mut session = CreateSessionRequest {
        name: "december".into(),
        terms: terms(),
        scenarios: vec![ScenarioInput {
            files: files(),
            unproven_reason: Some("a test of its own".into()),
        }],
    };
    change(
        &mut session,
        "duration: 30m",
        &format!("duration: {duration}"),
    );
    session
}

/// Puts one text of the session's scenario in the place of another.
fn change(session: &mut CreateSessionRequest, from: &str, to: &str) {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    let files = &mut session.scenarios[0].files;
    let text = String::from_utf8(engine.decode(&files["scenario.yaml"]).unwrap()).unwrap();
    assert!(text.contains(from), "{from}");
    let text = text.replace(from, to);
    files.insert("scenario.yaml".into(), engine.encode(text));
}

pub(crate) fn only(seat: &str) -> AttemptSelection {
    AttemptSelection {
        seats: Some(vec![seat.to_owned()]),
        scenario: None,
    }
}

pub(crate) fn because(selection: AttemptSelection) -> AttemptsRequest {
    AttemptsRequest {
        selection,
        reason: Some("because".into()),
    }
}

impl Centre {
    /// A session of three whose labs wait.
    pub(crate) async fn ready(duration: &str) -> Self {
        Self::ready_with(new_session(duration)).await
    }

    /// The same at a scenario with this document.
    pub(crate) async fn ready_at(document: &str) -> Self {
        use base64::Engine as _;
        let mut session = new_session("30m");
        let document = base64::engine::general_purpose::STANDARD.encode(document);
        let files = &mut session.scenarios[0].files;
        files.insert("scenario.yaml".into(), document);
        Self::ready_with(session).await
    }

    /// The same of a certain session.
    async fn ready_with(session: CreateSessionRequest) -> Self {
        let centre = centre().await;
        let sessions = &centre.sessions;
        sessions
            .arranging()
            .create(session, "trainer")
            .await
            .unwrap();
        sessions
            .arranging()
            .replace_seats("december", LIST.as_bytes(), "trainer")
            .await
            .unwrap();
        let prepared = sessions
            .conducting()
            .prepare("december", AttemptsRequest::default(), "trainer")
            .await
            .unwrap();
        // The pretended engine gives nodes no users of their own.
        assert_eq!(prepared.notices, [OrderNotice::RootOfHost]);
        centre.until_session(SessionState::Ready).await;
        centre
    }

    /// The daemon is gone from one moment to the next, and another one comes.
    pub(crate) async fn killed(self) -> Self {
        self.stop.cancel();
        drop(self.sessions);
        let house = self.house.restarted().await;
        let (sessions, stop) = open(&house).await;
        Self {
            house,
            sessions,
            stop,
        }
    }

    pub(crate) async fn seats(&self) -> Vec<SeatView> {
        self.sessions.arranging().seats("december").await.unwrap()
    }

    pub(crate) async fn attempt(&self, number: &str) -> AttemptView {
        let seats = self.seats().await;
        let seat = seats.into_iter().find(|seat| seat.number == number);
        seat.unwrap().attempts.remove(0)
    }

    /// Waits for changes until it is so.
    pub(crate) async fn until(&self, what: &str, holds: impl AsyncFn(&Self) -> bool) {
        let mut changes = self.sessions.subscribe();
        let wait = async {
            while !holds(self).await {
                // One that was missed, or that comes only when time passes, is seen at the next look.
                let _ = tokio::time::timeout(Duration::from_millis(50), changes.recv()).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), wait).await;
        if waited.is_err() {
            panic!("waited in vain until {what}: {:#?}", self.seats().await);
        }
    }

    pub(crate) async fn until_session(&self, state: SessionState) {
        self.until(&format!("the session is {state}"), async |centre| {
            centre
                .sessions
                .arranging()
                .show("december")
                .await
                .unwrap()
                .state
                == state
        })
        .await;
    }

    pub(crate) async fn until_attempt(&self, number: &str, state: AttemptState) {
        self.until(&format!("{number} is {state}"), async |centre| {
            centre.attempt(number).await.state == state
        })
        .await;
    }

    /// The jury decides whatever is open of an attempt.
    async fn judge(&self, number: &str) {
        let attempt = self.attempt(number).await.id;
        let judging = self.sessions.judging();
        let say = async |with: &[&str], says: Statement| {
            let word = JurorStatement {
                juror: "Mme Petit".into(),
                agreed_with: with.iter().map(|name| (*name).to_owned()).collect(),
                says,
            };
            judging.judge(&attempt, "Mme Petit", word).await.unwrap();
        };
        say(&[], Statement::Done {}).await;
        let other = JurorStatement {
            juror: "M. Moreau".into(),
            agreed_with: Default::default(),
            says: Statement::Done {},
        };
        judging.judge(&attempt, "M. Moreau", other).await.unwrap();
        loop {
            let outcome = judging.outcome(&attempt, "").await.unwrap();
            let Some(open) = outcome.open_points.into_iter().next() else {
                break;
            };
            let says = match open {
                OpenPoint::Unknown { check } => Statement::Override {
                    check,
                    ruling: Ruling::Fail,
                    reason: "nobody saw it".into(),
                },
                OpenPoint::Undecided { skill } => Statement::Skill {
                    skill,
                    award: Award::NotAcquired,
                    reason: Some("there is nothing to see".into()),
                },
                OpenPoint::Rubric { .. }
                | OpenPoint::Difference { .. }
                | OpenPoint::AtWork { .. }
                | OpenPoint::Reason { .. } => panic!("{open:?}"),
            };
            say(&["M. Moreau"], says).await;
        }
        assert_eq!(
            judging.open_points(&attempt).await.unwrap(),
            Vec::<String>::new()
        );
    }

    /// What seat 001 had left at the moment in which its clock went on.
    async fn left_at_resuming(&self) -> u64 {
        let attempt = self.attempt("001").await;
        let log = self.sessions.arranging().log("december", 1).await.unwrap();
        let resumed = log.iter().rfind(|entry| {
            matches!(&entry.deed, LogAction::Attempt { attempt: of, by: AttemptMove::Resume, .. } if *of == attempt.id)
        });
        attempt.clock.deadline_ms.unwrap() - resumed.unwrap().at_ms
    }

    pub(crate) async fn deeds(&self) -> Vec<LogAction> {
        let log = self.sessions.arranging().log("december", 1).await.unwrap();
        verify(&log).unwrap();
        log.into_iter().map(|entry| entry.deed).collect()
    }
}

#[tokio::test]
async fn a_session_goes_from_a_list_to_grades() {
    let centre = Centre::ready("30m").await;
    let sessions = &centre.sessions;
    let arranging = sessions.arranging();
    let conducting = sessions.conducting();
    let candidates = sessions.candidates();
    let opened = conducting
        .start("december", AttemptsRequest::default(), "invigilator")
        .await
        .unwrap();
    assert_eq!(opened.attempts.len(), 3);
    let starts: Vec<u64> = opened
        .attempts
        .iter()
        .map(|attempt| attempt.clock.deadline_ms.unwrap() - attempt.clock.granted_ms)
        .collect();
    assert_eq!(starts[0], starts[1]);
    assert_eq!(starts[0], starts[2]);
    assert_eq!(
        centre.attempt("001").await.clock.granted_ms,
        1_800_000 * 1333 / 1000
    );
    for lab in opened
        .attempts
        .iter()
        .map(|attempt| attempt.lab.as_ref().unwrap())
    {
        assert!(candidates.is_open(lab).await.unwrap());
    }

    let code = &arranging.slips("december").await.unwrap()[1].code;
    let seat = candidates
        .seat_of(&code.to_lowercase().replace('-', " "))
        .await
        .unwrap();
    let seat = seat.expect("a seat");
    assert_eq!(seat.number, "002");
    let own = candidates.own(&seat.id).await.unwrap();
    assert_eq!(own.attempts[0].nodes, ["srv1", "srv2"]);
    assert_eq!(own.attempts[0].brief["en"], "Do it.");
    let handed = candidates
        .hand_in_own(&seat.id, &own.attempts[0].id, None)
        .await
        .unwrap();
    assert!(handed.attempts[0].nodes.is_empty());
    assert!(
        !candidates
            .is_open(centre.attempt("002").await.lab.as_ref().unwrap())
            .await
            .unwrap()
    );
    centre.until_attempt("002", AttemptState::Graded).await;

    conducting
        .hand_in(
            "december",
            because(AttemptSelection::default()),
            "invigilator",
        )
        .await
        .unwrap();
    centre.until_session(SessionState::Closed).await;
    let kept = centre.house.fake.images_with_prefix("plateau/kept:");
    assert_eq!(kept.len(), 9, "{kept:?}");
    conducting.clear("december", true, "trainer").await.unwrap();
    assert_eq!(centre.house.left(), Vec::<String>::new());
    assert_eq!(
        centre.house.fake.images_with_prefix("plateau/kept:"),
        Vec::<String>::new()
    );
    for number in ["001", "002", "003"] {
        centre.judge(number).await;
    }
    conducting
        .move_on("december", SessionMove::Seal, None, "trainer")
        .await
        .unwrap();
    let refused = conducting
        .clear("december", true, "trainer")
        .await
        .unwrap_err();
    assert!(matches!(refused, SessionError::State { .. }), "{refused}");
    centre.deeds().await;
}

#[tokio::test]
async fn a_session_is_sealed_once_no_point_is_open_of_those_who_came() {
    let centre = Centre::ready("30m").await;
    let sessions = &centre.sessions;
    let one = because(only("001"));
    sessions
        .conducting()
        .start("december", one.clone(), "invigilator")
        .await
        .unwrap();
    sessions
        .conducting()
        .hand_in("december", one, "invigilator")
        .await
        .unwrap();
    centre.until_attempt("001", AttemptState::Graded).await;
    sessions
        .conducting()
        .move_on("december", SessionMove::Close, None, "invigilator")
        .await
        .unwrap();
    let seal = async || {
        let sealed = sessions
            .conducting()
            .move_on("december", SessionMove::Seal, None, "trainer");
        sealed.await
    };
    let refused = seal().await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::OpenPoints);
    let told = refused.to_string();
    assert!(told.contains("`001` at `two-servers`: "), "{told}");
    assert!(told.contains("juror Mme Petit is not done"), "{told}");
    assert!(!told.contains("`002`"), "{told}");
    centre.judge("001").await;
    assert_eq!(seal().await.unwrap().state, SessionState::Sealed);
}

#[tokio::test]
async fn a_guesser_over_ssh_is_slowed_and_nobody_else() {
    let centre = Centre::ready("30m").await;
    let sessions = &centre.sessions;
    sessions
        .conducting()
        .start("december", AttemptsRequest::default(), "invigilator")
        .await
        .unwrap();
    let gate = sessions.candidates().gate_of_ssh(access(sessions).await);
    let knock = async |from: &str, code: &str| {
        let peer = format!("{from}:22");
        gate.ask(AuthRequest {
            user: "srv1".into(),
            proof: Credential::Password(code.into()),
            peer: peer.parse().unwrap(),
            stage: AuthStage::Entering,
        })
        .await
    };
    let wrong = "AAAA-BBBB-CCCC";
    let mut tries = 0;
    while let Err(AuthRejection::Wrong(_)) = knock("192.0.2.1", wrong).await {
        tries += 1;
        assert!(tries < 1000, "nobody is slowed");
    }
    assert!(tries >= 120, "{tries}");
    let elsewhere = knock("192.0.2.2", wrong).await;
    assert!(
        matches!(elsewhere, Err(AuthRejection::Wrong(_))),
        "{elsewhere:?}"
    );
    let code = sessions
        .arranging()
        .slips("december")
        .await
        .unwrap()
        .remove(0)
        .code;
    let admitted = knock("192.0.2.1", &code).await.unwrap();
    assert_eq!(admitted.seat, "001");
    let deeds = centre.deeds().await;
    assert!(deeds.contains(&LogAction::Entered {
        seat: "001".into(),
        from: "192.0.2.1 over SSH".into(),
    }));
}

#[tokio::test]
async fn clocks_are_stopped_extended_and_end_by_themselves() {
    let centre = Centre::ready("2s").await;
    let sessions = &centre.sessions;
    sessions
        .conducting()
        .start("december", AttemptsRequest::default(), "invigilator")
        .await
        .unwrap();
    let pause = PauseRequest {
        selection: only("001"),
        kind: PauseKind::Incident,
        reason: "the screen died".into(),
    };
    sessions
        .conducting()
        .pause("december", pause, "invigilator")
        .await
        .unwrap();
    let extend = ExtendRequest {
        selection: only("002"),
        by_ms: 600_000,
        reason: "a fire drill".into(),
    };
    sessions
        .conducting()
        .extend("december", extend, "invigilator")
        .await
        .unwrap();
    centre.until_attempt("003", AttemptState::Graded).await;
    let paused = centre.attempt("001").await;
    assert_eq!(paused.state, AttemptState::Paused);
    assert!(paused.clock.remaining_ms > 0);
    assert_eq!(centre.attempt("002").await.state, AttemptState::Running);
    let log = sessions.arranging().log("december", 1).await.unwrap();
    let ended = log
        .iter()
        .find(|entry| entry.reason.as_deref() == Some("the time is up"));
    let ended = ended.expect("an end");
    let begun = log.iter().find(|entry| {
        let LogAction::Attempt { by, .. } = &entry.deed else {
            return false;
        };
        *by == AttemptMove::Start
    });
    let late = ended.at_ms - begun.expect("a start").at_ms - 2000;
    assert!(late < 1000, "{late} ms after the deadline");
    sessions
        .conducting()
        .resume("december", because(only("001")), "invigilator")
        .await
        .unwrap();
    centre.until_attempt("001", AttemptState::Graded).await;
    let texts = centre.deeds().await;
    assert!(
        texts
            .iter()
            .any(|deed| matches!(deed, LogAction::Extended { .. }))
    );
}

#[tokio::test]
async fn a_daemon_killed_anywhere_goes_on() {
    let centre = centre().await;
    centre
        .sessions
        .arranging()
        .create(new_session("30m"), "trainer")
        .await
        .unwrap();
    centre
        .sessions
        .arranging()
        .replace_seats("december", LIST.as_bytes(), "trainer")
        .await
        .unwrap();
    centre.house.fake.hold_boots(true);
    centre
        .sessions
        .conducting()
        .prepare("december", AttemptsRequest::default(), "trainer")
        .await
        .unwrap();
    assert!(centre.house.fake.await_boot_attempt().await);
    // Whoever creates containers here is not killed with the daemon, and would be in the next one's way.
    centre
        .until("all containers are there", async |centre| {
            centre.house.left().len() == 3 * 4
        })
        .await;
    let centre = centre.killed().await;
    centre.house.fake.hold_boots(false);
    centre.until_session(SessionState::Ready).await;
    let codes = centre.sessions.arranging().slips("december").await.unwrap();
    let opened =
        centre
            .sessions
            .conducting()
            .start("december", AttemptsRequest::default(), "invigilator");
    let before = opened.await.unwrap();

    let centre = centre.killed().await;
    assert_eq!(
        centre.sessions.arranging().slips("december").await.unwrap(),
        codes
    );
    for attempt in before.attempts {
        let now = centre.attempt(&attempt.seat).await;
        assert_eq!((now.state, &now.lab), (AttemptState::Running, &attempt.lab));
        let lost = attempt.clock.remaining_ms.abs_diff(now.clock.remaining_ms);
        assert!(lost < 1000, "{lost} ms");
    }
    let all = because(AttemptSelection::default());
    centre
        .sessions
        .conducting()
        .hand_in("december", all, "invigilator")
        .await
        .unwrap();
    let centre = centre.killed().await;
    centre.until_session(SessionState::Closed).await;
    for seat in centre.seats().await {
        assert_eq!(seat.attempts[0].state, AttemptState::Graded);
        assert_eq!(seat.attempts[0].problem, None);
    }
    centre.deeds().await;
}

#[tokio::test]
async fn what_was_acknowledged_is_handed_in_although_the_daemon_is_killed() {
    let mut session = new_session("30m");
    change(&mut session, "mistakes:", &format!("{REPORT}mistakes:"));
    let centre = Centre::ready_with(session).await;
    let started =
        centre
            .sessions
            .conducting()
            .start("december", AttemptsRequest::default(), "invigilator");
    let attempt = started.await.unwrap().attempts.remove(0);
    let seat = centre.seats().await.remove(0);
    let sending = DeliverableUpload {
        seat: &seat.id,
        attempt: &attempt.id,
        task: "report",
        name: "report.md",
        draft: Some("tab"),
        announced: None,
    };
    let text = futures_util::stream::iter([Ok::<_, std::io::Error>("so far".into())]);
    let saved = centre
        .sessions
        .candidates()
        .save(sending, text)
        .await
        .unwrap()
        .saved;
    assert_eq!(saved.number, None);

    let centre = centre.killed().await;
    let current = centre.attempt("001").await.handed_in;
    assert_eq!(current[0].current, saved);
    centre
        .sessions
        .conducting()
        .hand_in("december", because(only("001")), "invigilator")
        .await
        .unwrap();
    let current = centre.attempt("001").await.handed_in.remove(0).current;
    assert_eq!(
        (current.number, &current.content),
        (Some(1), &saved.content)
    );
    let deeds = centre.deeds().await.into_iter();
    let deeds: Vec<LogAction> = deeds
        .filter(|deed| {
            matches!(deed, LogAction::Saved { .. })
                || *deed
                    == LogAction::Attempt {
                        attempt: attempt.id.clone(),
                        by: AttemptMove::HandIn,
                        pause: None,
                    }
        })
        .collect();
    assert_eq!(deeds.len(), 2, "{deeds:?}");
    assert!(matches!(&deeds[0], LogAction::Saved { content, .. } if *content == saved.content));
}

#[tokio::test]
async fn a_lab_that_cannot_be_built_breaks_its_attempt_alone_and_can_be_tried_again() {
    let centre = centre().await;
    let sessions = &centre.sessions;
    sessions
        .arranging()
        .create(new_session("30m"), "trainer")
        .await
        .unwrap();
    sessions
        .arranging()
        .replace_seats("december", b"number,name\n1,Ada\n", "trainer")
        .await
        .unwrap();
    centre.house.fake.fail_scripts("set up", 7);
    sessions
        .conducting()
        .prepare("december", AttemptsRequest::default(), "trainer")
        .await
        .unwrap();
    centre.until_attempt("1", AttemptState::Broken).await;
    let broken = centre.attempt("1").await;
    assert!(broken.problem.unwrap().contains("setup.sh"));
    assert_eq!(centre.house.left(), Vec::<String>::new());
    let nobody = sessions
        .conducting()
        .start("december", AttemptsRequest::default(), "invigilator")
        .await;
    assert!(matches!(nobody, Err(SessionError::Nobody)), "{nobody:?}");
    centre.house.fake.fail_scripts("nothing", 0);
    sessions
        .conducting()
        .prepare("december", AttemptsRequest::default(), "trainer")
        .await
        .unwrap();
    centre.until_attempt("1", AttemptState::Ready).await;
    sessions
        .conducting()
        .dismantle("december", AttemptsRequest::default(), "trainer")
        .await
        .unwrap();
    centre
        .until("all is removed", async |centre| {
            centre.house.left().is_empty()
        })
        .await;
    assert_eq!(
        sessions.arranging().show("december").await.unwrap().state,
        SessionState::Draft
    );
}

#[tokio::test]
async fn a_proof_that_is_not_complete_is_none_for_a_session() {
    let centre = centre().await;
    let sessions = &centre.sessions;
    let unproven = || {
        let mut new = new_session("30m");
        new.scenarios[0].unproven_reason = None;
        new
    };
    let hash = plateau_labs::labs::folder_of(&unproven().scenarios[0].files)
        .unwrap()
        .hash();
    let mut proof = plateau_core::proof::Proof {
        scenario: "x".to_owned(),
        hash: hash.clone(),
        holds: true,
        complete: false,
        columns: vec![],
        verdicts: std::collections::BTreeMap::new(),
        rows: vec![],
        flaws: vec![],
    };
    sessions.arranging().record_proof(&hash, &proof).await;
    let refused = sessions
        .arranging()
        .create(unproven(), "trainer")
        .await
        .unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NotProven);
    proof.complete = true;
    sessions.arranging().record_proof(&hash, &proof).await;
    sessions
        .arranging()
        .create(unproven(), "trainer")
        .await
        .unwrap();
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_the_reason() {
    let centre = centre().await;
    let sessions = &centre.sessions;
    let arranging = sessions.arranging();
    let conducting = sessions.conducting();
    let candidates = sessions.candidates();
    let mut unproven = new_session("30m");
    unproven.scenarios[0].unproven_reason = None;
    let refused = arranging.create(unproven, "trainer").await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NotProven);
    let mut alone = new_session("30m");
    alone.terms.jurors.pop();
    let refused = arranging.create(alone, "trainer").await.unwrap_err();
    assert_eq!(refused.to_string(), "1 juror(s)");
    let mut backwards = new_session("30m");
    backwards.terms.to = "2026-11-30".into();
    let refused = arranging.create(backwards, "trainer").await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::BadTerms);

    arranging
        .create(new_session("30m"), "trainer")
        .await
        .unwrap();
    let refused = arranging
        .create(new_session("30m"), "trainer")
        .await
        .unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NameTaken);
    let list = b"number,name,blocks\n1,Ada,B9\n";
    let refused = arranging
        .replace_seats("december", list, "trainer")
        .await
        .unwrap_err();
    assert_eq!(refused.code(), ErrorCode::BadRoster);
    let refused = conducting
        .prepare("december", AttemptsRequest::default(), "trainer")
        .await
        .unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NobodyConcerned);
    arranging
        .replace_seats("december", LIST.as_bytes(), "trainer")
        .await
        .unwrap();
    let refused = conducting
        .prepare("december", because(only("009")), "trainer")
        .await
        .unwrap_err();
    assert_eq!(refused.to_string(), "session `december` has no seat `009`");
    let refused = conducting
        .start("december", AttemptsRequest::default(), "trainer")
        .await
        .unwrap_err();
    assert_eq!(refused.code(), ErrorCode::SessionNotReady);
    let refused = conducting
        .hand_in("december", AttemptsRequest::default(), "trainer")
        .await
        .unwrap_err();
    assert_eq!(refused.code(), ErrorCode::ReasonMissing);
    let say = MessageRequest {
        seat: Some("009".into()),
        text: "hello".into(),
    };
    let refused = conducting
        .say("december", say, "trainer")
        .await
        .unwrap_err();
    assert_eq!(refused.code(), ErrorCode::SeatNotFound);
    assert_eq!(candidates.seat_of("AAAA-AAAA-AAAA").await.unwrap(), None);
    assert_eq!(candidates.seat_of("?").await.unwrap(), None);
}

#[tokio::test]
async fn an_access_code_that_was_replaced_opens_nothing() {
    let centre = centre().await;
    let sessions = &centre.sessions;
    sessions
        .arranging()
        .create(new_session("30m"), "trainer")
        .await
        .unwrap();
    sessions
        .arranging()
        .replace_seats("december", LIST.as_bytes(), "trainer")
        .await
        .unwrap();
    let old = sessions
        .arranging()
        .slips("december")
        .await
        .unwrap()
        .remove(0)
        .code;
    let lost = Some("lost on the way".to_owned());
    let new = sessions
        .arranging()
        .replace_code(&access(sessions).await, "december", "001", lost, "trainer")
        .await
        .unwrap();
    assert_eq!(sessions.candidates().seat_of(&old).await.unwrap(), None);
    assert_eq!(
        sessions
            .candidates()
            .seat_of(&new.code)
            .await
            .unwrap()
            .unwrap()
            .number,
        "001"
    );
    // A list that is sent again leaves the codes as they are.
    sessions
        .arranging()
        .replace_seats("december", LIST.as_bytes(), "trainer")
        .await
        .unwrap();
    assert_eq!(
        sessions.arranging().slips("december").await.unwrap()[0].code,
        new.code
    );
}

#[tokio::test]
async fn an_engine_that_was_away_costs_nobody_time() {
    let centre = Centre::ready("30m").await;
    let sessions = &centre.sessions;
    sessions
        .conducting()
        .start("december", AttemptsRequest::default(), "invigilator")
        .await
        .unwrap();
    let pause = PauseRequest {
        selection: only("003"),
        kind: PauseKind::Break,
        reason: "a rest".into(),
    };
    sessions
        .conducting()
        .pause("december", pause, "invigilator")
        .await
        .unwrap();
    centre.house.fake.fall();
    centre.until_attempt("001", AttemptState::Paused).await;
    centre.until_attempt("002", AttemptState::Paused).await;
    let stopped = centre.attempt("001").await.clock;
    assert_eq!(stopped.deadline_ms, None, "nothing runs out meanwhile");

    // Its nodes boot: the candidates cannot work yet.
    centre.house.fake.hold_boots(true);
    centre.house.fake.come_online();
    assert!(centre.house.fake.await_boot_attempt().await);
    assert_eq!(centre.attempt("001").await.state, AttemptState::Paused);
    assert_eq!(
        centre.attempt("001").await.clock.remaining_ms,
        stopped.remaining_ms
    );
    centre.house.fake.hold_boots(false);
    centre.until_attempt("001", AttemptState::Running).await;
    centre.until_attempt("002", AttemptState::Running).await;
    assert_eq!(centre.left_at_resuming().await, stopped.remaining_ms);
    let resting = centre.attempt("003").await;
    assert_eq!(resting.state, AttemptState::Paused, "the rest goes on");
    let log = sessions.arranging().log("december", 1).await.unwrap();
    let why = |by: AttemptMove| {
        let of_system = log.iter().filter(|entry| {
            entry.actor == "system"
                && matches!(&entry.deed, LogAction::Attempt { by: how, .. } if *how == by)
        });
        let of_system: Vec<_> = of_system.collect();
        assert_eq!(of_system.len(), 2, "{by}");
        assert_eq!(of_system[0].at_ms, of_system[1].at_ms, "at one moment");
        of_system[0].reason.clone().unwrap()
    };
    assert!(why(AttemptMove::Pause).contains("the engine"));
    assert_eq!(why(AttemptMove::Resume), "the lab is back");

    // Handed in while the engine is away, it is graded when it is back.
    centre.house.fake.fall();
    centre.until_attempt("001", AttemptState::Paused).await;
    sessions
        .conducting()
        .hand_in(
            "december",
            because(AttemptSelection::default()),
            "invigilator",
        )
        .await
        .unwrap();
    centre.house.fake.come_online();
    centre.until_session(SessionState::Closed).await;
    centre.deeds().await;
}

#[tokio::test]
async fn a_daemon_and_an_engine_that_fall_together_cost_nobody_time() {
    let centre = Centre::ready("30m").await;
    centre
        .sessions
        .conducting()
        .start("december", AttemptsRequest::default(), "invigilator")
        .await
        .unwrap();
    centre.house.fake.hold_boots(true);
    centre.house.fake.fall();
    centre.until_attempt("001", AttemptState::Paused).await;
    let stopped = centre.attempt("001").await.clock;
    centre.house.fake.come_online();
    let centre = centre.killed().await;
    assert_eq!(centre.attempt("001").await.state, AttemptState::Paused);
    centre.house.fake.hold_boots(false);
    centre.until_attempt("001", AttemptState::Running).await;
    assert_eq!(centre.left_at_resuming().await, stopped.remaining_ms);
    centre.deeds().await;
}

#[tokio::test]
async fn a_rehearsal_starts_all_grades_untouched_and_leaves_nothing() {
    let centre = centre().await;
    let sessions = &centre.sessions;
    sessions
        .arranging()
        .create(new_session("30m"), "trainer")
        .await
        .unwrap();
    sessions
        .arranging()
        .replace_seats("december", LIST.as_bytes(), "trainer")
        .await
        .unwrap();
    as_the_scripts_left_it(&centre.house.fake);
    centre.house.fake.hold_boots(true);
    let events = sessions
        .arranging()
        .rehearse("december", AttemptsRequest::default(), "trainer");
    let mut events = events.await.unwrap();
    let twice = sessions
        .arranging()
        .rehearse("december", AttemptsRequest::default(), "trainer")
        .await
        .unwrap_err();
    assert_eq!(twice.code(), ErrorCode::SessionRehearsing);
    let early = sessions
        .conducting()
        .prepare("december", AttemptsRequest::default(), "trainer")
        .await
        .unwrap_err();
    assert_eq!(early.code(), ErrorCode::SessionRehearsing);
    centre
        .until("all labs stand at once", async |centre| {
            centre.house.fake.of_role("node").len() == 9
        })
        .await;
    centre.house.fake.hold_boots(false);
    let mut last = None;
    while let Some(event) = events.recv().await {
        last = Some(event);
    }
    let Some(RehearsalEvent::Rehearsed { rehearsal }) = last else {
        panic!("it ended with {last:?}");
    };
    assert_eq!(centre.house.left(), Vec::<String>::new());
    let one = &rehearsal.scenarios[0];
    assert_eq!(
        (rehearsal.seats, one.labs, one.built, one.nodes),
        (3, 3, 3, 3)
    );
    assert_eq!(one.passed, Vec::<String>::new());
    assert_eq!(one.unknown, Vec::<String>::new());
    assert!(rehearsal.verdict.holds, "{rehearsal:?}");
    let kept = sessions
        .arranging()
        .show("december")
        .await
        .unwrap()
        .rehearsal;
    assert_eq!(kept.as_ref(), Some(&*rehearsal));
    assert!(centre.deeds().await.contains(&LogAction::Rehearsed {
        rehearsal: rehearsal.id.clone(),
        holds: true
    }));
    sessions
        .conducting()
        .prepare("december", AttemptsRequest::default(), "trainer")
        .await
        .unwrap();
    centre.until_session(SessionState::Ready).await;
}

#[tokio::test]
async fn a_rehearsal_says_what_failed_and_ends_when_nobody_listens() {
    let centre = centre().await;
    let sessions = &centre.sessions;
    sessions
        .arranging()
        .create(new_session("30m"), "trainer")
        .await
        .unwrap();
    sessions
        .arranging()
        .replace_seats("december", LIST.as_bytes(), "trainer")
        .await
        .unwrap();
    // Nobody can look at anything, and the set-up fails.
    centre.house.fake.fail_scripts("set up", 7);
    let events = sessions
        .arranging()
        .rehearse("december", AttemptsRequest::default(), "trainer");
    let mut events = events.await.unwrap();
    let mut last = None;
    while let Some(event) = events.recv().await {
        last = Some(event);
    }
    let Some(RehearsalEvent::Rehearsed { rehearsal }) = last else {
        panic!("it ended with {last:?}");
    };
    assert!(!rehearsal.verdict.holds);
    assert_eq!(rehearsal.problems.len(), 3, "{:?}", rehearsal.problems);
    assert!(rehearsal.problems[0].contains("setup.sh"));
    centre.house.fake.fail_scripts("nothing", 0);

    centre.house.fake.hold_boots(true);
    let events = sessions
        .arranging()
        .rehearse("december", AttemptsRequest::default(), "trainer");
    let events = events.await.unwrap();
    assert!(centre.house.fake.await_boot_attempt().await);
    drop(events);
    centre.house.fake.hold_boots(false);
    centre
        .until("the stage is free again", async |centre| {
            let again = centre.sessions.conducting().prepare(
                "december",
                AttemptsRequest::default(),
                "trainer",
            );
            again.await.is_ok()
        })
        .await;
    centre.until_session(SessionState::Ready).await;
    assert_eq!(centre.house.fake.of_role("node").len(), 9);
}

#[tokio::test]
async fn what_an_engine_lacks_is_said_once_in_a_session() {
    let centre = Centre::ready("30m").await;
    let conducting = centre.sessions.conducting();
    conducting
        .dismantle("december", because(only("001")), "trainer")
        .await
        .unwrap();
    let again = conducting
        .prepare("december", because(only("001")), "trainer")
        .await
        .unwrap();
    assert_eq!((again.attempts.len(), again.notices), (1, vec![]));
}
