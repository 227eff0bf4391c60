//! Values as texts for people. Pure: colours are in the text, and the screen takes them out again
//! where they are not wanted.

use std::collections::BTreeMap;

use comfy_table::{ContentArrangement, Table, presets};
use plateau_core::grade::Verdict;
use plateau_core::messages::Messages;

use crate::style::{FAINT, GOOD, HEAD, UNSURE, WRONG, styled};

pub(crate) mod account;
pub(crate) mod deliverable;
pub(crate) mod doctor;
pub(crate) mod evidence;
pub(crate) mod feedback;
pub(crate) mod grade;
pub(crate) mod grading;
pub(crate) mod image;
pub(crate) mod lab;
pub(crate) mod plan;
pub(crate) mod problem;
pub(crate) mod proof;
pub(crate) mod reason;
pub(crate) mod rehearsal;
pub(crate) mod reliance;
pub(crate) mod session;

/// A table without lines: it can be read, and cut into columns by other programs as well.
fn table<const N: usize>(head: [impl std::fmt::Display; N]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(head.map(|name| styled(HEAD, name)));
    flush_left(&mut table);
    table
}

/// Takes the padding before the first column away.
fn flush_left(table: &mut Table) {
    if let Some(column) = table.column_mut(0) {
        column.set_padding((0, 1));
    }
}

/// The table's lines, none with blanks at its end, and a last line feed.
fn lines(table: &Table) -> String {
    table.trim_fmt() + "\n"
}

/// A verdict in words.
fn verdict(verdict: Verdict, messages: &Messages) -> String {
    let word = messages.verdict(verdict);
    match verdict {
        Verdict::Pass => styled(GOOD, word),
        Verdict::Fail => styled(WRONG, word),
        Verdict::NotAsked | Verdict::Unknown => styled(UNSURE, word),
    }
}

/// "1 check", "2 checks".
pub(crate) fn count(number: usize, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {one}s"),
    }
}

/// Bytes in the unit that reads best.
fn bytes(size: u64) -> String {
    match size {
        0..1_000_000 => format!("{} kB", size.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{} MB", size / 1_000_000),
        _ => format!("{:.1} GB", size as f64 / 1e9),
    }
}

/// Milliseconds since the epoch as a moment, to the second.
fn moment(at_ms: u64) -> String {
    let millisecond = i64::try_from(at_ms).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millisecond)
        .map_or_else(|_| at_ms.to_string(), |at| format!("{at:.0}"))
}

/// Milliseconds as seconds.
pub(crate) fn seconds(millis: u64) -> String {
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}

/// `name=value` pairs on one line.
fn pairs<V: std::fmt::Display>(values: &BTreeMap<String, V>) -> String {
    let shown: Vec<String> = values
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if shown.is_empty() {
        return styled(FAINT, "none");
    }
    shown.join("  ")
}
