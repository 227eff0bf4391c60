//! Looks into the exports of a file server, in NFS version 3.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context, bail};
use nfs3_client::nfs3_types::mount::{
    MOUNT_PROGRAM, PROGRAM as MOUNT, VERSION as MOUNT_VERSION, dirpath,
};
use nfs3_client::nfs3_types::nfs3;
use nfs3_client::nfs3_types::portmap::IPPROTO_TCP;
use nfs3_client::nfs3_types::rpc::{auth_unix, opaque_auth};
use nfs3_client::nfs3_types::xdr_codec::Opaque;
use nfs3_client::rpc::RpcClient;
use nfs3_client::{MountClient, Nfs3Client, PortmapError, PortmapperClient, RpcError};
use plateau_core::question::nfs::{NfsQuestion, NfsSeen};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout_at};

use super::context::ProbeContext;
use super::stream::{READ_LIMIT, Stream};
use wire::{MountReply, Wire};

mod export;
mod wire;

/// Where servers listen that need no port mapper: those of version 4.
const NFS_PORT: u16 = 2049;

/// Ports that only root may speak from, which servers insist on by default.
const LOW_PORTS: std::ops::RangeInclusive<u16> = 600..=1023;

pub(super) async fn see(question: &NfsQuestion, look: &ProbeContext) -> anyhow::Result<NfsSeen> {
    let mut seen = NfsSeen {
        connected: Some(false),
        mounted: question.export.as_ref().map(|_| false),
        ..NfsSeen::default()
    };
    let until = Instant::now() + look.patience();
    // Silence does not take back what was seen before.
    if let Ok(done) = timeout_at(until, talk(question, look, &mut seen)).await {
        done?;
    }
    Ok(seen)
}

async fn talk(
    question: &NfsQuestion,
    look: &ProbeContext,
    seen: &mut NfsSeen,
) -> anyhow::Result<()> {
    let Some((server, mount_port, nfs_port)) = ports(question, look).await? else {
        return Ok(());
    };
    let user = opaque_auth::auth_unix(&auth_unix {
        machinename: Opaque::borrowed(b"plateau"),
        uid: question.uid,
        gid: question.gid,
        ..auth_unix::default()
    });
    let Some(line) = from_low_port(SocketAddr::new(server, mount_port)).await else {
        return Ok(());
    };
    let low = line.low;
    let mut mount = MountClient::new_with_auth(line.wire, user.clone(), opaque_auth::default());
    // What answers nonsense is no mount service.
    let Ok(exports) = mount.export().await else {
        return Ok(());
    };
    seen.connected = Some(true);
    note_exports(exports.into_inner(), question, seen);
    let Some(export) = &question.export else {
        return Ok(());
    };
    let root = match handle(server, mount_port, &user, export).await {
        Ok(MountReply::Root(root)) => root,
        Ok(MountReply::Refused) if !low => {
            bail!("the server refuses us, perhaps for a port that only root may speak from")
        }
        Ok(MountReply::Refused) | Err(_) => return Ok(()),
    };
    seen.mounted = Some(true);
    if let Some(line) = from_low_port(SocketAddr::new(server, nfs_port)).await {
        let mut files = Nfs3Client::new_with_auth(line.wire, user, opaque_auth::default());
        let path = question.path.as_deref().unwrap_or_default();
        // A connection that breaks does not take back what was seen before.
        let _ = export::inside(&mut files, nfs3::nfs_fh3 { data: root }, path, look, seen).await;
    }
    let _ = mount
        .umnt(dirpath(Opaque::owned(export.as_bytes().to_vec())))
        .await;
    Ok(())
}

