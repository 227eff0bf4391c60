//! Asks a SIP server for its options, or registers a user and removes the registration.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use ezk_sip_auth::{
    ClientAuthenticator, DigestAuthenticator, DigestCredentials, DigestUser, RequestParts,
    ResponseParts,
};
use ezk_sip_types::msg::{Line, MessageLine, PullParser, RequestLine, StatusLine};
use ezk_sip_types::print::AppendCtx;
use ezk_sip_types::uri::SipUri;
use ezk_sip_types::{Headers, Method, Name};
use plateau_core::question::port::Transport;
use plateau_core::question::sip::{SipMethod, SipQuestion, SipSeen};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

use super::context::ProbeContext;
use super::lookup;
use super::random::random_hex;
use super::tcp::{ConnectOutcome, connect};
use crate::bounded::truncated;

const MESSAGE_LIMIT: usize = 64 << 10;
const MAX_CONTACTS: usize = 100;
const HEADER_LIMIT: usize = 1 << 10;

/// RFC 3261, section 17.1.2: the first pause before a request is sent again by UDP.
const RETRANSMIT_INTERVAL: Duration = Duration::from_millis(500);

/// A final response.
struct Response {
    line: StatusLine,
    headers: Headers,
}

pub(super) async fn observe(
    question: &SipQuestion,
    context: &ProbeContext,
) -> anyhow::Result<SipSeen> {
    let mut seen = SipSeen {
        answered: Some(false),
        ..SipSeen::default()
    };
    if question.method == SipMethod::Register {
        seen.registered = Some(false);
    }
    let until = Instant::now() + context.network_limit();
    let Some(transport) = SipTransport::open(question, until, context).await? else {
        return Ok(seen);
    };
    let mut dialog = Dialog::new(question, transport, until)?;
    let Some(mut response) = dialog.send_request(None).await? else {
        return Ok(seen);
    };
    if dialog.prepare_authentication(&response) {
        match dialog.send_request(None).await? {
            Some(better) => response = better,
            None => bail!("the server requires authentication and is then silent"),
        }
    }
    seen.answered = Some(true);
    seen.code = Some(i64::from(response.line.code.into_u16()));
    seen.reason = response.line.reason.as_ref().map(ToString::to_string);
    let names = [Name::SERVER, Name::USER_AGENT];
    let named = names
        .iter()
        .find_map(|name| response.headers.get_raw(name).next());
    seen.server = named.map(|name| truncated(name.to_string(), HEADER_LIMIT));
    if question.method == SipMethod::Register && response.line.code.into_u16() == 200 {
        seen.registered = Some(true);
        seen.contacts = Some(dialog.other_contacts(&response));
        // The answer does not matter.
        let _ = dialog.send_request(Some(0)).await;
    }
    Ok(seen)
}

/// The requests of one call, each with the next sequence number.
struct Dialog {
    transport: SipTransport,
    until: Instant,
    line: RequestLine,
    user: SipUri,
    contact: String,
    authenticator: Option<DigestAuthenticator>,
    call: String,
    tag: String,
    number: u32,
    headers: Headers,
}

impl Dialog {
    fn new(
        question: &SipQuestion,
        transport: SipTransport,
        until: Instant,
    ) -> anyhow::Result<Self> {
        let domain = question.domain.as_ref().unwrap_or(&question.host);
        let uri = |text: String| {
            let read = text.parse::<SipUri>();
            read.map_err(|_| anyhow::anyhow!("`{text}` is not a valid SIP address"))
        };
        let name = question.user.as_deref().unwrap_or("plateau");
        let (method, target) = match question.method {
            SipMethod::Options => (
                Method::OPTIONS,
                format!("sip:{}:{}", question.host, question.port),
            ),
            SipMethod::Register => (Method::REGISTER, format!("sip:{domain}")),
        };
        let authenticator = question.password.as_ref().map(|password| {
            let mut credentials = DigestCredentials::new();
            credentials.set_default(DigestUser::new(name, password.as_bytes()));
            DigestAuthenticator::new(credentials)
        });
        let local = transport.local_address()?;
        let protocol = transport.protocol_name().to_lowercase();
        Ok(Self {
            line: RequestLine {
                method,
                uri: uri(target)?,
            },
            user: uri(format!("sip:{name}@{domain}"))?,
            contact: format!("<sip:{name}@{local};transport={protocol}>"),
            authenticator,
            call: random_hex().context("cannot get random numbers")?,
            tag: random_hex().context("cannot get random numbers")?,
            number: 0,
            headers: Headers::new(),
            transport,
            until,
        })
    }

