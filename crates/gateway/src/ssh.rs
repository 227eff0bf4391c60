//! Nodes over SSH: the same screen as in the browser, commands, and files by scp and sftp.
//!
//! Nodes run only the agent: the daemon is the SSH server, the user name selects the node, and a [`Gate`]
//! decides who may enter. Port forwarding is refused, since the daemon gives access to a node's ports, with
//! its own checks.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use plateau_core::api::SshView;
use plateau_exam::access::limits::network;
use plateau_exam::gate::Gate;
use plateau_labs::labs::Labs;
use plateau_labs::terminals::Terminals;
use russh::server::{Config, run_stream};
use russh::{Disconnect, MethodKind, MethodSet, SshId};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod command;
mod connection;
mod error;
mod host_key;
mod screen;

pub use error::SshError;
pub use host_key::HostKey;

use connection::Connection;

use crate::connections::{ConnectionLimits, ConnectionPlace, Connections, listen};

/// Connections of one address: so many at once, and then one every so often. A room may share one.
const BURST: NonZeroU32 = NonZeroU32::new(60).unwrap();
const REFILL: Duration = Duration::from_millis(500);

/// Addresses after which those are forgotten that have not come lately.
const ADDRESSES: usize = 1024;

/// Most connections at the same time.
const CONNECTIONS: usize = 512;

/// How often somebody may try on one connection. The first attempt of every client asks only which
/// ways there are, and counts too.
const TRIES: usize = 1 + 3;

/// How long somebody may take to enter.
const GRACE: Duration = Duration::from_secs(60);

/// What an attempt that fails takes, whatever it fails of.
const REJECTION: Duration = Duration::from_secs(1);

/// How often a silent client is asked for a sign of life, and how many may be missed.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVES: usize = 4;

/// How long nothing may come at all.
const INACTIVITY: Duration = Duration::from_secs(600);

/// How long the connections may take to end with the daemon.
const FAREWELL: Duration = Duration::from_secs(2);

/// A server that listens and does not serve yet.
#[derive(Debug)]
pub struct Ssh {
    listener: TcpListener,
    config: Arc<Config>,
    context: Arc<ServerContext>,
    fingerprint: String,
    connections: Connections,
}

/// What all connections share.
#[derive(Debug)]
struct ServerContext {
    labs: Labs,
    terminals: Terminals,
    gate: Gate,
}

impl Ssh {
    /// Listens on an address, with the key that proves to clients which server this is.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn bind(
        address: SocketAddr,
        key: HostKey,
        labs: Labs,
        terminals: Terminals,
        gate: Gate,
    ) -> Result<Self, SshError> {
        let listener = listen(address).map_err(|source| SshError::Listen { address, source })?;
        let mut methods = MethodSet::empty();
        methods.push(MethodKind::PublicKey);
        methods.push(MethodKind::Password);
        let fingerprint = key.fingerprint();
        let config = Config {
            server_id: SshId::Standard("SSH-2.0-Plateau".into()),
            methods,
            keys: vec![key.into_inner()],
            max_auth_attempts: TRIES,
            auth_rejection_time: REJECTION,
            auth_rejection_time_initial: Some(Duration::ZERO),
            // By far longer than a living client may be silent, which answers the signs of life.
            inactivity_timeout: Some(INACTIVITY),
            keepalive_interval: Some(KEEPALIVE),
            keepalive_max: KEEPALIVES,
            nodelay: true,
            ..Config::default()
        };
        Ok(Self {
            listener,
            config: Arc::new(config),
            context: Arc::new(ServerContext {
                labs,
                terminals,
                gate,
            }),
            fingerprint,
            connections: Connections::new("ssh", ConnectionLimits::default().at_most(CONNECTIONS)),
        })
    }

    /// With other limits of connections; there are never more than 512.
    #[must_use]
    pub fn with_limits(self, limits: ConnectionLimits) -> Self {
        Self {
            connections: Connections::new("ssh", limits.at_most(CONNECTIONS)),
            ..self
        }
    }

    /// The address, also where any free port was asked for.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where it serves, and what clients show of its key.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn view(&self) -> std::io::Result<SshView> {
        Ok(SshView {
            address: self.address()?.to_string(),
            fingerprint: self.fingerprint.clone(),
        })
    }

    /// Serves until it is told to stop.
    pub async fn serve(self, stop: CancellationToken) {
        let quota = Quota::with_period(REFILL).map(|quota| quota.allow_burst(BURST));
        let arrivals: DefaultKeyedRateLimiter<IpAddr> =
            RateLimiter::keyed(quota.unwrap_or(Quota::per_second(BURST)));
        let tasks = TaskTracker::new();
        loop {
            let (stream, peer) = tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Out of descriptors, or the client has left already.
                        tracing::warn!(%error, "nobody could be let in over SSH");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                },
                () = stop.cancelled() => break,
            };
            if arrivals.len() > ADDRESSES {
                arrivals.retain_recent();
            }
            let may_come = arrivals.check_key(&network(peer.ip())).is_ok();
            let place = may_come
                .then(|| self.connections.admit(peer.ip()))
                .flatten();
            let Some(place) = place else {
                tracing::debug!(%peer, "too many connections over SSH");
                continue;
            };
            let one = converse(
                Arc::clone(&self.config),
                Arc::clone(&self.context),
                stream,
                peer,
                place,
                stop.clone(),
            );
            tasks.spawn(one);
        }
        tasks.close();
        let _ = tokio::time::timeout(FAREWELL, tasks.wait()).await;
    }
}

/// Serves one connection to its end.
async fn converse(
    config: Arc<Config>,
    context: Arc<ServerContext>,
    stream: TcpStream,
    peer: SocketAddr,
    place: ConnectionPlace,
    stop: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "a connection sends late");
    }
    let entered = CancellationToken::new();
    let deadline = tokio::time::Instant::now() + GRACE;
    let connection = Connection::new(context, peer, entered.clone());
    let begun = tokio::select! {
        begun = tokio::time::timeout_at(deadline, run_stream(config, stream, connection)) => begun,
        () = place.displaced().cancelled() => return,
    };
    let Ok(Ok(session)) = begun else {
        tracing::debug!(%peer, "somebody came over SSH who does not speak it");
        return;
    };
    let handle = session.handle();
    let late = async {
        tokio::select! {
            () = entered.cancelled() => {
                place.handle().log_in();
                std::future::pending().await
            }
            () = tokio::time::sleep_until(deadline) => "too slow to enter",
            () = place.displaced().cancelled() => "too many connections",
        }
    };
    tokio::pin!(session);
    let why = tokio::select! {
        ended = &mut session => {
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "a connection over SSH broke");
            }
            return;
        }
        why = late => why,
        () = stop.cancelled() => "the server ends",
    };
    let said = handle.disconnect(Disconnect::ByApplication, why.to_owned(), "en".to_owned());
    if said.await.is_ok() {
        let _ = tokio::time::timeout(FAREWELL, session).await;
    }
}
