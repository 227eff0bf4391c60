//! Events of labs as server-sent events: each is a [`LabEvent`] in JSON.

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::future::{pending, ready};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use axum::Extension;
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event as Sent, KeepAlive};
use futures_util::{FutureExt, Stream, StreamExt, stream};
use plateau_core::api::{LabEvent, LabEventKind, LabState, LabView};
use plateau_exam::access::Principal;
use plateau_labs::labs::Labs;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Api;
use super::failure::{ApiResult, Failures, PathParams};
use super::labs::find;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(stream_events))
        .routes(routes!(stream_lab_events))
}

/// Streams the events of all labs from now on
#[utoipa::path(get, path = "/v1/events", tag = "labs", operation_id = "streamEvents",
    responses((status = 200, body = LabEvent, content_type = "text/event-stream"), Failures))]
pub(super) async fn stream_events(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
) -> Sse<impl Stream<Item = Result<Sent, Infallible>>> {
    let stream = LabEventStream {
        before: VecDeque::new(),
        live: api.labs.subscribe(),
        labs: api.labs.clone(),
        only: None,
        seen: None,
        ended: false,
    };
    sse(stream, &api, principal, pending())
}

/// Streams the events of a lab, past ones first; ends when the lab is removed
///
/// The candidate of the lab gets only the states of the lab and of the nodes that they can enter, while
/// their attempt is open.
#[utoipa::path(get, path = "/v1/labs/{lab}/events", tag = "labs", operation_id = "streamLabEvents",
    params(("lab" = String, Path, description = "Name, identifier, or its first characters")),
    responses((status = 200, body = LabEvent, content_type = "text/event-stream"), Failures))]
pub(super) async fn stream_lab_events(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(lab): PathParams<String>,
) -> ApiResult<Sse<impl Stream<Item = Result<Sent, Infallible>>>> {
    let lab = find(&api, &lab)?;
    let seen = principal.is_candidate().then(|| entered(&lab));
    let id = lab.id.clone();
    let (before, live) = api.labs.follow(&id)?;
    // A lab that was adopted has no past: what it does now is its first event.
    let known = before.iter().any(|event| is_state(&event.what));
    let present = (!known).then(|| present(&lab));
    let stream = LabEventStream {
        before: present.into_iter().flatten().chain(before).collect(),
        live,
        labs: api.labs.clone(),
        only: Some(lab.id),
        seen,
        ended: false,
    };
    let shut = match principal.is_candidate() {
        true => api
            .sessions
            .candidates()
            .clone()
            .await_revocation(id)
            .left_future(),
        false => pending().right_future(),
    };
    Ok(sse(stream, &api, principal, shut))
}

/// A listener, and the events that it has not received yet.
struct LabEventStream {
    before: VecDeque<LabEvent>,
    live: Receiver<LabEvent>,
    labs: Labs,
    only: Option<String>,
    /// The nodes whose events a candidate gets; `None` for all nodes, for everybody else.
    seen: Option<BTreeSet<String>>,
    ended: bool,
}

impl LabEventStream {
    /// The next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<LabEvent> {
        while !self.ended {
            if let Some(event) = self.before.pop_front() {
                self.ended = self.is_last(&event);
                if self.is_told(&event) {
                    return Some(event);
                }
                continue;
            }
            match self.live.recv().await {
                Ok(event) if self.only.as_ref().is_none_or(|only| *only == event.lab) => {
                    self.before.push_back(event);
                }
                Ok(_) => {}
                // Whoever was too slow is told how things are now.
                Err(RecvError::Lagged(_)) => self.catch_up(),
                Err(RecvError::Closed) => return None,
            }
        }
        None
    }

    fn catch_up(&mut self) {
        match &self.only {
            Some(lab) => match self.labs.show(lab) {
                Ok(lab) => self.before.extend(present(&lab)),
                Err(_) => self.ended = true,
            },
            None => self
                .before
                .extend(self.labs.list().iter().flat_map(present)),
        }
    }

    fn is_told(&self, event: &LabEvent) -> bool {
        let Some(seen) = &self.seen else { return true };
        match &event.what {
            LabEventKind::State { .. } => true,
            LabEventKind::Node { node, .. } | LabEventKind::Disk { node, .. } => {
                seen.contains(node)
            }
            LabEventKind::StepStarted { .. }
            | LabEventKind::StepDone { .. }
            | LabEventKind::StepFailed { .. }
            | LabEventKind::PhaseStarted { .. }
            | LabEventKind::ScenarioEvent { .. } => false,
        }
    }

    fn is_last(&self, event: &LabEvent) -> bool {
        self.only.is_some()
            && event.what
                == LabEventKind::State {
                    state: LabState::Removed,
                }
    }
}

/// The nodes that a candidate can enter.
fn entered(lab: &LabView) -> BTreeSet<String> {
    let nodes = lab.nodes.iter();
    let entered = nodes.filter(|(_, node)| !node.access.is_empty());
    entered.map(|(name, _)| name.clone()).collect()
}

/// The present state of a lab as events.
fn present(lab: &LabView) -> Vec<LabEvent> {
    let event = |what| LabEvent {
        at: jiff::Timestamp::now().to_string(),
        lab: lab.id.clone(),
        what,
    };
    let nodes = lab.nodes.iter().map(|(node, view)| LabEventKind::Node {
        node: node.clone(),
        state: view.state,
    });
    nodes
        .chain([LabEventKind::State { state: lab.state }])
        .map(event)
        .collect()
}

fn is_state(what: &LabEventKind) -> bool {
    matches!(what, LabEventKind::State { .. })
}

fn sse<F: Future<Output = ()> + Send + 'static>(
    follow: LabEventStream,
    api: &Api,
    principal: Principal,
    shut: F,
) -> Sse<impl Stream<Item = Result<Sent, Infallible>> + use<F>> {
    let events = stream::unfold(follow, async |mut follow| {
        let event = follow.next().await?;
        Some((event, follow))
    })
    .filter_map(|event| ready(encode(&event)))
    .take_until(api.stop.clone().cancelled_owned())
    .take_until(api.access.clone().until_ended(principal))
    .take_until(shut);
    Sse::new(events).keep_alive(KeepAlive::default())
}

fn encode(event: &LabEvent) -> Option<Result<Sent, Infallible>> {
    match Sent::default().json_data(event) {
        Ok(sent) => Some(Ok(sent)),
        Err(error) => {
            tracing::error!(%error, "an event could not be written");
            None
        }
    }
}
