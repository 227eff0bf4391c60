//! Reads a file from a TFTP server: the exchange of RFC 1350 with the options of RFC 2347 to 2349,
//! over a codec for its packets.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use plateau_core::question::tftp::{TftpQuestion, TftpSeen};
use tftpd::{ErrorCode, OptionType, Packet, TransferOption};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::context::ProbeContext;
use super::lookup;

/// Fits into an Ethernet frame.
const BLOCK: usize = 1428;
/// Size of a block without the option.
const DEFAULT_BLOCK: usize = 512;
const FILE_LIMIT: usize = 4 << 20;
const CONTENT_LIMIT: usize = 256 << 10;

/// Silence after which the last packet is sent again.
const RETRANSMIT_INTERVAL: Duration = Duration::from_secs(1);

pub(super) async fn observe(
    question: &TftpQuestion,
    context: &ProbeContext,
) -> anyhow::Result<TftpSeen> {
    let mut seen = TftpSeen {
        answered: Some(false),
        exists: Some(false),
        ..TftpSeen::default()
    };
    let Some(address) = lookup::first_address(&question.host, context.network_limit()).await?
    else {
        return Ok(seen);
    };
    let mut transfer = Transfer::start(address, question, context).await?;
    let outcome = loop {
        let Some(packet) = transfer.next_packet().await? else {
            // Silence, at the start or in the middle of the file.
            return Ok(seen);
        };
        seen.answered = Some(true);
        match packet {
            Packet::Error { code, .. } if code == ErrorCode::RefusedOption && transfer.options => {
                transfer.request(false).await?;
            }
            Packet::Error { msg, .. } => {
                seen.error = Some(msg);
                return Ok(seen);
            }
            Packet::Oack(options) => transfer.accept_options(&options).await?,
            Packet::Data { block_num, data } => {
                if let Some(end) = transfer.accept_block(block_num, &data).await? {
                    break end;
                }
            }
            Packet::Rrq { .. } | Packet::Wrq { .. } | Packet::Ack(_) => {
                bail!("the server's answer is not valid")
            }
        }
    };
    seen.exists = Some(true);
    let size = matches!(outcome, TransferEnd::Complete).then_some(transfer.file.len() as u64);
    seen.size = size
        .or(transfer.announced_size)
        .and_then(|size| size.try_into().ok());
    let head = &transfer.file[..transfer.file.len().min(CONTENT_LIMIT)];
    seen.content = Some(String::from_utf8_lossy(head).into_owned());
    Ok(seen)
}

/// Why a transfer ended well.
enum TransferEnd {
    Complete,
    LimitReached,
}

struct Transfer<'a> {
    socket: UdpSocket,
    question: &'a TftpQuestion,
    /// The server; after its first answer with the port of this transfer.
    server: SocketAddr,
    started: bool,
    /// Whether the request had options.
    options: bool,
    block: usize,
    announced_size: Option<u64>,
    last_packet: Vec<u8>,
    expected: u16,
    file: Vec<u8>,
    silence_limit: Duration,
    until: Instant,
}

impl<'a> Transfer<'a> {
    async fn start(
        address: IpAddr,
        question: &'a TftpQuestion,
        context: &ProbeContext,
    ) -> anyhow::Result<Self> {
        let local = lookup::unspecified_like(address);
        let socket = UdpSocket::bind(local)
            .await
            .context("cannot open a socket")?;
        let mut transfer = Self {
            socket,
            question,
            server: SocketAddr::new(address, question.port),
            started: false,
            options: true,
            block: DEFAULT_BLOCK,
            announced_size: None,
            last_packet: Vec::new(),
            expected: 1,
            file: Vec::new(),
            silence_limit: context.network_limit(),
            until: Instant::now() + context.time_limit(),
        };
        transfer.request(true).await?;
        Ok(transfer)
    }

