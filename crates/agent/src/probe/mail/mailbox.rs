//! Waits in a mailbox for one message.

use std::sync::Arc;
use std::time::Duration;

use async_imap::error::Error;
use async_imap::{Client, Session};
use futures_util::{StreamExt, TryStreamExt};
use plateau_core::question::mail::{MailSeen, Mailbox};
use plateau_core::question::security::Security;
use rustls::ClientConfig;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::super::stream::{READ_LIMIT, Stream};
use crate::bounded::truncated;

const HEADER_LIMIT: usize = 64 << 10;

/// Pause between two searches.
const PAUSE: Duration = Duration::from_millis(250);

/// The mailbox where the message has to arrive.
pub(super) struct MailboxTarget<'a> {
    pub(super) host: &'a str,
    pub(super) imap: &'a Mailbox,
    pub(super) config: Arc<ClientConfig>,
}

/// Searches until the message with this id is there or time is over, and deletes it.
pub(super) async fn wait_for_message(
    target: &MailboxTarget<'_>,
    id: &str,
    limit: Duration,
    until: Instant,
    seen: &mut MailSeen,
) -> anyhow::Result<()> {
    let sent = Instant::now();
    let port = target.imap.port.unwrap_or(match target.imap.tls {
        Security::None | Security::StartTls => 143,
        Security::Implicit => 993,
    });
    let Some(stream) = Stream::open(target.host, port, limit, READ_LIMIT).await? else {
        return Ok(());
    };
    let found = async {
        let mut session = log_in(target, stream).await?;
        let uid = find_message(&mut session, target.imap, id, seen).await?;
        seen.delivered = Some(true);
        seen.seconds = i64::try_from(sent.elapsed().as_secs()).ok();
        seen.headers = fetch_headers(&mut session, uid).await.ok();
        delete(&mut session, uid).await
    };
    // What was observed before silence or an invalid answer still counts.
    let _ = timeout_at(until, found).await;
    Ok(())
}

async fn log_in(target: &MailboxTarget<'_>, stream: Stream) -> Result<Session<Stream>, Error> {
    let config = Arc::clone(&target.config);
    let client = match target.imap.tls {
        Security::None => read_greeting(stream).await?,
        Security::Implicit => {
            read_greeting(stream.upgrade_to_tls(target.host, config).await?).await?
        }
        Security::StartTls => {
            let mut client = read_greeting(stream).await?;
            client.run_command_and_check_ok("STARTTLS", None).await?;
            // Unencrypted bytes after the answer are dropped with the buffer.
            Client::new(
                client
                    .into_inner()
                    .upgrade_to_tls(target.host, config)
                    .await?,
            )
        }
    };
    let (user, password) = (&target.imap.user, &target.imap.password);
    client
        .login(user, password)
        .await
        .map_err(|(error, _)| error)
}

async fn read_greeting(stream: Stream) -> Result<Client<Stream>, Error> {
    let mut client = Client::new(stream);
    match client.read_response().await? {
        Some(_) => Ok(client),
        None => Err(Error::ConnectionLost),
    }
}

/// The message's number. Searches for ever: the caller sets the time limit.
async fn find_message(
    session: &mut Session<Stream>,
    imap: &Mailbox,
    id: &str,
    seen: &mut MailSeen,
) -> Result<u32, Error> {
    let name = imap.mailbox.as_deref().unwrap_or("INBOX");
    let query = format!("HEADER Message-ID \"{id}\"");
    let mut pause = interval(PAUSE);
    pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pause.tick().await;
        // Selected each time, because many servers create a mailbox with its first message.
        match session.select(name).await {
            Err(Error::No(_)) => continue,
            other => other?,
        };
        seen.opened = Some(true);
        if let Some(uid) = session.uid_search(&query).await?.into_iter().next() {
            return Ok(uid);
        }
    }
}

async fn fetch_headers(session: &mut Session<Stream>, uid: u32) -> Result<Vec<String>, Error> {
    let mut parts = session
        .uid_fetch(uid.to_string(), "BODY.PEEK[HEADER]")
        .await?;
    let mut text = String::new();
    while let Some(part) = parts.try_next().await? {
        if let Some(header) = part.header() {
            text.push_str(&String::from_utf8_lossy(header));
        }
    }
    // A line that starts with white space continues the previous one (RFC 5322, 2.2.3).
    let text = truncated(text, HEADER_LIMIT)
        .replace("\r\n ", " ")
        .replace("\r\n\t", " ");
    let mut lines: Vec<String> = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| format!("{}: {}", name.to_lowercase(), value.trim()))
        .collect();
    lines.sort();
    Ok(lines)
}

/// Deletes this message alone; a mailbox that forbids that keeps it.
async fn delete(session: &mut Session<Stream>, uid: u32) -> Result<(), Error> {
    let uid = uid.to_string();
    {
        let marked = session.uid_store(&uid, "+FLAGS.SILENT (\\Deleted)").await?;
        marked.for_each(async |_| ()).await;
    }
    {
        let gone = session.uid_expunge(&uid).await?;
        gone.for_each(async |_| ()).await;
    }
    session.logout().await
}
