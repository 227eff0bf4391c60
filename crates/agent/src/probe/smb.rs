//! Logs in to an SMB server and observes a share.

use anyhow::Context;
use plateau_core::question::smb::{SmbQuestion, SmbSeen};
use smb2::types::status::NtStatus;
use smb2::{ClientConfig, Error, SmbClient, Tree};
use tokio::time::{Instant, timeout_at};

use super::context::ProbeContext;
use super::random::random_hex;
use super::tcp::{ConnectOutcome, connect};

const CONTENT_LIMIT: u64 = 64 << 10;
const MAX_ENTRIES: usize = 1000;

pub(super) async fn observe(
    question: &SmbQuestion,
    context: &ProbeContext,
) -> anyhow::Result<SmbSeen> {
    let mut seen = SmbSeen {
        connected: Some(false),
        logged_in: Some(false),
        ..SmbSeen::default()
    };
    let until = Instant::now() + context.time_limit();
    let limit = context.network_limit();
    // The library would use the C library to look up a name.
    let attempt = connect(&question.host, question.port, limit).await?;
    let ConnectOutcome::Open(stream) = attempt else {
        return Ok(seen);
    };
    let address = stream.peer_addr().context("the connection is gone")?;
    drop(stream);
    let config = ClientConfig {
        addr: address.to_string(),
        timeout: limit,
        username: question.user.clone().unwrap_or_default(),
        password: question.password.clone().unwrap_or_default(),
        domain: question.domain.clone().unwrap_or_default(),
        compression: false,
        // A share on another server does not count.
        dfs_enabled: false,
        response_timeout: Some(context.time_limit()),
        ..ClientConfig::default()
    };
    // What was observed before silence or an invalid answer still counts.
    let _ = timeout_at(until, run_session(question, context, config, &mut seen)).await;
    Ok(seen)
}

async fn run_session(
    question: &SmbQuestion,
    context: &ProbeContext,
    config: ClientConfig,
    seen: &mut SmbSeen,
) -> Result<(), Error> {
    let mut client = match SmbClient::connect(config).await {
        Ok(client) => client,
        Err(error) => {
            // Only an SMB server sends these; other errors may come from anything.
            let is_smb = matches!(
                error,
                Error::Auth { .. }
                    | Error::GuestSessionRefused { .. }
                    | Error::SignatureInvalid { .. }
                    | Error::Protocol { .. }
            );
            seen.connected = Some(is_smb);
            return Ok(());
        }
    };
    seen.connected = Some(true);
    seen.logged_in = Some(true);
    if let Some(share) = &question.share {
        observe_share(&mut client, share, question, context, seen).await?;
    }
    // Last, because a server may first have to start a service for it.
    if context.wants("shares") {
        let shares = client.list_shares().await?;
        let mut names: Vec<String> = shares.into_iter().map(|share| share.name).collect();
        names.sort();
        names.truncate(MAX_ENTRIES);
        seen.shares = Some(names);
    }
    Ok(())
}

async fn observe_share(
    client: &mut SmbClient,
    share: &str,
    question: &SmbQuestion,
    context: &ProbeContext,
    seen: &mut SmbSeen,
) -> Result<(), Error> {
    match client.connect_share(share).await {
        Ok(mut tree) => {
            seen.opened = Some(true);
            let path = question.path.as_deref().unwrap_or_default();
            observe_path(client, &mut tree, path.trim_matches('/'), context, seen).await
        }
        Err(error) => {
            seen.opened = Some(false);
            if error.status() == Some(NtStatus::BAD_NETWORK_NAME) {
                seen.exists = Some(false);
            }
            Ok(())
        }
    }
}

fn is_not_found(error: &Error) -> bool {
    let absent = [
        NtStatus::OBJECT_NAME_NOT_FOUND,
        NtStatus::OBJECT_PATH_NOT_FOUND,
        NtStatus::NO_SUCH_FILE,
    ];
    error
        .status()
        .is_some_and(|status| absent.contains(&status))
}

async fn observe_path(
    client: &mut SmbClient,
    tree: &mut Tree,
    path: &str,
    context: &ProbeContext,
    seen: &mut SmbSeen,
) -> Result<(), Error> {
    let is_folder = match path {
        "" => true,
        path => match client.stat(tree, path).await {
            Ok(found) => found.is_directory,
            Err(error) => {
                if is_not_found(&error) {
                    seen.exists = Some(false);
                }
                seen.readable = Some(false);
                return Ok(());
            }
        },
    };
    seen.exists = Some(true);
    seen.kind = Some(if is_folder { "directory" } else { "file" }.to_owned());
    let could = match is_folder {
        true => list_folder(client, tree, path, seen).await,
        false => read_file(client, tree, path, seen).await,
    };
    seen.readable = Some(could.is_ok());
    if context.wants("writable") {
        let could = match is_folder {
            true => can_create_file(client, tree, path).await?,
            false => can_open_for_writing(client, tree, path).await?,
        };
        seen.writable = Some(could);
    }
    Ok(())
}

async fn list_folder(
    client: &mut SmbClient,
    tree: &mut Tree,
    path: &str,
    seen: &mut SmbSeen,
) -> Result<(), Error> {
    let mut names = Vec::new();
    let mut reader = client.open_directory_reader(tree, path).await?;
    while names.len() < MAX_ENTRIES
        && let Some(batch) = reader.next_batch().await?
    {
        names.extend(batch.into_iter().map(|entry| entry.name));
    }
    names.retain(|name| !matches!(name.as_str(), "." | ".."));
    names.sort();
    names.truncate(MAX_ENTRIES);
    seen.entries = Some(names);
    reader.close().await
}

async fn read_file(
    client: &mut SmbClient,
    tree: &Tree,
    path: &str,
    seen: &mut SmbSeen,
) -> Result<(), Error> {
    let reader = client.open_file_reader(tree, path).await?;
    let length = reader.size().min(CONTENT_LIMIT);
    let bytes = match length {
        0 => Vec::new(),
        length => reader.read_at(0, length).await?,
    };
    seen.content = Some(String::from_utf8_lossy(&bytes).into_owned());
    reader.close().await
}

/// False if the server refused; an error if the connection failed.
fn is_permitted(outcome: Result<(), Error>) -> Result<bool, Error> {
    match outcome {
        Ok(()) => Ok(true),
        Err(Error::Protocol { .. }) => Ok(false),
        Err(other) => Err(other),
    }
}

/// Creates a file in a folder and removes it.
async fn can_create_file(client: &mut SmbClient, tree: &Tree, folder: &str) -> Result<bool, Error> {
    let name = format!(".plateau-{}", random_hex()?);
    let path = match folder {
        "" => name,
        folder => format!("{folder}/{name}"),
    };
    let made = client.create_file_writer_exclusive(tree, &path).await;
    let made = match made {
        Ok(writer) => writer.abort().await.map(drop),
        Err(error) => Err(error),
    };
    let could = is_permitted(made)?;
    if could {
        client.delete_file(tree, &path).await?;
    }
    Ok(could)
}

/// Opens a file for writing and writes nothing.
async fn can_open_for_writing(
    client: &mut SmbClient,
    tree: &Tree,
    path: &str,
) -> Result<bool, Error> {
    let opened = client.create_file_writer_at(tree, path, 0).await;
    let opened = match opened {
        Ok(writer) => writer.abort().await.map(drop),
        Err(error) => Err(error),
    };
    is_permitted(opened)
}
