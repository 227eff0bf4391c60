//! Completes the OpenAPI document with what the routes do not declare.

use serde_json::json;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Content, OpenApi, RefOr, Response};

/// Content types of responses that are a stream of messages.
const STREAMS: [&str; 2] = ["text/event-stream", "application/x-ndjson"];

/// A response of raw bytes.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only its documentation is used")]
pub(super) struct Binary(Vec<u8>);

/// Completes every operation of the document.
pub(super) fn complete(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.patch,
            &mut item.delete,
        ];
        for operation in operations.into_iter().filter_map(Option::as_mut) {
            for response in operation.responses.responses.values_mut() {
                if let RefOr::T(response) = response {
                    describe(response, operation.summary.as_deref());
                }
            }
        }
    }
}

/// Gives a response the description that OpenAPI requires: without one of its own, the summary of the
/// operation.
fn describe(response: &mut Response, summary: Option<&str>) {
    if response.description.is_empty() {
        response.description = summary.unwrap_or_default().to_owned();
    }
    for (kind, content) in &mut response.content {
        if let RefOr::T(content) = content
            && STREAMS.contains(&kind.as_str())
        {
            mark(content);
        }
    }
}

/// Declares a stream as text, and the schema of each message in `x-item-schema`. Otherwise generators
/// would take the schema of a message for that of the whole response.
fn mark(content: &mut Content) {
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    let item = content.schema.replace(text.into());
    let item = Extensions::builder()
        .add("x-item-schema", json!(item))
        .build();
    content.extensions.get_or_insert_default().merge(item);
}
