//! Forwarding of requests to an application, and of its responses to the browser.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::uri::{PathAndQuery, Scheme};
use axum::http::{Request, Response, StatusCode, Uri, Version, header};
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use plateau_labs::terminals::TerminalError;
use thiserror::Error;
use tokio::sync::Semaphore;

use super::body::{ActivityMonitor, MonitoredBody};
use super::connection::{AppConnector, ConnectionContext, ConnectionError};
use super::headers::{self, AppNames};
use super::ticket::Grant;

/// How long there may be not a byte, from the application or for it.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long a connection is kept that nobody uses: each is a process in the node.
const KEPT: Duration = Duration::from_secs(30);

/// Connections that are kept.
const IDLE: usize = 8;

/// Requests of one log-in to one application at the same time.
const MOST: usize = 64;

/// Why a request was not answered by the application.
#[derive(Debug, Error)]
pub enum ProxyError {
    /// There are too many at the same time.
    #[error("there are {MOST} requests to this application already")]
    TooMany,
    /// A page of another site wants to go over to another protocol.
    #[error("a page of another site cannot open a connection to this application")]
    Foreign,
    /// The request's path cannot be asked for.
    #[error("this is not a valid path of an application")]
    Path(#[source] axum::http::Error),
    /// The lab's doors were closed meanwhile.
    #[error(transparent)]
    Closed(#[from] TerminalError),
    /// There is no connection to the application, or its answer is not valid HTTP: see [`Self::connection_error`].
    #[error("the application did not answer by HTTP/1.1")]
    Broken(#[source] legacy::Error),
    /// Nothing came for too long.
    #[error("the application did not answer in {} s", PATIENCE.as_secs())]
    Late,
}

impl ProxyError {
    /// What was wrong with the connection to the application, beneath what the libraries in between say.
    #[must_use]
    pub fn connection_error(&self) -> Option<&ConnectionError> {
        let Self::Broken(error) = self else {
            return None;
        };
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(at) = cause {
            let inside = at.downcast_ref::<std::io::Error>();
            let inside = inside.and_then(std::io::Error::get_ref);
            let found = match inside {
                Some(inside) => inside.downcast_ref(),
                None => at.downcast_ref(),
            };
            if found.is_some() {
                return found;
            }
            cause = at.source();
        }
        None
    }
}

/// A principal with access to an application, and the connections that are kept for them.
#[derive(Clone)]
pub struct AppSession {
    /// Who, and to what.
    pub grant: Grant,
    context: ConnectionContext,
    client: Client<AppConnector, Body>,
    places: Arc<Semaphore>,
}

impl fmt::Debug for AppSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppSession")
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}

impl AppSession {
    /// One that has no connections yet.
    #[must_use]
    pub fn new(context: ConnectionContext, grant: Grant) -> Self {
        let connector = AppConnector {
            context: context.clone(),
            target: grant.target.clone(),
            principal: grant.principal.clone(),
            patience: PATIENCE,
        };
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEPT)
            .pool_max_idle_per_host(IDLE)
            .build(connector);
        Self {
            grant,
            context,
            client,
            places: Arc::new(Semaphore::new(MOST)),
        }
    }

    /// Forwards a request. `names` are the application's. The caller has checked that the request is allowed.
    ///
    /// # Errors
    /// The application did not answer.
    pub async fn forward(
        &self,
        mut request: Request<Body>,
        names: &AppNames,
    ) -> Result<Response<Body>, ProxyError> {
        let places = Arc::clone(&self.places);
        let place = places
            .try_acquire_owned()
            .map_err(|_| ProxyError::TooMany)?;
        let wanted = headers::upgrade(request.headers());
        if wanted.is_some() && !headers::is_of(request.headers(), &names.origin) {
            return Err(ProxyError::Foreign);
        }
        let browser = wanted.is_some().then(|| hyper::upgrade::on(&mut request));
        let pulse = ActivityMonitor::new(PATIENCE);
        let request = self.prepared_request(request, names, wanted, &pulse)?;
        let mut response = tokio::select! {
            answered = self.client.request(request) => answered.map_err(ProxyError::Broken)?,
            _ = pulse.clone().quiet() => return Err(ProxyError::Late),
        };
        let is_over = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let went = response.headers().get(header::UPGRADE).cloned();
        headers::to_browser(response.headers_mut(), names);
        let (Some(browser), true) = (browser, is_over) else {
            return Ok(response.map(|body| Body::new(MonitoredBody::answer(body, pulse, place))));
        };
        let application = hyper::upgrade::on(&mut response);
        let grant = &self.grant;
        let over = self
            .context
            .until_revoked(&grant.target.lab, &grant.principal)?;
        tokio::spawn(async move {
            let _place = place;
            tokio::select! {
                () = over => {}
                () = switch_protocols(browser, application) => {}
            }
        });
        let headers = response.headers_mut();
        headers.insert(
            header::CONNECTION,
            header::HeaderValue::from_static("upgrade"),
        );
        if let Some(went) = went {
            headers.insert(header::UPGRADE, went);
        }
        Ok(response.map(|_: Incoming| Body::empty()))
    }

    /// The request as the application gets it.
    fn prepared_request(
        &self,
        request: Request<Body>,
        names: &AppNames,
        wanted: Option<header::HeaderValue>,
        pulse: &ActivityMonitor,
    ) -> Result<Request<Body>, ProxyError> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().cloned();
        parts.uri = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(names.host.as_bytes())
            .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
            .build()
            .map_err(ProxyError::Path)?;
        parts.version = Version::HTTP_11;
        headers::to_application(&mut parts.headers, names);
        if let Some(wanted) = wanted {
            let upgrade = header::HeaderValue::from_static("upgrade");
            parts.headers.insert(header::CONNECTION, upgrade);
            parts.headers.insert(header::UPGRADE, wanted);
        }
        // What belongs to the connection that it came by.
        parts.extensions.clear();
        let body = Body::new(MonitoredBody::request(body, pulse.clone()));
        Ok(Request::from_parts(parts, body))
    }
}

/// Carries what was agreed upon, once both sides have gone over to it.
async fn switch_protocols(
    browser: hyper::upgrade::OnUpgrade,
    application: hyper::upgrade::OnUpgrade,
) {
    let (browser, application) = match tokio::try_join!(browser, application) {
        Ok((browser, application)) => (browser, application),
        Err(error) => {
            tracing::debug!(%error, "a connection to an application was not gone over to");
            return;
        }
    };
    let (mut browser, mut application) = (TokioIo::new(browser), TokioIo::new(application));
    if let Err(error) = tokio::io::copy_bidirectional(&mut browser, &mut application).await {
        tracing::debug!(%error, "a connection to an application broke");
    }
}
