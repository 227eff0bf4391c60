//! What a terminal showed, on disk: asciicast version 3, which any asciinema player shows.
//!
//! The format is a header and then events, each a line of JSON: seconds since the event before, a
//! code, and text (<https://docs.asciinema.org/manual/asciicast/v3/>). Lines are appended and never
//! changed, so that a crash costs the last second and nothing else.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Size;

/// Events that may wait for the disk. What comes when there are more is lost, and marked so.
const WAITING: usize = 1024;

/// How often what was written is handed to the system.
const FLUSH: Duration = Duration::from_secs(1);

/// Bytes kept free below the limit for the marker that says so.
const FAREWELL: u64 = 128;

/// A recording that is under way. Dropping it ends it.
pub(super) struct Recording {
    begun: Instant,
    events: mpsc::Sender<Event>,
    lost: bool,
    writer: JoinHandle<()>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// It showed this.
    Output(String),
    /// Somebody typed this.
    Input(String),
    /// Its window has another size.
    Resize(Size),
    /// Something worth finding again.
    Marker(String),
    /// Its shell ended.
    Exit(i32),
}

struct Event {
    /// Since the beginning.
    at: Duration,
    what: What,
}

/// Where and how something is recorded.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The folder, which is made where need be.
    pub(super) folder: PathBuf,
    /// What the file's name begins with.
    pub(super) stem: String,
    /// Size of the window at first.
    pub(super) size: Size,
    /// What it is, for people.
    pub(super) title: String,
    /// Most bytes of the file.
    pub(super) limit: u64,
}

impl Recording {
    /// Begins one in a file of its own. Where that fails the log says so, and nothing is recorded.
    pub(super) fn begin(plan: Plan) -> Self {
        let (events, waiting) = mpsc::channel(WAITING);
        let writer = tokio::spawn(async move {
            let recorded = async {
                let mut file = create(&plan).await?;
                record(&mut file, &plan, waiting).await
            };
            if let Err(error) = recorded.await {
                let folder = plan.folder.display();
                tracing::warn!(%folder, stem = plan.stem, %error, "a terminal is not recorded any more");
            }
        });
        Self {
            begun: Instant::now(),
            events,
            lost: false,
            writer,
        }
    }

    /// Records something, now.
    pub(super) fn add(&mut self, what: What) {
        let at = self.begun.elapsed();
        if self.lost {
            let what = What::Marker("something is missing here".to_owned());
            self.lost = self.events.try_send(Event { at, what }).is_err();
        }
        self.lost |= matches!(
            self.events.try_send(Event { at, what }),
            Err(mpsc::error::TrySendError::Full(_))
        );
    }

    /// Ends it, and comes back when all of it is on disk.
    pub(super) async fn end(self) {
        drop(self.events);
        let _ = self.writer.await;
    }
}

/// A new file of the lowest number that is free.
async fn create(plan: &Plan) -> std::io::Result<File> {
    tokio::fs::create_dir_all(&plan.folder).await?;
    for number in 1_u32.. {
        let path = plan.folder.join(format!("{}-{number}.cast", plan.stem));
        match File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .await
        {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            opened => return opened,
        }
    }
    Err(ErrorKind::StorageFull.into())
}

/// Writes events until there are no more, or the file is as long as it may be.
async fn record(
    file: &mut File,
    plan: &Plan,
    mut events: mpsc::Receiver<Event>,
) -> std::io::Result<()> {
    let mut file = BufWriter::new(file);
    let mut lines = Lines::default();
    file.write_all(&lines.header(plan)).await?;
    let mut flush = tokio::time::interval(FLUSH);
    flush.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = events.recv() => {
                let Some(event) = event else { break };
                let line = lines.event(&event);
                if lines.bytes + FAREWELL > plan.limit {
                    let what = What::Marker("the recording ends: it has reached its limit".to_owned());
                    file.write_all(&lines.event(&Event { at: event.at, what })).await?;
                    break;
                }
                file.write_all(&line).await?;
            }
            _ = flush.tick() => file.flush().await?,
        }
    }
    file.flush().await?;
    file.get_mut().sync_all().await
}

/// The lines of a file.
#[derive(Default)]
struct Lines {
    bytes: u64,
    /// Milliseconds of all events so far, as they are in the file: rounding does not add up.
    told: u64,
}

impl Lines {
    fn header(&mut self, plan: &Plan) -> Vec<u8> {
        let Size { cols, rows } = plan.size;
        self.line(&json!({
            "version": 3,
            "term": { "cols": cols, "rows": rows, "type": "xterm-256color" },
            "timestamp": jiff::Timestamp::now().as_second(),
            "title": plan.title,
        }))
    }

