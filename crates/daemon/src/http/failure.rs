//! Errors of the API: an [`ApiError`] with the status of its code.

use std::any::Any;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use plateau_labs::images::BuildError;
use plateau_labs::lab::LabError;
use plateau_labs::runtime::RuntimeError;
use plateau_labs::terminals::TerminalError;

use plateau_core::api::ApiError;
use plateau_core::error::{Blame, ErrorCode};
use plateau_exam::access::AccessError;
use plateau_exam::judging::JudgingError;
use plateau_exam::report::ReportError;
use plateau_exam::sessions::SessionError;

/// An error as response.
#[derive(Clone, Debug)]
pub struct Failure(pub ApiError);

/// Result of a handler.
pub(super) type ApiResult<T> = Result<T, Failure>;

/// A body of JSON.
#[derive(FromRequest)]
#[from_request(via(Json), rejection(Failure))]
pub(super) struct JsonBody<T>(pub(super) T);

/// The variables of a path.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Failure))]
pub(super) struct PathParams<T>(pub(super) T);

/// The query of a path.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Failure))]
pub(super) struct QueryParams<T>(pub(super) T);

/// The error responses that any operation may have, for the OpenAPI document.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only its documentation is used")]
pub(super) enum Failures {
    /// The request is not valid: the body is not valid JSON, a value is out of range, or a scenario with problems.
    #[response(status = 400)]
    Wrong(ApiError),
    /// The request is not authenticated, or the token, the password or the access code is wrong.
    #[response(status = 401)]
    Unauthorized(ApiError),
    /// The role or the juror does not have the right, the attempt is not open, or the request may come
    /// from another site.
    #[response(status = 403)]
    Forbidden(ApiError),
    /// Something that the path names does not exist.
    #[response(status = 404)]
    NotFound(ApiError),
    /// The operation is not possible in the present state.
    #[response(status = 409)]
    Conflict(ApiError),
    /// The body is too large.
    #[response(status = 413)]
    TooLarge(ApiError),
    /// The content type of the body is not JSON.
    #[response(status = 415)]
    NotJson(ApiError),
    /// There were too many attempts; `Retry-After` says how long to wait.
    #[response(status = 429)]
    TooMany(ApiError),
    /// The daemon or its host has failed.
    #[response(status = 500)]
    Failed(ApiError),
    /// The container engine answered with an error.
    #[response(status = 502)]
    Engine(ApiError),
    /// The container engine cannot be reached.
    #[response(status = 503)]
    Unavailable(ApiError),
    /// The disk is full; nothing was changed.
    #[response(status = 507)]
    Full(ApiError),
}

impl Failure {
    /// An error with the status and the default hint of its code.
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(ApiError::new(code, message))
    }

    /// The same without a hint.
    pub(super) fn without_hint(mut self) -> Self {
        self.0.hint = None;
        self
    }

    /// The same with another hint.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self(self.0.with_hint(Some(hint)))
    }

    /// The status of the code.
    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.status();
        let (code, error) = (self.0.code.as_str(), &self.0.message);
        match self.0.blame {
            Blame::Input => tracing::debug!(code, error, "refused"),
            Blame::Outside => tracing::warn!(code, error, "failed"),
        }
        let mut response = (status, Json(self.0)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                header::HeaderValue::from_static("Bearer"),
            );
        }
        response
    }
}

impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        Self(error.api())
    }
}

impl From<LabError> for Failure {
    fn from(error: LabError) -> Self {
        Self(error.api())
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self(error.api())
    }
}

impl From<JudgingError> for Failure {
    fn from(error: JudgingError) -> Self {
        Self(error.api())
    }
}

impl From<TerminalError> for Failure {
    fn from(error: TerminalError) -> Self {
        Self(error.api())
    }
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        Self(error.api())
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self(error.api())
    }
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        Self(error.api())
    }
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        let message = rejection.body_text();
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(
                ErrorCode::BodyTooLarge,
                "the body has more bytes than this route takes",
            ),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(ErrorCode::NotJson, message),
            _ => Self::new(ErrorCode::BadJson, message),
        }
    }
}

impl From<PathRejection> for Failure {
    fn from(rejection: PathRejection) -> Self {
        Self::new(ErrorCode::BadPath, rejection.body_text())
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(ErrorCode::BadQuery, rejection.body_text())
    }
}

pub(super) async fn no_route(uri: Uri) -> Failure {
    Failure::new(
        ErrorCode::RouteNotFound,
        format!("no route `{}`", uri.path()),
    )
}

pub(super) async fn no_method(method: Method, uri: Uri) -> Failure {
    Failure::new(
        ErrorCode::MethodNotAllowed,
        format!("route `{}` does not take {method}", uri.path()),
    )
    .hint("GET /v1/openapi.json names all routes")
}

/// The response after a panic; its text is in the log only.
pub(super) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or_default();
    tracing::error!(panic = text, "a request panicked");
    Failure::new(
        ErrorCode::Bug,
        "the daemon made a mistake while it answered",
    )
    .into_response()
}
