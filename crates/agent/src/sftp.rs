//! Serves the node's files over SFTP on standard input and output, so that `scp` and `sftp` work
//! with a node without an SSH server.
//!
//! The protocol is version 3 (draft-ietf-secsh-filexfer-02), as in OpenSSH.

mod attributes;
mod files;

use anyhow::Context;
use tokio::io::{join, stdin, stdout};
use tokio::sync::oneshot;

use crate::{accounts, runtime};
use files::FileServer;

/// Serves until the standard input ends.
pub(crate) fn run() -> anyhow::Result<()> {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    // Relative paths start at the home folder.
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let home = accounts::find_login(&passwd, "root").map(|user| user.home);
    if home.is_none_or(|home| std::env::set_current_dir(home).is_err()) {
        std::env::set_current_dir("/").context("cannot change to `/`")?;
    }
    let runtime = runtime::single_threaded()?;
    runtime.block_on(async {
        let (alive, ended) = oneshot::channel();
        russh_sftp::server::run(join(stdin(), stdout()), FileServer::new(alive)).await;
        // Nothing is ever sent: the sender is dropped with the server, when the client has gone.
        let _: Result<(), _> = ended.await;
    });
    runtime.shutdown_background();
    Ok(())
}
