//! Binds to a directory and searches it.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ldap3::exop::Exop;
use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, SearchEntry, SearchOptions, StdStream,
};
use plateau_core::question::ldap::{LdapQuestion, LdapSeen, Scope};
use plateau_core::question::security::Security;
use rustls::ClientConfig;
use tokio::io::copy_bidirectional;
use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::context::ProbeContext;
use super::stream::{READ_LIMIT, Stream};
use super::verifier::recording_verifier;

const MAX_ENTRIES: usize = 1000;
const MAX_LISTED: usize = 200;
/// The operation that asks for TLS (RFC 4511, 4.14.1).
const START_TLS: &str = "1.3.6.1.4.1.1466.20037";

const LISTED_LIMIT: usize = 256 << 10;

pub(super) async fn observe(
    question: &LdapQuestion,
    context: &ProbeContext,
) -> anyhow::Result<LdapSeen> {
    if let Some(filter) = &question.filter {
        let parsed = ldap3::parse_filter(filter);
        anyhow::ensure!(parsed.is_ok(), "`{filter}` is not a valid filter");
    }
    let password = question.password.as_deref().unwrap_or_default();
    anyhow::ensure!(
        question.dn.is_none() || !password.is_empty(),
        "without a password only an anonymous user can bind"
    );
    let mut seen = LdapSeen {
        connected: Some(false),
        bound: Some(false),
        ..LdapSeen::default()
    };
    let (verifier, config) = recording_verifier(question.ca.as_deref()).await?;
    let until = Instant::now() + context.time_limit();
    let port = question.port.unwrap_or(match question.tls {
        Security::None | Security::StartTls => 389,
        Security::Implicit => 636,
    });
    let limit = context.network_limit();
    if let Some(stream) = Stream::open(&question.host, port, limit, READ_LIMIT).await? {
        let run_session = run_session(question, stream, Arc::new(config), &mut seen);
        // What was observed before silence or an invalid answer still counts.
        let _ = timeout_at(until, run_session).await;
    }
    seen.trusted = verifier.trusted();
    Ok(seen)
}

async fn run_session(
    question: &LdapQuestion,
    stream: Stream,
    config: Arc<ClientConfig>,
    seen: &mut LdapSeen,
) -> Result<(), LdapError> {
    let host = question.host.as_str();
    let mut ldap = match question.tls {
        Security::None => connect_plain(stream).await?,
        Security::Implicit => connect_plain(stream.upgrade_to_tls(host, config).await?).await?,
        Security::StartTls => connect_start_tls(stream, host, config).await?,
    };
    let dn = question.dn.as_deref().unwrap_or_default();
    let password = question.password.as_deref().unwrap_or_default();
    let answer = ldap.simple_bind(dn, password).await?;
    seen.connected = Some(true);
    seen.code = Some(i64::from(answer.rc));
    seen.bound = Some(answer.rc == 0);
    if answer.rc == 0
        && let Some(base) = &question.base
    {
        search(&mut ldap, question, base, seen).await?;
    }
    ldap.unbind().await
}

/// Starts the client at one end of a pair of sockets, and returns the other end.
///
/// The library accepts only TLS connections that it makes itself, with its own trust store.
async fn spawn_client() -> Result<(Ldap, UnixStream), LdapError> {
    let (ours, theirs) = UnixStream::pair()?;
    let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(theirs.into_std()?));
    let (connection, ldap) = LdapConnAsync::with_settings(settings, "ldapi:///").await?;
    // The task ends when the handle is dropped.
    tokio::spawn(connection.drive());
    Ok((ldap, ours))
}

async fn connect_plain(mut stream: Stream) -> Result<Ldap, LdapError> {
    let (ldap, mut ours) = spawn_client().await?;
    tokio::spawn(async move { copy_bidirectional(&mut ours, &mut stream).await });
    Ok(ldap)
}

/// Requests TLS by StartTLS, and upgrades the connection before any other message.
async fn connect_start_tls(
    mut stream: Stream,
    host: &str,
    config: Arc<ClientConfig>,
) -> Result<Ldap, LdapError> {
    let (mut ldap, mut ours) = spawn_client().await?;
    let (upgrade_sender, upgrade_request) =
        oneshot::channel::<oneshot::Sender<std::io::Result<()>>>();
    let host = host.to_owned();
    tokio::spawn(async move {
        let handshake = tokio::select! {
            _ = copy_bidirectional(&mut ours, &mut stream) => return,
            Ok(handshake) = upgrade_request => handshake,
        };
        match stream.upgrade_to_tls(&host, config).await {
            Ok(mut secure) => {
                let _ = handshake.send(Ok(()));
                let _ = copy_bidirectional(&mut ours, &mut secure).await;
            }
            Err(error) => drop(handshake.send(Err(error))),
        }
    });
    let start = Exop {
        name: Some(START_TLS.to_owned()),
        val: None,
    };
    ldap.extended(start).await?.success()?;
    let (handshake, done) = oneshot::channel();
    let gone = || std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    upgrade_sender.send(handshake).map_err(|_| gone())?;
    done.await??;
    Ok(ldap)
}

async fn search(
    ldap: &mut Ldap,
    question: &LdapQuestion,
    base: &str,
    seen: &mut LdapSeen,
) -> Result<(), LdapError> {
    let scope = match question.scope {
        Scope::Base => ldap3::Scope::Base,
        Scope::One => ldap3::Scope::OneLevel,
        Scope::Subtree => ldap3::Scope::Subtree,
    };
    let filter = question.filter.as_deref().unwrap_or("(objectClass=*)");
    let most = i32::try_from(MAX_ENTRIES).unwrap_or(i32::MAX);
    ldap.with_search_options(SearchOptions::new().sizelimit(most));
    let attributes = question.attributes.clone();
    let mut found = ldap
        .streaming_search(base, scope, filter, attributes)
        .await?;
    let mut entries = Vec::new();
    while entries.len() < MAX_ENTRIES {
        match found.next().await? {
            Some(entry) if entry.is_ref() || entry.is_intermediate() => {}
            Some(entry) => entries.push(to_ldif(SearchEntry::construct(entry))),
            None => break,
        }
    }
    if entries.len() < MAX_ENTRIES {
        seen.code = Some(i64::from(found.finish().await.rc));
    }
    seen.count = i64::try_from(entries.len()).ok();
    entries.sort();
    entries.truncate(MAX_LISTED);
    let mut room = LISTED_LIMIT;
    let fits = |entry: &String| match room.checked_sub(entry.len()) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    };
    seen.entries = Some(entries.into_iter().take_while(fits).collect());
    Ok(())
}

/// An entry in LDIF (RFC 2849), without folded lines.
fn to_ldif(entry: SearchEntry) -> String {
    let mut lines = Vec::new();
    for (name, values) in entry.attrs {
        lines.extend(
            values
                .iter()
                .map(|value| ldif_line(&name, value.as_bytes())),
        );
    }
    for (name, values) in entry.bin_attrs {
        lines.extend(values.iter().map(|value| ldif_line(&name, value)));
    }
    lines.sort();
    lines.insert(0, ldif_line("dn", entry.dn.as_bytes()));
    lines.join("\n")
}

/// A line of LDIF. Unlike RFC 2849, only text with control characters is encoded.
fn ldif_line(name: &str, value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) if !text.contains(char::is_control) => format!("{name}: {text}"),
        Ok(_) | Err(_) => format!("{name}:: {}", STANDARD.encode(value)),
    }
}
