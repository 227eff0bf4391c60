//! Keys by which candidates come in over SSH.
#![expect(clippy::unwrap_used, reason = "these are tests too")]

use plateau_core::api::{AttemptsRequest, SetKeysRequest};
use plateau_core::error::ErrorCode;
use plateau_core::exam::log::LogAction;
use plateau_exam::gate::{Admission, AuthRejection, AuthRequest, AuthStage, Credential, Gate};
use russh::keys::PublicKey;

use crate::sessions::{Centre, access, because, only};

const ADA: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN76zuqnjypL54/w4763l7q1Sn3IBYHptJ5wcYfEWkzn ada@home";
const OTHER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIILe2Vh8Tf1iWwZS5fbU4tDRGYdAdUJrXbo1oXQF1M9j grace";

fn keys(lines: &[&str]) -> SetKeysRequest {
    SetKeysRequest {
        keys: lines.iter().map(|line| (*line).to_owned()).collect(),
    }
}

async fn knock(gate: &Gate, key: &str, stage: AuthStage) -> Result<Admission, AuthRejection> {
    gate.ask(AuthRequest {
        user: "srv1".into(),
        proof: Credential::Key(PublicKey::from_openssh(key).unwrap()),
        peer: "192.0.2.1:22".parse().unwrap(),
        stage,
    })
    .await
}

async fn entries(centre: &Centre) -> usize {
    let entered = |deed: &LogAction| matches!(deed, LogAction::Entered { .. });
    centre.deeds().await.into_iter().filter(entered).count()
}

#[tokio::test]
async fn a_key_lets_its_seat_in_while_the_attempt_is_open_and_until_the_code_is_replaced() {
    let centre = Centre::ready("30m").await;
    let sessions = &centre.sessions;
    let arranging = sessions.arranging();
    let conducting = sessions.conducting();
    let candidates = sessions.candidates();
    let access = access(sessions).await;
    let gate = candidates.gate_of_ssh(access.clone());
    let ada = centre.attempt("001").await.id;
    let set = candidates
        .set_keys(&ada, keys(&[ADA, "", ADA]), "seat:001")
        .await;
    let refused = set.unwrap_err().to_string();
    assert_eq!(refused, "number 2 is not a valid public key of SSH");
    let set = candidates
        .set_keys(&ada, keys(&[ADA, ADA]), "seat:001")
        .await
        .unwrap();
    assert_eq!(set.len(), 1, "{set:?}");
    assert!(set[0].fingerprint.starts_with("SHA256:") && set[0].key == ADA);
    assert_eq!(candidates.keys(&ada).await.unwrap(), set);
    let told = format!("seat 001 may come in over SSH by {}", set[0].fingerprint);
    assert!(
        centre
            .deeds()
            .await
            .contains(&LogAction::Changed { what: told })
    );

    let early = knock(&gate, ADA, AuthStage::Entering).await;
    assert!(matches!(early, Err(AuthRejection::Wrong(_))), "{early:?}");
    conducting
        .start("december", AttemptsRequest::default(), "trainer")
        .await
        .unwrap();
    // To offer a key is to enter as little as to open one channel more.
    for stage in [AuthStage::Offering, AuthStage::Inside] {
        assert_eq!(knock(&gate, ADA, stage).await.unwrap().seat, "001");
        assert_eq!(entries(&centre).await, 0);
    }
    let admitted = knock(&gate, ADA, AuthStage::Entering).await.unwrap();
    assert_eq!(Some(admitted.lab), centre.attempt("001").await.lab);
    assert_eq!(entries(&centre).await, 1);
    let stranger = knock(&gate, OTHER, AuthStage::Offering).await;
    assert!(
        matches!(stranger, Err(AuthRejection::Wrong(_))),
        "{stranger:?}"
    );

    let grace = centre.attempt("002").await.id;
    let taken = candidates
        .set_keys(&grace, keys(&[OTHER, ADA]), "seat:002")
        .await;
    assert!(
        taken
            .unwrap_err()
            .to_string()
            .contains("leads to another seat")
    );
    assert_eq!(
        candidates.keys(&grace).await.unwrap(),
        vec![],
        "all or nothing"
    );

    let lost = Some("lost".to_owned());
    let recoded = arranging.replace_code(&access, "december", "001", lost, "trainer");
    recoded.await.unwrap();
    assert_eq!(candidates.keys(&ada).await.unwrap(), vec![]);
    assert!(knock(&gate, ADA, AuthStage::Inside).await.is_err());
    candidates
        .set_keys(&grace, keys(&[ADA]), "seat:002")
        .await
        .unwrap();
    assert_eq!(
        knock(&gate, ADA, AuthStage::Entering).await.unwrap().seat,
        "002"
    );
    let handed_in = conducting.hand_in("december", because(only("002")), "trainer");
    handed_in.await.unwrap();
    assert!(knock(&gate, ADA, AuthStage::Inside).await.is_err());
}

