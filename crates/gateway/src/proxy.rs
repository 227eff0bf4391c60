//! Reverse proxy for web applications of labs: each has a host name, and a browser is admitted by a ticket.
//!
//! Pages of an application are untrusted: a candidate wrote them, or somebody who broke into their node.
//! So each application has its own origin, never receives the daemon's cookie, and has passes that are
//! valid for it alone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::http::uri::Authority;
use axum_server::tls_rustls::RustlsConfig;
use plateau_exam::access::AccessError;
use plateau_exam::access::secret::Secret;
use tokio_rustls::TlsAcceptor;

use crate::tls::Tls;

mod body;
pub mod connection;
pub mod forward;
pub mod headers;
pub mod name;
pub mod pac;
pub mod ticket;

pub use connection::{ConnectionContext, ConnectionError};
pub use forward::{AppSession, ProxyError};
pub use name::{AppTarget, BaseDomain, BaseError};

pub use ticket::Grant;

use ticket::SecretMap;

/// Path at an application's name that takes tickets.
pub const ENTRY: &str = "/.plateau/enter";

/// Tickets and passes of all applications. Clones share them.
#[derive(Clone, Debug)]
pub struct Web(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    base: BaseDomain,
    served: Option<RustlsConfig>,
    context: ConnectionContext,
    tickets: Mutex<SecretMap<Grant>>,
    passes: Mutex<SecretMap<Arc<AppSession>>>,
}

/// The target of a request, by its host name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostTarget {
    /// The daemon, or whoever else is not below the base.
    Daemon,
    /// An application.
    Application(AppTarget),
    /// Nobody: no application has this name, and the daemon must not.
    Nobody,
}

impl Web {
    /// Nobody was let in yet. That the base goes with the daemon's certificate was looked at before.
    #[must_use]
    pub fn new(base: BaseDomain, tls: Option<&Tls>, context: ConnectionContext) -> Self {
        Self(Arc::new(Inner {
            base,
            served: tls.map(Tls::served),
            context,
            tickets: Mutex::new(SecretMap::tickets()),
            passes: Mutex::new(SecretMap::passes()),
        }))
    }

    /// The name below which the applications are.
    #[must_use]
    pub fn base(&self) -> &BaseDomain {
        &self.0.base
    }

    /// Whether nobody can listen.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.0.served.is_some()
    }

    /// What takes TLS up with a browser, as the port does it.
    #[must_use]
    pub fn acceptor(&self) -> Option<TlsAcceptor> {
        let served = self.0.served.as_ref()?;
        Some(TlsAcceptor::from(served.get_inner()))
    }

    /// Whom a name is for.
    #[must_use]
    pub fn classify_host(&self, name: &str) -> HostTarget {
        let name = name.to_ascii_lowercase();
        let base = &self.0.base;
        if base.has_below(&name) {
            let target = base.label(&name).and_then(AppTarget::of);
            return target.map_or(HostTarget::Nobody, HostTarget::Application);
        }
        // A certificate for all names below one may have these among them.
        match base.is(&name) || base.is_below(&name) {
            true => HostTarget::Nobody,
            false => HostTarget::Daemon,
        }
    }

    /// The origin of an application, as browsers write it, at a port of the daemon's; `None` where
    /// its name would be too long.
    #[must_use]
    pub fn origin(&self, target: &AppTarget, port: Option<u16>) -> Option<String> {
        let name = format!("{}.{}", target.label()?, self.0.base);
        let (scheme, usual) = self.scheme();
        let port = port.filter(|port| *port != usual);
        Some(match port {
            Some(port) => format!("{scheme}://{name}:{port}"),
            None => format!("{scheme}://{name}"),
        })
    }

    /// The scheme of all addresses, and the port that is not written with it.
    #[must_use]
    pub fn scheme(&self) -> (&'static str, u16) {
        match self.has_tls() {
            true => ("https", 443),
            false => ("http", 80),
        }
    }

    /// The file by which browsers find the applications, for those who reach the daemon so.
    #[must_use]
    pub fn pac(&self, daemon: &Authority) -> String {
        pac::file(&self.0.base, daemon, self.has_tls())
    }

    /// Creates a ticket, which admits its bearer once.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn ticket(&self, grant: Grant) -> Result<Secret, AccessError> {
        let (target, principal) = (grant.target.clone(), grant.principal.clone());
        let mut tickets = locked(&self.0.tickets);
        tickets.issue(&target, &principal, grant, Instant::now())
    }

    /// Takes a ticket; `None` where it is none, is over, was used, or is another target's.
    #[must_use]
    pub fn take(&self, ticket: &str, target: &AppTarget) -> Option<Grant> {
        locked(&self.0.tickets).take(ticket, target, Instant::now())
    }

    /// Creates a pass, which the browser sends from now on.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn issue_pass(&self, grant: Grant) -> Result<Secret, AccessError> {
        let (target, principal) = (grant.target.clone(), grant.principal.clone());
        let pass = Arc::new(AppSession::new(self.0.context.clone(), grant));
        locked(&self.0.passes).issue(&target, &principal, pass, Instant::now())
    }

    /// Who shows a pass at a target; `None` where the pass is not valid there.
    #[must_use]
    pub fn pass(&self, shown: &str, target: &AppTarget) -> Option<Arc<AppSession>> {
        let passes = locked(&self.0.passes);
        passes.find(shown, target, Instant::now()).cloned()
    }

    /// Removes a pass whose log-in has ended.
    pub fn forget(&self, shown: &str, target: &AppTarget) {
        let forgotten = locked(&self.0.passes).take(shown, target, Instant::now());
        drop(forgotten);
    }
}

fn locked<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
