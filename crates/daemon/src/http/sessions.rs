//! Exam sessions: arranging them, conducting them, and the routes of candidates.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use plateau_core::api::{
    AccessSlip, AttemptsRequest, AttemptsResponse, CreateSessionRequest, ExtendRequest,
    MessageRequest, PauseRequest, SeatView, SessionView, TransitionRequest,
};
use plateau_core::exam::log::LogEntry;
use plateau_core::exam::rights::Right;
use plateau_core::exam::session::SessionMove;
use plateau_exam::access::Principal;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::failure::{ApiResult, Failures, JsonBody, PathParams, QueryParams};

pub(super) mod events;
mod own;

use events::From;

pub(super) use own::seat;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create_session, list_sessions))
        .routes(routes!(get_session))
        .routes(routes!(list_seats, replace_seats))
        .routes(routes!(list_access_slips))
        .routes(routes!(replace_access_code))
        .routes(routes!(get_session_log))
        .routes(routes!(prepare_labs))
        .routes(routes!(dismantle_labs))
        .routes(routes!(start_attempts))
        .routes(routes!(pause_attempts))
        .routes(routes!(resume_attempts))
        .routes(routes!(extend_attempts))
        .routes(routes!(hand_in_attempts))
        .routes(routes!(mark_absent))
        .routes(routes!(send_message))
        .routes(routes!(clear_session))
        .routes(routes!(close_session))
        .routes(routes!(seal_session))
        .routes(routes!(reopen_session))
        .routes(routes!(cancel_session))
        .merge(own::routes())
        .merge(events::routes())
}

/// Creates a session; its scenarios are frozen as they are sent
#[utoipa::path(post, path = "/v1/sessions", tag = "sessions", operation_id = "createSession", request_body = CreateSessionRequest,
    responses((status = 201, body = SessionView), Failures))]
pub(super) async fn create_session(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    JsonBody(session): JsonBody<CreateSessionRequest>,
) -> ApiResult<(StatusCode, Json<SessionView>)> {
    let made = api
        .sessions
        .arranging()
        .create(session, &principal.actor())
        .await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Lists the sessions that the client may see, newest last
#[utoipa::path(get, path = "/v1/sessions", tag = "sessions", operation_id = "listSessions",
    responses((status = 200, body = Vec<SessionView>), Failures))]
pub(super) async fn list_sessions(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
) -> ApiResult<Json<Vec<SessionView>>> {
    let mut sessions = api.sessions.arranging().list().await?;
    sessions.retain(|session| principal.may_in(Right::SeeSession, &session.id));
    Ok(Json(sessions))
}

/// Returns a session
#[utoipa::path(get, path = "/v1/sessions/{session}", tag = "sessions", operation_id = "getSession",
    params(("session" = String, Path, description = "Name or identifier")),
    responses((status = 200, body = SessionView), Failures))]
pub(super) async fn get_session(
    State(api): State<Api>,
    PathParams(session): PathParams<String>,
) -> ApiResult<Json<SessionView>> {
    Ok(Json(api.sessions.arranging().show(&session).await?))
}

/// Lists the seats of a session with their attempts, by candidate number
#[utoipa::path(get, path = "/v1/sessions/{session}/seats", tag = "sessions", operation_id = "listSeats",
    params(("session" = String, Path, description = "Name or identifier")),
    responses((status = 200, body = Vec<SeatView>), Failures))]
pub(super) async fn list_seats(
    State(api): State<Api>,
    PathParams(session): PathParams<String>,
) -> ApiResult<Json<Vec<SeatView>>> {
    Ok(Json(api.sessions.arranging().seats(&session).await?))
}

/// Replaces the candidates of a session by those of a CSV file; existing candidate numbers keep their access codes
#[utoipa::path(put, path = "/v1/sessions/{session}/seats", tag = "sessions", operation_id = "replaceSeats",
    params(("session" = String, Path, description = "Name or identifier")),
    request_body(content = String, content_type = "text/csv",
        description = "CSV with the columns number and name, and optionally email, blocks, factor, breaks and notes; UTF-8 or Windows-1252"),
    responses((status = 200, body = Vec<SeatView>), Failures))]
pub(super) async fn replace_seats(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(session): PathParams<String>,
    list: Bytes,
) -> ApiResult<Json<Vec<SeatView>>> {
    let seated = api
        .sessions
        .arranging()
        .replace_seats(&session, &list, &principal.actor())
        .await?;
    Ok(Json(seated))
}

/// Lists the access codes of all candidates
#[utoipa::path(get, path = "/v1/sessions/{session}/slips", tag = "sessions", operation_id = "listSlips",
    params(("session" = String, Path, description = "Name or identifier")),
    responses((status = 200, body = Vec<AccessSlip>), Failures))]
