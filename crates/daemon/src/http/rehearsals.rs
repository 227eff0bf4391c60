//! Rehearsals of sessions.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use plateau_core::api::AttemptsRequest;
use plateau_core::exam::rehearsal::RehearsalEvent;
use plateau_exam::access::Principal;
use tokio_stream::wrappers::ReceiverStream;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::failure::{ApiResult, Failures, JsonBody, PathParams};
use super::{Api, proofs};

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(rehearse_session))
}

/// Rehearses a session: starts all its labs, grades them untouched and removes them; disconnecting
/// cancels the rehearsal
#[utoipa::path(post, path = "/v1/sessions/{session}/rehearse", tag = "sessions", operation_id = "rehearseSession", request_body = AttemptsRequest,
    params(("session" = String, Path, description = "Name or identifier")),
    responses((status = 200, body = RehearsalEvent, content_type = "application/x-ndjson",
        description = "An event per line; the last is `rehearsed` or `broken`"), Failures))]
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
