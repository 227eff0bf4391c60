//! The numbers, and the time of every request among them.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::failure::Failures;
use crate::metrics;

/// Prometheus's format of text.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Numbers of the daemon for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "system", operation_id = "getMetrics",
    responses((status = 200, body = String, content_type = "text/plain"), Failures))]
pub(super) async fn get_metrics(State(api): State<Api>) -> Response {
    let numbers = metrics::render(|| api.labs.measure());
    ([(header::CONTENT_TYPE, FORMAT)], numbers).into_response()
}

/// Times a request by the template of its route: a path has names in it, and there is no end of those.
pub(super) async fn time(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = word(request.method());
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    metrics::answered(method, route, response.status().as_u16(), begun.elapsed());
    response
}

/// A client may make up methods as well.
fn word(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
