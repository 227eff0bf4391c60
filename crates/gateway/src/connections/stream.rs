//! Connections of the HTTP port with their places: a displaced one ends.

use std::future::{Future as _, Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tower_layer::Layer as _;

use super::{ConnectionHandle, ConnectionPlace, Connections};

/// Gives places to connections. Requests carry a [`ConnectionHandle`] as extension.
#[derive(Clone, Debug)]
pub struct LimitedAcceptor(Connections);

impl LimitedAcceptor {
    /// For the connections of a listener.
    #[must_use]
    pub fn new(connections: Connections) -> Self {
        Self(connections)
    }

    fn place(&self, stream: TcpStream) -> io::Result<LimitedStream> {
        let peer = stream.peer_addr()?;
        // What is typed is sent at once, and not when there is more.
        stream.set_nodelay(true)?;
        let place = self.0.admit(peer.ip());
        let place = place.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        Ok(LimitedStream {
            stream,
            displaced: Box::pin(place.displaced().clone().cancelled_owned()),
            place,
        })
    }
}

impl<S> Accept<TcpStream, S> for LimitedAcceptor {
    type Stream = LimitedStream;
    type Service = AddExtension<S, ConnectionHandle>;
    type Future = Ready<io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let limited = self.place(stream).map(|stream| {
            let handle = stream.place.handle().clone();
            (stream, Extension(handle).layer(service))
        });
        ready(limited)
    }
}

/// A connection that has a place.
#[derive(Debug)]
pub struct LimitedStream {
    stream: TcpStream,
    displaced: Pin<Box<WaitForCancellationFutureOwned>>,
    place: ConnectionPlace,
}

impl LimitedStream {
    /// Fails once the place is somebody else's.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.displaced.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for LimitedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for LimitedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
