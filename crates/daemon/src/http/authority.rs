//! The certificate of the daemon's own certificate authority.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::failure::{ApiResult, Failure, Failures};
use plateau_core::error::ErrorCode;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get_certificate_authority))
}

/// Returns the certificate of the daemon's own certificate authority, which clients have to trust, as PEM
#[utoipa::path(get, path = "/v1/authority.pem", tag = "system", operation_id = "getAuthority", security(()),
    responses((status = 200, body = String, content_type = "application/x-pem-file"), Failures))]
pub(super) async fn get_certificate_authority(State(api): State<Api>) -> ApiResult<Response> {
    let Some(pem) = api.authority else {
        return Err(Failure::new(
            ErrorCode::AuthorityNotFound,
            "the daemon has no authority of its own",
        )
        .hint("start it with --tls-room"));
    };
    let kind = [
        (header::CONTENT_TYPE, "application/x-pem-file"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"plateau-authority.pem\"",
        ),
    ];
    Ok((kind, pem.to_string()).into_response())
}
