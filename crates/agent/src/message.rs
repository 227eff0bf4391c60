//! Messages between the daemon and a role: a line of JSON each, on standard input and output.

use std::io::{BufRead, Read, Write};

use anyhow::{Context, ensure};
use plateau_core::probe::MESSAGE_LIMIT;
use serde::Serialize;

/// Reads one line; empty at the end of the input. `what` names it in errors.
pub(crate) fn read_line(input: &mut impl BufRead, what: &str) -> anyhow::Result<Vec<u8>> {
    let mut line = Vec::new();
    input
        .take(MESSAGE_LIMIT + 1)
        .read_until(b'\n', &mut line)
        .with_context(|| format!("cannot read the {what}"))?;
    ensure!(
        line.len() as u64 <= MESSAGE_LIMIT,
        "the {what} is larger than {MESSAGE_LIMIT} bytes"
    );
    Ok(line)
}

/// Writes a message to standard output.
pub(crate) fn write_line(message: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(message).context("cannot encode the answer")?;
    line.push(b'\n');
    let mut output = std::io::stdout().lock();
    output
        .write_all(&line)
        .and_then(|()| output.flush())
        .context("cannot write the answer")
}
