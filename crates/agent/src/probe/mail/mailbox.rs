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

use super::super::bounded::cut;
use super::super::stream::{READ_LIMIT, Stream};

const HEADER_LIMIT: usize = 64 << 10;

/// How often the mailbox is looked into.
const PAUSE: Duration = Duration::from_millis(250);

/// Where the message has to arrive.
pub(super) struct Place<'a> {
    pub(super) host: &'a str,
    pub(super) imap: &'a Mailbox,
    pub(super) config: Arc<ClientConfig>,
}

/// Looks until the message with this id is there or time is over, and deletes it.
pub(super) async fn wait(
    place: &Place<'_>,
    id: &str,
    limit: Duration,
    until: Instant,
    seen: &mut MailSeen,
) -> anyhow::Result<()> {
    let sent = Instant::now();
    let port = place.imap.port.unwrap_or(match place.imap.tls {
        Security::None | Security::StartTls => 143,
        Security::Implicit => 993,
    });
    let Some(stream) = Stream::open(place.host, port, limit, READ_LIMIT).await? else {
        return Ok(());
    };
    let found = async {
        let mut session = log_in(place, stream).await?;
        let uid = look_for(&mut session, place.imap, id, seen).await?;
        seen.delivered = Some(true);
        seen.seconds = i64::try_from(sent.elapsed().as_secs()).ok();
        seen.headers = headers(&mut session, uid).await.ok();
        delete(&mut session, uid).await
    };
    // Neither silence nor nonsense takes back what was seen before.
    let _ = timeout_at(until, found).await;
    Ok(())
}

async fn log_in(place: &Place<'_>, stream: Stream) -> Result<Session<Stream>, Error> {
    let config = Arc::clone(&place.config);
    let client = match place.imap.tls {
        Security::None => greeted(stream).await?,
        Security::Implicit => greeted(stream.secure(place.host, config).await?).await?,
        Security::StartTls => {
            let mut client = greeted(stream).await?;
            client.run_command_and_check_ok("STARTTLS", None).await?;
            // What came with the answer in the clear is dropped with the buffer.
            Client::new(client.into_inner().secure(place.host, config).await?)
        }
    };
    let (user, password) = (&place.imap.user, &place.imap.password);
    client
        .login(user, password)
        .await
        .map_err(|(error, _)| error)
}

async fn greeted(stream: Stream) -> Result<Client<Stream>, Error> {
    let mut client = Client::new(stream);
    match client.read_response().await? {
        Some(_) => Ok(client),
        None => Err(Error::ConnectionLost),
    }
}

/// The message's number. Without end: whoever waits sets the limit.
async fn look_for(
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
        // Selected again each time: many servers make a mailbox with its first message.
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

async fn headers(session: &mut Session<Stream>, uid: u32) -> Result<Vec<String>, Error> {
    let mut parts = session
        .uid_fetch(uid.to_string(), "BODY.PEEK[HEADER]")
        .await?;
    let mut text = String::new();
    while let Some(part) = parts.try_next().await? {
        if let Some(header) = part.header() {
            text.push_str(&String::from_utf8_lossy(header));
        }
    }
    // A line that starts with white space goes on where the last one ended (RFC 5322, 2.2.3).
    let text = cut(text, HEADER_LIMIT)
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

/// Deletes this message and no other that is marked; a mailbox that forbids it keeps it.
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
