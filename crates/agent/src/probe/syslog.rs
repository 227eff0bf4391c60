//! Sends a log message with a marker, or searches for one that was sent elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::{Timestamp, tz::TimeZone};
use plateau_core::question::port::Transport;
use plateau_core::question::syslog::{
    MARKER, SyslogFormat, SyslogMessage, SyslogQuestion, SyslogSeen, digest,
};
use tokio::io::AsyncWriteExt;
use tokio::net::{UdpSocket, UnixDatagram};
use tokio::time::timeout;

use super::context::ProbeContext;
use super::lookup;
use super::tcp::{ConnectOutcome, connect};
use crate::bounded::{is_not_found, open_regular};

/// The local logger's socket.
const LOCAL_LOGGER: &str = "/dev/log";

const PAUSE: Duration = Duration::from_millis(200);
const MAX_FILES: usize = 256;
const MAX_ENTRIES: usize = 4096;
const MAX_LEVELS: usize = 4;
const LINE_LIMIT: usize = 1 << 10;

/// Most bytes that are searched at the end of a file, and in what was added since the last search.
const PART_LIMIT: u64 = 4 << 20;

/// Most bytes that are searched at the end of a journal file, each time.
const JOURNAL_LIMIT: u64 = 16 << 20;

/// Hexadecimal digits of a marker.
const DIGITS: usize = 32;

pub(super) async fn observe(
    question: SyslogQuestion,
    context: &ProbeContext,
) -> anyhow::Result<SyslogSeen> {
    let until = Instant::now() + context.time_limit();
    match question.send {
        Some(message) => {
            let sent = timeout(context.network_limit(), send(&message)).await;
            Ok(SyslogSeen {
                arrived: Some(sent.unwrap_or(Ok(false))?),
                at_ms: Some(Timestamp::now().as_millisecond()),
                ..SyslogSeen::default()
            })
        }
        None => {
            let searching = move || Search::new(&question).run(until);
            tokio::task::spawn_blocking(searching).await?
        }
    }
}

/// Whether the message was accepted, as far as the sender can know.
async fn send(message: &SyslogMessage) -> anyhow::Result<bool> {
    let Some(host) = &message.host else {
        let socket = UnixDatagram::unbound()?;
        return Ok(socket
            .send_to(format_message(message).as_bytes(), LOCAL_LOGGER)
            .await
            .is_ok());
    };
    let text = format_message(message);
    match message.protocol {
        Transport::Udp => {
            let limit = Duration::from_secs(5);
            let Some(address) = lookup::first_address(host, limit).await? else {
                return Ok(false);
            };
            let socket = UdpSocket::bind(lookup::unspecified_like(address)).await?;
            let server = SocketAddr::new(address, message.port);
            Ok(socket.send_to(text.as_bytes(), server).await.is_ok())
        }
        Transport::Tcp => {
            let limit = Duration::from_secs(5);
            let ConnectOutcome::Open(mut stream) = connect(host, message.port, limit).await? else {
                return Ok(false);
            };
            let sent = stream.write_all(format!("{text}\n").as_bytes()).await;
            Ok(sent.is_ok() && stream.shutdown().await.is_ok())
        }
    }
}

/// Formats the message. For the local logger it has no host name.
fn format_message(message: &SyslogMessage) -> String {
    let SyslogMessage {
        priority, marker, ..
    } = message;
    let node = rustix::system::uname();
    let node = node.nodename().to_string_lossy();
    let now = Timestamp::now();
    let short = now
        .to_zoned_datetime(TimeZone::system())
        .strftime("%b %e %H:%M:%S");
    match (&message.host, message.format) {
        (None, _) => format!("<{priority}>{short} plateau: {marker}"),
        (Some(_), SyslogFormat::Rfc3164) => {
            format!("<{priority}>{short} {node} plateau: {marker}")
        }
        (Some(_), SyslogFormat::Rfc5424) => {
            let millis = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
            format!("<{priority}>1 {millis:.3} {node} plateau - - - {marker}")
        }
    }
}

/// Searches files repeatedly, each time only what is new.
struct Search {
    path: PathBuf,
    digest: String,
    /// How far each file, by device and inode, has been searched.
    done: BTreeMap<(u64, u64), u64>,
}

impl Search {
    fn new(question: &SyslogQuestion) -> Self {
        Self {
            path: PathBuf::from(&question.path),
            digest: question.digest.clone(),
            done: BTreeMap::new(),
        }
    }

