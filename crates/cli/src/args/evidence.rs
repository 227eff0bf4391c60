//! Arguments of `plateau evidence`.

use std::path::PathBuf;

use clap::Subcommand;

/// `plateau evidence …`
#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceCommand {
    /// Write all that a grade stands on into one signed file
    Export {
        /// The attempt's identifier
        attempt: String,
        /// The file; one that is there is left alone
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Say step by step whether such a file is what it says; needs no daemon
    Verify {
        /// The file
        bundle: PathBuf,
        /// The daemon's public key, as `plateau evidence key` shows it
        #[arg(long, value_name = "FILE", conflicts_with = "fingerprint")]
        key: Option<PathBuf>,
        /// The fingerprint of that key instead
        #[arg(long, value_name = "HEX")]
        fingerprint: Option<String>,
    },
    /// Show the daemon's public key and its fingerprint
    Key,
}
