//! The agent's roles on the real thing: namespaces, terminals, processes. Needs root.

mod init;
mod machine;
mod shell;
mod wire;
