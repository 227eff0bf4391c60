//! Requests to the host names of web applications. None of them reaches the API.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use plateau_core::error::ErrorCode;
use plateau_gateway::connections::ConnectionHandle;
use plateau_labs::error::chain;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};

use super::no_host;
use crate::http::failure::{ApiResult, Failure};
use crate::http::guard::PortGuard;
use crate::http::{Api, identity, rights};
use plateau_gateway::proxy::headers::{AppNames, strip_authorization};
use plateau_gateway::proxy::{AppTarget, ConnectionError, ENTRY, HostTarget, ProxyError, Web};

/// Cookie of a pass with TLS: no other host can set one of this name.
const SECURED: &str = "__Host-plateau-web";

/// Cookie of a pass without TLS, on the loopback.
const PLAIN: &str = "plateau-web";

/// Longest time that a browser may take to send its first request after `CONNECT`.
const PATIENCE: Duration = Duration::from_secs(10);

/// Forwards requests for an application, and refuses reserved names.
pub(in crate::http) async fn divert(
    State((api, door)): State<(Api, PortGuard)>,
    request: Request,
    next: Next,
) -> Response {
    let Some(web) = api.web.clone() else {
        return next.run(request).await;
    };
    if request.method() == Method::CONNECT {
        return connect(api, door, web, request);
    }
    match classify_host(&web, &request) {
        HostTarget::Daemon => next.run(request).await,
        HostTarget::Application(_) | HostTarget::Nobody => {
            answered(&api, &door, &web, request).await
        }
    }
}

/// The target of a request. One without a host name is left to the check of the daemon's names, which refuses it.
fn classify_host(web: &Web, request: &Request) -> HostTarget {
    let Some(host) = host(request) else {
        return HostTarget::Daemon;
    };
    // What stands in the first line of a request to a proxy is the same, or somebody is being fooled.
    let named = request.uri().host();
    match named.is_none_or(|named| named.eq_ignore_ascii_case(host.host())) {
        true => web.classify_host(host.host()),
        false => HostTarget::Nobody,
    }
}

fn host(request: &Request) -> Option<Authority> {
    let host = request.headers().get(header::HOST)?.to_str().ok()?;
    host.parse().ok()
}

/// The response to a request that is not for the daemon itself.
async fn answered(api: &Api, door: &PortGuard, web: &Web, request: Request) -> Response {
    let target = match classify_host(web, &request) {
        HostTarget::Application(target) => target,
        HostTarget::Daemon | HostTarget::Nobody => {
            return plain(&Failure::new(
                ErrorCode::ApplicationNotFound,
                "no web application has this name",
            ));
        }
    };
    match visited(api, door, web, &target, request).await {
        Ok(response) => response,
        Err(failure) => {
            let (code, error) = (failure.0.code.as_str(), &failure.0.message);
            tracing::debug!(code, error, lab = target.lab, application = %target, "not answered");
            plain(&failure)
        }
    }
}

async fn visited(
    api: &Api,
    door: &PortGuard,
    web: &Web,
    target: &AppTarget,
    mut request: Request,
) -> ApiResult<Response> {
    if request.uri().path() == ENTRY {
        return enter(api, web, target, request.method(), request.uri()).await;
    }
    let jar = CookieJar::from_headers(request.headers());
    let shown = jar.get(cookie(web)).map(Cookie::value);
    let pass = shown.and_then(|shown| Some((shown, web.pass(shown, target)?)));
    let (shown, pass) = pass.ok_or_else(|| access_denied("nobody was let in here"))?;
    let Some(principal) = api.access.refresh(&pass.grant.principal).await? else {
        web.forget(shown, target);
        return Err(access_denied("whoever was let in here is logged out"));
    };
    rights::may_enter(api, &principal, &target.lab, &target.node).await?;
    if let Some(connection) = request.extensions().get::<ConnectionHandle>() {
        connection.log_in();
    }
    if identity::is_ours(api, door, request.headers()).await? {
        strip_authorization(request.headers_mut());
    }
    let port = host(&request).and_then(|host| host.port_u16());
    let origin = web.origin(target, port).unwrap_or_default();
    let own = origin.split_once("://").map_or("", |(_, own)| own);
    let host = pass.grant.host.as_deref().unwrap_or(own);
    let names = AppNames {
        host: HeaderValue::from_str(host).map_err(|_| no_host(host))?,
        origin,
    };
    let answer = pass.forward(request, &names).await;
    answer.map_err(|error| failed(target, &error))
}

#[derive(Debug, Deserialize)]
struct TicketQuery {
    ticket: String,
}

