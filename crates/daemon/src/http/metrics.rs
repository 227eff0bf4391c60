//! Metrics, including the duration of every request.

use std::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::failure::Failures;
use crate::metrics;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get_metrics))
}

/// Content type of Prometheus's text format.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns the metrics of the daemon in the text format of Prometheus
#[utoipa::path(get, path = "/metrics", tag = "system", operation_id = "getMetrics",
    responses((status = 200, body = String, content_type = "text/plain"), Failures))]
pub(super) async fn get_metrics(State(api): State<Api>) -> Response {
    let numbers = metrics::render(|| api.labs.measure());
    ([(header::CONTENT_TYPE, FORMAT)], numbers).into_response()
}

/// Measures a request under the template of its route: paths contain names, whose number is unbounded.
pub(super) async fn time(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = word(request.method());
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    metrics::answered(method, route, response.status().as_u16(), begun.elapsed());
    response
}

/// The label of a method. A client may invent methods, so that all unknown ones share one.
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
