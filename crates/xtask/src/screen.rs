//! What is told while the work goes on.

use std::io::Write;

/// Says something on standard error.
pub(crate) fn say(text: &str) {
    // With nobody left to read it, there is nothing to be done.
    let _ = writeln!(std::io::stderr(), "{text}");
}
