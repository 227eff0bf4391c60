//! Observes a file or folder in an export.

use nfs3_client::nfs3_types::nfs3::{
    CREATE3args, GETATTR3args, LOOKUP3args, Nfs3Result, READ3args, READDIR3args, REMOVE3args,
    WRITE3args, cookie3, cookieverf3, createhow3, diropargs3, filename3, ftype3, nfs_fh3, nfsstat3,
    sattr3, stable_how,
};
use nfs3_client::nfs3_types::xdr_codec::Opaque;
use nfs3_client::{Nfs3Client, RpcError};
use plateau_core::question::nfs::NfsSeen;

use super::super::context::ProbeContext;
use super::super::random::random_hex;
use super::rpc::RpcStream;

const CONTENT_LIMIT: usize = 64 << 10;
const MAX_ENTRIES: usize = 1000;

/// Most bytes of one request.
const PART: u32 = 32 << 10;

/// Observes a path below the export's root.
pub(super) async fn observe(
    files: &mut Nfs3Client<RpcStream>,
    root: nfs_fh3,
    path: &str,
    context: &ProbeContext,
    seen: &mut NfsSeen,
) -> Result<(), RpcError> {
    let Some(handle) = resolve_path(files, root, path, seen).await? else {
        return Ok(());
    };
    let request = GETATTR3args {
        object: handle.clone(),
    };
    let Nfs3Result::Ok(found) = files.getattr(&request).await? else {
        seen.readable = Some(false);
        return Ok(());
    };
    seen.exists = Some(true);
    let kind = found.obj_attributes.type_;
    let (name, could) = match kind {
        ftype3::NF3DIR => ("directory", list_folder(files, &handle, seen).await?),
        ftype3::NF3REG => ("file", read_file(files, &handle, seen).await?),
        ftype3::NF3BLK | ftype3::NF3CHR | ftype3::NF3LNK | ftype3::NF3SOCK | ftype3::NF3FIFO => {
            seen.kind = Some("other".to_owned());
            return Ok(());
        }
    };
    seen.kind = Some(name.to_owned());
    seen.readable = Some(could);
    if context.wants("writable") {
        seen.writable = Some(if kind == ftype3::NF3DIR {
            can_create_file(files, &handle).await?
        } else {
            can_write_file(files, &handle).await?
        });
    }
    Ok(())
}

fn file_name(text: &str) -> filename3<'static> {
    filename3(Opaque::owned(text.as_bytes().to_vec()))
}

/// Resolves the path; `None` if a part does not exist.
async fn resolve_path(
    files: &mut Nfs3Client<RpcStream>,
    root: nfs_fh3,
    path: &str,
    seen: &mut NfsSeen,
) -> Result<Option<nfs_fh3>, RpcError> {
    let mut handle = root;
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let request = LOOKUP3args {
            what: diropargs3 {
                dir: handle,
                name: file_name(part),
            },
        };
        handle = match files.lookup(&request).await? {
            Nfs3Result::Ok(found) => found.object,
            Nfs3Result::Err((status, _)) => {
                if matches!(status, nfsstat3::NFS3ERR_NOENT | nfsstat3::NFS3ERR_NOTDIR) {
                    seen.exists = Some(false);
                }
                seen.readable = Some(false);
                return Ok(None);
            }
        };
    }
    Ok(Some(handle))
}

async fn list_folder(
    files: &mut Nfs3Client<RpcStream>,
    folder: &nfs_fh3,
    seen: &mut NfsSeen,
) -> Result<bool, RpcError> {
    let mut names = Vec::new();
    let mut cookie = cookie3::default();
    let mut cookieverf = cookieverf3::default();
    while names.len() < MAX_ENTRIES {
        let request = READDIR3args {
            dir: folder.clone(),
            cookie,
            cookieverf,
            count: PART,
        };
        let Nfs3Result::Ok(part) = files.readdir(&request).await? else {
            return Ok(false);
        };
        let entries = part.reply.entries.into_inner();
        let last = entries.last().map(|entry| entry.cookie);
        let text = entries
            .iter()
            .map(|entry| String::from_utf8_lossy(entry.name.0.as_ref()).into_owned());
        names.extend(text.filter(|name| !matches!(name.as_str(), "." | "..")));
        match last {
            Some(next) if !part.reply.eof => cookie = next,
            Some(_) | None => break,
        }
        cookieverf = part.cookieverf;
    }
    names.sort();
    names.truncate(MAX_ENTRIES);
    seen.entries = Some(names);
    Ok(true)
}

async fn read_file(
    files: &mut Nfs3Client<RpcStream>,
    file: &nfs_fh3,
    seen: &mut NfsSeen,
) -> Result<bool, RpcError> {
    let mut bytes = Vec::new();
    while bytes.len() < CONTENT_LIMIT {
        let request = READ3args {
            file: file.clone(),
            offset: bytes.len() as u64,
            count: PART,
        };
        let Nfs3Result::Ok(part) = files.read(&request).await? else {
            return Ok(false);
        };
        bytes.extend_from_slice(part.data.as_ref());
        if part.eof || part.data.is_empty() {
            break;
        }
    }
    bytes.truncate(CONTENT_LIMIT);
    seen.content = Some(String::from_utf8_lossy(&bytes).into_owned());
    Ok(true)
}

/// Creates a file in a folder and removes it.
async fn can_create_file(
    files: &mut Nfs3Client<RpcStream>,
    folder: &nfs_fh3,
) -> Result<bool, RpcError> {
    let temporary = format!(".plateau-{}", random_hex().map_err(RpcError::Io)?);
    let location = || diropargs3 {
        dir: folder.clone(),
        name: file_name(&temporary),
    };
    let request = CREATE3args {
        where_: location(),
        how: createhow3::GUARDED(sattr3::default()),
    };
    let Nfs3Result::Ok(_) = files.create(&request).await? else {
        return Ok(false);
    };
    files.remove(&REMOVE3args { object: location() }).await?;
    Ok(true)
}

/// Writes no bytes; the server checks permissions nevertheless (RFC 1813, 3.3.7).
async fn can_write_file(
    files: &mut Nfs3Client<RpcStream>,
    file: &nfs_fh3,
) -> Result<bool, RpcError> {
    let request = WRITE3args {
        file: file.clone(),
        offset: 0,
        count: 0,
        stable: stable_how::FILE_SYNC,
        data: Opaque::borrowed(&[]),
    };
    Ok(matches!(files.write(&request).await?, Nfs3Result::Ok(_)))
}
