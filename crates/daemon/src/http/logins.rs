//! Logging in and out, and the present log-in.

use axum::extract::DefaultBodyLimit;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use axum_extra::extract::cookie::CookieJar;
use plateau_core::api::{LoginRequest, LoginView, SensitiveText};
use plateau_core::error::ErrorCode;
use plateau_exam::access::{AccessError, Principal};
use plateau_exam::sessions::SessionError;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use super::failure::{ApiResult, Failure, Failures, JsonBody};
use super::identity::Peer;
use super::{Api, origin};

/// Most bytes of the body of a log-in, which anybody may send.
const LOGIN_LIMIT: usize = 16 << 10;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(log_in).layer(DefaultBodyLimit::max(LOGIN_LIMIT)))
        .routes(routes!(get_login, log_out))
}

/// Why a log-in is refused.
#[derive(Debug)]
pub(super) struct LoginRejection {
    failure: Failure,
    /// Seconds to wait before the next try.
    after: Option<u64>,
}

impl From<AccessError> for LoginRejection {
    fn from(error: AccessError) -> Self {
        let after = match &error {
            AccessError::Later { wait } => Some(wait.as_secs() + 1),
            AccessError::Refused
            | AccessError::NameTaken { .. }
            | AccessError::NoAccount { .. }
            | AccessError::NoToken { .. }
            | AccessError::BadName { .. }
            | AccessError::BadRole { .. }
            | AccessError::BadPassword
            | AccessError::BadDays { .. }
            | AccessError::Random(_)
            | AccessError::Hash(_)
            | AccessError::Database(_) => None,
        };
        Self {
            failure: error.into(),
            after,
        }
    }
}

impl From<Failure> for LoginRejection {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            after: None,
        }
    }
}

impl IntoResponse for LoginRejection {
    fn into_response(self) -> Response {
        let after = self
            .after
            .map(|after| [(header::RETRY_AFTER, after.to_string())]);
        match after {
            Some(after) => (after, self.failure).into_response(),
            None => self.failure.into_response(),
        }
    }
}

/// Logs in and sets the cookie of the log-in; an earlier log-in of the same browser ends
#[utoipa::path(post, path = "/v1/logins", tag = "access", operation_id = "logIn", security(()), request_body = LoginRequest,
    responses((status = 201, body = LoginView), Failures))]
pub(super) async fn log_in(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    Extension(before): Extension<Principal>,
    headers: HeaderMap,
    JsonBody(login): JsonBody<LoginRequest>,
) -> Result<(StatusCode, CookieJar, Json<LoginView>), LoginRejection> {
    origin::check_log_in(&headers, peer.tls)?;
    let made = match &login {
        LoginRequest::Account {
            name,
            password: SensitiveText(password),
        } => api.access.log_in(name, password, peer.address).await?,
        LoginRequest::Code {
            code: SensitiveText(code),
        } => {
            let made = api
                .sessions
                .candidates()
                .log_in(&api.access, code, peer.address)
                .await;
            match made {
                Err(SessionError::Access(error)) => return Err(error.into()),
                made => made.map_err(Failure::from)?,
            }
        }
    };
    if let Some(login) = before.login() {
        api.access.log_out(login).await?;
    }
    let jar = CookieJar::new().add(peer.cookie_of(&made.secret));
    Ok((StatusCode::CREATED, jar, Json(shown(&made.principal)?)))
}

/// Returns the present log-in and its rights
#[utoipa::path(get, path = "/v1/logins/current", tag = "access", operation_id = "getLogin",
    responses((status = 200, body = LoginView), Failures))]
pub(super) async fn get_login(
    Extension(principal): Extension<Principal>,
) -> ApiResult<Json<LoginView>> {
    Ok(Json(shown(&principal)?))
}

/// Logs out; does nothing for an API token and on the Unix socket
#[utoipa::path(delete, path = "/v1/logins/current", tag = "access", operation_id = "logOut",
    responses((status = 204, description = "The log-in is ended"), Failures))]
pub(super) async fn log_out(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    Extension(principal): Extension<Principal>,
) -> ApiResult<(StatusCode, CookieJar)> {
    if let Some(login) = principal.login() {
        api.access.log_out(login).await?;
    }
    let jar = CookieJar::new().add(peer.no_cookie());
    Ok((StatusCode::NO_CONTENT, jar))
}

fn shown(principal: &Principal) -> ApiResult<LoginView> {
    let shown = principal.view();
    shown.ok_or_else(|| Failure::new(ErrorCode::Unauthorized, "nobody is logged in"))
}
