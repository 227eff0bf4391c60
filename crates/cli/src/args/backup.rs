//! Arguments of `plateau backup` and `plateau restore`.

use std::path::PathBuf;

use clap::Args;

/// `plateau backup`
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file; an existing file is not overwritten
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Overwrite an existing file
    #[arg(long)]
    pub(crate) force: bool,
}

/// `plateau restore`
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The daemon's configuration file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The daemon's state folder; as it is configured where absent
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// The daemon's database; as it is configured where absent
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Move existing data aside; nothing is removed
    #[arg(long)]
    pub(crate) force: bool,
}
