//! Operations of the API on exam sessions.

use futures_util::{Stream, StreamExt};
use plateau_core::api::{
    AccessSlip, AttemptsRequest, AttemptsResponse, CreateSessionRequest, KeyView, SeatView,
    SessionView, SetKeysRequest, TransitionRequest,
};
use plateau_core::exam::deliverable::DeliverableView;
use plateau_core::exam::log::LogEntry;
use plateau_core::exam::rehearsal::RehearsalEvent;
use reqwest::{Method, header};
use serde::Serialize;

use super::{Client, answer, decode, segment};
use crate::failure::Failure;

impl Client {
    /// Describes a session.
    pub(crate) async fn new_session(
        &self,
        new: &CreateSessionRequest,
    ) -> Result<SessionView, Failure> {
        self.post("/v1/sessions", new).await
    }

    /// Lists the sessions.
    pub(crate) async fn sessions(&self) -> Result<Vec<SessionView>, Failure> {
        self.get("/v1/sessions").await
    }

    /// Shows a session.
    pub(crate) async fn session(&self, session: &str) -> Result<SessionView, Failure> {
        self.get(&format!("/v1/sessions/{}", segment(session)))
            .await
    }

    /// Shows a session's seats.
    pub(crate) async fn seats(&self, session: &str) -> Result<Vec<SeatView>, Failure> {
        self.get(&below(session, "seats")).await
    }

    /// Replaces a session's seats by a list.
    pub(crate) async fn replace_seats(
        &self,
        session: &str,
        list: Vec<u8>,
    ) -> Result<Vec<SeatView>, Failure> {
        let request = self
            .request(Method::PUT, &below(session, "seats"))?
            .header(header::CONTENT_TYPE, "text/csv")
            .body(list);
        answer(self.send(request).await?).await
    }

    /// Shows a session's access codes.
    pub(crate) async fn slips(&self, session: &str) -> Result<Vec<AccessSlip>, Failure> {
        self.get(&below(session, "slips")).await
    }

    /// A session's access codes as a PDF, with what candidates type in a browser and in a terminal.
    pub(crate) async fn slips_as_pdf(
        &self,
        session: &str,
        language: &str,
        browser: &str,
        ssh: Option<&str>,
    ) -> Result<Vec<u8>, Failure> {
        let mut path = below(session, "slips.pdf");
        path.push_str(&format!("?lang={language}&browser={}", segment(browser)));
        if let Some(ssh) = ssh {
            path.push_str(&format!("&ssh={}", segment(ssh)));
        }
        self.bytes(&path).await
    }

    /// What an attempt's tasks ask for, and all that was saved.
    pub(crate) async fn deliverables(
        &self,
        attempt: &str,
    ) -> Result<Vec<DeliverableView>, Failure> {
        let path = format!("/v1/attempts/{}/deliverables", segment(attempt));
        self.get(&path).await
    }

    /// The content of something that was saved.
    pub(crate) async fn deliverable(
        &self,
        attempt: &str,
        task: &str,
        content: &str,
    ) -> Result<Vec<u8>, Failure> {
        let (attempt, task) = (segment(attempt), segment(task));
        let content = segment(content);
        let path = format!("/v1/attempts/{attempt}/deliverables/{task}/{content}");
        self.bytes(&path).await
    }

    /// The keys by which the candidate of an attempt comes in over SSH.
    pub(crate) async fn keys(&self, attempt: &str) -> Result<Vec<KeyView>, Failure> {
        let path = format!("/v1/attempts/{}/keys", segment(attempt));
        self.get(&path).await
    }

    /// Replaces them.
    pub(crate) async fn set_keys(
        &self,
        attempt: &str,
        keys: &SetKeysRequest,
    ) -> Result<Vec<KeyView>, Failure> {
        let path = format!("/v1/attempts/{}/keys", segment(attempt));
        let request = self.request(Method::PUT, &path)?.json(keys);
        answer(self.send(request).await?).await
    }

    /// Gives a seat another access code.
    pub(crate) async fn recode(
        &self,
        session: &str,
        seat: &str,
        because: &TransitionRequest,
    ) -> Result<AccessSlip, Failure> {
        let path = format!("{}/{}/code", below(session, "seats"), segment(seat));
        self.post(&path, because).await
    }

    /// Rehearses a session; dropping the stream ends the rehearsal.
    pub(crate) async fn rehearse(
        &self,
        session: &str,
        order: &AttemptsRequest,
    ) -> Result<impl Stream<Item = Result<RehearsalEvent, Failure>> + Unpin + use<>, Failure> {
        self.lines(&below(session, "rehearse"), order).await
    }

    /// Gives an order that concerns attempts.
    pub(crate) async fn order(
        &self,
        session: &str,
        what: &str,
        order: &impl Serialize,
    ) -> Result<AttemptsResponse, Failure> {
        self.post(&below(session, what), order).await
    }

    /// Moves a session on.
    pub(crate) async fn move_session(
        &self,
        session: &str,
        what: &str,
        because: &TransitionRequest,
    ) -> Result<SessionView, Failure> {
        self.post(&below(session, what), because).await
    }

    /// Gives an order that has no answer.
    pub(crate) async fn tell_session(
        &self,
        session: &str,
        what: &str,
        order: &impl Serialize,
    ) -> Result<(), Failure> {
        let request = self.request(Method::POST, &below(session, what))?;
        self.send(request.json(order)).await.map(drop)
    }

    /// A session's log.
    pub(crate) async fn session_log(&self, session: &str) -> Result<Vec<LogEntry>, Failure> {
        self.get(&below(session, "log")).await
    }

    /// A session's log from an entry on, and what is written from now on.
    pub(crate) async fn session_events(
        &self,
        session: &str,
        from: u64,
    ) -> Result<impl Stream<Item = Result<LogEntry, Failure>> + Unpin + use<>, Failure> {
        use eventsource_stream::Eventsource;
        let path = format!("{}?from={from}", below(session, "events"));
        let request = self
            .request(Method::GET, &path)?
            .header(header::ACCEPT, "text/event-stream");
        let stream = self.send(request).await?.bytes_stream().eventsource();
        Ok(Box::pin(stream.map(|event| {
            let event = event.map_err(|error| Failure::Broken(error.into()))?;
            decode(event.data.as_bytes())
        })))
    }
}

fn below(session: &str, what: &str) -> String {
    format!("/v1/sessions/{}/{what}", segment(session))
}
