//! Authentication of requests: the daemon's token, a program's token, or the cookie of a log-in.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use plateau_exam::access::Principal;
use plateau_exam::access::secret::{self, Secret};
use plateau_gateway::connections::ConnectionHandle;

use super::failure::Failure;
use super::guard::PortGuard;
use super::{Api, origin};

/// Cookie of a log-in. Browsers take one of this name only with `Secure`, `Path=/` and no `Domain`,
/// so that no other host can set it.
const SECURED: &str = "__Host-plateau";

/// Cookie of a log-in without TLS, which is served on the loopback only.
const PLAIN: &str = "plateau";

/// The connection that a request came by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    /// The client's address; absent on the Unix socket.
    pub(super) address: Option<IpAddr>,
    /// Whether the connection is encrypted.
    pub(super) tls: bool,
}

impl Peer {
    /// Name of the cookie on this connection.
    fn cookie(self) -> &'static str {
        if self.tls { SECURED } else { PLAIN }
    }

    /// The cookie of a new log-in. It ends with the browser's session; the daemon decides when the
    /// log-in ends.
    pub(super) fn cookie_of(self, secret: &Secret) -> Cookie<'static> {
        self.bake(secret.reveal().to_owned())
    }

    /// The cookie to be removed.
    pub(super) fn no_cookie(self) -> Cookie<'static> {
        let mut cookie = self.bake(String::new());
        cookie.make_removal();
        cookie
    }

    fn bake(self, value: String) -> Cookie<'static> {
        Cookie::build((self.cookie(), value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Strict)
            .secure(self.tls)
            .build()
    }
}

/// Authenticates requests on the Unix socket: all are the administrator's, since the file's permissions
/// say who may open it.
pub(super) async fn local(mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Principal::Local);
    request.extensions_mut().insert(Peer {
        address: None,
        tls: false,
    });
    next.run(request).await
}

/// Authenticates requests on the TCP port, by token or cookie.
pub(super) async fn remote(
    State((api, door)): State<(Api, PortGuard)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let address = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = Peer {
        address: address.map(|ConnectInfo(address)| address.ip()),
        tls: door.tls,
    };
    match identify(&api, &door, peer, &parts).await {
        Ok(principal) => {
            mark(parts.extensions.get(), &principal);
            parts.extensions.insert(principal);
            parts.extensions.insert(peer);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(failure) => failure.into_response(),
    }
}

/// Whoever is logged in keeps their connection when there are too many.
fn mark(connection: Option<&ConnectionHandle>, principal: &Principal) {
    match (connection, principal) {
        (None, _) => {}
        (Some(connection), Principal::Nobody) => connection.touch(),
        (
            Some(connection),
            Principal::Local
            | Principal::Account { .. }
            | Principal::Seat { .. }
            | Principal::Token(_),
        ) => connection.log_in(),
    }
}

async fn identify(
    api: &Api,
    door: &PortGuard,
    peer: Peer,
    parts: &Parts,
) -> Result<Principal, Failure> {
    let headers = &parts.headers;
    if let Some(sent) = bearer(headers) {
        if door.token.is(sent) {
            return Ok(Principal::Local);
        }
        let known = api.access.of_token(sent).await?;
        return Ok(known.unwrap_or(Principal::Nobody));
    }
    let jar = CookieJar::from_headers(headers);
    let sent = jar.get(peer.cookie()).map(Cookie::value);
    let Some(sent) = sent.filter(|sent| secret::is_secret(sent)) else {
        return Ok(Principal::Nobody);
    };
    let known = api.access.of_login(sent).await?;
    if known.is_some() {
        origin::check(&parts.method, headers, peer.tls)?;
        origin::check_cost(parts.uri.path(), headers)?;
    }
    Ok(known.unwrap_or(Principal::Nobody))
}

/// Whether the `Authorization` header has a token of the daemon, rather than one of an application.
pub(super) async fn is_ours(
    api: &Api,
    door: &PortGuard,
    headers: &HeaderMap,
) -> Result<bool, Failure> {
    let Some(sent) = bearer(headers).filter(|sent| secret::is_secret(sent)) else {
        return Ok(false);
    };
    Ok(door.token.is(sent) || api.access.of_token(sent).await?.is_some())
}

/// The token of `Authorization: Bearer …`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}
