//! Carries bytes between an exec and a TCP port: what a node serves reaches the daemon without a
//! published port.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncWriteExt, stdin, stdout};
use tokio::net::TcpStream;

/// Most that a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long the other side may still send when nobody sends to it any more. Whoever has left
/// without taking leave looks just so, and what is sent to him goes nowhere.
const FAREWELL: Duration = Duration::from_secs(30);

/// Where to.
#[derive(clap::Args)]
pub(crate) struct Tunnel {
    /// Address in the node or reachable from it
    host: IpAddr,
    /// TCP port
    port: u16,
}

/// Connects, and carries bytes both ways until both sides are done.
pub(crate) fn run(tunnel: &Tunnel) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start")?;
    let carried = runtime.block_on(carry(SocketAddr::new(tunnel.host, tunnel.port)));
    // A read of standard input may still be under way on its thread, and must not be waited for.
    runtime.shutdown_background();
    carried
}

async fn carry(address: SocketAddr) -> anyhow::Result<()> {
    let connection = tokio::time::timeout(CONNECT, TcpStream::connect(address))
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
        done = &mut answers => return done.context("carry answers"),
        done = requests => done.context("carry requests")?,
    }
    match tokio::time::timeout(FAREWELL, answers).await {
        Ok(done) => done.context("carry answers"),
        Err(_) => Ok(()),
    }
}
