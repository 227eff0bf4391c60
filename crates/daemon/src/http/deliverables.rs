//! Deliverables: what candidates hand in, and its versions.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use plateau_core::exam::deliverable::{DeliverableView, SavedDeliverableView};
use plateau_exam::access::Principal;
use plateau_exam::deliverables::media_type;
use plateau_exam::sessions::DeliverableUpload;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::document::Binary;
use super::failure::{ApiResult, Failures, PathParams, QueryParams};
use super::sessions::seat;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(save_deliverable))
        .routes(routes!(list_deliverables))
        .routes(routes!(get_deliverable_content))
}

/// Query of a saved deliverable.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliverableQuery {
    /// File name; its extension determines the format
    name: String,
    /// Identifier of the writer of a draft, such as a tab of a browser: 1 to 40 letters, digits and `-`.
    /// The next draft of the same writer replaces this one for a while. Absent for a version
    #[param(required = false)]
    draft: Option<String>,
}

/// Saves a deliverable of a task: a file, or with `draft` a text that is still being written
#[utoipa::path(put, path = "/v1/attempts/{attempt}/deliverables/{task}", tag = "sessions", operation_id = "saveDeliverable",
    params(("attempt" = String, Path, description = "Identifier"),
           ("task" = String, Path, description = "Identifier of the task"), DeliverableQuery),
    request_body(content = Binary, content_type = "application/octet-stream",
        description = "Content of the file, with any content type: the format is detected from the content"),
    responses((status = 200, body = SavedDeliverableView), Failures))]
pub(super) async fn save_deliverable(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams((attempt, task)): PathParams<(String, String)>,
    QueryParams(file): QueryParams<DeliverableQuery>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<SavedDeliverableView>> {
    let announced = headers.get(header::CONTENT_LENGTH);
    let sending = DeliverableUpload {
        seat: seat(&principal)?,
        attempt: &attempt,
        task: &task,
        name: &file.name,
        draft: file.draft.as_deref(),
        announced: announced.and_then(|length| length.to_str().ok()?.parse().ok()),
    };
    let saved = api
        .sessions
        .candidates()
        .save(sending, body.into_data_stream())
        .await?;
    Ok(Json(saved))
}

/// Lists the deliverables that the tasks of an attempt require, with all saved versions; the last of each counts
#[utoipa::path(get, path = "/v1/attempts/{attempt}/deliverables", tag = "sessions", operation_id = "listDeliverables",
    params(("attempt" = String, Path, description = "Identifier")),
    responses((status = 200, body = Vec<DeliverableView>), Failures))]
pub(super) async fn list_deliverables(
    State(api): State<Api>,
    PathParams(attempt): PathParams<String>,
) -> ApiResult<Json<Vec<DeliverableView>>> {
    Ok(Json(
        api.sessions.candidates().deliverables(&attempt).await?,
    ))
}

/// Returns the content of a version or draft, by its BLAKE3 hash
#[utoipa::path(get, path = "/v1/attempts/{attempt}/deliverables/{task}/{content}", tag = "sessions", operation_id = "getDeliverable",
    params(("attempt" = String, Path, description = "Identifier"),
           ("task" = String, Path, description = "Identifier of the task"),
           ("content" = String, Path, description = "BLAKE3 hash of the content, as 64 hexadecimal digits")),
    responses((status = 200, body = Binary, content_type = "application/octet-stream"), Failures))]
pub(super) async fn get_deliverable_content(
    State(api): State<Api>,
    PathParams((attempt, task, content)): PathParams<(String, String, String)>,
) -> ApiResult<impl IntoResponse> {
    let found = api
        .sessions
        .candidates()
        .deliverable(&attempt, &task, &content)
        .await?;
    // Whatever is in it, a browser opens it on no page of ours.
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static(media_type(&found.version.kind)),
        ),
        (header::CONTENT_DISPOSITION, attachment(&found.version.name)),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("sandbox; default-src 'none'"),
        ),
    ];
    Ok((headers, found.content))
}

/// `Content-Disposition` that saves a file under its name (RFC 6266).
fn attachment(name: &str) -> HeaderValue {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let encoded: String = name
        .bytes()
        .map(|byte| match plain(&byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect();
    let text = format!("attachment; filename*=UTF-8''{encoded}");
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_letters_stays_what_it_is() {
        let told = attachment("Compte rendu d'Élise.pdf");
        let expected = "attachment; filename*=UTF-8''Compte%20rendu%20d%27%C3%89lise.pdf";
        assert_eq!(told, expected);
    }
}
