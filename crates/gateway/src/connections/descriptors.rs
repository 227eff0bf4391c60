//! File descriptors of the process: connections leave enough for all else.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are assumed where there is no limit.
const MANY: u64 = 1 << 20;

/// Raises the process's limit of open files as far as it may, and returns how many connections the port
/// may have by it: half of them, since a connection may cause another one, such as to the engine.
#[must_use]
pub fn raise_descriptor_limit() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files cannot be raised");
            current
        }
    };
    usize::try_from(files.unwrap_or(MANY).min(MANY) / 2).unwrap_or(usize::MAX)
}
