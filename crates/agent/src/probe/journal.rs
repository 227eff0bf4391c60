//! Searches the files of the systemd journal.
//!
//! They are read, not mapped into memory: truncating a mapped file would kill the reader.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use plateau_core::question::journal::{JournalQuestion, JournalSeen, Priority};
use sdjournal::{EntryRef, Journal, JournalConfig, SdJournalError};

use crate::bounded::truncated;

/// Most lines that are counted.
const COUNT_LIMIT: i64 = 10_000;

/// Where journals are stored, see systemd-journald.service(8).
const FOLDERS: [&str; 2] = ["/run/log/journal", "/var/log/journal"];

/// Most lines that are returned, and most bytes of them.
const LINES_LIMIT: usize = 1000;
const BYTES_LIMIT: usize = 256 << 10;

pub(super) fn observe(question: &JournalQuestion) -> anyhow::Result<JournalSeen> {
    let config = JournalConfig {
        max_journal_files: 256,
        max_object_size_bytes: 4 << 20,
        ..JournalConfig::default()
    };
    let mut folders: Vec<PathBuf> = FOLDERS.map(PathBuf::from).into();
    folders.retain(|folder| folder.is_dir());
    let none = folders.is_empty();
    let journal = match Journal::open_dirs_with_config(&folders, config) {
        Err(SdJournalError::NotFound) => anyhow::bail!("the node keeps no journal"),
        Err(_) if none => anyhow::bail!("the node keeps no journal"),
        opened => opened.context("cannot read the journal")?,
    };
    let mut query = journal.query();
    if let Some(unit) = &question.unit {
        query.match_unit(&unit_name(unit));
    }
    if let Some(identifier) = &question.identifier {
        query.match_exact("SYSLOG_IDENTIFIER", identifier.as_bytes());
    }
    if let Some(since) = question.since {
        query.since_realtime(microseconds_at(Duration::from_millis(since.0))?);
    }
    // The newest first, because those are returned.
    query.seek_tail();
    let entries = query.iter().context("cannot read the journal")?;
    let (mut count, mut bytes) = (0, 0);
    let mut lines = VecDeque::new();
    for entry in entries {
        let entry = entry.context("cannot read the journal")?;
        if !matches_priority(&entry, question.priority) {
            continue;
        }
        count += 1;
        if lines.len() < LINES_LIMIT && bytes < BYTES_LIMIT {
            let line = truncated(message_text(&entry), BYTES_LIMIT - bytes);
            bytes += line.len();
            lines.push_front(line);
        }
        if count == COUNT_LIMIT {
            break;
        }
    }
    Ok(JournalSeen {
        found: Some(count > 0),
        count: Some(count),
        lines: Some(lines.into()),
    })
}

/// A unit without a suffix is a service, as for `journalctl`.
fn unit_name(unit: &str) -> String {
    if unit.contains('.') {
        unit.to_owned()
    } else {
        format!("{unit}.service")
    }
}

/// Whether an entry has at least this priority; an entry without a level has not.
fn matches_priority(entry: &EntryRef, least: Option<Priority>) -> bool {
    let Some(least) = least else {
        return true;
    };
    let level = entry
        .get("PRIORITY")
        .and_then(|level| std::str::from_utf8(level).ok());
    level
        .and_then(|level| level.parse::<u8>().ok())
        .is_some_and(|level| level <= syslog_level(least))
}

/// The level's number in syslog.
fn syslog_level(priority: Priority) -> u8 {
    match priority {
        Priority::Emerg => 0,
        Priority::Alert => 1,
        Priority::Crit => 2,
        Priority::Err => 3,
        Priority::Warning => 4,
        Priority::Notice => 5,
        Priority::Info => 6,
        Priority::Debug => 7,
    }
}

/// The time a span ago, in microseconds since 1970.
fn microseconds_at(span: Duration) -> anyhow::Result<u64> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let since = now
        .context("the clock is before 1970")?
        .saturating_sub(span);
    Ok(u64::try_from(since.as_micros())?)
}

fn message_text(entry: &EntryRef) -> String {
    let message = entry.get("MESSAGE").unwrap_or_default();
    String::from_utf8_lossy(message).into_owned()
}
