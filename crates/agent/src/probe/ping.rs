//! Sends ICMP echo requests.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context;
use plateau_core::question::ping::{PingQuestion, PingSeen};
use socket2::Type;
use surge_ping::{Client, Config, ICMP, IcmpPacket, PingIdentifier, PingSequence};
use tokio::time::{sleep, timeout};

use super::context::ProbeContext;
use super::names;

const REQUESTS: u16 = 3;
const PAUSE: Duration = Duration::from_millis(200);
const WAIT: Duration = Duration::from_secs(1);
const PAYLOAD: [u8; 56] = [0; 56];

pub(super) async fn see(question: &PingQuestion, look: &ProbeContext) -> anyhow::Result<PingSeen> {
    let found = timeout(look.network_limit(), names::addresses(&question.host)).await;
    let addresses = found.unwrap_or_else(|_| Ok(Vec::new()))?;
    let Some(address) = addresses.first() else {
        return Ok(PingSeen {
            reachable: Some(false),
            ..PingSeen::default()
        });
    };
    let client = client(*address)?;
    let sent = (0..REQUESTS).map(|sequence| echo(&client, *address, sequence));
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

/// A raw socket, or where that is not allowed the kernel's own sockets for echo requests.
fn client(address: IpAddr) -> anyhow::Result<Client> {
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

/// Time to the answer; nothing where none came, whatever the reason.
async fn echo(client: &Client, address: IpAddr, sequence: u16) -> Option<Duration> {
    sleep(PAUSE * u32::from(sequence)).await;
    // One identifier a request, so that the waits do not meet; those of other probes may coincide,
    // and are told apart by the kernel's namespace and the address.
    let identifier = u16::try_from(std::process::id() % 20_000).unwrap_or_default() * 3 + sequence;
    let mut pinger = client.pinger(address, PingIdentifier(identifier)).await;
    pinger.timeout(WAIT);
    let answer = pinger.ping(PingSequence(sequence), &PAYLOAD).await;
    answer
        .ok()
        .filter(|(packet, _)| is_reply(packet))
        .map(|(_, time)| time)
}

/// Whether it is the echo and not a router's word that there will be none: an ICMP error quotes the
/// request, so it carries its identifier too.
fn is_reply(packet: &IcmpPacket) -> bool {
    // RFC 792 and RFC 4443: the types of an echo reply.
    match packet {
        IcmpPacket::V4(packet) => packet.get_icmp_type().0 == 0,
        IcmpPacket::V6(packet) => packet.get_icmpv6_type().0 == 129,
    }
}
