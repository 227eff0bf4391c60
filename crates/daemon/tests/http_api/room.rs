//! A session of two candidates who work, on a daemon of the tests' own.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plateau_core::api::{AccessSlip, CandidateView, SeatView, SessionView};
use plateau_core::exam::deliverable::{DeliverableView, SavedDeliverableView};
use plateau_core::exam::session::{AttemptState, SessionState};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::json;

use crate::house::{House, PATIENCE, builder, scenario};

/// A house with a session of two candidates who work.
pub(crate) struct Room {
    pub(crate) house: House,
    pub(crate) client: Client,
    /// Cookie of each candidate.
    pub(crate) cookies: [String; 2],
    /// Attempt of each candidate.
    pub(crate) attempts: [String; 2],
}

impl Room {
    pub(crate) async fn open() -> Self {
        Self::open_in(House::open().await).await
    }

    /// The same in a house that is there.
    pub(crate) async fn open_in(house: House) -> Self {
        let mut files = scenario();
        let document = String::from_utf8(STANDARD.decode(&files["scenario.yaml"]).unwrap());
        let mut document = document.unwrap();
        document.push_str(
            "  - id: report\n    skill: tsgeri/1.5\n    title: { en: Report }\n    \
             deliverable: { accept: [md, pdf], at_most: 2KiB }\n",
        );
        files.insert("scenario.yaml".to_owned(), STANDARD.encode(document));
        let session = json!({
            "name": "june",
            "terms": {
                "title": "tsgeri", "centre": "Nantes", "from": "2026-06-01", "to": "2026-06-01",
                "responsible": "M. Durand", "jurors": [], "mode": "training", "seed": "1",
            },
            "scenarios": [{ "files": files, "unproven_reason": "a test" }],
        });
        let made = house.post("/v1/sessions", session).await;
        assert_eq!(made.status(), StatusCode::CREATED);
        let list = b"number,name\n01,Ada\n02,Bea\n";
        house
            .api
            .sessions
            .arranging()
            .replace_seats("june", list, "trainer")
            .await
            .unwrap();
        let mut room = Self {
            client: builder().no_proxy().build().unwrap(),
            cookies: Default::default(),
            attempts: Default::default(),
            house,
        };
        room.order("prepare").await;
        room.until_session(SessionState::Ready).await;
        room.order("open").await;
        let slips: Vec<AccessSlip> = room.told("/v1/sessions/june/slips").await;
        for (place, slip) in slips.iter().enumerate() {
            let login = json!({ "code": { "code": slip.code } });
            let request = room
                .client
                .post(format!("{}/v1/logins", room.house.url))
                .json(&login);
            let response = request.send().await.unwrap();
            let cookie = response.headers()["set-cookie"].to_str().unwrap();
            room.cookies[place] = cookie.split(';').next().unwrap().to_owned();
        }
        for (place, seat) in room.seats().await.into_iter().enumerate() {
            room.attempts[place] = seat.attempts[0].id.clone();
        }
        room
    }

    pub(crate) async fn order(&self, what: &str) {
        let path = format!("/v1/sessions/june/{what}");
        let done = self.house.post(&path, json!({ "reason": "a test" })).await;
        assert_eq!(done.status(), StatusCode::OK, "{what}");
    }

    pub(crate) async fn told<T: serde::de::DeserializeOwned>(&self, path: &str) -> T {
        self.house.get(path).await.json().await.unwrap()
    }

    pub(crate) async fn seats(&self) -> Vec<SeatView> {
        self.told("/v1/sessions/june/seats").await
    }

    /// Waits until the session is there.
    pub(crate) async fn until_session(&self, state: SessionState) {
        self.until_so(async || {
            let session: SessionView = self.told("/v1/sessions/june").await;
            session.state == state
        })
        .await;
    }

    /// Waits until all attempts are there.
    pub(crate) async fn until(&self, state: AttemptState) {
        self.until_so(async || {
            let seats = self.seats().await;
            seats.iter().all(|seat| seat.attempts[0].state == state)
        })
        .await;
    }

    async fn until_so(&self, holds: impl AsyncFn() -> bool) {
        let mut changes = self.house.api.sessions.subscribe();
        let wait = async {
            while !holds().await {
                // One that was missed is seen at the next look.
                let _ = tokio::time::timeout(Duration::from_millis(50), changes.recv()).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap();
    }

    /// A candidate asks about an attempt, their own or another's.
    pub(crate) async fn ask(
        &self,
        who: usize,
        method: Method,
        path: &str,
        body: impl Into<reqwest::Body>,
    ) -> Response {
        let request = self
            .client
            .request(method, format!("{}{path}", self.house.url))
            .header("cookie", &self.cookies[who])
            .header("origin", &self.house.url)
            .header("x-plateau", "1")
            .body(body);
        request.send().await.unwrap()
    }

    pub(crate) async fn put(&self, path: &str, content: impl Into<reqwest::Body>) -> Response {
        let path = format!("/v1/attempts/{}/deliverables/{path}", self.attempts[0]);
        self.ask(0, Method::PUT, &path, content).await
    }

    pub(crate) async fn save(
        &self,
        path: &str,
        content: impl Into<reqwest::Body>,
    ) -> SavedDeliverableView {
        let response = self.put(path, content).await;
        assert_eq!(response.status(), StatusCode::OK, "{response:?}");
        response.json().await.unwrap()
    }

    pub(crate) async fn listed(&self) -> Vec<DeliverableView> {
        let path = format!("/v1/attempts/{}/deliverables", self.attempts[0]);
        self.told(&path).await
    }

    pub(crate) async fn own(&self) -> CandidateView {
        let response = self.ask(0, Method::GET, "/v1/seats/own", "").await;
        response.json().await.unwrap()
    }
}
