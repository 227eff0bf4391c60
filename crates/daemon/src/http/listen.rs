//! Listeners of the daemon: a Unix socket, and a TCP port, which without TLS is on the loopback only.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum_server::tls_rustls::RustlsAcceptor;
use thiserror::Error;
use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::{Api, PortGuard, Token, local, remote};
use plateau_gateway::connections::{ConnectionLimits, Connections, LimitedAcceptor, listen};
use plateau_gateway::tls::{AllowedHosts, Tls};

/// Group whose members may use the socket.
const GROUP: &str = "plateau";

/// How long requests may continue after the daemon was told to stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// Requests at the same time on one connection of HTTP/2.
const STREAMS: u32 = 64;

/// Why the daemon cannot listen or serve.
#[derive(Debug, Error)]
pub enum ListenError {
    /// Another daemon listens on the socket.
    #[error("another plateaud listens on `{}` already", path.display())]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// The socket's path exists and is not a socket.
    #[error("`{}` is there and is not a socket", path.display())]
    NoSocket {
        /// The path.
        path: PathBuf,
    },
    /// The socket could not be made.
    #[error("listen on `{}`", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The address can be reached from other machines, and there is no TLS.
    #[error("`{address}` is not an address of the loopback, and there is no TLS")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The port cannot be bound.
    #[error("listen on `{address}`")]
    Port {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Serving ended by itself.
    #[error("serve")]
    Serve(#[source] std::io::Error),
}

impl ListenError {
    /// What to do about it, if anything can be done.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Taken { .. } => {
                Some("stop it first, or give this one another --socket and --state")
            }
            Self::NoSocket { .. } => Some("remove it, or name another place with --socket"),
            Self::Socket { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
                Some("run plateaud as root, or name a place that you can write to with --socket")
            }
            Self::NotLoopback { .. } => Some(
                "give it --tls-room auto or --tls-cert and --tls-key, or use 127.0.0.1 or [::1]",
            ),
            Self::Port { source, .. } if source.kind() == ErrorKind::AddrInUse => {
                Some("choose another port with --listen; port 0 takes any that is free")
            }
            Self::Socket { .. } | Self::Port { .. } | Self::Serve(_) => None,
        }
    }
}

/// The socket and the port, bound and not served yet.
#[derive(Debug)]
pub struct Listeners {
    socket: UnixListener,
    place: SocketFile,
    port: TcpListener,
    tls: Option<Tls>,
    limits: ConnectionLimits,
}

/// A socket's file, removed when its listener is dropped.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, "the socket was gone already");
        }
    }
}

impl Listeners {
    /// Binds both, the port on the loopback and without TLS. A socket that nobody listens on any more
    /// is replaced.
    ///
    /// # Errors
    /// Another daemon listens already, or one of them cannot be bound.
    pub async fn bind(socket: &Path, address: SocketAddr) -> Result<Self, ListenError> {
        Self::bind_with(socket, address, None).await
    }

    /// Binds both; a port with TLS may be on any address.
    ///
    /// # Errors
    /// As for [`Self::bind`].
    pub async fn bind_with(
        socket: &Path,
        address: SocketAddr,
        tls: Option<Tls>,
    ) -> Result<Self, ListenError> {
        if tls.is_none() && !address.ip().is_loopback() {
            return Err(ListenError::NotLoopback { address });
        }
        let port = listen(address).map_err(|source| ListenError::Port { address, source })?;
        Ok(Self {
            socket: bind(socket).await?,
            place: SocketFile(socket.to_owned()),
            port,
            tls,
            limits: ConnectionLimits::default(),
        })
    }

    /// With other limits of the port's connections.
    #[must_use]
    pub fn with_limits(self, limits: ConnectionLimits) -> Self {
        Self { limits, ..self }
    }

