//! The agent's roles on the real thing: namespaces, terminals, processes. Needs root.

// The lint's own exception for tests does not reach the functions that tests share.
#![allow(clippy::unwrap_used)]

mod init;
mod machine;
mod shell;
mod wire;