#[tokio::test]
async fn keys_without_end_are_refused() {
    let centre = Centre::ready("30m").await;
    let attempt = centre.attempt("001").await.id;
    let many = vec![ADA; 9];
    let set = centre
        .sessions
        .candidates()
        .set_keys(&attempt, keys(&many), "x")
        .await;
    assert!(
        set.unwrap_err()
            .to_string()
            .contains("9 keys are more than")
    );
    let long = format!("{ADA} {}", "x".repeat(5000));
    let set = centre
        .sessions
        .candidates()
        .set_keys(&attempt, keys(&[&long]), "x")
        .await;
    assert!(
        set.unwrap_err()
            .to_string()
            .contains("number 1 is not a valid public key of SSH")
    );
}

#[tokio::test]
async fn coming_in_again_and_again_by_one_code_leaves_few_entries_and_one_log_in() {
    let centre = Centre::ready("30m").await;
    let sessions = &centre.sessions;
    let (access, candidates) = (access(sessions).await, sessions.candidates());
    let code = sessions.arranging().slips("december").await.unwrap()[0]
        .code
        .clone();
    let mut refused = 0;
    let mut last = None;
    for again in 0..200_u8 {
        let from = format!("192.0.2.{}", again % 4).parse().unwrap();
        match candidates.log_in(&access, &code, Some(from)).await {
            Ok(made) => last = Some(made),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 100, "{refused} were refused");
    assert_eq!(entries(&centre).await, 4, "one from each address");
    let seat = centre.seats().await[0].id.clone();
    let whose = plateau_exam::store::logins::LoginOwner::Seat(seat);
    let ended = sessions.database().logins().end_all(&whose).await.unwrap();
    assert_eq!(ended, 1, "one code is one log-in");
    assert!(
        access
            .of_login(last.unwrap().secret.reveal())
            .await
            .unwrap()
            .is_none()
    );
    for host in 0..40_u8 {
        let from = format!("198.51.100.{host}").parse().unwrap();
        let _ = candidates.log_in(&access, &code, Some(from)).await;
    }
    assert!(entries(&centre).await <= 8, "from however many addresses");
}

#[tokio::test]
async fn keys_that_are_there_already_write_nothing() {
    let centre = Centre::ready("30m").await;
    let candidates = centre.sessions.candidates();
    let ada = centre.attempt("001").await.id;
    let set = candidates
        .set_keys(&ada, keys(&[ADA, OTHER]), "seat:001")
        .await
        .unwrap();
    let before = centre.deeds().await.len();
    for _ in 0..20 {
        let again = candidates
            .set_keys(&ada, keys(&[OTHER, ADA]), "seat:001")
            .await;
        assert_eq!(again.unwrap().len(), set.len());
    }
    assert_eq!(centre.deeds().await.len(), before);
    candidates
        .set_keys(&ada, keys(&[ADA]), "seat:001")
        .await
        .unwrap();
    assert_eq!(centre.deeds().await.len(), before + 1);
}

#[tokio::test]
async fn a_candidate_changes_keys_at_most_so_often_and_staff_help_all_the_same() {
    let centre = Centre::ready("30m").await;
    let candidates = centre.sessions.candidates();
    let ada = centre.attempt("001").await.id;
    let grace = centre.attempt("002").await.id;
    let before = centre.deeds().await.len();
    let mut later = 0;
    for time in 0..40 {
        let line = [ADA, OTHER][time % 2];
        let set = candidates.set_keys(&ada, keys(&[line]), "seat:001").await;
        if let Err(error) = set {
            assert_eq!(error.code(), ErrorCode::TooManyTries, "{error}");
            later += 1;
        }
    }
    assert!(later > 10, "{later}");
    let written = centre.deeds().await.len() - before;
    // One more where a minute has passed.
    assert!((8..=9).contains(&written), "{written}");
    candidates
        .set_keys(&ada, keys(&[]), "trainer")
        .await
        .unwrap();
    candidates
        .set_keys(&grace, keys(&[ADA]), "seat:002")
        .await
        .unwrap();
}
