//! Ports of the fake's nodes, which lead to real ones.

use std::net::SocketAddr;

use futures_util::{StreamExt, stream};
use tokio::net::TcpStream;
use tokio_util::io::ReaderStream;

use super::Fake;
use crate::runtime::{ProcessOutput, Running, RuntimeError};

impl Fake {
    /// Lets a TCP port of every node be one of this machine. Ports that lead nowhere say what they hear.
    pub fn lead(&self, port: u16, to: SocketAddr) {
        self.state().ports.insert(port, to);
    }

    /// Where the agent is to connect to, as far as that leads anywhere.
    pub(super) fn led(&self, argv: &[String]) -> Option<SocketAddr> {
        let [_, role, _, port] = argv else {
            return None;
        };
        let port = port.parse().ok().filter(|_| role == "tunnel")?;
        self.state().ports.get(&port).copied()
    }
}

/// The agent's role `tunnel`.
pub(super) async fn tunnel(to: SocketAddr) -> Running {
    let stream = match TcpStream::connect(to).await {
        Ok(stream) => stream,
        Err(error) => {
            let said = format!("plateau-agent: connect to {to}: {error}\n");
            let printed = [
                Ok(ProcessOutput::Stderr(said.into())),
                Ok(ProcessOutput::Exit(1)),
            ];
            return Running {
                input: Box::pin(tokio::io::sink()),
                output: stream::iter(printed).boxed(),
            };
        }
    };
    let (answers, requests) = stream.into_split();
    let answers = ReaderStream::new(answers).map(|part| {
        part.map(ProcessOutput::Stdout)
            .map_err(|error| RuntimeError::Transport(Box::new(error)))
    });
    let ended = stream::once(std::future::ready(Ok(ProcessOutput::Exit(0))));
    Running {
        input: Box::pin(requests),
        output: answers.chain(ended).boxed(),
    }
}
