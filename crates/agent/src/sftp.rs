//! The node's files over SFTP on standard input and output, so that `scp` and `sftp` work with a
//! node that has no SSH server of its own.
//!
//! It is version 3 of the protocol (draft-ietf-secsh-filexfer-02), which is what OpenSSH speaks.

mod attributes;
mod files;

use anyhow::Context;
use tokio::io::{join, stdin, stdout};
use tokio::sync::oneshot;

use crate::shell::account;
use files::Files;

/// Serves until the standard input ends.
pub(crate) fn run() -> anyhow::Result<()> {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    // What has no slash before it is looked for at home.
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let home = account::find(&passwd, "root").map(|account| account.home);
    if home.is_none_or(|home| std::env::set_current_dir(home).is_err()) {
        std::env::set_current_dir("/").context("go to `/`")?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start")?;
    runtime.block_on(async {
        let (serves, ended) = oneshot::channel();
        russh_sftp::server::run(join(stdin(), stdout()), Files::new(serves)).await;
        // Never sent to: dropped with the files, when nobody asks any more.
        let _: Result<(), _> = ended.await;
    });
    runtime.shutdown_background();
    Ok(())
}