pub(super) async fn list_access_slips(
    State(api): State<Api>,
    PathParams(session): PathParams<String>,
) -> ApiResult<Json<Vec<AccessSlip>>> {
    Ok(Json(api.sessions.arranging().slips(&session).await?))
}

/// Replaces the access code of a seat; the old code is no longer valid, and its log-ins end
#[utoipa::path(post, path = "/v1/sessions/{session}/seats/{number}/code", tag = "sessions", operation_id = "replaceSeatCode",
    request_body = TransitionRequest,
    params(("session" = String, Path, description = "Name or identifier"),
           ("number" = String, Path, description = "Candidate number")),
    responses((status = 200, body = AccessSlip), Failures))]
pub(super) async fn replace_access_code(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams((session, number)): PathParams<(String, String)>,
    JsonBody(because): JsonBody<TransitionRequest>,
) -> ApiResult<Json<AccessSlip>> {
    let actor = principal.actor();
    let recoded = api.sessions.arranging().replace_code(
        &api.access,
        &session,
        &number,
        because.reason,
        &actor,
    );
    Ok(Json(recoded.await?))
}

/// Returns the log of a session; each entry contains the hash of the one before
#[utoipa::path(get, path = "/v1/sessions/{session}/log", tag = "sessions", operation_id = "getSessionLog",
    params(("session" = String, Path, description = "Name or identifier"), From),
    responses((status = 200, body = Vec<LogEntry>), Failures))]
pub(super) async fn get_session_log(
    State(api): State<Api>,
    PathParams(session): PathParams<String>,
    QueryParams(from): QueryParams<From>,
) -> ApiResult<Json<Vec<LogEntry>>> {
    Ok(Json(
        api.sessions.arranging().log(&session, from.from).await?,
    ))
}

/// Builds labs for the candidates that have none
#[utoipa::path(post, path = "/v1/sessions/{session}/prepare", tag = "sessions", operation_id = "prepareSession", request_body = AttemptsRequest,
    params(("session" = String, Path, description = "Name or identifier")),
    responses((status = 200, body = AttemptsResponse), Failures))]
pub(super) async fn prepare_labs(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(session): PathParams<String>,
    JsonBody(order): JsonBody<AttemptsRequest>,
) -> ApiResult<Json<AttemptsResponse>> {
    let done = api
        .sessions
        .conducting()
        .prepare(&session, order, &principal.actor())
        .await?;
    Ok(Json(done))
}

/// Removes the labs of candidates that have not begun
#[utoipa::path(post, path = "/v1/sessions/{session}/dismantle", tag = "sessions", operation_id = "dismantleSession", request_body = AttemptsRequest,
    params(("session" = String, Path, description = "Name or identifier")),
    responses((status = 200, body = AttemptsResponse), Failures))]
pub(super) async fn dismantle_labs(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(session): PathParams<String>,
    JsonBody(order): JsonBody<AttemptsRequest>,
) -> ApiResult<Json<AttemptsResponse>> {
    let done = api
        .sessions
        .conducting()
        .dismantle(&session, order, &principal.actor())
        .await?;
    Ok(Json(done))
}

/// Starts attempts; all their clocks start at the same moment
#[utoipa::path(post, path = "/v1/sessions/{session}/open", tag = "sessions", operation_id = "openSession", request_body = AttemptsRequest,
    params(("session" = String, Path, description = "Name or identifier")),
    responses((status = 200, body = AttemptsResponse), Failures))]
pub(super) async fn start_attempts(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(session): PathParams<String>,
    JsonBody(order): JsonBody<AttemptsRequest>,
) -> ApiResult<Json<AttemptsResponse>> {
    let done = api
        .sessions
        .conducting()
        .start(&session, order, &principal.actor())
        .await?;
    Ok(Json(done))
}

/// Pauses the clocks of attempts, with a reason
#[utoipa::path(post, path = "/v1/sessions/{session}/pause", tag = "sessions", operation_id = "pauseSession", request_body = PauseRequest,
    params(("session" = String, Path, description = "Name or identifier")),
    responses((status = 200, body = AttemptsResponse), Failures))]
pub(super) async fn pause_attempts(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(session): PathParams<String>,
    JsonBody(pause): JsonBody<PauseRequest>,
) -> ApiResult<Json<AttemptsResponse>> {
    let done = api
        .sessions
        .conducting()
        .pause(&session, pause, &principal.actor())
        .await?;
    Ok(Json(done))
}

/// Resumes the clocks of paused attempts
#[utoipa::path(post, path = "/v1/sessions/{session}/resume", tag = "sessions", operation_id = "resumeSession", request_body = AttemptsRequest,
    params(("session" = String, Path, description = "Name or identifier")),
    responses((status = 200, body = AttemptsResponse), Failures))]
pub(super) async fn resume_attempts(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(session): PathParams<String>,
    JsonBody(order): JsonBody<AttemptsRequest>,
) -> ApiResult<Json<AttemptsResponse>> {
    let done = api
        .sessions
        .conducting()
        .resume(&session, order, &principal.actor())
        .await?;
    Ok(Json(done))
}

