//! Rehearsing a session in its room.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use plateau_core::api::AttemptsRequest;
use plateau_core::exam::rehearsal::RehearsalEvent;
use tokio_stream::wrappers::ReceiverStream;

use super::failure::{ApiResult, Failures, JsonBody, PathParams};
use super::{Api, proofs};
use crate::access::Principal;

/// Starts all of a session's labs, grades them untouched and removes them; a client that goes away
/// ends it
#[utoipa::path(post, path = "/v1/sessions/{session}/rehearse", tag = "sessions", operation_id = "rehearseSession", request_body = AttemptsRequest,
    params(("session" = String, Path, description = "Name or identifier")),
    responses((status = 200, body = RehearsalEvent, content_type = "application/x-ndjson",
        description = "An event a line; `rehearsed` or `broken` is the last"), Failures))]
pub(super) async fn rehearse_session(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(session): PathParams<String>,
    JsonBody(order): JsonBody<AttemptsRequest>,
) -> ApiResult<Response> {
    let actor = principal.actor();
    let events = api
        .sessions
        .arranging()
        .rehearse(&session, order, &actor)
        .await?;
    Ok(proofs::lines(ReceiverStream::new(events), &api))
}
