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
use plateau_exam::gate::Gate;
use plateau_labs::labs::Labs;
use plateau_labs::terminals::Terminals;
use russh::server::{Config, run_stream};
use russh::{Disconnect, MethodKind, MethodSet, SshId};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
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

/// Connections of one address: so many at once, and then one every so often. A room may share one.
const BURST: NonZeroU32 = NonZeroU32::new(60).unwrap();
const REFILL: Duration = Duration::from_millis(500);

/// Addresses after which those are forgotten that have not come lately.
const ADDRESSES: usize = 1024;

/// Connections at the same time.
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

/// How long the connections may take to end with the daemon.
const FAREWELL: Duration = Duration::from_secs(2);

/// A server that listens and does not serve yet.
#[derive(Debug)]
pub struct Ssh {
    listener: TcpListener,
    config: Arc<Config>,
    context: Arc<ServerContext>,
    fingerprint: String,
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
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|source| SshError::Listen { address, source })?;
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
        })
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
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let connections = TaskTracker::new();
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
            let place = Arc::clone(&places).try_acquire_owned();
            let (Ok(place), Ok(())) = (place, arrivals.check_key(&peer.ip())) else {
                tracing::debug!(%peer, "too many connections over SSH");
                continue;
            };
            let one = converse(
                Arc::clone(&self.config),
                Arc::clone(&self.context),
                stream,
                peer,
                stop.clone(),
            );
            connections.spawn(async move {
                one.await;
                drop(place);
            });
        }
        connections.close();
        let _ = tokio::time::timeout(FAREWELL, connections.wait()).await;
    }
}

/// Serves one connection to its end.
async fn converse(
    config: Arc<Config>,
    context: Arc<ServerContext>,
    stream: TcpStream,
    peer: SocketAddr,
    stop: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "a connection sends late");
    }
    let entered = CancellationToken::new();
    let deadline = tokio::time::Instant::now() + GRACE;
    let connection = Connection::new(context, peer, entered.clone());
    let begun = tokio::time::timeout_at(deadline, run_stream(config, stream, connection)).await;
    let Ok(Ok(session)) = begun else {
        tracing::debug!(%peer, "somebody came over SSH who does not speak it");
        return;
    };
    let handle = session.handle();
    let late = async {
        tokio::select! {
            () = entered.cancelled() => std::future::pending().await,
            () = tokio::time::sleep_until(deadline) => {}
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
        () = late => "too slow to enter",
        () = stop.cancelled() => "the server ends",
    };
    let said = handle.disconnect(Disconnect::ByApplication, why.to_owned(), "en".to_owned());
    if said.await.is_ok() {
        let _ = tokio::time::timeout(FAREWELL, session).await;
    }
}
