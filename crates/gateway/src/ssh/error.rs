//! Errors of the SSH server.

use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

/// Why the SSH server cannot run.
#[derive(Debug, Error)]
pub enum SshError {
    /// The address cannot be had.
    #[error("listen for SSH on `{address}`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The system gives no random bytes.
    #[error("draw a host key")]
    Random(#[source] getrandom::Error),
    /// The host key's file cannot be read or written.
    #[error("keep the host key in `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The host key's file holds something else.
    #[error("`{}` does not hold a private key in OpenSSH's format; remove it to have a new one drawn", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: russh::keys::ssh_key::Error,
    },
}
