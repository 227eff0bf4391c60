//! A connection to a server, plain or over TLS, with a limit on what is read.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::tcp::{ConnectOutcome, connect};

/// Most bytes that are read from one server: the limits of the protocols go up to gigabytes.
pub(super) const READ_LIMIT: u64 = 2 << 20;

/// A connection that fails when the server has sent too much.
#[derive(Debug)]
pub(super) struct Stream {
    connection: Connection,
    remaining: u64,
}

#[derive(Debug)]
enum Connection {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Connects to a server and reads at most `read_limit` bytes; `None` if it cannot be reached.
    pub(super) async fn open(
        host: &str,
        port: u16,
        limit: Duration,
        read_limit: u64,
    ) -> anyhow::Result<Option<Self>> {
        Ok(match connect(host, port, limit).await? {
            ConnectOutcome::Open(stream) => Some(Self::new(stream, read_limit)),
            ConnectOutcome::Refused | ConnectOutcome::Filtered | ConnectOutcome::Unresolved => None,
        })
    }

    pub(super) fn new(stream: TcpStream, read_limit: u64) -> Self {
        Self {
            connection: Connection::Plain(stream),
            remaining: read_limit,
        }
    }

    fn tcp(&self) -> &TcpStream {
        match &self.connection {
            Connection::Plain(stream) => stream,
            Connection::Tls(stream) => stream.get_ref().0,
        }
    }

    /// The local address of the connection.
    pub(super) fn local_address(&self) -> io::Result<IpAddr> {
        Ok(self.tcp().local_addr()?.ip())
    }

    /// The server's address.
    pub(super) fn peer_address(&self) -> io::Result<IpAddr> {
        Ok(self.tcp().peer_addr()?.ip())
    }

    /// Upgrades the connection to TLS; `host` is an address or a name.
    pub(super) async fn upgrade_to_tls(
        self,
        host: &str,
        config: Arc<ClientConfig>,
    ) -> io::Result<Self> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let connection = match self.connection {
            Connection::Plain(stream) => {
                let secure = TlsConnector::from(config).connect(name, stream).await?;
                Connection::Tls(Box::new(secure))
            }
            secure @ Connection::Tls(_) => secure,
        };
        Ok(Self {
            connection,
            remaining: self.remaining,
        })
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.remaining == 0 {
            return Poll::Ready(Err(io::Error::other("the server sends too much")));
        }
        let before = buffer.filled().len();
        ready!(match &mut self.connection {
            Connection::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Connection::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        })?;
        let read = buffer.filled().len() - before;
        self.remaining = self.remaining.saturating_sub(read as u64);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.connection {
            Connection::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Connection::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.connection {
            Connection::Plain(stream) => Pin::new(stream).poll_flush(context),
            Connection::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.connection {
            Connection::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Connection::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
