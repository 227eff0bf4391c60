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

use super::bounded::cut;
use super::certificate::witness;
use super::context::ProbeContext;
use super::marker::marker;
use super::stream::{READ_LIMIT, Stream};

mod mailbox;

const REPLY_LIMIT: usize = 1 << 10;

/// How a message can be found again.
struct Marked {
    id: String,
    message: SendableEmail,
}

pub(super) async fn see(question: &MailQuestion, look: &ProbeContext) -> anyhow::Result<MailSeen> {
    let marked = mark(question)?;
    let (witness, config) = witness(question.ca.as_deref()).await?;
    let config = Arc::new(config);
    let waits = question.imap.as_ref().map(|_| false);
    let mut seen = MailSeen {
        connected: Some(false),
        accepted: Some(false),
        opened: waits,
        delivered: waits,
        ..MailSeen::default()
    };
    let until = Instant::now() + look.patience();
    let port = question.port.unwrap_or(match question.tls {
        Security::None | Security::StartTls => 25,
        Security::Implicit => 465,
    });
    let limit = look.network_limit();
    if let Some(stream) = Stream::open(&question.host, port, limit, READ_LIMIT).await? {
        let submission = submit(question, stream, &config, marked.message, &mut seen);
        // Neither silence nor nonsense takes back what was seen before.
        if let Ok(Err(Error::Transient(answer) | Error::Permanent(answer))) =
            timeout_at(until, submission).await
        {
            note(&answer, &mut seen);
        }
    }
    if seen.accepted == Some(true)
        && let Some(imap) = &question.imap
    {
        let host = imap.host.as_ref().unwrap_or(&question.host);
        let place = mailbox::Place { host, imap, config };
        mailbox::wait(&place, &marked.id, limit, until, &mut seen).await?;
    }
    seen.trusted = witness.trusted();
    Ok(seen)
}

/// A message that no other is like.
fn mark(question: &MailQuestion) -> anyhow::Result<Marked> {
    let id = format!(
        "<{}@plateau.invalid>",
        marker().context("no random number")?
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
        address.with_context(|| format!("`{text}` is not a mail address"))
    };
    let envelope = Envelope::new(Some(address(from)?), vec![address(to)?])?;
    let message = SendableEmail::new(envelope, text);
    Ok(Marked { id, message })
}

fn note(answer: &Response, seen: &mut MailSeen) {
    seen.connected = Some(true);
    seen.code = answer.code.to_string().parse().ok();
    seen.reply = Some(cut(answer.message.join("\n"), REPLY_LIMIT));
}

type Transport = SmtpTransport<BufReader<Stream>>;

async fn submit(
    question: &MailQuestion,
    stream: Stream,
    config: &Arc<ClientConfig>,
    message: SendableEmail,
    seen: &mut MailSeen,
) -> Result<(), Error> {
    let mut transport = greet(question, stream, config).await?;
    seen.connected = Some(true);
    if let (Some(user), Some(password)) = (&question.user, &question.password) {
        let credentials = Credentials::new(user.clone(), password.clone());
        log_in(&mut transport, &credentials).await?;
    }
    let answer = transport.send(message).await?;
    note(&answer, seen);
    seen.accepted = Some(true);
    // The message is theirs now, whatever they say to a farewell.
    let _ = transport.quit().await;
    Ok(())
}

async fn greet(
    question: &MailQuestion,
    stream: Stream,
    config: &Arc<ClientConfig>,
) -> Result<Transport, Error> {
    let host = question.host.as_str();
    // An address literal is a name that every client may use (RFC 5321, 4.1.4).
    let name = match stream.own_address()? {
        std::net::IpAddr::V4(address) => ClientId::Ipv4(address),
        std::net::IpAddr::V6(address) => ClientId::Ipv6(address),
    };
    let client = || SmtpClient::new().hello_name(name.clone());
    match question.tls {
        Security::None => SmtpTransport::new(client(), BufReader::new(stream)).await,
        Security::Implicit => {
            let secure = stream.secure(host, Arc::clone(config)).await?;
            SmtpTransport::new(client(), BufReader::new(secure)).await
        }
        Security::StartTls => {
            let transport = SmtpTransport::new(client(), BufReader::new(stream)).await?;
            // What came with the answer in the clear is dropped with the buffer.
            let stream = transport.starttls().await?.into_inner();
            let secure = stream.secure(host, Arc::clone(config)).await?;
            SmtpTransport::new(client().without_greeting(), BufReader::new(secure)).await
        }
    }
}

async fn log_in(transport: &mut Transport, credentials: &Credentials) -> Result<(), Error> {
    match transport.auth(Mechanism::Plain, credentials).await {
        // 504: the server knows other mechanisms (RFC 4954, 4).
        Err(Error::Permanent(answer)) if answer.has_code(504) => {
            transport.auth(Mechanism::Login, credentials).await?;
        }
        other => {
            other?;
        }
    }
    Ok(())
}
