//! The disk of the state folder: how much of it is free, and what gives way when that is little.

use std::io::{self, ErrorKind};

/// Code of every error that says that nothing could be written for lack of space.
pub const FULL: &str = "disk-full";

/// What to do about it.
pub const HINT: &str = "nothing was changed: free some space on the disk of the daemon's state folder and database, \
     and do it again; labs and clocks go on meanwhile";

/// File of the state folder that is given up when the disk is full.
pub const RESERVE: &str = "reserve";

/// Whether there was no space left to write to.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}
