//! What candidates hand in, and what others are shown of it.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use plateau_core::exam::deliverable::{DeliverableView, SavedView};
use serde::Deserialize;

use super::Api;
use super::document::Binary;
use super::failure::{Answer, Asked, Failures, Named};
use super::sessions::seat;
use crate::access::Principal;
use crate::deliverables::media_type;
use crate::sessions::Sending;

/// What is sent.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
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
           ("task" = String, Path, description = "Identifier of the task"), File),
    request_body(content = Binary, content_type = "application/octet-stream",
        description = "The file's bytes, of any content type: what they are is looked at"),
    responses((status = 200, body = SavedView), Failures))]
pub(super) async fn save(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Named((attempt, task)): Named<(String, String)>,
    Asked(file): Asked<File>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Json<SavedView>> {
    let announced = headers.get(header::CONTENT_LENGTH);
    let sending = Sending {
        seat: seat(&principal)?,
        attempt: &attempt,
        task: &task,
        name: &file.name,
        draft: file.draft.as_deref(),
        announced: announced.and_then(|length| length.to_str().ok()?.parse().ok()),
    };
    let saved = api.sessions.save(sending, body.into_data_stream()).await?;
    Ok(Json(saved))
}

/// What an attempt's tasks ask for, and all that was saved, the last of each counting
#[utoipa::path(get, path = "/v1/attempts/{attempt}/deliverables", tag = "sessions", operation_id = "listDeliverables",
    params(("attempt" = String, Path, description = "Identifier")),
    responses((status = 200, body = Vec<DeliverableView>), Failures))]
pub(super) async fn list(
    State(api): State<Api>,
    Named(attempt): Named<String>,
) -> Answer<Json<Vec<DeliverableView>>> {
    Ok(Json(api.sessions.deliverables(&attempt).await?))
}

/// One version or draft, by the BLAKE3 of its content
#[utoipa::path(get, path = "/v1/attempts/{attempt}/deliverables/{task}/{content}", tag = "sessions", operation_id = "getDeliverable",
    params(("attempt" = String, Path, description = "Identifier"),
           ("task" = String, Path, description = "Identifier of the task"),
           ("content" = String, Path, description = "BLAKE3 of the content, as 64 hexadecimal digits")),
    responses((status = 200, body = Binary, content_type = "application/octet-stream"), Failures))]
pub(super) async fn show(
    State(api): State<Api>,
    Named((attempt, task, content)): Named<(String, String, String)>,
) -> Answer<impl IntoResponse> {
    let found = api.sessions.deliverable(&attempt, &task, &content).await?;
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
