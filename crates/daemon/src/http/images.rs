//! Images of nodes.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use plateau_core::api::{BuildEvent, BuildImagesRequest, ImageView};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::failure::{ApiResult, Failures, JsonBody};
use super::proofs::lines;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_images))
        .routes(routes!(build_images))
}

/// Lists the images that scenarios can use, and whether they are up to date with their recipes
#[utoipa::path(get, path = "/v1/images", tag = "images", operation_id = "listImages",
    responses((status = 200, body = Vec<ImageView>), Failures))]
pub(super) async fn list_images(State(api): State<Api>) -> ApiResult<Json<Vec<ImageView>>> {
    Ok(Json(api.images.list().await?))
}

/// Builds images that are not up to date; disconnecting cancels the build
#[utoipa::path(post, path = "/v1/images/build", tag = "images", operation_id = "buildImages", request_body = BuildImagesRequest,
    responses((status = 200, body = BuildEvent, content_type = "application/x-ndjson",
        description = "An event per line; the last is `finished` or `broken`"), Failures))]
pub(super) async fn build_images(
    State(api): State<Api>,
    JsonBody(build): JsonBody<BuildImagesRequest>,
) -> ApiResult<Response> {
    let events = api.images.build(&build.names)?;
    Ok(lines(events, &api))
}
