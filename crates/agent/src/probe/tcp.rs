//! Opens a TCP connection and says how that went; also for the kinds that speak over one.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use plateau_core::question::tcp::{TcpQuestion, TcpSeen};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::context::ProbeContext;
use super::names;

const BANNER_LIMIT: usize = 1 << 10;
const BANNER_WAIT: Duration = Duration::from_secs(2);

/// Silence after the first words that ends a banner.
const BANNER_PAUSE: Duration = Duration::from_millis(200);

/// How an attempt to connect ended.
pub(super) enum Attempt {
    Open(TcpStream),
    Refused,
    Filtered,
    Unresolved,
}

pub(super) async fn see(question: &TcpQuestion, look: &ProbeContext) -> anyhow::Result<TcpSeen> {
    let started = Instant::now();
    let attempt = connect(&question.host, question.port, look.network_limit()).await?;
    let (state, stream) = match attempt {
        Attempt::Open(stream) => ("open", Some(stream)),
        Attempt::Refused => ("refused", None),
        Attempt::Filtered => ("filtered", None),
        Attempt::Unresolved => ("unresolved", None),
    };
    let banner = match stream {
        Some(stream) if look.wants("banner") => {
            let until = (Instant::now() + BANNER_WAIT).min(started + look.patience());
            Some(banner(stream, until).await)
        }
        Some(_) | None => None,
    };
    Ok(TcpSeen {
        state: Some(state.to_owned()),
        banner,
    })
}

/// Resolves the host and tries its addresses in turn, all within the limit.
pub(super) async fn connect(host: &str, port: u16, limit: Duration) -> anyhow::Result<Attempt> {
    let until = Instant::now() + limit;
    let Ok(addresses) = timeout_at(until, names::addresses(host)).await else {
        return Ok(Attempt::Unresolved);
    };
    connect_to(&addresses?, port, until).await
}

async fn connect_to(addresses: &[IpAddr], port: u16, until: Instant) -> anyhow::Result<Attempt> {
    let mut outcome = Attempt::Unresolved;
    for (tried, address) in addresses.iter().enumerate() {
        // Each address gets its share, so that a silent first one does not hide the second.
        let left = u32::try_from(addresses.len() - tried).unwrap_or(1);
        let share = until.saturating_duration_since(Instant::now()) / left;
        let connecting = TcpStream::connect(SocketAddr::new(*address, port));
        match timeout(share, connecting).await {
            Ok(Ok(stream)) => return Ok(Attempt::Open(stream)),
            Ok(Err(error)) if refuses(&error) => outcome = Attempt::Refused,
            Ok(Err(error)) if is_ours(&error) => return Err(error).context("cannot connect"),
            // A refusal by one address says more than the silence of another.
            Ok(Err(_)) | Err(_) => {
                if !matches!(outcome, Attempt::Refused) {
                    outcome = Attempt::Filtered;
                }
            }
        }
    }
    Ok(outcome)
}

fn refuses(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
}

/// Whether an error is about us and not about the network: no sockets, no memory, no such family.
fn is_ours(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM | Errno::AFNOSUPPORT)
    )
}

/// What the server says first.
async fn banner(mut stream: TcpStream, until: Instant) -> String {
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
