//! Answers a batch of questions about this node.

/// Reads a batch from standard input and writes the answers to standard output.
pub(crate) fn run() -> anyhow::Result<()> {
    anyhow::bail!("not there yet")
}
