//! Web applications of labs: their tickets, and requests to their host names.

use std::net::{Ipv4Addr, SocketAddr};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use axum::extract::State;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::{SignedDuration, Timestamp};
use plateau_core::api::{OpenWebAppRequest, WebAppAccess};
use plateau_core::error::ErrorCode;
use plateau_exam::access::Principal;
use plateau_labs::lab::LabError;

use super::Api;
use super::failure::{ApiResult, Failure, Failures, JsonBody, PathParams};
use super::identity::Peer;
use super::labs::find;
use plateau_gateway::proxy::{AppTarget, ENTRY, Grant, Web, ticket};

mod proxied;

pub(super) use proxied::divert;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(open_web_app))
        .routes(routes!(get_proxy_config))
}

/// Opens a web application of a node: returns a URL that can be used once, in a browser
#[utoipa::path(post, path = "/v1/labs/{lab}/nodes/{node}/web", tag = "labs", operation_id = "openWebApplication", request_body = OpenWebAppRequest,
    params(("lab" = String, Path, description = "Name, identifier, or its first characters"),
           ("node" = String, Path, description = "Name of the node")),
    responses((status = 200, body = WebAppAccess), Failures))]
pub(super) async fn open_web_app(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Extension(peer): Extension<Peer>,
    PathParams((lab, node)): PathParams<(String, String)>,
    headers: HeaderMap,
    JsonBody(OpenWebAppRequest { port, host }): JsonBody<OpenWebAppRequest>,
) -> ApiResult<Json<WebAppAccess>> {
    let web = served(&api)?;
    let lab = find(&api, &lab)?;
    if !lab.nodes.contains_key(&node) {
        return Err(LabError::NoSuchNode {
            lab: lab.name,
            node,
        }
        .into());
    }
    let port = port
        .try_into()
        .map_err(|_| Failure::new(ErrorCode::BadPort, "`0` is not a valid TCP port"))?;
    let target = AppTarget {
        lab: lab.id,
        node,
        port,
    };
    let origin = web.origin(&target, reached(&api, peer, &headers)?.port_u16());
    let origin = origin.ok_or_else(|| {
        let node = &target.node;
        Failure::new(
            ErrorCode::NameTooLong,
            format!("no name of an application has room for `{node}`"),
        )
        .hint("a node of at most 23 letters has a web application at every port")
    })?;
    let host = host.map(forwarded_host).transpose()?;
    let grant = Grant {
        target,
        principal,
        host,
    };
    let lasting = SignedDuration::try_from(ticket::LASTING).unwrap_or_default();
    let expires = Timestamp::now().saturating_add(lasting);
    let ticket = web.ticket(grant)?;
    Ok(Json(WebAppAccess {
        address: format!("{origin}{ENTRY}?ticket={}", ticket.reveal()),
        expires: expires.unwrap_or(Timestamp::MAX).to_string(),
    }))
}

/// Returns a proxy auto-configuration file, with which browsers find web applications whose names are not in DNS
#[utoipa::path(get, path = "/v1/proxy.pac", tag = "system", operation_id = "getProxyConfiguration", security(()),
    responses((status = 200, body = String, content_type = "application/x-ns-proxy-autoconfig"), Failures))]
pub(super) async fn get_proxy_config(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let web = served(&api)?;
    let kind = [(header::CONTENT_TYPE, "application/x-ns-proxy-autoconfig")];
    Ok((kind, web.pac(&reached(&api, peer, &headers)?)).into_response())
}

fn served(api: &Api) -> ApiResult<&Web> {
    api.web.as_ref().ok_or_else(|| {
        Failure::new(
            ErrorCode::WebNotFound,
            "the daemon serves no web applications",
        )
    })
}

/// Where the client reaches the daemon: by the `Host` that it sent, and on the Unix socket at the TCP port.
fn reached(api: &Api, peer: Peer, headers: &HeaderMap) -> ApiResult<Authority> {
    let sent = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let sent = sent.filter(|_| peer.address.is_some());
    let sent = sent.and_then(|host| host.parse::<Authority>().ok());
    match sent {
        Some(sent) => Ok(sent),
        None => at(api.address),
    }
}

fn at(mut address: SocketAddr) -> ApiResult<Authority> {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let written = address.to_string().parse::<Authority>();
    written.map_err(|error| Failure::new(ErrorCode::Bug, error.to_string()))
}

/// The `Host` to send to an application, if it is valid.
fn forwarded_host(host: String) -> ApiResult<String> {
    let is_host = |host: &Authority| !host.as_str().contains('@') && !host.host().is_empty();
    match host.parse::<Authority>() {
        Ok(authority) if is_host(&authority) => Ok(host),
        Ok(_) | Err(_) => Err(no_host(&host)),
    }
}

fn no_host(host: &str) -> Failure {
    Failure::new(
        ErrorCode::BadHost,
        format!("`{host}` is not a valid name of an application's host"),
    )
    .hint("such as intranet.lan, or intranet.lan:8080")
}
