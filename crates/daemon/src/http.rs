//! The HTTP API. A handler decodes its request, makes one call, and encodes the answer.
//!
//! The same routes are served on a Unix socket, guarded by its file permissions, and on a TCP port,
//! where everybody has to authenticate. The right that each route needs is in `rights` and nowhere else.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use plateau_core::api::SshView;
use plateau_exam::access::Access;
use plateau_exam::judging::Judging;
use plateau_exam::report::Reports;
use plateau_exam::sessions::Sessions;
use plateau_labs::images::Images;
use plateau_labs::labs::Labs;
use plateau_labs::terminals::Terminals;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;

use plateau_gateway::proxy::Web;

mod accounts;
mod authority;
mod backup;
mod deliverables;
mod document;
mod events;
mod failure;
mod files;
mod guard;
mod health;
mod identity;
mod images;
mod judging;
mod keys;
mod labs;
mod listen;
mod logins;
mod metrics;
mod origin;
mod proofs;
mod proxy;
mod recordings;
mod rehearsals;
mod rights;
mod sessions;
mod shell;
mod slips;
mod system;
mod tunnel;

pub use failure::Failure;
pub use guard::{PortGuard, Token, TokenError};
pub use listen::{ListenError, Listeners};

/// Most bytes of a request's body.
pub const BODY_LIMIT: usize = 96 << 20;

/// The services that the routes call.
#[derive(Clone, Debug)]
pub struct Api {
    /// The labs.
    pub labs: Labs,
    /// The exam sessions.
    pub sessions: Sessions,
    /// The images.
    pub images: Images,
    /// Renders documents.
    pub reports: Reports,
    /// Gradings and judgements.
    pub judging: Judging,
    /// Accounts and log-ins.
    pub access: Access,
    /// The certificate of the authority that the daemon made for the room, as PEM, if it made one.
    pub authority: Option<Arc<str>>,
    /// The terminals.
    pub terminals: Terminals,
    /// Web applications of labs, if they are served.
    pub web: Option<Web>,
    /// Address of the TCP port.
    pub address: SocketAddr,
    /// Where SSH is served, if it is.
    pub ssh: Option<SshView>,
    /// Ends the streams that do not end by themselves.
    pub stop: CancellationToken,
}

/// Head of the OpenAPI document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Plateau",
        description = "Builds labs of nodes and networks for timed practical exams, and grades them. \
                       On TCP every route but `version`, `health`, `openapi.json`, `authority.pem`, `proxy.pac`, \
                       `evidence/key` and logging in requires a token, or the cookie of a log-in. A request that changes \
                       something and is authenticated by the cookie also requires the header `X-Plateau`. The Unix \
                       socket requires no authentication."
    ),
    tags(
        (name = "system", description = "The daemon and its host"),
        (name = "labs", description = "Labs, from creating one to its grade"),
        (name = "sessions", description = "Exam sessions with their seats and clocks"),
        (name = "proofs", description = "Proofs that a scenario grades fairly"),
        (name = "judging", description = "Gradings of attempts, judgements of jurors, and evidence"),
        (name = "images", description = "Images of nodes"),
        (name = "access", description = "Log-ins, accounts, and the tokens of programs"),
    ),
    modifiers(&BearerToken),
    security((), ("token" = []), ("login" = [])),
)]
struct DocumentHead;

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
        let cookie = ApiKey::Cookie(ApiKeyValue::new("__Host-plateau"));
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("login", SecurityScheme::ApiKey(cookie));
    }
}

static DOCUMENT: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(|| {
    let mut document = routes().into_openapi();
    rights::label(&mut document);
    document::complete(&mut document);
    document
});

/// The OpenAPI document of all routes.
#[must_use]
pub fn document() -> &'static utoipa::openapi::OpenApi {
    &DOCUMENT
}

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(DocumentHead::openapi())
        .merge(system::routes())
        .merge(health::routes())
        .merge(metrics::routes())
        .merge(backup::routes())
        .merge(labs::routes())
        .merge(shell::routes())
        .merge(tunnel::routes())
        .merge(proxy::routes())
        .merge(recordings::routes())
        .merge(events::routes())
        .merge(sessions::routes())
        .merge(slips::routes())
        .merge(rehearsals::routes())
        .merge(keys::routes())
        .merge(deliverables::routes())
        .merge(proofs::routes())
        .merge(images::routes())
        .merge(judging::routes())
        .merge(authority::routes())
        .merge(logins::routes())
        .merge(accounts::routes())
}

/// The routes for the Unix socket, whose every user is the administrator.
pub fn local(api: Api) -> Router {
    around(routed(api).layer(from_fn(identity::local)))
}

/// The routes for the TCP port: they require a right, and a `Host` that is a name of the daemon.
/// Served with the client's address as `ConnectInfo`.
pub fn remote(api: Api, door: PortGuard) -> Router {
    let guarded = routed(api.clone())
        .layer(from_fn_with_state(
            (api.clone(), door.clone()),
            identity::remote,
        ))
        .layer(from_fn_with_state(door.clone(), guard::host));
    // Outside of all else: nothing of the API has to do with what is sent to an application.
    around(guarded).layer(from_fn_with_state((api, door), proxy::divert))
}

fn routed(api: Api) -> Router {
    let (router, document) = routes().split_for_parts();
    rights::check(&document);
    router
        .fallback(failure::no_route)
        .method_not_allowed_fallback(failure::no_method)
        .layer(from_fn_with_state(api.clone(), rights::permit))
        .with_state(api)
}

/// Adds the layers that every request passes, from the outside in: request id, log, time, catching of panics.
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

/// The span of a request. It has neither the query nor a header other than the request id: they may hold secrets.
fn span(request: &axum::extract::Request) -> tracing::Span {
    let number = request
        .headers()
        .get("x-request-id")
        .and_then(|number| number.to_str().ok())
        .unwrap_or_default();
    // Of the highest level: its number belongs on a warning also where only warnings are told.
    tracing::error_span!("request", %number, method = %request.method(), path = request.uri().path())
}
