//! Logs in to a file server of Windows networks and looks into a share.

use anyhow::Context;
use plateau_core::question::smb::{SmbQuestion, SmbSeen};
use smb2::types::status::NtStatus;
use smb2::{ClientConfig, Error, SmbClient, Tree};
use tokio::time::{Instant, timeout_at};

use super::context::ProbeContext;
use super::marker::marker;
use super::tcp::{Attempt, connect};

const CONTENT_LIMIT: u64 = 64 << 10;
const MOST_ENTRIES: usize = 1000;

pub(super) async fn see(question: &SmbQuestion, look: &ProbeContext) -> anyhow::Result<SmbSeen> {
    let mut seen = SmbSeen {
        connected: Some(false),
        logged_in: Some(false),
        ..SmbSeen::default()
    };
    let until = Instant::now() + look.patience();
    let limit = look.network_limit();
    // The library would ask the C library for the address of a name.
    let attempt = connect(&question.host, question.port, limit).await?;
    let Attempt::Open(stream) = attempt else {
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
        // A share of another server is not this server's.
        dfs_enabled: false,
        response_timeout: Some(look.patience()),
        ..ClientConfig::default()
    };
    // Neither silence nor nonsense takes back what was seen before.
    let _ = timeout_at(until, talk(question, look, config, &mut seen)).await;
    Ok(seen)
}

async fn talk(
    question: &SmbQuestion,
    look: &ProbeContext,
    config: ClientConfig,
    seen: &mut SmbSeen,
) -> Result<(), Error> {
    let mut client = match SmbClient::connect(config).await {
        Ok(client) => client,
        Err(error) => {
            // These come from an SMB server; anything else may come from anybody.
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
        in_share(&mut client, share, question, look, seen).await?;
    }
    // The last, since a server may have to start another for it first.
    if look.wants("shares") {
        let shares = client.list_shares().await?;
        let mut names: Vec<String> = shares.into_iter().map(|share| share.name).collect();
        names.sort();
        names.truncate(MOST_ENTRIES);
        seen.shares = Some(names);
    }
    Ok(())
}

async fn in_share(
    client: &mut SmbClient,
    share: &str,
    question: &SmbQuestion,
    look: &ProbeContext,
    seen: &mut SmbSeen,
) -> Result<(), Error> {
    match client.connect_share(share).await {
        Ok(mut tree) => {
            seen.opened = Some(true);
            let path = question.path.as_deref().unwrap_or_default();
            inside(client, &mut tree, path.trim_matches('/'), look, seen).await
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

fn is_absent(error: &Error) -> bool {
    let absent = [
        NtStatus::OBJECT_NAME_NOT_FOUND,
        NtStatus::OBJECT_PATH_NOT_FOUND,
        NtStatus::NO_SUCH_FILE,
    ];
    error
        .status()
        .is_some_and(|status| absent.contains(&status))
}

async fn inside(
    client: &mut SmbClient,
    tree: &mut Tree,
    path: &str,
    look: &ProbeContext,
    seen: &mut SmbSeen,
) -> Result<(), Error> {
    let is_folder = match path {
        "" => true,
        path => match client.stat(tree, path).await {
            Ok(found) => found.is_directory,
            Err(error) => {
                if is_absent(&error) {
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
        true => list(client, tree, path, seen).await,
        false => read(client, tree, path, seen).await,
    };
    seen.readable = Some(could.is_ok());
    if look.wants("writable") {
        let could = match is_folder {
            true => make(client, tree, path).await?,
            false => open(client, tree, path).await?,
        };
        seen.writable = Some(could);
    }
    Ok(())
}

async fn list(
    client: &mut SmbClient,
    tree: &mut Tree,
    path: &str,
    seen: &mut SmbSeen,
) -> Result<(), Error> {
    let mut names = Vec::new();
    let mut reader = client.open_directory_reader(tree, path).await?;
    while names.len() < MOST_ENTRIES
        && let Some(batch) = reader.next_batch().await?
    {
        names.extend(batch.into_iter().map(|entry| entry.name));
    }
    names.retain(|name| !matches!(name.as_str(), "." | ".."));
    names.sort();
    names.truncate(MOST_ENTRIES);
    seen.entries = Some(names);
    reader.close().await
}

async fn read(
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

/// Whether an error is the server's refusal, and not that of a connection that is gone.
fn unless_refused(outcome: Result<(), Error>) -> Result<bool, Error> {
    match outcome {
        Ok(()) => Ok(true),
        Err(Error::Protocol { .. }) => Ok(false),
        Err(other) => Err(other),
    }
}

/// Makes a file in a folder and removes it again.
async fn make(client: &mut SmbClient, tree: &Tree, folder: &str) -> Result<bool, Error> {
    let name = format!(".plateau-{}", marker()?);
    let path = match folder {
        "" => name,
        folder => format!("{folder}/{name}"),
    };
    let made = client.create_file_writer_exclusive(tree, &path).await;
    let made = match made {
        Ok(writer) => writer.abort().await.map(drop),
        Err(error) => Err(error),
    };
    let could = unless_refused(made)?;
    if could {
        client.delete_file(tree, &path).await?;
    }
    Ok(could)
}

/// Opens a file for writing and writes nothing.
async fn open(client: &mut SmbClient, tree: &Tree, path: &str) -> Result<bool, Error> {
    let opened = client.create_file_writer_at(tree, path, 0).await;
    let opened = match opened {
        Ok(writer) => writer.abort().await.map(drop),
        Err(error) => Err(error),
    };
    unless_refused(opened)
}
