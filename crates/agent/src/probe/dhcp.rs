//! Broadcasts a DHCPDISCOVER and listens for offers.
//!
//! Offers are read from a packet socket. The kernel delivers none to an interface without an address
//! or through the node's packet filter, which DHCP clients bypass as well.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use anyhow::Context;
use dhcproto::v4::{DhcpOption, Flags, HType, Message, MessageType, OptionCode};
use dhcproto::{Decodable, Decoder, Encodable};
use plateau_core::question::dhcp::{DhcpQuestion, DhcpSeen};
use pnet_packet::Packet;
use pnet_packet::ip::IpNextHeaderProtocols;
use pnet_packet::ipv4::Ipv4Packet;
use pnet_packet::udp::UdpPacket;
use rustix::net::{AddressFamily, SocketFlags, SocketType, eth};
use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use crate::mac::parse_mac;

use super::context::ProbeContext;
use super::netlink;

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
const MAX_SERVERS: usize = 16;

/// Silence after which the broadcast is sent again.
const RETRANSMIT_INTERVAL: Duration = Duration::from_secs(2);

/// Options that are always requested.
const DEFAULT_OPTIONS: [OptionCode; 8] = [
    OptionCode::SubnetMask,
    OptionCode::Router,
    OptionCode::DomainNameServer,
    OptionCode::DomainName,
    OptionCode::AddressLeaseTime,
    OptionCode::ServerIdentifier,
    OptionCode::Renewal,
    OptionCode::Rebinding,
];

pub(super) async fn observe(
    question: &DhcpQuestion,
    context: &ProbeContext,
) -> anyhow::Result<DhcpSeen> {
    // A server may first check that the address is unused: dnsmasq takes 3 seconds, and answers one
    // client after another. The last tenth is left for a slow machine.
    let until = Instant::now() + context.time_limit().mul_f32(0.9);
    let link = netlink::find_link(&netlink::connect()?, &question.interface).await?;
    let link = link.with_context(|| format!("no interface named `{}`", question.interface))?;
    let mac = question.mac.clone().or_else(|| link.mac_address());
    let mac = mac.as_deref().and_then(parse_mac);
    let mac = mac.with_context(|| format!("`{}` has no hardware address", question.interface))?;
    let discover = discover_message(question, &mac);
    let listening = open_packet_socket()?;
    let sending = open_broadcast_socket(&question.interface)?;
    let message = discover.to_vec().context("cannot write the request")?;
    let server = SocketAddrV4::new(Ipv4Addr::BROADCAST, SERVER_PORT);

    let mut first = None;
    let mut servers = BTreeSet::new();
    while Instant::now() < until {
        match sending.send_to(&message, server).await {
            Ok(_) => {}
            // An interface that is down cannot reach a server.
            Err(error) if is_unreachable(&error) => break,
            Err(error) => return Err(error).context("cannot send"),
        }
        let pause = (Instant::now() + RETRANSMIT_INTERVAL).min(until);
        while let Ok(offer) = timeout_at(pause, receive_offer(&listening, discover.xid())).await {
            let offer = offer.context("cannot listen")?;
            servers.insert(server_identifier(&offer));
            first.get_or_insert(offer);
            // Only the attribute `servers` has to wait for the slowest server.
            if !context.wants("servers") || servers.len() == MAX_SERVERS {
                return Ok(to_observation(first.as_ref(), servers));
            }
        }
    }
    Ok(to_observation(first.as_ref(), servers))
}

fn is_unreachable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NetworkDown | ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable
    )
}

/// The request. Answers are broadcasts, because the client has no address yet.
fn discover_message(question: &DhcpQuestion, mac: &[u8]) -> Message {
    let none = Ipv4Addr::UNSPECIFIED;
    let mut message = Message::new(none, none, none, none, mac);
    message.set_htype(HType::Eth);
    message.set_flags(Flags::default().set_broadcast());
    let mut wanted = DEFAULT_OPTIONS.to_vec();
    let more = question.request.iter().copied().map(OptionCode::from);
    wanted.extend(more.filter(|code| !DEFAULT_OPTIONS.contains(code)));
    let options = message.opts_mut();
    options.insert(DhcpOption::MessageType(MessageType::Discover));
    options.insert(DhcpOption::ParameterRequestList(wanted));
    if let Some(id) = &question.client_id {
        // RFC 2132, section 9.14: type 0 is an identifier other than a hardware address.
        let id = [&[0], id.as_bytes()].concat();
        options.insert(DhcpOption::ClientIdentifier(id));
    }
    message
}

/// A socket that receives every IPv4 packet of this node. It is a packet socket behind the interface
/// of a UDP socket.
fn open_packet_socket() -> anyhow::Result<UdpSocket> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (family, kind) = (AddressFamily::PACKET, SocketType::DGRAM);
    let socket = rustix::net::socket_with(family, kind, flags, Some(eth::IP))
        .context("cannot open a packet socket")?;
    UdpSocket::from_std(socket.into()).context("cannot listen")
}

