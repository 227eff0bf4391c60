//! The routes of candidates: what they may see and do themselves.

use axum::extract::State;
use axum::{Extension, Json};
use plateau_core::api::{CandidateView, TransitionRequest};
use plateau_core::error::ErrorCode;
use plateau_exam::access::Principal;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Api;
use super::super::failure::{ApiResult, Failure, Failures, JsonBody, PathParams};

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(get_own_attempts))
        .routes(routes!(hand_in_own_attempt))
}

/// Returns the attempts of the candidate that is logged in
#[utoipa::path(get, path = "/v1/seats/own", tag = "sessions", operation_id = "getOwnSeat",
    responses((status = 200, body = CandidateView), Failures))]
pub(super) async fn get_own_attempts(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
) -> ApiResult<Json<CandidateView>> {
    Ok(Json(
        api.sessions.candidates().own(seat(&principal)?).await?,
    ))
}

/// Hands in the candidate's own attempt: access closes at once
#[utoipa::path(post, path = "/v1/attempts/{attempt}/hand-in", tag = "sessions", operation_id = "handInOwnAttempt", request_body = TransitionRequest,
    params(("attempt" = String, Path, description = "Identifier")),
    responses((status = 200, body = CandidateView), Failures))]
pub(super) async fn hand_in_own_attempt(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(attempt): PathParams<String>,
    JsonBody(because): JsonBody<TransitionRequest>,
) -> ApiResult<Json<CandidateView>> {
    let seat = seat(&principal)?;
    let own = api
        .sessions
        .candidates()
        .hand_in_own(seat, &attempt, because.reason);
    Ok(Json(own.await?))
}

/// The seat of a candidate that logged in with its access code.
pub(in crate::http) fn seat(principal: &Principal) -> ApiResult<&str> {
    principal
        .seat()
        .ok_or_else(|| Failure::new(ErrorCode::NotACandidate, "whoever asks sits at no seat"))
}
