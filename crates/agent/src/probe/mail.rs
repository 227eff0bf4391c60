//! Sends a message by SMTP and waits for it in a mailbox.

use std::sync::Arc;

use anyhow::Context;
use async_smtp::authentication::{Credentials, Mechanism};
use async_smtp::error::Error;
use async_smtp::extension::ClientId;
use async_smtp::response::Response;
use async_smtp::{EmailAddress, Envelope, SendableEmail, SmtpClient, SmtpTransport};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use plateau_core::question::mail::{MailQuestion, MailSeen};
use plateau_core::question::security::Security;
use rustls::ClientConfig;
use tokio::io::BufReader;
use tokio::time::{Instant, timeout_at};

use super::context::ProbeContext;
use super::random::random_hex;
use super::stream::{READ_LIMIT, Stream};
use super::verifier::recording_verifier;
use crate::bounded::truncated;

mod mailbox;

const REPLY_LIMIT: usize = 1 << 10;

/// A message with its unique id.
struct MarkedMessage {
    id: String,
    message: SendableEmail,
}

pub(super) async fn observe(
    question: &MailQuestion,
    context: &ProbeContext,
) -> anyhow::Result<MailSeen> {
    let marked = build_message(question)?;
    let (verifier, config) = recording_verifier(question.ca.as_deref()).await?;
    let config = Arc::new(config);
    let waits = question.imap.as_ref().map(|_| false);
    let mut seen = MailSeen {
        connected: Some(false),
        accepted: Some(false),
        opened: waits,
        delivered: waits,
        ..MailSeen::default()
    };
    let until = Instant::now() + context.time_limit();
    let port = question.port.unwrap_or(match question.tls {
        Security::None | Security::StartTls => 25,
        Security::Implicit => 465,
    });
    let limit = context.network_limit();
    if let Some(stream) = Stream::open(&question.host, port, limit, READ_LIMIT).await? {
        let submission = submit(question, stream, &config, marked.message, &mut seen);
        // What was observed before silence or an invalid answer still counts.
        if let Ok(Err(Error::Transient(answer) | Error::Permanent(answer))) =
            timeout_at(until, submission).await
        {
            record_reply(&answer, &mut seen);
        }
    }
    if seen.accepted == Some(true)
        && let Some(imap) = &question.imap
    {
        let host = imap.host.as_ref().unwrap_or(&question.host);
        let target = mailbox::MailboxTarget { host, imap, config };
        mailbox::wait_for_message(&target, &marked.id, limit, until, &mut seen).await?;
    }
    seen.trusted = verifier.trusted();
    Ok(seen)
}

/// Builds a message with a unique id.
fn build_message(question: &MailQuestion) -> anyhow::Result<MarkedMessage> {
    let id = format!(
        "<{}@plateau.invalid>",
        random_hex().context("no random number")?
    );
    let date = DateTimePrinter::new()
        .timestamp_to_string(&Timestamp::now())
        .context("no date")?;
    let (from, to) = (&question.from, &question.to);
    let text = format!(
        "From: <{from}>\r\nTo: <{to}>\r\nSubject: Plateau\r\nDate: {date}\r\nMessage-ID: {id}\r\n\r\n\
         This message is a check and will be deleted.\r\n"
    );
    let address = |text: &String| {
        let address = EmailAddress::new(text.clone());
        address.with_context(|| format!("`{text}` is not a valid mail address"))
    };
    let envelope = Envelope::new(Some(address(from)?), vec![address(to)?])?;
    let message = SendableEmail::new(envelope, text);
    Ok(MarkedMessage { id, message })
}

fn record_reply(answer: &Response, seen: &mut MailSeen) {
    seen.connected = Some(true);
    seen.code = answer.code.to_string().parse().ok();
    seen.reply = Some(truncated(answer.message.join("\n"), REPLY_LIMIT));
}

type Transport = SmtpTransport<BufReader<Stream>>;

async fn submit(
    question: &MailQuestion,
    stream: Stream,
    config: &Arc<ClientConfig>,
    message: SendableEmail,
    seen: &mut MailSeen,
) -> Result<(), Error> {
    let mut transport = open_transport(question, stream, config).await?;
    seen.connected = Some(true);
    if let (Some(user), Some(password)) = (&question.user, &question.password) {
        let credentials = Credentials::new(user.clone(), password.clone());
        authenticate(&mut transport, &credentials).await?;
    }
    let answer = transport.send(message).await?;
    record_reply(&answer, seen);
    seen.accepted = Some(true);
    // The server has accepted the message, whatever it answers to QUIT.
    let _ = transport.quit().await;
    Ok(())
}

async fn open_transport(
    question: &MailQuestion,
    stream: Stream,
    config: &Arc<ClientConfig>,
) -> Result<Transport, Error> {
    let host = question.host.as_str();
    // Every client may use an address literal as its name (RFC 5321, 4.1.4).
    let name = match stream.local_address()? {
        std::net::IpAddr::V4(address) => ClientId::Ipv4(address),
        std::net::IpAddr::V6(address) => ClientId::Ipv6(address),
    };
    let client = || SmtpClient::new().hello_name(name.clone());
    match question.tls {
        Security::None => SmtpTransport::new(client(), BufReader::new(stream)).await,
        Security::Implicit => {
            let secure = stream.upgrade_to_tls(host, Arc::clone(config)).await?;
            SmtpTransport::new(client(), BufReader::new(secure)).await
        }
        Security::StartTls => {
            let transport = SmtpTransport::new(client(), BufReader::new(stream)).await?;
            // Unencrypted bytes after the answer are dropped with the buffer.
            let stream = transport.starttls().await?.into_inner();
            let secure = stream.upgrade_to_tls(host, Arc::clone(config)).await?;
            SmtpTransport::new(client().without_greeting(), BufReader::new(secure)).await
        }
    }
}

async fn authenticate(transport: &mut Transport, credentials: &Credentials) -> Result<(), Error> {
    match transport.auth(Mechanism::Plain, credentials).await {
        // 504: the server does not know the mechanism (RFC 4954, 4).
        Err(Error::Permanent(answer)) if answer.has_code(504) => {
            transport.auth(Mechanism::Login, credentials).await?;
        }
        other => {
            other?;
        }
    }
    Ok(())
}