/// A socket that broadcasts from the interface, and from the client's port if that is free.
fn open_broadcast_socket(interface: &str) -> anyhow::Result<UdpSocket> {
    let open = || {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_address(true)?;
        socket.set_broadcast(true)?;
        socket.set_nonblocking(true)?;
        let bind = |port| socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port).into());
        let bound = bind(CLIENT_PORT);
        if bound
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
        {
            bind(0)?;
        } else {
            bound?;
        }
        let socket = UdpSocket::from_std(socket.into())?;
        socket.bind_device(Some(interface.as_bytes()))?;
        io::Result::Ok(socket)
    };
    open().context("cannot open a socket for broadcasts")
}

/// The next offer that answers the request; other packets are ignored.
async fn receive_offer(listening: &UdpSocket, xid: u32) -> io::Result<Message> {
    let mut packet = vec![0; 64 << 10];
    loop {
        let length = listening.recv(&mut packet).await?;
        if let Some(message) = parse_message(&packet[..length])
            && message.xid() == xid
            && message.opts().msg_type() == Some(MessageType::Offer)
        {
            return Ok(message);
        }
    }
}

/// The message from a server to a client in an IPv4 packet.
fn parse_message(packet: &[u8]) -> Option<Message> {
    let ip = Ipv4Packet::new(packet)?;
    if ip.get_next_level_protocol() != IpNextHeaderProtocols::Udp {
        return None;
    }
    let udp = UdpPacket::new(ip.payload())?;
    if (udp.get_source(), udp.get_destination()) != (SERVER_PORT, CLIENT_PORT) {
        return None;
    }
    Message::decode(&mut Decoder::new(udp.payload())).ok()
}

fn server_identifier(offer: &Message) -> String {
    match offer.opts().get(OptionCode::ServerIdentifier) {
        Some(DhcpOption::ServerIdentifier(address)) => address.to_string(),
        Some(_) | None => offer.siaddr().to_string(),
    }
}

fn to_observation(offer: Option<&Message>, servers: BTreeSet<String>) -> DhcpSeen {
    let servers = Some(servers.into_iter().collect());
    let Some(offer) = offer else {
        return DhcpSeen {
            offered: Some(false),
            servers,
            ..DhcpSeen::default()
        };
    };
    let mut options: Vec<(u8, String)> = offer
        .opts()
        .iter()
        .map(|(code, option)| (u8::from(*code), option_text(option)))
        .collect();
    options.sort();
    let text = |code| {
        let found = options.iter().find(|(number, _)| *number == u8::from(code));
        found.map(|(_, text)| text.clone())
    };
    let list = |code| match text(code) {
        Some(text) => text.split(", ").map(str::to_owned).collect(),
        None => Vec::new(),
    };
    DhcpSeen {
        offered: Some(true),
        address: Some(offer.yiaddr().to_string()),
        server: Some(server_identifier(offer)),
        mask: text(OptionCode::SubnetMask),
        router: Some(list(OptionCode::Router)),
        dns: Some(list(OptionCode::DomainNameServer)),
        domain: text(OptionCode::DomainName),
        lease_seconds: text(OptionCode::AddressLeaseTime).and_then(|text| text.parse().ok()),
        options: Some(
            options
                .iter()
                .map(|(number, text)| format!("{number}: {text}"))
                .collect(),
        ),
        servers,
    }
}

/// An option's value as its codec serializes it, without the name of the variant.
fn option_text(option: &DhcpOption) -> String {
    let value = serde_json::to_value(option).unwrap_or_default();
    let inner = value
        .as_object()
        .and_then(|variant| variant.values().next());
    json_text(inner.unwrap_or(&value).clone())
}

fn json_text(value: Value) -> String {
    match value {
        Value::String(text) => text.trim_end_matches('\0').to_owned(),
        Value::Array(elements) if elements.iter().all(Value::is_u64) => elements
            .iter()
            .filter_map(Value::as_u64)
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        Value::Array(elements) => {
            let elements: Vec<String> = elements.into_iter().map(json_text).collect();
            elements.join(", ")
        }
        // An option that is unknown to the codec.
        Value::Object(mut fields) => fields.remove("data").map_or(String::new(), json_text),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_that_are_not_answers_are_ignored() {
        for length in 0..600 {
            for byte in [0x00, 0x11, 0x45, 0xff] {
                assert!(parse_message(&vec![byte; length]).is_none());
            }
        }
        // IPv4 and UDP from a server's port to a client's, without a DHCP message.
        let mut packet = vec![0; 28];
        packet[0] = 0x45;
        packet[3] = 28;
        packet[9] = 17;
        (packet[21], packet[23], packet[25]) = (67, 68, 8);
        assert!(parse_message(&packet).is_none());
    }

    #[test]
    fn options_are_written_as_people_write_them() {
        let routers = vec![Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];
        assert_eq!(
            option_text(&DhcpOption::Router(routers)),
            "10.0.0.1, 10.0.0.2"
        );
        let domain = DhcpOption::DomainName("atelier.lan\0".to_owned());
        assert_eq!(option_text(&domain), "atelier.lan");
        assert_eq!(option_text(&DhcpOption::AddressLeaseTime(60)), "60");
        let id = DhcpOption::ClientIdentifier(vec![0, 0xab]);
        assert_eq!(option_text(&id), "00ab");
    }
}
