//! Relays bytes between an exec and a TCP port, so that the daemon reaches what a node serves
//! without a published port.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncWriteExt, stdin, stdout};
use tokio::net::TcpStream;

use crate::runtime;

/// Time limit for the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the server may still send after the client has ended its side. A client that has
/// disappeared looks the same, and would never receive the rest.
const HALF_CLOSED_TIMEOUT: Duration = Duration::from_secs(30);

/// Arguments of `tunnel`.
#[derive(clap::Args)]
pub(crate) struct TunnelArgs {
    /// Address in the node or reachable from it
    host: IpAddr,
    /// TCP port
    port: u16,
}

/// Connects, and relays bytes both ways until both sides have ended.
pub(crate) fn run(arguments: &TunnelArgs) -> anyhow::Result<()> {
    let runtime = runtime::single_threaded()?;
    let relayed = runtime.block_on(relay(SocketAddr::new(arguments.host, arguments.port)));
    // A read of standard input may still block its thread, and must not be waited for.
    runtime.shutdown_background();
    relayed
}

async fn relay(address: SocketAddr) -> anyhow::Result<()> {
    let connection = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address))
        .await
        .with_context(|| format!("{address} does not answer"))?
        .with_context(|| format!("connect to {address}"))?;
    connection.set_nodelay(true).context("connect")?;
    let (mut from, mut to) = connection.into_split();
    let answers = async {
        let mut output = stdout();
        let copied = tokio::io::copy(&mut from, &mut output).await;
        copied.and(output.flush().await)
    };
    tokio::pin!(answers);
    let requests = async {
        let copied = tokio::io::copy(&mut stdin(), &mut to).await;
        copied.and(to.shutdown().await)
    };
    tokio::select! {
        done = &mut answers => return done.context("cannot relay answers"),
        done = requests => done.context("cannot relay requests")?,
    }
    match tokio::time::timeout(HALF_CLOSED_TIMEOUT, answers).await {
        Ok(done) => done.context("cannot relay answers"),
        Err(_) => Ok(()),
    }
}
