//! Looks for lines of the systemd journal, in its files themselves.
//!
//! They are read and not mapped into memory: who truncates a mapped file ends its reader.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use plateau_core::question::journal::{JournalQuestion, JournalSeen, Priority};
use sdjournal::{EntryRef, Journal, JournalConfig, SdJournalError};

use super::bounded::cut;

/// Most lines that are counted.
const COUNT_LIMIT: i64 = 10_000;

/// Where journals are kept, see systemd-journald.service(8).
const FOLDERS: [&str; 2] = ["/run/log/journal", "/var/log/journal"];

/// Most lines that are given back, and most bytes of them.
const LINES_LIMIT: usize = 1000;
const BYTES_LIMIT: usize = 256 << 10;

pub(super) fn see(question: &JournalQuestion) -> anyhow::Result<JournalSeen> {
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
        query.match_unit(&full_name(unit));
    }
    if let Some(identifier) = &question.identifier {
        query.match_exact("SYSLOG_IDENTIFIER", identifier.as_bytes());
    }
    if let Some(since) = question.since {
        query.since_realtime(ago(Duration::from_millis(since.0))?);
    }
    // The newest first, since they are the ones that are given back.
    query.seek_tail();
    let entries = query.iter().context("cannot read the journal")?;
    let (mut count, mut bytes) = (0, 0);
    let mut lines = VecDeque::new();
    for entry in entries {
        let entry = entry.context("cannot read the journal")?;
        if !is_serious(&entry, question.priority) {
            continue;
        }
        count += 1;
        if lines.len() < LINES_LIMIT && bytes < BYTES_LIMIT {
            let line = cut(message(&entry), BYTES_LIMIT - bytes);
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

/// A unit without its kind is a service, as for `journalctl`.
fn full_name(unit: &str) -> String {
    if unit.contains('.') {
        unit.to_owned()
    } else {
        format!("{unit}.service")
    }
}

/// Whether an entry is at least as serious; one without a level is not.
fn is_serious(entry: &EntryRef, least: Option<Priority>) -> bool {
    let Some(least) = least else {
        return true;
    };
    let level = entry
        .get("PRIORITY")
        .and_then(|level| std::str::from_utf8(level).ok());
    level
        .and_then(|level| level.parse::<u8>().ok())
        .is_some_and(|level| level <= number(least))
}

/// The level's number in syslog.
fn number(priority: Priority) -> u8 {
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

/// Microseconds since 1970, as many before now.
fn ago(span: Duration) -> anyhow::Result<u64> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let since = now
        .context("the clock stands before 1970")?
        .saturating_sub(span);
    Ok(u64::try_from(since.as_micros())?)
}

fn message(entry: &EntryRef) -> String {
    let message = entry.get("MESSAGE").unwrap_or_default();
    String::from_utf8_lossy(message).into_owned()
}