    /// Sends the request and waits for the final response; `None` if none comes. `expires` is the
    /// lifetime of the registration in seconds, the server's default if absent.
    async fn send_request(&mut self, expires: Option<u32>) -> anyhow::Result<Option<Response>> {
        self.number += 1;
        let local = self.transport.local_address()?;
        let user = self.user.default_print_ctx();
        let via = format!(
            "SIP/2.0/{} {local};branch=z9hG4bK{};rport",
            self.transport.protocol_name(),
            random_hex().context("cannot get random numbers")?
        );
        let mut headers = Headers::new();
        headers.insert(Name::VIA, via);
        headers.insert(Name::MAX_FORWARDS, "70");
        headers.insert(Name::FROM, format!("<{user}>;tag={}", self.tag));
        headers.insert(Name::TO, format!("<{user}>"));
        headers.insert(Name::CALL_ID, &self.call);
        headers.insert(Name::CSEQ, format!("{} {}", self.number, self.line.method));
        headers.insert(Name::CONTACT, &self.contact);
        headers.insert(Name::USER_AGENT, "plateau");
        if let Some(seconds) = expires {
            headers.insert(Name::EXPIRES, seconds);
        }
        if let Some(authenticator) = &mut self.authenticator {
            authenticator.authorize_request(&mut headers);
        }
        headers.insert(Name::CONTENT_LENGTH, 0);
        let line = self.line.default_print_ctx();
        let request = format!("{line}\r\n{headers}\r\n");
        self.headers = headers;
        let call = self.call.clone();
        let number = format!("{} {}", self.number, self.line.method);
        self.transport
            .exchange(request.as_bytes(), self.until, &|response: &Response| {
                let is = |name, text: &str| {
                    let mut values = response.headers.get_raw(&name);
                    values.any(|value| value.as_str() == text)
                };
                is(Name::CALL_ID, &call) && is(Name::CSEQ, &number)
            })
            .await
    }

    /// Whether the server requires authentication and there are credentials.
    fn prepare_authentication(&mut self, response: &Response) -> bool {
        let (Some(authenticator), 401 | 407) =
            (&mut self.authenticator, response.line.code.into_u16())
        else {
            return false;
        };
        let request = RequestParts {
            line: &self.line,
            headers: &self.headers,
            body: &[],
        };
        let response = ResponseParts {
            line: &response.line,
            headers: &response.headers,
            body: &[],
        };
        authenticator.handle_rejection(request, response).is_ok()
    }

    /// Addresses in the contacts, without our own.
    fn other_contacts(&self, response: &Response) -> Vec<String> {
        let values = response.headers.get_raw(&Name::CONTACT);
        let addresses = values.flat_map(|value| value.as_str().split('<').skip(1));
        let addresses = addresses.filter_map(|rest| Some(rest.split_once('>')?.0));
        let ours = self.contact.trim_matches(['<', '>']);
        let mut contacts: Vec<String> = addresses
            .filter(|address| *address != ours)
            .map(str::to_owned)
            .collect();
        contacts.sort();
        contacts.truncate(MAX_CONTACTS);
        contacts
    }
}

/// The connection to the server.
enum SipTransport {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl SipTransport {
    /// `None` if the server cannot be reached.
    async fn open(
        question: &SipQuestion,
        until: Instant,
        context: &ProbeContext,
    ) -> anyhow::Result<Option<Self>> {
        let limit = context.network_limit();
        if question.transport == Transport::Tcp {
            return Ok(match connect(&question.host, question.port, limit).await? {
                ConnectOutcome::Open(stream) => Some(Self::Tcp(stream)),
                ConnectOutcome::Refused | ConnectOutcome::Filtered | ConnectOutcome::Unresolved => {
                    None
                }
            });
        }
        let Some(address) = lookup::first_address(&question.host, limit).await? else {
            return Ok(None);
        };
        let local = lookup::unspecified_like(address);
        let socket = UdpSocket::bind(local)
            .await
            .context("cannot open a socket")?;
        let server = SocketAddr::new(address, question.port);
        let connected = timeout_at(until, socket.connect(server)).await;
        Ok(matches!(connected, Ok(Ok(()))).then_some(Self::Udp(socket)))
    }

