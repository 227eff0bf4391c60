//! TCP connections from nodes of a lab. No port is published: the agent relays the bytes.

use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use thiserror::Error;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::lab::LabError;
use crate::lab::quota::ProgramUse;
use crate::labs::Labs;
use crate::layout;
use crate::runtime::{ProcessOutput, Running, RuntimeError};

/// Most bytes of what the agent says went wrong.
const REASON: usize = 512;

/// A connection that is being opened, or is open.
#[derive(Debug)]
pub struct Tunnel(Running);

/// Receives bytes from the port.
pub struct TunnelReader {
    output: BoxStream<'static, Result<ProcessOutput, RuntimeError>>,
    said: Vec<u8>,
}

/// Sends bytes to the port.
pub struct TunnelWriter(Pin<Box<dyn AsyncWrite + Send>>);

/// Why a connection failed.
#[derive(Debug, Error)]
pub enum TunnelError {
    /// The agent could not connect, or the connection broke.
    #[error("{said}")]
    Port {
        /// What the agent said.
        said: String,
    },
    /// The engine failed.
    #[error("the connection to the node broke")]
    Engine(#[source] RuntimeError),
}

impl Tunnel {
    /// Connects the agent in a node to a port. A failure to connect is the first item of the reader.
    ///
    /// # Errors
    /// There is no such lab or node, or it does not run.
    pub async fn open(
        labs: &Labs,
        lab: &str,
        node: &str,
        host: IpAddr,
        port: u16,
    ) -> Result<Self, LabError> {
        Self::open_for(ProgramUse::Person, labs, (lab, node), (host, port)).await
    }

    /// Connects to a web application of a node itself. Where the lab has as many such connections as it
    /// may have, it waits for one to end.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub async fn open_application(
        labs: &Labs,
        lab: &str,
        node: &str,
        port: u16,
    ) -> Result<Self, LabError> {
        let here = (Ipv4Addr::LOCALHOST.into(), port);
        Self::open_for(ProgramUse::Application, labs, (lab, node), here).await
    }

    async fn open_for(
        used: ProgramUse,
        labs: &Labs,
        (lab, node): (&str, &str),
        (host, port): (IpAddr, u16),
    ) -> Result<Self, LabError> {
        let (host, port) = (host.to_string(), port.to_string());
        let argv = [layout::AGENT, "tunnel", &host, &port].map(str::to_owned);
        let running = labs.run_for(used, lab, node, argv.to_vec()).await;
        running.map(Self)
    }

    /// Both directions.
    #[must_use]
    pub fn split(self) -> (TunnelReader, TunnelWriter) {
        let answers = TunnelReader {
            output: self.0.output,
            said: Vec::new(),
        };
        (answers, TunnelWriter(self.0.input))
    }
}

impl TunnelReader {
    /// The next bytes; `None` when the port has closed the connection.
    pub async fn next(&mut self) -> Option<Result<Bytes, TunnelError>> {
        loop {
            match self.output.next().await? {
                Ok(ProcessOutput::Stdout(bytes)) => return Some(Ok(bytes)),
                Ok(ProcessOutput::Stderr(bytes)) => {
                    let room = REASON - self.said.len();
                    self.said.extend_from_slice(&bytes[..bytes.len().min(room)]);
                }
                Ok(ProcessOutput::Exit(0)) => return None,
                Ok(ProcessOutput::Exit(_)) => return Some(Err(self.failed())),
                Err(error) => return Some(Err(TunnelError::Engine(error))),
            }
        }
    }

    fn failed(&self) -> TunnelError {
        let said = String::from_utf8_lossy(&self.said);
        let said = said.trim();
        TunnelError::Port {
            said: said
                .strip_prefix("plateau-agent: ")
                .unwrap_or(said)
                .to_owned(),
        }
    }
}

impl TunnelWriter {
    /// Sends bytes to the port.
    ///
    /// # Errors
    /// The connection is closed.
    pub async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_all(bytes).await?;
        self.0.flush().await
    }
}
