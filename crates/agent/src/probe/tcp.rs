//! Opens a TCP connection and reports the outcome; also used by the other kinds.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use plateau_core::question::tcp::{TcpQuestion, TcpSeen};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::context::ProbeContext;
use super::lookup;

const BANNER_LIMIT: usize = 1 << 10;
const BANNER_WAIT: Duration = Duration::from_secs(2);

/// Silence that ends a banner.
const BANNER_PAUSE: Duration = Duration::from_millis(200);

/// How an attempt to connect ended.
pub(super) enum ConnectOutcome {
    Open(TcpStream),
    Refused,
    Filtered,
    Unresolved,
}

pub(super) async fn observe(
    question: &TcpQuestion,
    context: &ProbeContext,
) -> anyhow::Result<TcpSeen> {
    let started = Instant::now();
    let attempt = connect(&question.host, question.port, context.network_limit()).await?;
    let (state, stream) = match attempt {
        ConnectOutcome::Open(stream) => ("open", Some(stream)),
        ConnectOutcome::Refused => ("refused", None),
        ConnectOutcome::Filtered => ("filtered", None),
        ConnectOutcome::Unresolved => ("unresolved", None),
    };
    let banner = match stream {
        Some(stream) if context.wants("banner") => {
            let until = (Instant::now() + BANNER_WAIT).min(started + context.time_limit());
            Some(read_banner(stream, until).await)
        }
        Some(_) | None => None,
    };
    Ok(TcpSeen {
        state: Some(state.to_owned()),
        banner,
    })
}

/// Resolves the host and tries its addresses in turn, all within the limit.
pub(super) async fn connect(
    host: &str,
    port: u16,
    limit: Duration,
) -> anyhow::Result<ConnectOutcome> {
    let until = Instant::now() + limit;
    let Ok(addresses) = timeout_at(until, lookup::addresses(host)).await else {
        return Ok(ConnectOutcome::Unresolved);
    };
    connect_any(&addresses?, port, until).await
}

async fn connect_any(
    addresses: &[IpAddr],
    port: u16,
    until: Instant,
) -> anyhow::Result<ConnectOutcome> {
    let mut outcome = ConnectOutcome::Unresolved;
    for (tried, address) in addresses.iter().enumerate() {
        // Each address gets a share of the time, so that a silent one does not hide the next.
        let left = u32::try_from(addresses.len() - tried).unwrap_or(1);
        let share = until.saturating_duration_since(Instant::now()) / left;
        let connecting = TcpStream::connect(SocketAddr::new(*address, port));
        match timeout(share, connecting).await {
            Ok(Ok(stream)) => return Ok(ConnectOutcome::Open(stream)),
            Ok(Err(error)) if is_refusal(&error) => outcome = ConnectOutcome::Refused,
            Ok(Err(error)) if is_local_error(&error) => {
                return Err(error).context("cannot connect");
            }
            // A refusal by one address is more specific than the silence of another.
            Ok(Err(_)) | Err(_) => {
                if !matches!(outcome, ConnectOutcome::Refused) {
                    outcome = ConnectOutcome::Filtered;
                }
            }
        }
    }
    Ok(outcome)
}

fn is_refusal(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
}

/// Whether the cause of an error is here and not in the network: no sockets, no memory, no IPv6.
fn is_local_error(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM | Errno::AFNOSUPPORT)
    )
}

/// The first bytes from the server.
async fn read_banner(mut stream: TcpStream, until: Instant) -> String {
    let mut bytes = Vec::new();
    let mut until = until;
    while bytes.len() < BANNER_LIMIT {
        let mut part = [0; BANNER_LIMIT];
        match timeout_at(until, stream.read(&mut part)).await {
            Ok(Ok(length)) if length > 0 => bytes.extend(&part[..length]),
            Ok(Ok(_) | Err(_)) | Err(_) => break,
        }
        until = until.min(Instant::now() + BANNER_PAUSE);
    }
    bytes.truncate(BANNER_LIMIT);
    String::from_utf8_lossy(&bytes).into_owned()
}
