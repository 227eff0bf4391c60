//! Broadcasts a DHCPDISCOVER and listens for offers.
//!
//! Offers are taken from a packet socket: the kernel passes none on to an interface without an
//! address, nor through the node's own filter, which no DHCP client heeds.

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

use super::context::ProbeContext;
use super::links;

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
const MOST_SERVERS: usize = 16;

/// Silence after which the broadcast is sent again.
const AGAIN: Duration = Duration::from_secs(2);

/// What is always asked for.
const USUAL: [OptionCode; 8] = [
    OptionCode::SubnetMask,
    OptionCode::Router,
    OptionCode::DomainNameServer,
    OptionCode::DomainName,
    OptionCode::AddressLeaseTime,
    OptionCode::ServerIdentifier,
    OptionCode::Renewal,
    OptionCode::Rebinding,
];

pub(super) async fn see(question: &DhcpQuestion, look: &ProbeContext) -> anyhow::Result<DhcpSeen> {
    // A server may look for another user of the address first, dnsmasq for 3 seconds and one
    // asker after the other; the last tenth is for a machine that is slow itself.
    let until = Instant::now() + look.patience().mul_f32(0.9);
    let link = links::link(&links::kernel()?, &question.interface).await?;
    let link = link.with_context(|| format!("there is no interface `{}`", question.interface))?;
    let mac = question.mac.clone().or_else(|| link.mac_address());
    let mac = mac.as_deref().and_then(bytes_of);
    let mac = mac.with_context(|| format!("`{}` has no hardware address", question.interface))?;
    let discover = discover(question, &mac);
    let listening = listen()?;
    let sending = sender(&question.interface)?;
    let message = discover.to_vec().context("cannot write the request")?;
    let server = SocketAddrV4::new(Ipv4Addr::BROADCAST, SERVER_PORT);

    let mut first = None;
    let mut servers = BTreeSet::new();
    while Instant::now() < until {
        match sending.send_to(&message, server).await {
            Ok(_) => {}
            // An interface that is down reaches no server.
            Err(error) if is_down(&error) => break,
            Err(error) => return Err(error).context("cannot send"),
        }
        let pause = (Instant::now() + AGAIN).min(until);
        while let Ok(offer) = timeout_at(pause, offer(&listening, discover.xid())).await {
            let offer = offer.context("cannot listen")?;
            servers.insert(server_of(&offer));
            first.get_or_insert(offer);
            // Only who asks for all servers has to wait for the slowest.
            if !look.wants("servers") || servers.len() == MOST_SERVERS {
                return Ok(seen(first.as_ref(), servers));
            }
        }
    }
    Ok(seen(first.as_ref(), servers))
}

fn bytes_of(mac: &str) -> Option<Vec<u8>> {
    let pairs = mac.split(':').map(|pair| u8::from_str_radix(pair, 16));
    let bytes: Vec<u8> = pairs.collect::<Result<_, _>>().ok()?;
    (bytes.len() == 6).then_some(bytes)
}

fn is_down(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NetworkDown | ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable
    )
}

/// The request, which wants its answers as broadcasts: nobody has the address yet.
fn discover(question: &DhcpQuestion, mac: &[u8]) -> Message {
    let none = Ipv4Addr::UNSPECIFIED;
    let mut message = Message::new(none, none, none, none, mac);
    message.set_htype(HType::Eth);
    message.set_flags(Flags::default().set_broadcast());
    let mut wanted = USUAL.to_vec();
    let more = question.request.iter().copied().map(OptionCode::from);
    wanted.extend(more.filter(|code| !USUAL.contains(code)));
    let options = message.opts_mut();
    options.insert(DhcpOption::MessageType(MessageType::Discover));
    options.insert(DhcpOption::ParameterRequestList(wanted));
    if let Some(id) = &question.client_id {
        // RFC 2132, section 9.14: type 0 is an identifier that is no hardware address.
        let id = [&[0], id.as_bytes()].concat();
        options.insert(DhcpOption::ClientIdentifier(id));
    }
    message
}

/// A socket that hears every IPv4 packet of this node. That it is not UDP's makes no difference to
/// who receives from it.
fn listen() -> anyhow::Result<UdpSocket> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (family, kind) = (AddressFamily::PACKET, SocketType::DGRAM);
    let socket = rustix::net::socket_with(family, kind, flags, Some(eth::IP))
        .context("cannot open a packet socket")?;
    UdpSocket::from_std(socket.into()).context("cannot listen")
}

/// A socket that broadcasts from the interface, from the client's port where that is free.
fn sender(interface: &str) -> anyhow::Result<UdpSocket> {
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

/// The next offer that answers the request; anything else that comes by is passed over.
async fn offer(listening: &UdpSocket, xid: u32) -> io::Result<Message> {
    let mut packet = vec![0; 64 << 10];
    loop {
        let length = listening.recv(&mut packet).await?;
        if let Some(message) = message_in(&packet[..length])
            && message.xid() == xid
            && message.opts().msg_type() == Some(MessageType::Offer)
        {
            return Ok(message);
        }
    }
}

/// What a server says to a client in an IPv4 packet.
fn message_in(packet: &[u8]) -> Option<Message> {
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

fn server_of(offer: &Message) -> String {
    match offer.opts().get(OptionCode::ServerIdentifier) {
        Some(DhcpOption::ServerIdentifier(address)) => address.to_string(),
        Some(_) | None => offer.siaddr().to_string(),
    }
}

fn seen(offer: Option<&Message>, servers: BTreeSet<String>) -> DhcpSeen {
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
        .map(|(code, option)| (u8::from(*code), written(option)))
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
        server: Some(server_of(offer)),
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

/// An option's value: what its codec's own serialization gives, its variant's name left out.
fn written(option: &DhcpOption) -> String {
    let value = serde_json::to_value(option).unwrap_or_default();
    let inner = value
        .as_object()
        .and_then(|variant| variant.values().next());
    plain(inner.unwrap_or(&value).clone())
}

fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text.trim_end_matches('\0').to_owned(),
        Value::Array(elements) if elements.iter().all(Value::is_u64) => elements
            .iter()
            .filter_map(Value::as_u64)
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        Value::Array(elements) => {
            let elements: Vec<String> = elements.into_iter().map(plain).collect();
            elements.join(", ")
        }
        // An option that the codec does not know.
        Value::Object(mut fields) => fields.remove("data").map_or(String::new(), plain),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_that_are_no_answer_are_passed_over() {
        for length in 0..600 {
            for byte in [0x00, 0x11, 0x45, 0xff] {
                assert!(message_in(&vec![byte; length]).is_none());
            }
        }
        // IPv4 and UDP from a server's port to a client's, and nothing that DHCP says in them.
        let mut packet = vec![0; 28];
        packet[0] = 0x45;
        packet[3] = 28;
        packet[9] = 17;
        (packet[21], packet[23], packet[25]) = (67, 68, 8);
        assert!(message_in(&packet).is_none());
    }

    #[test]
    fn options_are_written_as_people_write_them() {
        let routers = vec![Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];
        assert_eq!(written(&DhcpOption::Router(routers)), "10.0.0.1, 10.0.0.2");
        let domain = DhcpOption::DomainName("atelier.lan\0".to_owned());
        assert_eq!(written(&domain), "atelier.lan");
        assert_eq!(written(&DhcpOption::AddressLeaseTime(60)), "60");
        let id = DhcpOption::ClientIdentifier(vec![0, 0xab]);
        assert_eq!(written(&id), "00ab");
    }
}