    fn protocol_name(&self) -> &'static str {
        match self {
            Self::Udp(_) => "UDP",
            Self::Tcp(_) => "TCP",
        }
    }

    fn local_address(&self) -> anyhow::Result<SocketAddr> {
        let local = match self {
            Self::Udp(socket) => socket.local_addr(),
            Self::Tcp(stream) => stream.local_addr(),
        };
        local.context("the socket has no address")
    }

    /// Sends the request and waits for its final response; `None` if none comes.
    async fn exchange(
        &mut self,
        request: &[u8],
        until: Instant,
        is_ours: &(dyn Fn(&Response) -> bool + Sync),
    ) -> anyhow::Result<Option<Response>> {
        match self {
            Self::Udp(socket) => exchange_udp(socket, request, until, is_ours).await,
            Self::Tcp(stream) => {
                let exchange = exchange_tcp(stream, request, is_ours);
                timeout_at(until, exchange).await.unwrap_or(Ok(None))
            }
        }
    }
}

async fn exchange_udp(
    socket: &UdpSocket,
    request: &[u8],
    until: Instant,
    is_ours: &(dyn Fn(&Response) -> bool + Sync),
) -> anyhow::Result<Option<Response>> {
    let mut buffer = vec![0; MESSAGE_LIMIT];
    let mut pause = RETRANSMIT_INTERVAL;
    while Instant::now() < until {
        let _ = socket.send(request).await;
        let wait = (Instant::now() + pause).min(until);
        pause *= 2;
        while let Ok(received) = timeout_at(wait, socket.recv(&mut buffer)).await {
            // Refused by ICMP, or unreachable.
            let Ok(length) = received else {
                return Ok(None);
            };
            let response = parse_response(&buffer[..length])?;
            if is_final(&response) && is_ours(&response) {
                return Ok(Some(response));
            }
        }
    }
    Ok(None)
}

async fn exchange_tcp(
    stream: &mut TcpStream,
    request: &[u8],
    is_ours: &(dyn Fn(&Response) -> bool + Sync),
) -> anyhow::Result<Option<Response>> {
    if stream.write_all(request).await.is_err() {
        return Ok(None);
    }
    let mut received = Vec::new();
    loop {
        while let Some(length) = message_length(&received)? {
            let response = parse_response(&received[..length])?;
            received.drain(..length);
            if is_final(&response) && is_ours(&response) {
                return Ok(Some(response));
            }
        }
        let mut part = [0; 4096];
        match stream.read(&mut part).await {
            Ok(length) if length > 0 => received.extend(&part[..length]),
            Ok(_) | Err(_) => return Ok(None),
        }
        if received.len() > MESSAGE_LIMIT {
            bail!("the server's answer is larger than {MESSAGE_LIMIT} bytes");
        }
    }
}

/// Length of the first message in a stream, if it is complete.
fn message_length(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    let mut parser = PullParser::new(bytes, 0);
    if parser.check_complete().is_err() {
        return Ok(None);
    }
    let end = parser.head_end();
    let headers = parse_response(&bytes[..end])?.headers;
    let told = headers.get_raw(&Name::CONTENT_LENGTH).next();
    let body: usize = match told {
        Some(text) => text.as_str().trim().parse().context("no length")?,
        None => 0,
    };
    let length = end.saturating_add(body);
    if length > MESSAGE_LIMIT {
        bail!("the server's answer is larger than {MESSAGE_LIMIT} bytes");
    }
    Ok((length <= bytes.len()).then_some(length))
}

fn is_final(response: &Response) -> bool {
    response.line.code.into_u16() >= 200
}

fn parse_response(bytes: &[u8]) -> anyhow::Result<Response> {
    let unreadable = || anyhow::anyhow!("cannot read the server's answer");
    let source = Bytes::copy_from_slice(bytes);
    let mut lines = PullParser::new(&source, 0);
    let mut next = || {
        let line = lines.next()?.map_err(|_| unreadable());
        Some(line.and_then(|line| std::str::from_utf8(line).map_err(|_| unreadable())))
    };
    let first = next().ok_or_else(unreadable)??;
    let MessageLine::Response(line) = first.parse().map_err(|_| unreadable())? else {
        return Err(unreadable());
    };
    let mut headers = Headers::new();
    while let Some(text) = next() {
        let (_, header) = Line::parse(&source, text?).map_err(|_| unreadable())?;
        headers.insert(header.name, header.value);
    }
    Ok(Response { line, headers })
}
