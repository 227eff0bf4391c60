//! Recordings of terminals.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use plateau_core::terminal::RecordingView;
use tokio_util::io::ReaderStream;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::failure::{ApiResult, Failures, PathParams};
use super::labs::find;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_recordings))
        .routes(routes!(get_recording))
}

/// Lists the terminal recordings of a lab in the order in which they began, also for a removed lab
#[utoipa::path(get, path = "/v1/labs/{lab}/recordings", tag = "labs", operation_id = "listRecordings",
    params(("lab" = String, Path, description = "Name, identifier, or its first characters; of a lab that is gone its identifier")),
    responses((status = 200, body = Vec<RecordingView>), Failures))]
pub(super) async fn list_recordings(
    State(api): State<Api>,
    PathParams(lab): PathParams<String>,
) -> ApiResult<Json<Vec<RecordingView>>> {
    let found = find(&api, &lab);
    let id = found.as_ref().map_or(lab.as_str(), |lab| &lab.id);
    let recordings = api.terminals.recordings(id).await?;
    if recordings.is_empty() {
        // Of a lab that never was there is nothing to be told.
        found?;
    }
    Ok(Json(recordings))
}

/// Returns a recording in asciicast version 3, as far as it is written
#[utoipa::path(get, path = "/v1/labs/{lab}/recordings/{name}", tag = "labs", operation_id = "getRecording",
    params(("lab" = String, Path, description = "Name, identifier, or its first characters; of a lab that is gone its identifier"),
           ("name" = String, Path, description = "Name of the recording")),
    responses((status = 200, body = String, content_type = "application/x-asciicast"), Failures))]
pub(super) async fn get_recording(
    State(api): State<Api>,
    PathParams((lab, name)): PathParams<(String, String)>,
) -> ApiResult<impl IntoResponse> {
    let id = find(&api, &lab).map_or(lab, |lab| lab.id);
    let recorded = api.terminals.recording(&id, &name).await?;
    let kind = [(header::CONTENT_TYPE, "application/x-asciicast")];
    Ok((kind, Body::from_stream(ReaderStream::new(recorded))))
}