    fn event(&mut self, event: &Event) -> Vec<u8> {
        let at = u64::try_from(event.at.as_millis()).unwrap_or(u64::MAX);
        let since = at.saturating_sub(self.told);
        self.told += since;
        let (code, text) = match &event.what {
            What::Output(text) => ("o", text.clone()),
            What::Input(text) => ("i", text.clone()),
            What::Resize(Size { cols, rows }) => ("r", format!("{cols}x{rows}")),
            What::Marker(text) => ("m", text.clone()),
            What::Exit(status) => ("x", status.to_string()),
        };
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a century fit")]
        let seconds = since as f64 / 1000.0;
        self.line(&json!([seconds, code, text]))
    }

    fn line(&mut self, value: &serde_json::Value) -> Vec<u8> {
        let mut line = value.to_string().into_bytes();
        line.push(b'\n');
        self.bytes += line.len() as u64;
        line
    }
}

/// Bytes of a recording's whole lines: one that is under way may end within one.
pub(super) async fn whole(path: &Path) -> std::io::Result<(File, u64)> {
    use tokio::io::{AsyncReadExt, AsyncSeekExt};
    const STEP: u64 = 64 << 10;
    let mut file = File::open(path).await?;
    let mut end = file.metadata().await?.len();
    let mut part = Vec::new();
    while end > 0 {
        let from = end.saturating_sub(STEP);
        file.seek(std::io::SeekFrom::Start(from)).await?;
        part.clear();
        (&mut file).take(end - from).read_to_end(&mut part).await?;
        if let Some(last) = part.iter().rposition(|byte| *byte == b'\n') {
            end = from + last as u64 + 1;
            break;
        }
        end = from;
    }
    file.rewind().await?;
    Ok((file, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(folder: &Path, limit: u64) -> Plan {
        Plan {
            folder: folder.join("lab"),
            stem: "srv1-main".to_owned(),
            size: Size { cols: 80, rows: 24 },
            title: "srv1".to_owned(),
            limit,
        }
    }

    fn read(folder: &Path, name: &str) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(folder.join("lab").join(name)).unwrap();
        assert!(text.ends_with('\n'));
        let lines = text.lines().map(serde_json::from_str);
        lines.map(Result::unwrap).collect()
    }

    #[tokio::test]
    async fn a_recording_has_a_header_and_an_event_a_line() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let mut recording = Recording::begin(plan(folder.path(), 1 << 20));
            recording.add(What::Output("é\u{1b}[0m\r\n".to_owned()));
            recording.add(What::Resize(Size { cols: 9, rows: 5 }));
            recording.add(What::Exit(7));
            recording.end().await;
        }
        let lines = read(folder.path(), "srv1-main-1.cast");
        assert_eq!(lines[0]["version"], 3);
        assert_eq!(lines[0]["term"]["cols"], 80);
        let events: Vec<_> = lines[1..].iter().map(|line| (&line[1], &line[2])).collect();
        let wanted = [
            (json!("o"), json!("é\u{1b}[0m\r\n")),
            (json!("r"), json!("9x5")),
            (json!("x"), json!("7")),
        ];
        assert_eq!(events, wanted.each_ref().map(|(code, text)| (code, text)));
        assert!(lines[1..].iter().all(|line| line[0].is_f64()));
        // The next one has a file of its own.
        assert_eq!(read(folder.path(), "srv1-main-2.cast").len(), 4);
    }

    #[tokio::test]
    async fn a_recording_ends_at_its_limit_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut recording = Recording::begin(plan(folder.path(), 2000));
        for _ in 0..100 {
            recording.add(What::Output("x".repeat(100)));
        }
        recording.end().await;
        let lines = read(folder.path(), "srv1-main-1.cast");
        let last = lines.last().unwrap();
        assert_eq!(last[1], "m");
        assert!(last[2].as_str().unwrap().contains("limit"));
        let path = folder.path().join("lab/srv1-main-1.cast");
        assert!(std::fs::metadata(path).unwrap().len() <= 2000);
    }

    #[tokio::test]
    async fn what_is_only_begun_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.cast");
        for (text, end) in [("", 0), ("a", 0), ("a\n", 2), ("a\nbc", 2)] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(whole(&path).await.unwrap().1, end, "{text:?}");
        }
        let long = format!("a\n{}", "b".repeat(200_000));
        std::fs::write(&path, long).unwrap();
        assert_eq!(whole(&path).await.unwrap().1, 2);
    }
}