    fn run(mut self, until: Instant) -> anyhow::Result<SyslogSeen> {
        let (mut line, mut files) = (None, BTreeSet::new());
        loop {
            let at_ms = Some(Timestamp::now().as_millisecond());
            let was_found = line.is_some();
            self.scan_once(until, &mut line, &mut files)?;
            // After the first match, the other files get one more pause.
            if was_found || Instant::now() + PAUSE >= until {
                return Ok(SyslogSeen {
                    arrived: Some(line.is_some()),
                    line,
                    files: Some(files.into_iter().collect()),
                    at_ms,
                });
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn scan_once(
        &mut self,
        until: Instant,
        first: &mut Option<String>,
        found: &mut BTreeSet<String>,
    ) -> anyhow::Result<()> {
        for path in list_files(&self.path)? {
            if Instant::now() >= until {
                break;
            }
            if let Some(line) = self.scan_file(&path)? {
                first.get_or_insert(line);
                found.insert(path.display().to_string());
            }
        }
        Ok(())
    }

    /// The line with the marker in the new part of a file.
    fn scan_file(&mut self, path: &Path) -> anyhow::Result<Option<String>> {
        let mut file = match open_regular(path) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(None),
            Err(error) if is_not_found(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let about = file.metadata()?;
        let key = (about.dev(), about.ino());
        // A file that has become shorter was rotated.
        let done = self.done.get(&key).copied().filter(|at| *at <= about.len());
        // A journal file grows by 8 MiB at a time, so that its entries end before the file does.
        let is_journal = path.extension().is_some_and(|ending| ending == "journal");
        let (known, limit) = match is_journal {
            true => (None, JOURNAL_LIMIT),
            false => (done, PART_LIMIT),
        };
        let from = known.unwrap_or_else(|| about.len().saturating_sub(limit));
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        let read = bytes.len() as u64;
        let last_line = bytes.iter().rposition(|byte| *byte == b'\n');
        let whole = match last_line {
            Some(end) => end as u64,
            // A line that is longer than the limit is skipped.
            None if read == limit => read,
            None => 0,
        };
        self.done.insert(key, from + whole);
        Ok(find_line(&bytes, &self.digest))
    }
}

/// Regular files at or below a path, sorted. Only the path itself may be a link.
fn list_files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut ahead = vec![(path.to_owned(), 0)];
    for _ in 0..MAX_ENTRIES {
        let Some((path, level)) = ahead.pop() else {
            break;
        };
        let about = match level {
            0 => std::fs::metadata(&path),
            _ => std::fs::symlink_metadata(&path),
        };
        let about = match about {
            Ok(about) => about,
            Err(error) if is_not_found(&error) => continue,
            Err(error) => return Err(error.into()),
        };
        if about.is_file() && files.len() < MAX_FILES {
            files.push(path);
        } else if about.is_dir() && level < MAX_LEVELS {
            // A folder that is removed meanwhile is empty.
            let entries = std::fs::read_dir(path).into_iter().flatten();
            let entries = entries.take(MAX_ENTRIES).flatten();
            ahead.extend(entries.map(|entry| (entry.path(), level + 1)));
        }
    }
    files.sort();
    Ok(files)
}

/// The line with the marker of this digest.
fn find_line(bytes: &[u8], wanted: &str) -> Option<String> {
    let prefix = MARKER.as_bytes();
    let mut at = 0;
    while let Some(found) = find_bytes(&bytes[at..], prefix) {
        let start = at + found;
        let end = start + prefix.len() + DIGITS;
        let marker = bytes.get(start..end)?;
        let is_it = std::str::from_utf8(marker).is_ok_and(|marker| digest(marker) == wanted);
        if is_it {
            let is_end = |byte: &u8| *byte == b'\n' || *byte == 0;
            let from = bytes[..start]
                .iter()
                .rposition(is_end)
                .map_or(0, |at| at + 1);
            let from = from.max(start.saturating_sub(LINE_LIMIT / 2));
            let rest = bytes[end..].iter().position(is_end);
            let to = rest.map_or(bytes.len(), |rest| end + rest);
            let to = to.min(from + LINE_LIMIT);
            return Some(String::from_utf8_lossy(&bytes[from..to]).into_owned());
        }
        at = start + 1;
    }
    None
}

fn find_bytes(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}
