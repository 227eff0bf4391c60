//! What a candidate keeps of the moment at which they hand in, and what it shows later.

use plateau_core::api::{CandidateView, ReceiptView};
use plateau_core::exam::bundle::{StepKind, Trust, Verification, public_of_pem, verify};
use plateau_core::exam::receipt::Receipt;
use plateau_core::exam::session::AttemptState;
use plateau_exam::store::Database;
use reqwest::{Method, StatusCode};
use sqlx::{AnyPool, Executor as _};

use crate::room::Room;

impl Room {
    /// The first candidate hands in, and is given a receipt at once.
    async fn hand_in_own(&self) -> ReceiptView {
        let path = format!("/v1/attempts/{}/hand-in", self.attempts[0]);
        let url = format!("{}{path}", self.house.url);
        let request = self.client.post(url).header("cookie", &self.cookies[0]);
        let request = request
            .header("origin", &self.house.url)
            .header("x-plateau", "1");
        let response = request.json(&serde_json::json!({})).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{response:?}");
        let mut own: CandidateView = response.json().await.unwrap();
        own.attempts.remove(0).receipt.unwrap()
    }

    /// The bundle of the first candidate, verified with the daemon's key and a receipt.
    async fn verified(&self, receipt: Option<&Receipt>) -> Verification {
        let path = format!("/v1/attempts/{}/evidence.tar", self.attempts[0]);
        let bundle = self.house.get(&path).await.bytes().await.unwrap();
        let key = public_of_pem(&self.house.api.judging.public_key().pem).unwrap();
        verify(&bundle, &Trust::Key(Box::new(key)), receipt).unwrap()
    }
}

fn found(verification: &Verification, kind: StepKind) -> (bool, &str) {
    let mut steps = verification.steps.iter();
    let step = steps.find(|step| step.kind == kind).unwrap();
    (step.good, &step.found)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_shows_that_the_end_of_the_log_was_cut_off() {
    let room = Room::open().await;
    let before = room.own().await;
    assert_eq!(before.attempts[0].receipt, None);
    let given = room.hand_in_own().await;
    assert_eq!(given.receipt.seat, "01");
    assert_eq!(given.receipt.attempt, room.attempts[0]);
    let key = &room.house.api.judging.public_key().fingerprint;
    assert_eq!(given.receipt.fingerprint, *key);
    let receipt = Receipt::parse(&given.line).unwrap();
    assert_eq!(receipt, given.receipt);

    room.order("hand-in").await;
    room.until(AttemptState::Graded).await;
    assert_eq!(room.own().await.attempts[0].receipt.as_ref(), Some(&given));
    let seats = room.seats().await;
    assert_eq!(seats[0].attempts[0].receipt.as_ref(), Some(&given));
    let other = room.ask(1, Method::GET, "/v1/seats/own", "").await;
    let other: CandidateView = other.json().await.unwrap();
    let of_other = other.attempts[0].receipt.as_ref().unwrap();
    assert_ne!(of_other.receipt.hash, receipt.hash);

    let whole = room.verified(Some(&receipt)).await;
    assert!(whole.good, "{whole:#?}");
    assert!(
        found(&whole, StepKind::Heads)
            .1
            .contains("from number 1 on")
    );
    let strange = room.verified(Some(&of_other.receipt)).await;
    let (good, why) = found(&strange, StepKind::Receipt);
    assert!(!good && why.contains("another attempt"), "{why}");

    sqlx::any::install_default_drivers();
    let url = Database::in_folder(room.house.state.path());
    let rows = AnyPool::connect(&url).await.unwrap();
    let cut = format!("DELETE FROM log WHERE seq >= {}", receipt.entry);
    rows.execute(sqlx::AssertSqlSafe(cut)).await.unwrap();
    rows.close().await;
    assert!(room.verified(None).await.good, "nothing else shows it");
    let cut = room.verified(Some(&receipt)).await;
    let (good, why) = found(&cut, StepKind::Receipt);
    assert!(!cut.good && !good);
    assert!(why.contains("the log was cut off"), "{why}");
}
