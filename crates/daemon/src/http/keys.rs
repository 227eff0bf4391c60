//! SSH keys of candidates.

use axum::extract::State;
use axum::{Extension, Json};
use plateau_core::api::{KeyView, SetKeysRequest};
use plateau_exam::access::Principal;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::failure::{ApiResult, Failures, JsonBody, PathParams};

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_ssh_keys, set_ssh_keys))
}

/// Lists the SSH keys with which the candidate of an attempt can log in
#[utoipa::path(get, path = "/v1/attempts/{attempt}/keys", tag = "sessions", operation_id = "listKeys",
    params(("attempt" = String, Path, description = "Identifier")),
    responses((status = 200, body = Vec<KeyView>), Failures))]
pub(super) async fn list_ssh_keys(
    State(api): State<Api>,
    PathParams(attempt): PathParams<String>,
) -> ApiResult<Json<Vec<KeyView>>> {
    Ok(Json(api.sessions.candidates().keys(&attempt).await?))
}

/// Replaces the SSH keys of the candidate of an attempt; the access code stays valid
#[utoipa::path(put, path = "/v1/attempts/{attempt}/keys", tag = "sessions", operation_id = "replaceKeys", request_body = SetKeysRequest,
    params(("attempt" = String, Path, description = "Identifier")),
    responses((status = 200, body = Vec<KeyView>), Failures))]
pub(super) async fn set_ssh_keys(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(attempt): PathParams<String>,
    JsonBody(keys): JsonBody<SetKeysRequest>,
) -> ApiResult<Json<Vec<KeyView>>> {
    let actor = principal.actor();
    Ok(Json(
        api.sessions
            .candidates()
            .set_keys(&attempt, keys, &actor)
            .await?,
    ))
}
