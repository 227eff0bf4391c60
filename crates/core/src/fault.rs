//! Messages between daemon and agent for fault injection in a node: a typed fault in, an answer out.

use serde::{Deserialize, Serialize};

/// Where a node's file systems are limited in size, whatever its image: they are in memory, and
/// what they hold counts against the node's memory limit. All else lies on the engine's own disk.
pub const LIMITED: [&str; 4] = ["/dev/shm", "/run", "/run/lock", "/tmp"];

/// A fault to inject in a node: the standard input of `plateau-agent fault`, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultRequest {
    /// Fill the file system that a folder is on, by one file in the folder. The agent refuses one
    /// that is not in memory or whose size is not limited.
    Fill {
        /// The folder, absolute.
        path: String,
        /// Name of the file.
        file: String,
        /// Bytes that stay free.
        leave: u64,
    },
    /// Remove such a file; one that is not there is removed already.
    Empty {
        /// The folder, absolute.
        path: String,
        /// Name of the file.
        file: String,
    },
    /// Kill all processes that run a program. It is not a failure if none does.
    Kill {
        /// Name of the program.
        process: String,
    },
}

/// The standard output of `plateau-agent fault`, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultResponse {
    /// It was done.
    Done {
        /// Bytes written, or processes killed.
        count: u64,
    },
    /// It was not.
    Failed {
        /// Why, in English.
        reason: String,
    },
}

/// Whether a folder is on a file system whose size is limited on every node.
#[must_use]
pub fn is_limited(path: &str) -> bool {
    LIMITED.iter().any(|limited| {
        path.strip_prefix(limited)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}
