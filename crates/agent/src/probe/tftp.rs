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
use super::names;

/// Fits into an Ethernet frame.
const BLOCK: usize = 1428;
/// What a block has where no size was agreed on.
const PLAIN_BLOCK: usize = 512;
const FILE_LIMIT: usize = 4 << 20;
const CONTENT_LIMIT: usize = 256 << 10;

/// Silence after which the last packet is sent again.
const AGAIN: Duration = Duration::from_secs(1);

pub(super) async fn see(question: &TftpQuestion, look: &ProbeContext) -> anyhow::Result<TftpSeen> {
    let mut seen = TftpSeen {
        answered: Some(false),
        exists: Some(false),
        ..TftpSeen::default()
    };
    let Some(address) = names::first(&question.host, look.network_limit()).await? else {
        return Ok(seen);
    };
    let mut transfer = Transfer::begin(address, question, look).await?;
    let outcome = loop {
        let Some(packet) = transfer.next().await? else {
            // Silence: from the start, or in the middle of the file.
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
            Packet::Oack(options) => transfer.agree(&options).await?,
            Packet::Data { block_num, data } => {
                if let Some(end) = transfer.take(block_num, &data).await? {
                    break end;
                }
            }
            Packet::Rrq { .. } | Packet::Wrq { .. } | Packet::Ack(_) => {
                bail!("the server's answer makes no sense")
            }
        }
    };
    seen.exists = Some(true);
    let whole = matches!(outcome, End::Whole).then_some(transfer.file.len() as u64);
    seen.size = whole
        .or(transfer.told)
        .and_then(|size| size.try_into().ok());
    let head = &transfer.file[..transfer.file.len().min(CONTENT_LIMIT)];
    seen.content = Some(String::from_utf8_lossy(head).into_owned());
    Ok(seen)
}

/// Why a transfer ended well.
enum End {
    Whole,
    Enough,
}

struct Transfer<'a> {
    socket: UdpSocket,
    question: &'a TftpQuestion,
    /// The server, from its first answer on with the port of this transfer.
    server: SocketAddr,
    begun: bool,
    /// Whether options were asked for.
    options: bool,
    block: usize,
    told: Option<u64>,
    last: Vec<u8>,
    expected: u16,
    file: Vec<u8>,
    silence: Duration,
    until: Instant,
}

impl<'a> Transfer<'a> {
    async fn begin(
        address: IpAddr,
        question: &'a TftpQuestion,
        look: &ProbeContext,
    ) -> anyhow::Result<Self> {
        let local = names::any_like(address);
        let socket = UdpSocket::bind(local)
            .await
            .context("cannot open a socket")?;
        let mut transfer = Self {
            socket,
            question,
            server: SocketAddr::new(address, question.port),
            begun: false,
            options: true,
            block: PLAIN_BLOCK,
            told: None,
            last: Vec::new(),
            expected: 1,
            file: Vec::new(),
            silence: look.network_limit(),
            until: Instant::now() + look.patience(),
        };
        transfer.request(true).await?;
        Ok(transfer)
    }

    /// Asks for the file.
    async fn request(&mut self, options: bool) -> anyhow::Result<()> {
        let wanted = [
            (OptionType::BlockSize, BLOCK as u64),
            (OptionType::TransferSize, 0),
        ];
        let wanted = wanted.map(|(option, value)| TransferOption { option, value });
        self.options = options;
        self.begun = false;
        self.server.set_port(self.question.port);
        self.send(&Packet::Rrq {
            filename: self.question.path.clone(),
            mode: "octet".to_owned(),
            options: if options { wanted.into() } else { Vec::new() },
        })
        .await
    }

    async fn send(&mut self, packet: &Packet) -> anyhow::Result<()> {
        self.last = packet.serialize().map_err(anyhow::Error::msg)?;
        self.send_last().await;
        Ok(())
    }

    /// No way there is like silence: the wait for an answer will tell.
    async fn send_last(&self) {
        let _ = self.socket.send_to(&self.last, self.server).await;
    }

    /// The server's next packet; `None` where it falls silent.
    async fn next(&mut self) -> anyhow::Result<Option<Packet>> {
        let silent = Instant::now() + self.silence;
        let mut buffer = [0; 2048];
        loop {
            let now = Instant::now();
            if now >= self.until && self.begun {
                bail!("the transfer did not end in time");
            }
            if now >= silent.min(self.until) {
                return Ok(None);
            }
            let wait = (now + AGAIN).min(silent).min(self.until);
            match timeout_at(wait, self.socket.recv_from(&mut buffer)).await {
                Ok(Ok((length, from))) if self.is_from_server(from) => {
                    self.begun = true;
                    self.server = from;
                    return packet(&buffer[..length]).map(Some);
                }
                // A stranger's packet.
                Ok(Ok(_)) => {}
                // Refused by ICMP, or no way there.
                Ok(Err(_)) => return Ok(None),
                Err(_) => self.send_last().await,
            }
        }
    }

    fn is_from_server(&self, from: SocketAddr) -> bool {
        from.ip() == self.server.ip() && (!self.begun || from.port() == self.server.port())
    }

    /// Takes the options that the server agreed to.
    async fn agree(&mut self, options: &[TransferOption]) -> anyhow::Result<()> {
        ensure!(
            self.options,
            "the server agrees to what it was not asked for"
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
                self.told = Some(option.value);
            }
        }
        self.send(&Packet::Ack(0)).await
    }

    /// Takes a block and says so; its end where it was the last one, or there are enough.
    async fn take(&mut self, number: u16, data: &[u8]) -> anyhow::Result<Option<End>> {
        // A block that comes twice was acknowledged already; sent again, it would double for ever.
        if number != self.expected {
            return Ok(None);
        }
        ensure!(data.len() <= self.block, "the server's block is too long");
        self.file.extend(data);
        self.expected = self.expected.wrapping_add(1);
        if data.len() == self.block && self.file.len() >= FILE_LIMIT {
            let (code, msg) = (ErrorCode::NotDefined, "enough".to_owned());
            self.send(&Packet::Error { code, msg }).await?;
            return Ok(Some(End::Enough));
        }
        self.send(&Packet::Ack(number)).await?;
        Ok((data.len() < self.block).then_some(End::Whole))
    }
}

fn packet(bytes: &[u8]) -> anyhow::Result<Packet> {
    ensure!(bytes.len() >= 4, "the server's answer is cut short");
    Packet::deserialize(bytes)
        .map_err(|error| anyhow::anyhow!("cannot read the server's answer: {error}"))
}