    /// Sends the request.
    async fn request(&mut self, options: bool) -> anyhow::Result<()> {
        let wanted = [
            (OptionType::BlockSize, BLOCK as u64),
            (OptionType::TransferSize, 0),
        ];
        let wanted = wanted.map(|(option, value)| TransferOption { option, value });
        self.options = options;
        self.started = false;
        self.server.set_port(self.question.port);
        self.send(&Packet::Rrq {
            filename: self.question.path.clone(),
            mode: "octet".to_owned(),
            options: if options { wanted.into() } else { Vec::new() },
        })
        .await
    }

    async fn send(&mut self, packet: &Packet) -> anyhow::Result<()> {
        self.last_packet = packet.serialize().map_err(anyhow::Error::msg)?;
        self.send_last().await;
        Ok(())
    }

    /// Ignores errors: an unreachable server is handled like a silent one.
    async fn send_last(&self) {
        let _ = self.socket.send_to(&self.last_packet, self.server).await;
    }

    /// The server's next packet; `None` if it is silent.
    async fn next_packet(&mut self) -> anyhow::Result<Option<Packet>> {
        let silent = Instant::now() + self.silence_limit;
        let mut buffer = [0; 2048];
        loop {
            let now = Instant::now();
            if now >= self.until && self.started {
                bail!("the transfer did not end in time");
            }
            if now >= silent.min(self.until) {
                return Ok(None);
            }
            let wait = (now + RETRANSMIT_INTERVAL).min(silent).min(self.until);
            match timeout_at(wait, self.socket.recv_from(&mut buffer)).await {
                Ok(Ok((length, from))) if self.is_from_server(from) => {
                    self.started = true;
                    self.server = from;
                    return parse_packet(&buffer[..length]).map(Some);
                }
                // A packet from another sender.
                Ok(Ok(_)) => {}
                // Refused by ICMP, or unreachable.
                Ok(Err(_)) => return Ok(None),
                Err(_) => self.send_last().await,
            }
        }
    }

    fn is_from_server(&self, from: SocketAddr) -> bool {
        from.ip() == self.server.ip() && (!self.started || from.port() == self.server.port())
    }

    /// Handles the options that the server accepted.
    async fn accept_options(&mut self, options: &[TransferOption]) -> anyhow::Result<()> {
        ensure!(
            self.options,
            "the server accepts options that were not requested"
        );
        for option in options {
            if option.option == OptionType::BlockSize {
                self.block = usize::try_from(option.value).unwrap_or(usize::MAX);
                ensure!(
                    (8..=BLOCK).contains(&self.block),
                    "the server wants blocks of {} bytes",
                    option.value
                );
            } else if option.option == OptionType::TransferSize {
                self.announced_size = Some(option.value);
            }
        }
        self.send(&Packet::Ack(0)).await
    }

    /// Stores and acknowledges a block; returns the outcome after the last block or at the limit.
    async fn accept_block(
        &mut self,
        number: u16,
        data: &[u8],
    ) -> anyhow::Result<Option<TransferEnd>> {
        // A duplicate was acknowledged before; acknowledging it again would double all later packets.
        if number != self.expected {
            return Ok(None);
        }
        ensure!(data.len() <= self.block, "the server's block is too long");
        self.file.extend(data);
        self.expected = self.expected.wrapping_add(1);
        if data.len() == self.block && self.file.len() >= FILE_LIMIT {
            let (code, msg) = (ErrorCode::NotDefined, "enough".to_owned());
            self.send(&Packet::Error { code, msg }).await?;
            return Ok(Some(TransferEnd::LimitReached));
        }
        self.send(&Packet::Ack(number)).await?;
        Ok((data.len() < self.block).then_some(TransferEnd::Complete))
    }
}

fn parse_packet(bytes: &[u8]) -> anyhow::Result<Packet> {
    ensure!(bytes.len() >= 4, "the server's answer is truncated");
    Packet::deserialize(bytes)
        .map_err(|error| anyhow::anyhow!("cannot read the server's answer: {error}"))
}
