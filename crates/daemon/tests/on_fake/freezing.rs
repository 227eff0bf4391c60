//! Nodes of those whose time does not run are frozen.
#![expect(clippy::unwrap_used, reason = "these are tests too")]

use plateau_core::api::{AttemptsRequest, CandidateAttemptView, ExtendRequest, PauseRequest};
use plateau_core::exam::clock::PauseKind;
use plateau_core::exam::session::{AttemptState, SessionState};

use crate::sessions::{Centre, because, only};

impl Centre {
    /// How many containers of a seat's lab are frozen.
    async fn frozen_of(&self, number: &str) -> usize {
        let lab = self.attempt(number).await.lab.unwrap();
        let name = self.house.labs.show(&lab).unwrap().name;
        let frozen = self.house.fake.frozen();
        frozen.iter().filter(|node| node.contains(&name)).count()
    }

    async fn until_frozen(&self, number: &str, nodes: usize) {
        let what = format!("{nodes} nodes of {number} are frozen");
        self.until(&what, async |centre| {
            centre.frozen_of(number).await == nodes
        })
        .await;
    }

    async fn own_of(&self, number: &str) -> CandidateAttemptView {
        let seats = self.seats().await;
        let seat = seats.iter().find(|seat| seat.number == number).unwrap();
        let own = self.sessions.candidates().own(&seat.id).await.unwrap();
        own.attempts.into_iter().next().unwrap()
    }

    async fn pause(&self, number: &str) {
        let pause = PauseRequest {
            selection: only(number),
            kind: PauseKind::Incident,
            reason: "an alarm".into(),
        };
        let conducting = self.sessions.conducting();
        conducting
            .pause("december", pause, "invigilator")
            .await
            .unwrap();
    }
}

async fn opened() -> (Centre, usize) {
    let centre = Centre::ready("30m").await;
    let conducting = centre.sessions.conducting();
    let all = AttemptsRequest::default();
    conducting
        .start("december", all, "invigilator")
        .await
        .unwrap();
    let lab = centre.attempt("001").await.lab.unwrap();
    let nodes = centre.house.labs.show(&lab).unwrap().nodes.len();
    (centre, nodes)
}

#[tokio::test]
async fn a_pause_freezes_one_seat_and_lasts_longer_than_the_daemon() {
    let (centre, nodes) = opened().await;
    assert!(!centre.own_of("001").await.frozen);
    centre.pause("001").await;
    centre.until_frozen("001", nodes).await;
    assert_eq!(centre.frozen_of("002").await, 0);
    assert!(centre.own_of("001").await.frozen);
    assert!(!centre.own_of("002").await.frozen);

    let centre = centre.killed().await;
    centre.until_attempt("002", AttemptState::Running).await;
    assert_eq!(centre.frozen_of("001").await, nodes);
    let more = ExtendRequest {
        selection: only("001"),
        by_ms: 60_000,
        reason: "for the alarm".into(),
    };
    let conducting = centre.sessions.conducting();
    conducting
        .extend("december", more, "invigilator")
        .await
        .unwrap();
    assert_eq!(centre.frozen_of("001").await, nodes);
    let go_on = because(only("001"));
    conducting
        .resume("december", go_on, "invigilator")
        .await
        .unwrap();
    centre.until_frozen("001", 0).await;
    assert!(!centre.own_of("001").await.frozen);
}

#[tokio::test]
async fn a_daemon_that_was_killed_between_an_order_and_its_freezing_does_it_afterwards() {
    let (centre, nodes) = opened().await;
    // Whatever the engine is asked next fails: the order is written down, and nothing comes of it.
    centre.house.fake.go_offline();
    centre.pause("001").await;
    let centre = centre;
    centre.house.fake.come_back();
    let centre = centre.killed().await;
    centre.until_frozen("001", nodes).await;
    assert_eq!(centre.frozen_of("002").await, 0);
}

#[tokio::test]
async fn nodes_that_an_engine_has_restarted_in_a_pause_are_frozen_again() {
    let (centre, nodes) = opened().await;
    centre.pause("001").await;
    centre.until_frozen("001", nodes).await;
    centre.house.fake.fall();
    centre.until_attempt("002", AttemptState::Paused).await;
    assert!(!centre.own_of("002").await.frozen, "nobody paused it");
    centre.house.fake.come_online();
    centre.until_attempt("002", AttemptState::Running).await;
    centre.until_frozen("001", nodes).await;
    assert_eq!(centre.frozen_of("002").await, 0);
    assert_eq!(centre.attempt("001").await.state, AttemptState::Paused);
    let conducting = centre.sessions.conducting();
    let go_on = because(only("001"));
    conducting
        .resume("december", go_on, "invigilator")
        .await
        .unwrap();
    centre.until_frozen("001", 0).await;
    let all = because(Default::default());
    conducting
        .hand_in("december", all, "invigilator")
        .await
        .unwrap();
    centre.until_session(SessionState::Closed).await;
}
