//! Connections to applications: TCP connections from a lab's nodes that end when access is revoked.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::Uri;
use bytes::{Bytes, BytesMut};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use plateau_exam::access::{Access, Principal};
use plateau_labs::lab::LabError;
use plateau_labs::labs::Labs;
use plateau_labs::terminals::{TerminalError, Terminals};
use plateau_labs::tunnel::{Tunnel, TunnelError, TunnelReader, TunnelWriter};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, ReadHalf, SimplexStream, WriteHalf};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::io::StreamReader;
use tokio_util::sync::CancellationToken;

use super::name::AppTarget;

/// Bytes that may wait for the node.
const WAITING: usize = 64 << 10;

/// Parts of answers that may wait for the browser.
const PARTS: usize = 4;

/// Why a connection failed or ended.
#[derive(Debug, Error)]
pub enum ConnectionError {
    /// There is no such lab or node, or it does not run.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The lab's doors are closed.
    #[error(transparent)]
    Closed(#[from] TerminalError),
    /// The node could not connect to the port, or the connection broke.
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
    /// The lab's doors were closed, the log-in ended, or the daemon ends.
    #[error("nobody may use it any more")]
    Over,
}

/// What connections are opened through.
#[derive(Clone, Debug)]
pub struct ConnectionContext {
    labs: Labs,
    terminals: Terminals,
    access: Access,
    stop: CancellationToken,
}

impl ConnectionContext {
    /// What they are made through.
    #[must_use]
    pub fn new(
        labs: &Labs,
        terminals: &Terminals,
        access: &Access,
        stop: &CancellationToken,
    ) -> Self {
        Self {
            labs: labs.clone(),
            terminals: terminals.clone(),
            access: access.clone(),
            stop: stop.clone(),
        }
    }

    /// Resolves when a request of a principal to a lab has to end: access to the lab is closed, their
    /// log-in ends, or the daemon stops.
    ///
    /// # Errors
    /// Access is already closed.
    pub fn until_revoked(
        &self,
        lab: &str,
        principal: &Principal,
    ) -> Result<impl Future<Output = ()> + Send + use<>, TerminalError> {
        let closed = self.terminals.closing(lab)?;
        let stop = self.stop.clone();
        let ended = self.access.clone().until_ended(principal.clone());
        Ok(async move {
            tokio::select! {
                () = closed.cancelled() => {}
                () = stop.cancelled() => {}
                () = ended => {}
            }
        })
    }
}

/// Opens connections to an application for a principal.
#[derive(Clone, Debug)]
pub(super) struct AppConnector {
    pub(super) context: ConnectionContext,
    pub(super) target: AppTarget,
    pub(super) principal: Principal,
    /// How long a browser may take nothing of what is there for it.
    pub(super) patience: Duration,
}

impl AppConnector {
    async fn open(self) -> Result<TokioIo<AppConnection>, ConnectionError> {
        let AppTarget { lab, node, port } = &self.target;
        let over = self.context.until_revoked(lab, &self.principal)?;
        let tunnel = Tunnel::open_application(&self.context.labs, lab, node, port.get()).await?;
        let (told, answers) = mpsc::channel(PARTS);
        let (asked, requests) = tokio::io::simplex(WAITING);
        // A task of its own: also where nobody reads or writes, it ends when it has to.
        tokio::spawn(carry(tunnel, asked, told, over, self.patience));
        Ok(TokioIo::new(AppConnection {
            answers: StreamReader::new(ReceiverStream::new(answers)),
            requests,
        }))
    }
}

impl tower_service::Service<Uri> for AppConnector {
    type Response = TokioIo<AppConnection>;
    type Error = ConnectionError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectionError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().open())
    }
}

/// Carries bytes both ways until the port, whoever asked, or `over` ends it.
async fn carry(
    tunnel: Tunnel,
    asked: ReadHalf<SimplexStream>,
    told: mpsc::Sender<io::Result<Bytes>>,
    over: impl Future<Output = ()>,
    patience: Duration,
) {
    let (answers, requests) = tunnel.split();
    let end = tokio::select! {
        biased;
        () = over => Err(ConnectionError::Over),
        end = answer(answers, &told, patience) => end,
        () = ask(asked, requests) => Ok(()),
        () = told.closed() => Ok(()),
    };
    if let Err(error) = end {
        // Whoever reads may have left already.
        let _ = told.send(Err(io::Error::other(error))).await;
    }
}

async fn answer(
    mut answers: TunnelReader,
    told: &mpsc::Sender<io::Result<Bytes>>,
    patience: Duration,
) -> Result<(), ConnectionError> {
    while let Some(bytes) = answers.next().await {
        match told.send_timeout(Ok(bytes?), patience).await {
            Ok(()) => {}
            Err(_) => return Err(ConnectionError::Over),
        }
    }
    Ok(())
}

/// Passes on what is asked. Where the port takes no more, what it answers is still on its way.
async fn ask(mut asked: ReadHalf<SimplexStream>, mut requests: TunnelWriter) {
    let mut part = BytesMut::with_capacity(WAITING);
    while let Ok(1..) = asked.read_buf(&mut part).await {
        if requests.send(&part).await.is_err() {
            break;
        }
        part.clear();
    }
    drop(requests);
    std::future::pending().await
}

/// A connection to an application.
#[derive(Debug)]
pub(super) struct AppConnection {
    answers: StreamReader<ReceiverStream<io::Result<Bytes>>, Bytes>,
    requests: WriteHalf<SimplexStream>,
}

impl Connection for AppConnection {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for AppConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.answers).poll_read(context, buffer)
    }
}

impl AsyncWrite for AppConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.requests).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.requests).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.requests).poll_shutdown(context)
    }
}