/// The server's address and the ports of its mount service and of version 3; `None` where there are none.
async fn ports(
    question: &NfsQuestion,
    look: &ProbeContext,
) -> anyhow::Result<Option<(IpAddr, u16, u16)>> {
    let host = question.host.as_str();
    let limit = look.network_limit();
    if let Some(stream) = Stream::open(host, question.port, limit, READ_LIMIT).await? {
        let server = stream.peer_address().context("the connection is gone")?;
        let mut mapper = PortmapperClient::new(Wire(stream));
        let mount = mapper.getport(MOUNT, MOUNT_VERSION, IPPROTO_TCP).await;
        let files = match mount {
            Ok(_) => {
                mapper
                    .getport(nfs3::PROGRAM, nfs3::VERSION, IPPROTO_TCP)
                    .await
            }
            Err(_) => Err(PortmapError::ProgramUnavailable),
        };
        match (mount, files) {
            (Ok(mount), Ok(files)) => return Ok(Some((server, mount, files))),
            (Err(PortmapError::Rpc(_)), _) | (_, Err(PortmapError::Rpc(_))) => return Ok(None),
            (Ok(_) | Err(_), Ok(_) | Err(_)) => {}
        }
    }
    if Stream::open(host, NFS_PORT, limit, READ_LIMIT)
        .await?
        .is_some()
    {
        bail!(
            "port {NFS_PORT} is open, but version 3 of NFS is not offered, and we speak no other"
        );
    }
    Ok(None)
}

/// A connection, and whether it is from a port that only root may speak from.
struct Line {
    wire: Wire,
    low: bool,
}

async fn from_low_port(server: SocketAddr) -> Option<Line> {
    for port in LOW_PORTS.rev() {
        match connect_from(port, server).await {
            Ok(stream) => return Some(Line::new(stream, true)),
            Err(error) if is_taken(&error) => {}
            Err(error) if error.kind() == ErrorKind::PermissionDenied => break,
            Err(_) => return None,
        }
    }
    let stream = TcpStream::connect(server).await.ok()?;
    Some(Line::new(stream, false))
}

fn is_taken(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable
    )
}

impl Line {
    fn new(stream: TcpStream, low: bool) -> Self {
        Self {
            wire: Wire(Stream::new(stream, READ_LIMIT)),
            low,
        }
    }
}

async fn connect_from(port: u16, server: SocketAddr) -> std::io::Result<TcpStream> {
    let (socket, own) = match server {
        SocketAddr::V4(_) => (TcpSocket::new_v4()?, IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        SocketAddr::V6(_) => (TcpSocket::new_v6()?, IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
    };
    // Ports of connections that have just ended can be used again for another server.
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::new(own, port))?;
    socket.connect(server).await
}

fn note_exports(
    exports: Vec<nfs3_client::nfs3_types::mount::export_node<'_, '_>>,
    question: &NfsQuestion,
    seen: &mut NfsSeen,
) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut paths = Vec::new();
    for node in exports {
        let path = text(node.ex_dir.0.as_ref());
        if Some(&path) == question.export.as_ref() {
            let groups = node.ex_groups.into_inner().into_iter();
            let mut clients: Vec<String> = groups.map(|group| text(group.0.as_ref())).collect();
            clients.sort();
            seen.clients = Some(clients);
        }
        paths.push(path);
    }
    paths.sort();
    seen.exports = Some(paths);
}

/// Asks for the export's handle.
///
/// The library's own reading of this answer makes room for as many numbers as the server claims to
/// send, which may be more memory than there is.
async fn handle(
    server: IpAddr,
    port: u16,
    user: &opaque_auth<'static>,
    export: &str,
) -> Result<MountReply, RpcError> {
    let gone = || RpcError::Io(ErrorKind::NotConnected.into());
    let line = from_low_port(SocketAddr::new(server, port))
        .await
        .ok_or_else(gone)?;
    let mut mount = RpcClient::new_with_auth(line.wire, user.clone(), opaque_auth::default());
    let procedure = MOUNT_PROGRAM::MOUNTPROC3_MNT as u32;
    let path = dirpath(Opaque::owned(export.as_bytes().to_vec()));
    mount.call(MOUNT, MOUNT_VERSION, procedure, &path).await
}
