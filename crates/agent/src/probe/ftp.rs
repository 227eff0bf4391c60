//! Logs in to an FTP server and observes a path there.

use std::sync::Arc;

use plateau_core::question::ftp::{FtpQuestion, FtpSeen, FtpTls};
use rustls::ClientConfig;
use suppaftp::tokio::{AsyncRustlsConnector, AsyncRustlsFtpStream};
use suppaftp::types::FileType;
use suppaftp::{FtpError, FtpResult, Status};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::context::ProbeContext;
use super::lookup;
use super::random::random_hex;
use super::tcp::{ConnectOutcome, connect};
use super::verifier::recording_verifier;

const CONTENT_LIMIT: u64 = 256 << 10;
const LISTING_LIMIT: u64 = 256 << 10;
const MAX_ENTRIES: usize = 1000;

pub(super) async fn observe(
    question: &FtpQuestion,
    context: &ProbeContext,
) -> anyhow::Result<FtpSeen> {
    let (_, config) = recording_verifier(None).await?;
    let mut seen = FtpSeen {
        connected: Some(false),
        logged_in: Some(false),
        ..FtpSeen::default()
    };
    let until = Instant::now() + context.time_limit();
    let greeted = timeout_at(
        Instant::now() + context.network_limit(),
        connect_and_greet(question, context, config),
    );
    let Some(mut session) = greeted.await.unwrap_or(Ok(None))? else {
        return Ok(seen);
    };
    seen.connected = Some(true);
    // What was observed before silence or a broken connection still counts.
    let _ = timeout_at(until, inspect(&mut session, question, context, &mut seen)).await;
    let _ = timeout_at(until, session.quit()).await;
    Ok(seen)
}

/// Connects and waits for the greeting; `None` if there is none.
async fn connect_and_greet(
    question: &FtpQuestion,
    context: &ProbeContext,
    config: ClientConfig,
) -> anyhow::Result<Option<AsyncRustlsFtpStream>> {
    let connector = || AsyncRustlsConnector::from(TlsConnector::from(Arc::new(config)));
    let default = match question.tls {
        FtpTls::None | FtpTls::Explicit => 21,
        FtpTls::Implicit => 990,
    };
    let port = question.port.unwrap_or(default);
    let limit = context.network_limit();
    let greeting = match question.tls {
        FtpTls::Implicit => {
            let Some(address) = lookup::first_address(&question.host, limit).await? else {
                return Ok(None);
            };
            let address = (address, port);
            let host = &question.host;
            AsyncRustlsFtpStream::connect_secure_implicit(address, connector(), host).await
        }
        FtpTls::None | FtpTls::Explicit => {
            let ConnectOutcome::Open(stream) = connect(&question.host, port, limit).await? else {
                return Ok(None);
            };
            match AsyncRustlsFtpStream::connect_with_stream(stream).await {
                Ok(session) if question.tls == FtpTls::Explicit => {
                    session.into_secure(connector(), &question.host).await
                }
                greeting => greeting,
            }
        }
    };
    Ok(greeting.ok())
}

/// Logs in and observes the path; records each result at once.
async fn inspect(
    session: &mut AsyncRustlsFtpStream,
    question: &FtpQuestion,
    context: &ProbeContext,
    seen: &mut FtpSeen,
) -> FtpResult<()> {
    let user = question.user.as_deref().unwrap_or("anonymous");
    let password = match &question.user {
        Some(_) => question.password.as_deref().unwrap_or_default(),
        None => "anonymous@",
    };
    session.login(user, password).await?;
    seen.logged_in = Some(true);
    if question.tls == FtpTls::Implicit {
        // RFC 4217: data connections are protected only after these commands. A server that always
        // protects them may not know the commands.
        for command in ["PBSZ 0", "PROT P"] {
            let _ = is_accepted(session.custom_command(command, &[Status::CommandOk]).await)?;
        }
    }
    session.transfer_type(FileType::Binary).await?;
    let is_directory = match &question.path {
        None => true,
        Some(path) => is_accepted(session.cwd(path).await)?,
    };
    if is_directory {
        seen.exists = Some(true);
        if context.wants("writable") {
            seen.writable = Some(is_writable(session, "").await?);
        }
        if context.wants("entries") {
            seen.entries = Some(list_names(session).await?);
        }
        return Ok(());
    }
    let path = question.path.as_deref().unwrap_or_default();
    match session.retr_as_stream(path).await {
        Ok(mut stream) => {
            seen.exists = Some(true);
            let content = read_first(&mut stream, CONTENT_LIMIT).await?;
            seen.content = Some(String::from_utf8_lossy(&content).into_owned());
            // If there is more, the closed connection ends the transfer.
            let _ = stream.finish().await;
        }
        Err(FtpError::UnexpectedResponse(_)) => seen.exists = Some(false),
        Err(error) => return Err(error),
    }
    if context.wants("writable") {
        let name = path.rfind('/').map_or(0, |slash| slash + 1);
        seen.writable = Some(is_writable(session, &path[..name]).await?);
    }
    Ok(())
}

/// Whether the server accepted a command; other errors do not come from the server.
fn is_accepted<T>(outcome: FtpResult<T>) -> FtpResult<bool> {
    match outcome {
        Ok(_) => Ok(true),
        Err(FtpError::UnexpectedResponse(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Names in the current directory.
async fn list_names(session: &mut AsyncRustlsFtpStream) -> FtpResult<Vec<String>> {
    let begun = [Status::AboutToSend, Status::AlreadyOpen];
    let (_, mut stream) = match session.custom_data_command("NLST", &begun).await {
        // Some servers refuse to list an empty directory.
        Err(FtpError::UnexpectedResponse(_)) => return Ok(Vec::new()),
        other => other?,
    };
    let listing = read_first(&mut stream, LISTING_LIMIT).await?;
    let _ = stream.finish().await;
    let listing = String::from_utf8_lossy(&listing);
    let mut names: Vec<String> = listing.lines().map(str::to_owned).collect();
    names.sort();
    names.truncate(MAX_ENTRIES);
    Ok(names)
}

/// Stores an empty file with a unique name, and deletes it.
async fn is_writable(session: &mut AsyncRustlsFtpStream, folder: &str) -> FtpResult<bool> {
    let name = format!(
        "{folder}plateau-{}",
        random_hex().map_err(FtpError::ConnectionError)?
    );
    let stored = is_accepted(session.put_file(&name, &mut tokio::io::empty()).await)?;
    // A server may have created the file before it refused the content.
    let _ = is_accepted(session.rm(&name).await)?;
    Ok(stored)
}

/// The first bytes of a transfer.
async fn read_first(stream: &mut (impl AsyncRead + Unpin), limit: u64) -> FtpResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let reading = stream.take(limit).read_to_end(&mut bytes).await;
    reading.map_err(FtpError::ConnectionError)?;
    Ok(bytes)
}
