//! Sends a marked log message, or looks for one that was sent elsewhere.

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

use super::bounded::{is_absent, open_regular};
use super::context::ProbeContext;
use super::names;
use super::tcp::{Attempt, connect};

/// Where programs hand their messages over.
const LOGGER: &str = "/dev/log";

const PAUSE: Duration = Duration::from_millis(200);
const MOST_FILES: usize = 256;
const MOST_ENTRIES: usize = 4096;
const MOST_LEVELS: usize = 4;
const LINE_LIMIT: usize = 1 << 10;

/// Looked through of a file's end at first, and of what came since at each further look.
const PART_LIMIT: u64 = 4 << 20;

/// Looked through of a journal's end, each time.
const JOURNAL_LIMIT: u64 = 16 << 20;

/// Hexadecimal digits of a marker.
const DIGITS: usize = 32;

pub(super) async fn see(
    question: SyslogQuestion,
    look: &ProbeContext,
) -> anyhow::Result<SyslogSeen> {
    let until = Instant::now() + look.patience();
    match question.send {
        Some(message) => {
            let sent = timeout(look.network_limit(), send(&message)).await;
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

/// Whether somebody took the message, as far as the sender can know.
async fn send(message: &SyslogMessage) -> anyhow::Result<bool> {
    let Some(host) = &message.host else {
        let socket = UnixDatagram::unbound()?;
        return Ok(socket
            .send_to(written(message).as_bytes(), LOGGER)
            .await
            .is_ok());
    };
    let text = written(message);
    match message.protocol {
        Transport::Udp => {
            let limit = Duration::from_secs(5);
            let Some(address) = names::first(host, limit).await? else {
                return Ok(false);
            };
            let socket = UdpSocket::bind(names::any_like(address)).await?;
            let server = SocketAddr::new(address, message.port);
            Ok(socket.send_to(text.as_bytes(), server).await.is_ok())
        }
        Transport::Tcp => {
            let limit = Duration::from_secs(5);
            let Attempt::Open(mut stream) = connect(host, message.port, limit).await? else {
                return Ok(false);
            };
            let sent = stream.write_all(format!("{text}\n").as_bytes()).await;
            Ok(sent.is_ok() && stream.shutdown().await.is_ok())
        }
    }
}

/// The message as it goes out. The node's own logger is not told the node's name.
fn written(message: &SyslogMessage) -> String {
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

/// Looks through files again and again, each time only through what is new.
struct Search {
    path: PathBuf,
    digest: String,
    /// How far each file, by device and number, was looked through.
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
            self.once(until, &mut line, &mut files)?;
            // Once it is in one file, the others get one more pause.
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

    fn once(
        &mut self,
        until: Instant,
        first: &mut Option<String>,
        found: &mut BTreeSet<String>,
    ) -> anyhow::Result<()> {
        for path in list(&self.path)? {
            if Instant::now() >= until {
                break;
            }
            if let Some(line) = self.in_file(&path)? {
                first.get_or_insert(line);
                found.insert(path.display().to_string());
            }
        }
        Ok(())
    }

    /// The line with the marker in what is new of a file.
    fn in_file(&mut self, path: &Path) -> anyhow::Result<Option<String>> {
        let mut file = match open_regular(path) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(None),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let about = file.metadata()?;
        let key = (about.dev(), about.ino());
        // A file that has become shorter was begun anew.
        let done = self.done.get(&key).copied().filter(|at| *at <= about.len());
        // A journal's entries end somewhere before the file does, which grows by 8 MiB at a time.
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
            // A line that is longer than any look is passed over.
            None if read == limit => read,
            None => 0,
        };
        self.done.insert(key, from + whole);
        Ok(line_with(&bytes, &self.digest))
    }
}

/// Regular files at or below a path, sorted. Links are followed at the path itself, and nowhere below.
fn list(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut ahead = vec![(path.to_owned(), 0)];
    for _ in 0..MOST_ENTRIES {
        let Some((path, level)) = ahead.pop() else {
            break;
        };
        let about = match level {
            0 => std::fs::metadata(&path),
            _ => std::fs::symlink_metadata(&path),
        };
        let about = match about {
            Ok(about) => about,
            Err(error) if is_absent(&error) => continue,
            Err(error) => return Err(error.into()),
        };
        if about.is_file() && files.len() < MOST_FILES {
            files.push(path);
        } else if about.is_dir() && level < MOST_LEVELS {
            // One that is taken away under our hands has nothing in it.
            let entries = std::fs::read_dir(path).into_iter().flatten();
            let entries = entries.take(MOST_ENTRIES).flatten();
            ahead.extend(entries.map(|entry| (entry.path(), level + 1)));
        }
    }
    files.sort();
    Ok(files)
}

/// The line in which the marker of this hash stands.
fn line_with(bytes: &[u8], wanted: &str) -> Option<String> {
    let prefix = MARKER.as_bytes();
    let mut at = 0;
    while let Some(found) = find(&bytes[at..], prefix) {
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

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}
