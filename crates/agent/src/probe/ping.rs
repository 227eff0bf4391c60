//! Sends ICMP echo requests.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context;
use plateau_core::question::ping::{PingQuestion, PingSeen};
use socket2::Type;
use surge_ping::{Client, Config, ICMP, IcmpPacket, PingIdentifier, PingSequence};
use tokio::time::{sleep, timeout};

use super::context::ProbeContext;
use super::lookup;

const REQUESTS: u16 = 3;
const PAUSE: Duration = Duration::from_millis(200);
const WAIT: Duration = Duration::from_secs(1);
const PAYLOAD: [u8; 56] = [0; 56];

pub(super) async fn observe(
    question: &PingQuestion,
    context: &ProbeContext,
) -> anyhow::Result<PingSeen> {
    let found = timeout(context.network_limit(), lookup::addresses(&question.host)).await;
    let addresses = found.unwrap_or_else(|_| Ok(Vec::new()))?;
    let Some(address) = addresses.first() else {
        return Ok(PingSeen {
            reachable: Some(false),
            ..PingSeen::default()
        });
    };
    let client = open_client(*address)?;
    let sent = (0..REQUESTS).map(|sequence| send_echo(&client, *address, sequence));
    let mut times: Vec<Duration> = futures_util::future::join_all(sent)
        .await
        .into_iter()
        .flatten()
        .collect();
    times.sort();
    let lost = usize::from(REQUESTS) - times.len();
    let median = times.get(times.len() / 2);
    Ok(PingSeen {
        reachable: Some(!times.is_empty()),
        loss: i64::try_from(lost * 100 / usize::from(REQUESTS)).ok(),
        rtt: median.and_then(|time| i64::try_from(time.as_micros().div_ceil(1000)).ok()),
    })
}

/// A raw socket, or the kernel's socket for echo requests if raw sockets are not allowed.
fn open_client(address: IpAddr) -> anyhow::Result<Client> {
    let kind = match address {
        IpAddr::V4(_) => ICMP::V4,
        IpAddr::V6(_) => ICMP::V6,
    };
    let of = |socket| {
        let config = Config::builder().kind(kind).sock_type_hint(socket).build();
        Client::new(&config)
    };
    of(Type::RAW)
        .or_else(|_| of(Type::DGRAM))
        .context("cannot open a socket for echo requests")
}

/// The round-trip time; `None` without an answer, whatever the reason.
async fn send_echo(client: &Client, address: IpAddr, sequence: u16) -> Option<Duration> {
    sleep(PAUSE * u32::from(sequence)).await;
    // Each request has its own identifier. Other probes may use the same one, but in another network
    // namespace or for another address.
    let identifier = u16::try_from(std::process::id() % 20_000).unwrap_or_default() * 3 + sequence;
    let mut pinger = client.pinger(address, PingIdentifier(identifier)).await;
    pinger.timeout(WAIT);
    let answer = pinger.ping(PingSequence(sequence), &PAYLOAD).await;
    answer
        .ok()
        .filter(|(packet, _)| is_reply(packet))
        .map(|(_, time)| time)
}

/// Whether it is an echo reply. An ICMP error quotes the request, so that it has the same
/// identifier.
fn is_reply(packet: &IcmpPacket) -> bool {
    // RFC 792 and RFC 4443: the types of an echo reply.
    match packet {
        IcmpPacket::V4(packet) => packet.get_icmp_type().0 == 0,
        IcmpPacket::V6(packet) => packet.get_icmpv6_type().0 == 129,
    }
}
