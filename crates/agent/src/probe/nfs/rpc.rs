//! The stream for the RPC library, and the one reply that is decoded here.

use std::io::{self, ErrorKind, Read};

use nfs3_client::io::{AsyncRead, AsyncWrite};
use nfs3_client::nfs3_types::nfs3::NFS3_FHSIZE;
use nfs3_client::nfs3_types::xdr_codec::{Error, Opaque, Unpack};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::stream::Stream;

/// A connection whose end is an error: the library would read for ever.
pub(super) struct RpcStream(pub(super) Stream);

impl AsyncRead for RpcStream {
    async fn async_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            length => Ok(length),
        }
    }
}

impl AsyncWrite for RpcStream {
    async fn async_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).await
    }
}

/// The reply of the mount service (RFC 1813, 5.2.1).
pub(super) enum MountReply {
    /// The handle of the export's root.
    Root(Opaque<'static>),
    /// The server refuses, or has no such export.
    Refused,
}

impl Unpack for MountReply {
    fn unpack(input: &mut impl Read) -> Result<(Self, usize), Error> {
        let (status, mut length) = u32::unpack(input)?;
        let reply = if status == 0 {
            let (size, read) = u32::unpack(input)?;
            let size = size as usize;
            // Handles are padded to whole words.
            if size > NFS3_FHSIZE || !size.is_multiple_of(4) {
                return Err(Error::InvalidLength(size));
            }
            let mut handle = vec![0; size];
            input.read_exact(&mut handle).map_err(Error::Io)?;
            length += read + size;
            Self::Root(Opaque::owned(handle))
        } else {
            Self::Refused
        };
        // The accepted authentication flavors, which are not needed.
        let rest = io::copy(input, &mut io::sink()).map_err(Error::Io)?;
        Ok((reply, length + usize::try_from(rest).unwrap_or(usize::MAX)))
    }
}
