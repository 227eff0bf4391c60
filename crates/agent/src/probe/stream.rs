//! A connection to a server, in the clear or over TLS, of which no more than a bound is read.

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

use super::tcp::{Attempt, connect};

/// Most that is read from one server, in bytes: the protocols' own limits go up to gigabytes.
pub(super) const READ_LIMIT: u64 = 2 << 20;

/// A connection that ends with an error once the server has said too much.
#[derive(Debug)]
pub(super) struct Stream {
    carrier: Carrier,
    left: u64,
}

#[derive(Debug)]
enum Carrier {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Connects to a server, of which at most `most` bytes are read; `None` where it is not to be reached.
    pub(super) async fn open(
        host: &str,
        port: u16,
        limit: Duration,
        most: u64,
    ) -> anyhow::Result<Option<Self>> {
        Ok(match connect(host, port, limit).await? {
            Attempt::Open(stream) => Some(Self::new(stream, most)),
            Attempt::Refused | Attempt::Filtered | Attempt::Unresolved => None,
        })
    }

    pub(super) fn new(stream: TcpStream, most: u64) -> Self {
        Self {
            carrier: Carrier::Plain(stream),
            left: most,
        }
    }

    fn tcp(&self) -> &TcpStream {
        match &self.carrier {
            Carrier::Plain(stream) => stream,
            Carrier::Secure(stream) => stream.get_ref().0,
        }
    }

    /// Our own address on this connection.
    pub(super) fn own_address(&self) -> io::Result<IpAddr> {
        Ok(self.tcp().local_addr()?.ip())
    }

    /// The server's address on this connection.
    pub(super) fn peer_address(&self) -> io::Result<IpAddr> {
        Ok(self.tcp().peer_addr()?.ip())
    }

    /// Shakes hands over TLS; `host` is an address or a name.
    pub(super) async fn secure(self, host: &str, config: Arc<ClientConfig>) -> io::Result<Self> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let carrier = match self.carrier {
            Carrier::Plain(stream) => {
                let secure = TlsConnector::from(config).connect(name, stream).await?;
                Carrier::Secure(Box::new(secure))
            }
            secure @ Carrier::Secure(_) => secure,
        };
        Ok(Self {
            carrier,
            left: self.left,
        })
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other("the server says too much")));
        }
        let before = buffer.filled().len();
        ready!(match &mut self.carrier {
            Carrier::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Carrier::Secure(stream) => Pin::new(stream).poll_read(context, buffer),
        })?;
        let read = buffer.filled().len() - before;
        self.left = self.left.saturating_sub(read as u64);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.carrier {
            Carrier::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Carrier::Secure(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.carrier {
            Carrier::Plain(stream) => Pin::new(stream).poll_flush(context),
            Carrier::Secure(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.carrier {
            Carrier::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Carrier::Secure(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
