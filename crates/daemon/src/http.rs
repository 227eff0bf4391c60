//! The HTTP API: decode, one call, encode.
//!
//! The same routes are served on a Unix socket, guarded by its file permissions, and on a TCP port
//! of the loopback, guarded by a token.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::images::Images;
use crate::labs::Labs;

mod events;
mod failure;
mod files;
mod guard;
mod health;
mod images;
mod labs;
mod listen;
mod metrics;
mod proofs;
mod shell;
mod system;

pub use failure::Failure;
pub use guard::{Token, TokenError};
pub use listen::{ListenError, Listeners};

/// Most bytes of a request's body.
pub const BODY_LIMIT: usize = 96 << 20;

/// What the routes call.
#[derive(Clone, Debug)]
pub struct Api {
    /// The labs.
    pub labs: Labs,
    /// The images.
    pub images: Images,
    /// Ends the streams that have no end of their own.
    pub stop: CancellationToken,
}

/// Head of the OpenAPI document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Plateau",
        description = "Builds labs of nodes and networks for timed practical exams, and grades them. \
                       On TCP every route but `version`, `health` and `openapi.json` wants the token \
                       of the daemon's state folder; on the Unix socket none does."
    ),
    tags(
        (name = "system", description = "The daemon and its host"),
        (name = "labs", description = "Labs, from asking for one to its grade"),
        (name = "proofs", description = "Proving that a scenario grades fairly"),
        (name = "images", description = "What nodes are made from"),
    ),
    modifiers(&BearerToken),
    security((), ("token" = [])),
)]
struct Head;

struct BearerToken;

impl utoipa::Modify for BearerToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        document
            .components
            .get_or_insert_default()
            .add_security_scheme(
                "token",
                SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
            );
    }
}

static DOCUMENT: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(|| routes().into_openapi());

/// The OpenAPI document of all routes.
#[must_use]
pub fn document() -> &'static utoipa::openapi::OpenApi {
    &DOCUMENT
}

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Head::openapi())
        .routes(routes!(system::version))
        .routes(routes!(health::health))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::metrics))
        .routes(routes!(system::doctor))
        .routes(routes!(system::openapi))
        .routes(routes!(labs::create, labs::list))
        .routes(routes!(labs::show, labs::down))
        .routes(routes!(labs::start))
        .routes(routes!(labs::solve))
        .routes(routes!(labs::check))
        .routes(routes!(labs::exec))
        .routes(routes!(labs::reboot))
        .routes(routes!(shell::shell))
        .routes(routes!(events::of_all))
        .routes(routes!(events::of_one))
        .routes(routes!(proofs::prove))
        .routes(routes!(images::list))
        .routes(routes!(images::build))
}

/// The routes for the Unix socket.
pub fn local(api: Api) -> Router {
    around(routed(api))
}

/// The routes for the TCP port: only with the token, and only under a name of the loopback.
pub fn remote(api: Api, token: Token) -> Router {
    let guarded = routed(api)
        .layer(from_fn_with_state(token, guard::token))
        .layer(from_fn(guard::host));
    around(guarded)
}

fn routed(api: Api) -> Router {
    let (router, _) = routes().split_for_parts();
    router
        .fallback(failure::no_route)
        .method_not_allowed_fallback(failure::no_method)
        .with_state(api)
}

/// What every request passes through, from the outside in: its number, the log, its time, the net under panics.
fn around(router: Router) -> Router {
    crate::metrics::install();
    router
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CatchPanicLayer::custom(failure::panicked))
        .layer(from_fn(metrics::time))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
}

/// Neither the query nor a header but the request's number: they may hold secrets.
fn span(request: &axum::extract::Request) -> tracing::Span {
    let number = request
        .headers()
        .get("x-request-id")
        .and_then(|number| number.to_str().ok())
        .unwrap_or_default();
    // Of the highest level: its number belongs on a warning also where only warnings are told.
    tracing::error_span!("request", %number, method = %request.method(), path = request.uri().path())
}