    /// The address of the port, also where any free one was asked for.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.port.local_addr()
    }

    /// Serves until `api.stop` is cancelled, and takes the socket away at the end.
    ///
    /// # Errors
    /// Where serving ends by itself.
    pub async fn serve(self, api: Api, token: Token) -> Result<(), ListenError> {
        let stop = api.stop.clone();
        let on_socket = axum::serve(self.socket, local(api.clone()))
            .with_graceful_shutdown(stop.clone().cancelled_owned());
        let on_port = serve_port(self.port, self.tls, self.limits, api, token);
        let late = async {
            stop.cancelled().await;
            // Labs and what is done in them outlive the daemon: a long request need not end first.
            tokio::time::sleep(PATIENCE).await;
        };
        let done = tokio::select! {
            done = async { tokio::try_join!(on_socket, on_port) } => {
                done.map(drop).map_err(ListenError::Serve)
            }
            () = late => Ok(()),
        };
        drop(self.place);
        done
    }
}

/// Serves the port until `api.stop` is cancelled.
async fn serve_port(
    port: TcpListener,
    tls: Option<Tls>,
    limits: ConnectionLimits,
    api: Api,
    token: Token,
) -> std::io::Result<()> {
    let stop = api.stop.clone();
    let door = PortGuard {
        token,
        names: tls.as_ref().map_or_else(AllowedHosts::default, Tls::names),
        tls: tls.is_some(),
        hsts: tls.as_ref().is_some_and(Tls::is_own),
    };
    let service = remote(api, door).into_make_service_with_connect_info::<SocketAddr>();
    let limited = LimitedAcceptor::new(Connections::new("http", limits));
    let handle = axum_server::Handle::new();
    let server = axum_server::from_tcp(port.into_std()?)?;
    let mut server = server
        .handle(handle.clone())
        .first_request_timeout(PATIENCE)
        .accept_error_handler(|peer, error| {
            tracing::debug!(?peer, %error, "a connection was not taken");
        });
    // From the last answer to the end of the next request's head: slow heads end as idle connections do.
    let http = server.http_builder();
    http.http1().header_read_timeout(limits.idle);
    http.http2()
        .keep_alive_interval(limits.idle)
        .keep_alive_timeout(PATIENCE)
        .max_concurrent_streams(STREAMS);
    match tls {
        None => {
            let told = async {
                stop.cancelled().await;
                handle.graceful_shutdown(Some(PATIENCE));
                Ok(())
            };
            let served = server.acceptor(limited).serve(service);
            tokio::try_join!(served, told).map(drop)
        }
        Some(tls) => {
            let encrypted = RustlsAcceptor::new(tls.served()).acceptor(limited);
            let told = async {
                tls.watch(stop).await;
                handle.graceful_shutdown(Some(PATIENCE));
                Ok(())
            };
            let served = server.acceptor(encrypted).serve(service);
            tokio::try_join!(served, told).map(drop)
        }
    }
}

async fn bind(path: &Path) -> Result<UnixListener, ListenError> {
    let failed = |source| ListenError::Socket {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    match std::fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => {
            return Err(ListenError::NoSocket {
                path: path.to_owned(),
            });
        }
        Ok(_) if UnixStream::connect(path).await.is_ok() => {
            return Err(ListenError::Taken {
                path: path.to_owned(),
            });
        }
        Ok(_) | Err(_) => {}
    }
    // Made under another name: at its place it has the right owner and mode from the first moment on,
    // and a stale one is replaced without a gap.
    let new = path.with_extension("new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&new).map_err(failed)?;
    if let Some(group) = group(GROUP) {
        std::os::unix::fs::chown(&new, None, Some(group)).map_err(failed)?;
    }
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o660)).map_err(failed)?;
    std::fs::rename(&new, path).map_err(failed)?;
    Ok(listener)
}

/// Numeric identifier of a local group.
fn group(name: &str) -> Option<u32> {
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name))
            .then(|| fields.nth(1))
            .flatten()
            .and_then(|number| number.parse().ok())
    })
}
