//! What candidates hand in, and what others are shown of it.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use plateau_core::exam::deliverable::{DeliverableView, SavedDeliverableView};
use serde::Deserialize;

use super::Api;
use super::document::Binary;
use super::failure::{ApiResult, Failures, PathParams, QueryParams};
use super::sessions::seat;
use crate::access::Principal;
use crate::deliverables::media_type;
use crate::sessions::DeliverableUpload;

/// What is sent.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliverableQuery {
    /// File name, whose ending says what kind it is
    name: String,
    /// Who is still writing, such as a tab of a browser: 1 to 40 letters, digits and `-`. The next of
    /// the same takes this one's place for a while. Absent for a version
    #[param(required = false)]
    draft: Option<String>,
}

/// Saves what a candidate hands in for a task: a file, or a text that he still writes (`draft`)
#[utoipa::path(put, path = "/v1/attempts/{attempt}/deliverables/{task}", tag = "sessions", operation_id = "saveDeliverable",
    params(("attempt" = String, Path, description = "Identifier"),
           ("task" = String, Path, description = "Identifier of the task"), DeliverableQuery),
    request_body(content = Binary, content_type = "application/octet-stream",
        description = "The file's bytes, of any content type: what they are is looked at"),
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

/// What an attempt's tasks ask for, and all that was saved, the last of each counting
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

/// One version or draft, by the BLAKE3 of its content
#[utoipa::path(get, path = "/v1/attempts/{attempt}/deliverables/{task}/{content}", tag = "sessions", operation_id = "getDeliverable",
    params(("attempt" = String, Path, description = "Identifier"),
           ("task" = String, Path, description = "Identifier of the task"),
           ("content" = String, Path, description = "BLAKE3 of the content, as 64 hexadecimal digits")),
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

/// To be saved under its name (RFC 6266).
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
