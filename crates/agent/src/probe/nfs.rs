//! Observes the exports of a file server, with NFS version 3.

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
use rpc::{MountReply, RpcStream};

mod export;
mod rpc;

/// Port of servers without a port mapper, which have version 4.
const NFS_PORT: u16 = 2049;

/// Privileged ports, which servers require from clients by default.
const LOW_PORTS: std::ops::RangeInclusive<u16> = 600..=1023;

pub(super) async fn observe(
    question: &NfsQuestion,
    context: &ProbeContext,
) -> anyhow::Result<NfsSeen> {
    let mut seen = NfsSeen {
        connected: Some(false),
        mounted: question.export.as_ref().map(|_| false),
        ..NfsSeen::default()
    };
    let until = Instant::now() + context.time_limit();
    // What was observed before silence still counts.
    if let Ok(done) = timeout_at(until, run_session(question, context, &mut seen)).await {
        done?;
    }
    Ok(seen)
}

async fn run_session(
    question: &NfsQuestion,
    context: &ProbeContext,
    seen: &mut NfsSeen,
) -> anyhow::Result<()> {
    let Some((server, mount_port, nfs_port)) = find_ports(question, context).await? else {
        return Ok(());
    };
    let user = opaque_auth::auth_unix(&auth_unix {
        machinename: Opaque::borrowed(b"plateau"),
        uid: question.uid,
        gid: question.gid,
        ..auth_unix::default()
    });
    let Some(connection) = connect_from_low_port(SocketAddr::new(server, mount_port)).await else {
        return Ok(());
    };
    let from_low_port = connection.from_low_port;
    let mut mount =
        MountClient::new_with_auth(connection.stream, user.clone(), opaque_auth::default());
    // A service with an invalid answer is not a mount service.
    let Ok(exports) = mount.export().await else {
        return Ok(());
    };
    seen.connected = Some(true);
    record_exports(exports.into_inner(), question, seen);
    let Some(export) = &question.export else {
        return Ok(());
    };
    let root = match mount_export(server, mount_port, &user, export).await {
        Ok(MountReply::Root(root)) => root,
        Ok(MountReply::Refused) if !from_low_port => {
            bail!("the server refuses us, perhaps because our port is not privileged")
        }
        Ok(MountReply::Refused) | Err(_) => return Ok(()),
    };
    seen.mounted = Some(true);
    if let Some(connection) = connect_from_low_port(SocketAddr::new(server, nfs_port)).await {
        let mut files = Nfs3Client::new_with_auth(connection.stream, user, opaque_auth::default());
        let path = question.path.as_deref().unwrap_or_default();
        // What was observed before a broken connection still counts.
        let _ = export::observe(
            &mut files,
            nfs3::nfs_fh3 { data: root },
            path,
            context,
            seen,
        )
        .await;
    }
    let _ = mount
        .umnt(dirpath(Opaque::owned(export.as_bytes().to_vec())))
        .await;
    Ok(())
}

/// The server's address, and the ports of its mount service and of NFS version 3, if it has them.
async fn find_ports(
    question: &NfsQuestion,
    context: &ProbeContext,
) -> anyhow::Result<Option<(IpAddr, u16, u16)>> {
    let host = question.host.as_str();
    let limit = context.network_limit();
    if let Some(stream) = Stream::open(host, question.port, limit, READ_LIMIT).await? {
        let server = stream.peer_address().context("the connection is gone")?;
        let mut mapper = PortmapperClient::new(RpcStream(stream));
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
            "port {NFS_PORT} is open, but version 3 of NFS is not offered, and other versions are not supported"
        );
    }
    Ok(None)
}

/// A connection, and whether it comes from a privileged port.
struct NfsConnection {
    stream: RpcStream,
    from_low_port: bool,
}

async fn connect_from_low_port(server: SocketAddr) -> Option<NfsConnection> {
    for port in LOW_PORTS.rev() {
        match connect_from(port, server).await {
            Ok(stream) => return Some(NfsConnection::new(stream, true)),
            Err(error) if is_port_in_use(&error) => {}
            Err(error) if error.kind() == ErrorKind::PermissionDenied => break,
            Err(_) => return None,
        }
    }
    let stream = TcpStream::connect(server).await.ok()?;
    Some(NfsConnection::new(stream, false))
}

fn is_port_in_use(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable
    )
}

impl NfsConnection {
    fn new(stream: TcpStream, from_low_port: bool) -> Self {
        Self {
            stream: RpcStream(Stream::new(stream, READ_LIMIT)),
            from_low_port,
        }
    }
}

async fn connect_from(port: u16, server: SocketAddr) -> std::io::Result<TcpStream> {
    let (socket, own) = match server {
        SocketAddr::V4(_) => (TcpSocket::new_v4()?, IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        SocketAddr::V6(_) => (TcpSocket::new_v6()?, IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
    };
    // The port of a connection that has just ended may be used for another server.
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::new(own, port))?;
    socket.connect(server).await
}

fn record_exports(
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

/// Mounts an export and returns the handle of its root.
///
/// The library's own decoder of this answer allocates as much memory as the server claims to send.
async fn mount_export(
    server: IpAddr,
    port: u16,
    user: &opaque_auth<'static>,
    export: &str,
) -> Result<MountReply, RpcError> {
    let gone = || RpcError::Io(ErrorKind::NotConnected.into());
    let connection = connect_from_low_port(SocketAddr::new(server, port))
        .await
        .ok_or_else(gone)?;
    let mut mount =
        RpcClient::new_with_auth(connection.stream, user.clone(), opaque_auth::default());
    let procedure = MOUNT_PROGRAM::MOUNTPROC3_MNT as u32;
    let path = dirpath(Opaque::owned(export.as_bytes().to_vec()));
    mount.call(MOUNT, MOUNT_VERSION, procedure, &path).await
}
