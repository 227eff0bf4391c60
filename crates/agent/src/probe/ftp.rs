//! Logs in to an FTP server and looks at a path there.

use std::sync::Arc;

use plateau_core::question::ftp::{FtpQuestion, FtpSeen, FtpTls};
use rustls::ClientConfig;
use suppaftp::tokio::{AsyncRustlsConnector, AsyncRustlsFtpStream};
use suppaftp::types::FileType;
use suppaftp::{FtpError, FtpResult, Status};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::certificate::witness;
use super::context::ProbeContext;
use super::names;
use super::tcp::{Attempt, connect};

const CONTENT_LIMIT: u64 = 256 << 10;
const LISTING_LIMIT: u64 = 256 << 10;
const MOST_ENTRIES: usize = 1000;

pub(super) async fn see(question: &FtpQuestion, look: &ProbeContext) -> anyhow::Result<FtpSeen> {
    let (_, config) = witness(None).await?;
    let mut seen = FtpSeen {
        connected: Some(false),
        logged_in: Some(false),
        ..FtpSeen::default()
    };
    let until = Instant::now() + look.patience();
    let greeted = timeout_at(
        Instant::now() + look.network_limit(),
        greet(question, look, config),
    );
    let Some(mut session) = greeted.await.unwrap_or(Ok(None))? else {
        return Ok(seen);
    };
    seen.connected = Some(true);
    // Neither silence nor a broken connection takes back what was seen before.
    let _ = timeout_at(until, visit(&mut session, question, look, &mut seen)).await;
    let _ = timeout_at(until, session.quit()).await;
    Ok(seen)
}

/// Connects and waits for the greeting; `None` where there is none.
async fn greet(
    question: &FtpQuestion,
    look: &ProbeContext,
    config: ClientConfig,
) -> anyhow::Result<Option<AsyncRustlsFtpStream>> {
    let connector = || AsyncRustlsConnector::from(TlsConnector::from(Arc::new(config)));
    let usual = match question.tls {
        FtpTls::None | FtpTls::Explicit => 21,
        FtpTls::Implicit => 990,
    };
    let port = question.port.unwrap_or(usual);
    let limit = look.network_limit();
    let greeting = match question.tls {
        FtpTls::Implicit => {
            let Some(address) = names::first(&question.host, limit).await? else {
                return Ok(None);
            };
            let address = (address, port);
            let host = &question.host;
            AsyncRustlsFtpStream::connect_secure_implicit(address, connector(), host).await
        }
        FtpTls::None | FtpTls::Explicit => {
            let Attempt::Open(stream) = connect(&question.host, port, limit).await? else {
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

/// Logs in and looks, noting what it sees on its way.
async fn visit(
    session: &mut AsyncRustlsFtpStream,
    question: &FtpQuestion,
    look: &ProbeContext,
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
        // RFC 4217: data connections are protected only after these, which a server that protects
        // them anyhow may not know.
        for command in ["PBSZ 0", "PROT P"] {
            let _ = did(session.custom_command(command, &[Status::CommandOk]).await)?;
        }
    }
    session.transfer_type(FileType::Binary).await?;
    let is_directory = match &question.path {
        None => true,
        Some(path) => did(session.cwd(path).await)?,
    };
    if is_directory {
        seen.exists = Some(true);
        if look.wants("writable") {
            seen.writable = Some(is_writable(session, "").await?);
        }
        if look.wants("entries") {
            seen.entries = Some(entries(session).await?);
        }
        return Ok(());
    }
    let path = question.path.as_deref().unwrap_or_default();
    match session.retr_as_stream(path).await {
        Ok(mut stream) => {
            seen.exists = Some(true);
            let content = some(&mut stream, CONTENT_LIMIT).await?;
            seen.content = Some(String::from_utf8_lossy(&content).into_owned());
            // Where there is more, the server is told by the closed connection.
            let _ = stream.finish().await;
        }
        Err(FtpError::UnexpectedResponse(_)) => seen.exists = Some(false),
        Err(error) => return Err(error),
    }
    if look.wants("writable") {
        let name = path.rfind('/').map_or(0, |slash| slash + 1);
        seen.writable = Some(is_writable(session, &path[..name]).await?);
    }
    Ok(())
}

/// Whether the server did what it was asked for; other errors are not its word.
fn did<T>(outcome: FtpResult<T>) -> FtpResult<bool> {
    match outcome {
        Ok(_) => Ok(true),
        Err(FtpError::UnexpectedResponse(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Names in the directory that we are in.
async fn entries(session: &mut AsyncRustlsFtpStream) -> FtpResult<Vec<String>> {
    let begun = [Status::AboutToSend, Status::AlreadyOpen];
    let (_, mut stream) = match session.custom_data_command("NLST", &begun).await {
        // Some servers refuse to list an empty directory.
        Err(FtpError::UnexpectedResponse(_)) => return Ok(Vec::new()),
        other => other?,
    };
    let listing = some(&mut stream, LISTING_LIMIT).await?;
    let _ = stream.finish().await;
    let listing = String::from_utf8_lossy(&listing);
    let mut names: Vec<String> = listing.lines().map(str::to_owned).collect();
    names.sort();
    names.truncate(MOST_ENTRIES);
    Ok(names)
}

/// Stores an empty file of a name that nobody has, and deletes it.
async fn is_writable(session: &mut AsyncRustlsFtpStream, folder: &str) -> FtpResult<bool> {
    let name = format!("{folder}plateau-{}", uuid::Uuid::now_v7().simple());
    let stored = did(session.put_file(&name, &mut tokio::io::empty()).await)?;
    // A server may have made the file before it refused its content.
    let _ = did(session.rm(&name).await)?;
    Ok(stored)
}

/// The first bytes of a transfer.
async fn some(stream: &mut (impl AsyncRead + Unpin), limit: u64) -> FtpResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let reading = stream.take(limit).read_to_end(&mut bytes).await;
    reading.map_err(FtpError::ConnectionError)?;
    Ok(bytes)
}