/// Grants attempts more time, with a reason
#[utoipa::path(post, path = "/v1/sessions/{session}/extend", tag = "sessions", operation_id = "extendSession", request_body = ExtendRequest,
    params(("session" = String, Path, description = "Name or identifier")),
    responses((status = 200, body = AttemptsResponse), Failures))]
pub(super) async fn extend_attempts(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(session): PathParams<String>,
    JsonBody(extend): JsonBody<ExtendRequest>,
) -> ApiResult<Json<AttemptsResponse>> {
    let done = api
        .sessions
        .conducting()
        .extend(&session, extend, &principal.actor())
        .await?;
    Ok(Json(done))
}

/// Hands in attempts, with a reason: access closes at once, and what was made is kept and graded
#[utoipa::path(post, path = "/v1/sessions/{session}/hand-in", tag = "sessions", operation_id = "handInAttempts", request_body = AttemptsRequest,
    params(("session" = String, Path, description = "Name or identifier")),
    responses((status = 200, body = AttemptsResponse), Failures))]
pub(super) async fn hand_in_attempts(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(session): PathParams<String>,
    JsonBody(order): JsonBody<AttemptsRequest>,
) -> ApiResult<Json<AttemptsResponse>> {
    let done = api
        .sessions
        .conducting()
        .hand_in(&session, order, &principal.actor())
        .await?;
    Ok(Json(done))
}

/// Marks candidates as absent, with a reason
#[utoipa::path(post, path = "/v1/sessions/{session}/absent", tag = "sessions", operation_id = "markAbsent", request_body = AttemptsRequest,
    params(("session" = String, Path, description = "Name or identifier")),
    responses((status = 200, body = AttemptsResponse), Failures))]
pub(super) async fn mark_absent(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(session): PathParams<String>,
    JsonBody(order): JsonBody<AttemptsRequest>,
) -> ApiResult<Json<AttemptsResponse>> {
    let done = api
        .sessions
        .conducting()
        .mark_absent(&session, order, &principal.actor())
        .await?;
    Ok(Json(done))
}

/// Sends a message to one candidate or to all
#[utoipa::path(post, path = "/v1/sessions/{session}/say", tag = "sessions", operation_id = "sendMessage", request_body = MessageRequest,
    params(("session" = String, Path, description = "Name or identifier")),
    responses((status = 204, description = "The message is sent"), Failures))]
pub(super) async fn send_message(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(session): PathParams<String>,
    JsonBody(say): JsonBody<MessageRequest>,
) -> ApiResult<StatusCode> {
    api.sessions
        .conducting()
        .say(&session, say, &principal.actor())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes the labs of attempts that are over, and with `kept` also the images of what was handed in
#[utoipa::path(post, path = "/v1/sessions/{session}/clear", tag = "sessions", operation_id = "clearSession", request_body = ClearRequest,
    params(("session" = String, Path, description = "Name or identifier")),
    responses((status = 204, description = "The labs are removed"), Failures))]
pub(super) async fn clear_session(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(session): PathParams<String>,
    JsonBody(clear): JsonBody<ClearRequest>,
) -> ApiResult<StatusCode> {
    api.sessions
        .conducting()
        .clear(&session, clear.include_images, &principal.actor())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) use plateau_core::api::ClearRequest;

macro_rules! moves {
    ($( $(#[$doc:meta])* $name:ident $path:literal $id:literal $by:ident; )*) => {
        $(
            $(#[$doc])*
            #[utoipa::path(post, path = $path, tag = "sessions", operation_id = $id, request_body = TransitionRequest,
                params(("session" = String, Path, description = "Name or identifier")),
                responses((status = 200, body = SessionView), Failures))]
            pub(super) async fn $name(
                State(api): State<Api>,
                Extension(principal): Extension<Principal>,
                PathParams(session): PathParams<String>,
                JsonBody(because): JsonBody<TransitionRequest>,
            ) -> ApiResult<Json<SessionView>> {
                let actor = principal.actor();
                let moved = api.sessions.conducting().move_on(&session, SessionMove::$by, because.reason, &actor);
                Ok(Json(moved.await?))
            }
        )*
    };
}

moves! {
    /// Closes a session: all work ends, and candidates that have not begun are absent
    close_session "/v1/sessions/{session}/close" "closeSession" Close;
    /// Seals a session: it does not change any more
    seal_session "/v1/sessions/{session}/seal" "sealSession" Seal;
    /// Reopens a sealed session for judging, with a reason
    reopen_session "/v1/sessions/{session}/reopen" "reopenSession" Reopen;
    /// Cancels a session that is not prepared yet, with a reason
    cancel_session "/v1/sessions/{session}/cancel" "cancelSession" Cancel;
}
