//! Arguments of `plateau evidence`.

use std::path::PathBuf;

use clap::Subcommand;

/// `plateau evidence …`
#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceCommand {
    /// Write the evidence of a grade into one signed file
    Export {
        /// The attempt's identifier
        attempt: String,
        /// The file; an existing file is not overwritten
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Verify such a file step by step; needs no daemon
    Verify {
        /// The file
        bundle: PathBuf,
        /// The daemon's public key, as `plateau evidence key` shows it
        #[arg(long, value_name = "FILE", conflicts_with = "fingerprint")]
        key: Option<PathBuf>,
        /// The fingerprint of that key instead
        #[arg(long, value_name = "HEX")]
        fingerprint: Option<String>,
        /// A candidate's receipt, as a line or as JSON: whether the log in the file has its entry
        #[arg(long, value_name = "FILE")]
        receipt: Option<PathBuf>,
    },
    /// Show the daemon's public key and its fingerprint
    Key,
}
