//! Sends one DNS query, fully qualified, to one server, or to the configured ones in turn.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use hickory_net::NetError;
use hickory_net::client::{Client, ClientHandle};
use hickory_net::proto::op::{DnsResponse, ResponseCode};
use hickory_net::proto::rr::{DNSClass, Name, RData, RecordType};
use hickory_net::runtime::TokioRuntimeProvider;
use hickory_net::tcp::TcpClientStream;
use hickory_net::udp::UdpClientStream;
use plateau_core::question::dns::{DnsQuestion, DnsSeen};
use tokio::time::{Instant, timeout_at};

use super::context::ProbeContext;
use super::resolver;

const DNS_PORT: u16 = 53;

/// Most records of one answer.
const MAX_ANSWERS: usize = 256;

pub(super) async fn observe(
    question: &DnsQuestion,
    context: &ProbeContext,
) -> anyhow::Result<DnsSeen> {
    let kind = RecordType::from_str(&question.kind.to_ascii_uppercase())
        .ok()
        .with_context(|| format!("`{}` is not a valid record type", question.kind))?;
    let name = query_name(&question.name, kind)?;
    let servers = match &question.server {
        Some(server) => vec![server_address(server)?],
        None => {
            let read = tokio::task::spawn_blocking(resolver::read_config).await??;
            let servers = read.nameservers.into_iter();
            servers.map(|ip| SocketAddr::new(ip, DNS_PORT)).collect()
        }
    };
    let until = Instant::now() + context.network_limit();
    for (tried, server) in servers.iter().enumerate() {
        let left = u32::try_from(servers.len() - tried).unwrap_or(1);
        let share = until.saturating_duration_since(Instant::now()) / left;
        if let Some(response) = query(*server, &name, kind, Instant::now() + share).await? {
            return Ok(to_observation(&response, kind));
        }
    }
    Ok(DnsSeen {
        answered: Some(false),
        ..DnsSeen::default()
    })
}

fn query_name(name: &str, kind: RecordType) -> anyhow::Result<Name> {
    if let (RecordType::PTR, Ok(address)) = (kind, name.parse::<IpAddr>()) {
        return Ok(Name::from(address));
    }
    let mut name =
        Name::from_utf8(name).with_context(|| format!("`{name}` is not a valid name"))?;
    name.set_fqdn(true);
    Ok(name)
}

/// An address, followed by a colon and a port if that is not 53.
fn server_address(server: &str) -> anyhow::Result<SocketAddr> {
    let bare = server
        .parse()
        .map(|ip: IpAddr| SocketAddr::new(ip, DNS_PORT));
    bare.or_else(|_| server.parse())
        .with_context(|| format!("`{server}` is not a valid server address"))
}

/// A server's response, over TCP if the response over UDP was truncated; `None` if it is silent.
async fn query(
    server: SocketAddr,
    name: &Name,
    kind: RecordType,
    until: Instant,
) -> anyhow::Result<Option<DnsResponse>> {
    let Some(response) =
        response_or_silence(timeout_at(until, query_udp(server, name, kind, until)).await)?
    else {
        return Ok(None);
    };
    if !response.metadata.truncation {
        return Ok(Some(response));
    }
    let complete =
        response_or_silence(timeout_at(until, query_tcp(server, name, kind, until)).await)?;
    Ok(Some(complete.unwrap_or(response)))
}

/// Distinguishes silence from an answer that cannot be read.
fn response_or_silence(
    outcome: Result<Result<DnsResponse, NetError>, tokio::time::error::Elapsed>,
) -> anyhow::Result<Option<DnsResponse>> {
    match outcome {
        Ok(Ok(response)) => Ok(Some(response)),
        Ok(Err(error @ NetError::Proto(_))) => {
            Err(error).context("cannot read the server's answer")
        }
        // No answer in time, refused by ICMP, or unreachable.
        Ok(Err(_)) | Err(_) => Ok(None),
    }
}

async fn query_udp(
    server: SocketAddr,
    name: &Name,
    kind: RecordType,
    until: Instant,
) -> Result<DnsResponse, NetError> {
    let stream = UdpClientStream::builder(server, TokioRuntimeProvider::default())
        .with_timeout(Some(until.saturating_duration_since(Instant::now())))
        .with_os_port_selection(true)
        .build();
    let (mut client, background) = Client::<TokioRuntimeProvider>::from_sender(stream);
    tokio::spawn(background);
    client.query(name.clone(), DNSClass::IN, kind).await
}

async fn query_tcp(
    server: SocketAddr,
    name: &Name,
    kind: RecordType,
    until: Instant,
) -> Result<DnsResponse, NetError> {
    let limit = until
        .saturating_duration_since(Instant::now())
        .max(Duration::from_millis(1));
    let (connecting, handle) =
        TcpClientStream::new(server, None, Some(limit), TokioRuntimeProvider::default());
    let (mut client, background) =
        Client::<TokioRuntimeProvider>::with_timeout(connecting.await?, handle, limit);
    tokio::spawn(background);
    client.query(name.clone(), DNSClass::IN, kind).await
}

fn to_observation(response: &DnsResponse, kind: RecordType) -> DnsSeen {
    let records = response.answers.iter();
    let records = records.filter(|record| record.record_type() == kind);
    let mut answers: Vec<String> = records
        .take(MAX_ANSWERS)
        .map(|record| record_text(&record.data))
        .collect();
    answers.sort();
    DnsSeen {
        answered: Some(!answers.is_empty()),
        code: Some(code_name(response.metadata.response_code)),
        answers: Some(answers),
        authoritative: Some(response.metadata.authoritative),
    }
}

/// A record as in a zone file, but names without the last dot and texts without quotes.
fn record_text(data: &RData) -> String {
    if let RData::TXT(text) = data {
        let parts = text.txt_data.iter();
        return parts
            .map(|part| String::from_utf8_lossy(part).into_owned())
            .collect();
    }
    let text = data.to_string();
    let words = text.split(' ').map(|word| match word {
        "." => word,
        word => word.strip_suffix('.').unwrap_or(word),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn code_name(code: ResponseCode) -> String {
    match u16::from(code) {
        0 => "NOERROR".to_owned(),
        1 => "FORMERR".to_owned(),
        2 => "SERVFAIL".to_owned(),
        3 => "NXDOMAIN".to_owned(),
        4 => "NOTIMP".to_owned(),
        5 => "REFUSED".to_owned(),
        9 => "NOTAUTH".to_owned(),
        16 => "BADVERS".to_owned(),
        other => format!("RCODE{other}"),
    }
}
