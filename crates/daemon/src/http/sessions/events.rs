//! The log of a session as server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::ready;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{Stream, StreamExt, stream};
use plateau_core::exam::log::LogEntry;
use plateau_exam::sessions::{SessionChange, Sessions};
use serde::Deserialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::http::Api;
use crate::http::failure::{ApiResult, Failures, PathParams, QueryParams};

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(stream_session_events))
}

/// Query of a session's log.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct From {
    /// Number of the first entry to return
    #[serde(default)]
    #[param(required = false)]
    pub(super) from: u64,
}

/// Streams the log of a session as server-sent events: existing entries from `from` on, then new ones
#[utoipa::path(get, path = "/v1/sessions/{session}/events", tag = "sessions", operation_id = "streamSessionEvents",
    params(("session" = String, Path, description = "Name or identifier"), From),
    responses((status = 200, body = LogEntry, content_type = "text/event-stream"), Failures))]
pub(in crate::http) async fn stream_session_events(
    State(api): State<Api>,
    PathParams(session): PathParams<String>,
    QueryParams(from): QueryParams<From>,
) -> ApiResult<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let session = api.sessions.arranging().show(&session).await?.id;
    let changes = api.sessions.subscribe();
    let log = api.sessions.arranging().log(&session, 1).await?;
    let next = log
        .last()
        .map_or(1, |last| last.seq + 1)
        .min(from.from.max(1));
    let follow = SessionEventStream {
        changes,
        before: log.into_iter().filter(|entry| entry.seq >= next).collect(),
        next,
        session,
        sessions: api.sessions.clone(),
    };
    let entries = stream::unfold(follow, async |mut follow| {
        let entry = follow.next().await?;
        Some((entry, follow))
    });
    let events = entries
        .filter_map(|entry| ready(Event::default().json_data(entry).ok().map(Ok)))
        .take_until(api.stop.clone().cancelled_owned());
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// A listener, and the entries that it has not received yet.
struct SessionEventStream {
    sessions: Sessions,
    session: String,
    changes: Receiver<SessionChange>,
    before: VecDeque<LogEntry>,
    /// Number of the next entry to send.
    next: u64,
}

impl SessionEventStream {
    /// The next entry; `None` at the end of the stream. A change only says that there is something to
    /// read: entries are read from the log, so that none is missed.
    async fn next(&mut self) -> Option<LogEntry> {
        loop {
            if let Some(entry) = self.before.pop_front() {
                self.next = entry.seq + 1;
                return Some(entry);
            }
            match self.changes.recv().await {
                Ok(change) if change.session != self.session => {}
                Ok(_) | Err(RecvError::Lagged(_)) => {
                    let log = self
                        .sessions
                        .arranging()
                        .log(&self.session, self.next)
                        .await;
                    self.before = log.ok()?.into();
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
