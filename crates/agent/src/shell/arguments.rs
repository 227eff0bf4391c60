//! Which terminal is meant, and where it listens.

use std::path::{Path, PathBuf};

/// Folder of the terminals' sockets.
pub(super) const RUNTIME_FOLDER: &str = "/run/plateau";

/// Arguments of `shell` and `shell-host`.
#[derive(clap::Args)]
pub(crate) struct ShellArgs {
    /// Name of the terminal
    #[arg(long, default_value = "main")]
    pub(super) name: String,
    /// User whose login shell a new terminal runs
    #[arg(long, default_value = "root")]
    pub(super) user: String,
    /// Width of the window
    #[arg(long, requires = "rows")]
    pub(super) cols: Option<u16>,
    /// Height of the window
    #[arg(long, requires = "cols")]
    pub(super) rows: Option<u16>,
}

impl ShellArgs {
    /// Where the terminal listens.
    pub(super) fn socket(&self) -> PathBuf {
        Path::new(RUNTIME_FOLDER).join(format!("shell-{}.sock", self.name))
    }

    /// Columns and rows of the window.
    pub(super) fn size(&self) -> (u16, u16) {
        (self.cols.unwrap_or(80), self.rows.unwrap_or(24))
    }
}

/// Arguments of `shell-login`.
#[derive(clap::Args)]
pub(crate) struct LoginArgs {
    /// User whose login shell to run
    #[arg(long)]
    pub(super) user: String,
}