/// Takes a ticket, and redirects to the application.
async fn enter(
    api: &Api,
    web: &Web,
    target: &AppTarget,
    method: &Method,
    uri: &Uri,
) -> ApiResult<Response> {
    if method != Method::GET {
        let message = format!("nobody is let in by {method}");
        return Err(Failure::new(ErrorCode::MethodNotAllowed, message));
    }
    let shown = Query::<TicketQuery>::try_from_uri(uri);
    let grant = shown.ok().and_then(|shown| web.take(&shown.ticket, target));
    let grant = grant.ok_or_else(|| {
        access_denied("this address was used already, is older than half a minute, or is none")
    })?;
    let Some(principal) = api.access.refresh(&grant.principal).await? else {
        return Err(access_denied(
            "whoever asked for this address is logged out",
        ));
    };
    rights::may_enter(api, &principal, &target.lab, &target.node).await?;
    let secret = web.issue_pass(grant)?;
    let cookie = Cookie::build((cookie(web), secret.reveal().to_owned()))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(web.has_tls());
    let headers = [
        (header::LOCATION, "/"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let jar = CookieJar::new().add(cookie);
    Ok((StatusCode::SEE_OTHER, headers, jar).into_response())
}

fn cookie(web: &Web) -> &'static str {
    if web.has_tls() { SECURED } else { PLAIN }
}

fn access_denied(message: &str) -> Failure {
    Failure::new(ErrorCode::NotLetIn, message)
}

/// The response when an application did not answer.
fn failed(target: &AppTarget, error: &ProxyError) -> Failure {
    let unreachable = |why: String| {
        let message = format!("nothing answers at {target}: {why}");
        Failure::new(ErrorCode::ApplicationUnreachable, message)
    };
    match (error.connection_error(), error) {
        (Some(ConnectionError::Lab(error)), _) => Failure(error.api()),
        (Some(ConnectionError::Closed(error)), _) | (_, ProxyError::Closed(error)) => {
            Failure(error.api())
        }
        (Some(ConnectionError::Tunnel(error)), _) => {
            unreachable(chain(error)).hint("is the application started, and does it listen there?")
        }
        (Some(error @ ConnectionError::Over), _) => {
            Failure::new(ErrorCode::TerminalsClosed, error.to_string())
        }
        (_, ProxyError::TooMany) => Failure::new(ErrorCode::ApplicationBusy, error.to_string()),
        (_, ProxyError::Foreign) => Failure::new(ErrorCode::CrossSite, error.to_string()),
        (_, ProxyError::Path(_)) => Failure::new(ErrorCode::BadPath, error.to_string()),
        (_, ProxyError::Late) => Failure::new(ErrorCode::ApplicationSilent, error.to_string()),
        (_, ProxyError::Broken(_)) => {
            unreachable(chain(error)).hint("an application is reached by HTTP, and not by HTTPS")
        }
    }
}

/// A response of the daemon's own at an application's name: plain text, in which no script can run.
fn plain(failure: &Failure) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let mut text = format!("{}\n", failure.0.message);
    if let Some(hint) = &failure.0.hint {
        text.push_str(hint);
        text.push('\n');
    }
    (failure.status(), headers, text).into_response()
}

/// Answers `CONNECT` of a browser that uses the daemon as its proxy, for names of applications only.
/// The daemon itself serves the tunnelled requests and never connects elsewhere.
fn connect(api: Api, door: PortGuard, web: Web, mut request: Request) -> Response {
    let named = request.uri().host().map(|name| web.classify_host(name));
    if !matches!(named, Some(HostTarget::Application(_))) {
        return plain(&Failure::new(
            ErrorCode::Forbidden,
            "the daemon is a proxy for web applications of labs alone",
        ));
    }
    let place = request.extensions().get::<ConnectionHandle>().cloned();
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let stop = api.stop.clone();
        let served = async {
            let stream = TokioIo::new(upgrade.await.map_err(std::io::Error::other)?);
            match web.acceptor() {
                Some(acceptor) => {
                    let accepted = tokio::time::timeout(PATIENCE, acceptor.accept(stream));
                    serve(api, door, web, place, accepted.await??).await
                }
                None => serve(api, door, web, place, stream).await,
            }
        };
        tokio::select! {
            served = served => if let Err(error) = served {
                tracing::debug!(%error, "a connection through the proxy broke");
            },
            () = stop.cancelled() => {}
        }
    });
    StatusCode::OK.into_response()
}

/// Serves the applications on a stream, and none of the daemon's own routes.
async fn serve(
    api: Api,
    door: PortGuard,
    web: Web,
    place: Option<ConnectionHandle>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> std::io::Result<()> {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (api, door, web) = (api.clone(), door.clone(), web.clone());
        let place = place.clone();
        async move {
            let mut request = request.map(Body::new);
            if let Some(place) = place {
                request.extensions_mut().insert(place);
            }
            Ok::<_, Infallible>(answered(&api, &door, &web, request).await)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    connection.await.map_err(std::io::Error::other)
}
