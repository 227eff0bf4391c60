//! Recordings of terminals on disk, in asciicast version 3, which any asciinema player can play.
//!
//! The format is a header and then events, each a line of JSON: seconds since the event before, a
//! code, and text (<https://docs.asciinema.org/manual/asciicast/v3/>). Lines are appended and never
//! changed, so that a crash loses at most the last second. On a full disk a recording pauses:
//! it marks the gap, and continues when there is space.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::WindowSize;
use super::recordings::LabRecordings;
use crate::disk::{DiskSpace, DiskUsage, is_full};

/// Events that may wait for the disk. What comes when there are more is lost, and marked so.
const WAITING: usize = 1024;

/// How often what was written is handed to the system.
const FLUSH: Duration = Duration::from_secs(1);

/// Bytes that are handed over earlier.
const PIECE: usize = 64 << 10;

/// Bytes kept free below the limit for the marker that says so.
pub(super) const FAREWELL: u64 = 128;

/// What the marker at a limit begins with.
pub(super) const END_MARKER: &str = "the recording ends: ";

/// Why a recording ends.
const FILE_FULL: &str = "it has reached its limit";
const LAB_FULL: &str = "the lab's recordings have reached their limit";

/// A recording that is under way. Dropping it ends it.
pub(super) struct Recording {
    begun: Instant,
    events: mpsc::Sender<RecordingEvent>,
    lost: bool,
    writer: JoinHandle<()>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RecordingEventKind {
    /// It showed this.
    Output(String),
    /// Somebody typed this.
    Input(String),
    /// Its window has another size.
    Resize(WindowSize),
    /// Something worth finding again.
    Marker(String),
    /// Its shell ended.
    Exit(i32),
}

struct RecordingEvent {
    /// Since the beginning.
    at: Duration,
    what: RecordingEventKind,
}

/// Where and how something is recorded.
#[derive(Clone, Debug)]
pub(super) struct RecordingOptions {
    /// The folder, which is made where need be.
    pub(super) folder: PathBuf,
    /// What the file's name begins with.
    pub(super) stem: String,
    /// Size of the window at first.
    pub(super) size: WindowSize,
    /// What it is, for people.
    pub(super) title: String,
    /// Most bytes of the file.
    pub(super) limit: u64,
    /// What all recordings of the lab take.
    pub(super) shared: Arc<LabRecordings>,
    /// What is seen of the disk.
    pub(super) disk: watch::Receiver<DiskUsage>,
}

impl Recording {
    /// Begins one in a file of its own. Where that fails the log says so, and nothing is recorded.
    pub(super) fn begin(plan: RecordingOptions) -> Self {
        let (events, waiting) = mpsc::channel(WAITING);
        let writer = tokio::spawn(async move {
            let recorded = async {
                let mut waiting = waiting;
                if !plan.shared.take_file(&plan.folder).await? {
                    return Err(std::io::Error::other(LAB_FULL));
                }
                let file = created(&plan, &mut waiting).await?;
                match file {
                    Some(file) => record(file, &plan, waiting).await,
                    None => Ok(()),
                }
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
    pub(super) fn add(&mut self, what: RecordingEventKind) {
        let at = self.begun.elapsed();
        if self.lost {
            let what = RecordingEventKind::Marker("something is missing here".to_owned());
            self.lost = self.events.try_send(RecordingEvent { at, what }).is_err();
        }
        self.lost |= matches!(
            self.events.try_send(RecordingEvent { at, what }),
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
async fn create(plan: &RecordingOptions) -> std::io::Result<File> {
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

/// The same, as soon as there is room for one; `None` where nothing is to be recorded any longer. What
/// happens before is lost.
async fn created(
    plan: &RecordingOptions,
    waiting: &mut mpsc::Receiver<RecordingEvent>,
) -> std::io::Result<Option<File>> {
    let mut again = tokio::time::interval(FLUSH);
    loop {
        match create(plan).await {
            Err(error) if is_full(&error) => {}
            created => return created.map(Some),
        }
        loop {
            tokio::select! {
                _ = again.tick() => break,
                event = waiting.recv() => if event.is_none() { return Ok(None) },
            }
        }
    }
}

/// Writes events until there are no more, or the file is as long as it may be.
async fn record(
    file: File,
    plan: &RecordingOptions,
    mut events: mpsc::Receiver<RecordingEvent>,
) -> std::io::Result<()> {
    let mut lines = LineReader::default();
    let mut tape = RecordingFile {
        file,
        whole: 0,
        pending: lines.header(plan),
        missing: false,
        disk: plan.disk.clone(),
    };
    let mut flush = tokio::time::interval(FLUSH);
    flush.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = events.recv() => {
                let Some(event) = event else { break };
                if std::mem::take(&mut tape.missing) {
                    let what = RecordingEventKind::Marker("something is missing here: the disk was full".to_owned());
                    tape.pending.extend(lines.event(&RecordingEvent { at: event.at, what }));
                }
                let line = lines.event(&event);
                let full = match () {
                    () if lines.bytes + FAREWELL > plan.limit => Some(FILE_FULL),
                    () if !plan.shared.take(line.len()) => Some(LAB_FULL),
                    () => None,
                };
                if let Some(why) = full {
                    tracing::warn!(title = plan.title, why, "a recording of a terminal ends");
                    let what = RecordingEventKind::Marker(format!("{END_MARKER}{why}"));
                    tape.pending.extend(lines.event(&RecordingEvent { at: event.at, what }));
                    break;
                }
                tape.pending.extend(line);
                if tape.pending.len() >= PIECE {
                    tape.hand_over(false).await?;
                }
            }
            _ = flush.tick() => tape.hand_over(false).await?,
        }
    }
    tape.hand_over(true).await?;
    tape.file.sync_all().await
}

/// A file that is appended to, whole lines at a time.
struct RecordingFile {
    file: File,
    /// Bytes that are in it.
    whole: u64,
    /// Lines that are not.
    pending: Vec<u8>,
    /// Whether lines were lost since the last that is in it.
    missing: bool,
    disk: watch::Receiver<DiskUsage>,
}

impl RecordingFile {
    /// Hands what is pending to the system. Where there is no room for it, it is lost, but for the
    /// header; the file stays as it was.
    async fn hand_over(&mut self, is_last: bool) -> std::io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        // What is left on a full disk is for those who hand in; a last look back is short.
        let gives_way = self.disk.borrow().room == DiskSpace::Full && !is_last;
        let written = match gives_way {
            true => Err(ErrorKind::StorageFull.into()),
            false => self.append().await,
        };
        match written {
            Ok(()) => {
                self.whole += self.pending.len() as u64;
                self.pending.clear();
                Ok(())
            }
            Err(error) if is_full(&error) => {
                self.file.set_len(self.whole).await?;
                self.file.seek(std::io::SeekFrom::Start(self.whole)).await?;
                // A file without its first line is not a recording.
                let header = self.pending.iter().position(|byte| *byte == b'\n');
                let header = header.filter(|_| self.whole == 0).map_or(0, |end| end + 1);
                self.missing |= self.pending.len() > header;
                self.pending.truncate(header);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn append(&mut self) -> std::io::Result<()> {
        self.file.write_all(&self.pending).await?;
        self.file.flush().await
    }
}

/// The lines of a file.
#[derive(Default)]
struct LineReader {
    bytes: u64,
    /// Milliseconds of all events so far, as they are in the file: rounding does not add up.
    told: u64,
}

impl LineReader {
    fn header(&mut self, plan: &RecordingOptions) -> Vec<u8> {
        let WindowSize { cols, rows } = plan.size;
        self.line(&json!({
            "version": 3,
            "term": { "cols": cols, "rows": rows, "type": "xterm-256color" },
            "timestamp": jiff::Timestamp::now().as_second(),
            "title": plan.title,
        }))
    }

    fn event(&mut self, event: &RecordingEvent) -> Vec<u8> {
        let at = u64::try_from(event.at.as_millis()).unwrap_or(u64::MAX);
        let since = at.saturating_sub(self.told);
        self.told += since;
        let (code, text) = match &event.what {
            RecordingEventKind::Output(text) => ("o", text.clone()),
            RecordingEventKind::Input(text) => ("i", text.clone()),
            RecordingEventKind::Resize(WindowSize { cols, rows }) => {
                ("r", format!("{cols}x{rows}"))
            }
            RecordingEventKind::Marker(text) => ("m", text.clone()),
            RecordingEventKind::Exit(status) => ("x", status.to_string()),
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

    fn look(room: DiskSpace) -> DiskUsage {
        DiskUsage {
            free: 0,
            low: 0,
            room,
        }
    }

    fn plan(folder: &Path, limit: u64) -> RecordingOptions {
        RecordingOptions {
            folder: folder.join("lab"),
            stem: "srv1-main".to_owned(),
            size: WindowSize { cols: 80, rows: 24 },
            title: "srv1".to_owned(),
            limit,
            shared: Arc::default(),
            disk: watch::channel(look(DiskSpace::Ample)).1,
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
            recording.add(RecordingEventKind::Output("é\u{1b}[0m\r\n".to_owned()));
            recording.add(RecordingEventKind::Resize(WindowSize { cols: 9, rows: 5 }));
            recording.add(RecordingEventKind::Exit(7));
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
            recording.add(RecordingEventKind::Output("x".repeat(100)));
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
    async fn the_recordings_of_a_lab_end_at_their_common_limit() {
        let folder = tempfile::tempdir().unwrap();
        let shared = Arc::new(LabRecordings::limited_to(16 << 10));
        let plan = || RecordingOptions {
            shared: Arc::clone(&shared),
            ..plan(folder.path(), 1 << 20)
        };
        for _ in 0..2 {
            let mut recording = Recording::begin(plan());
            for _ in 0..60 {
                recording.add(RecordingEventKind::Output("x".repeat(100)));
            }
            recording.end().await;
        }
        // There is no room for a third.
        Recording::begin(plan()).end().await;
        let views = crate::terminals::recordings::list_in(&folder.path().join("lab")).await;
        let views = views.unwrap();
        let truncated: Vec<bool> = views.iter().map(|view| view.truncated).collect();
        assert_eq!(truncated, [false, true]);
        assert!(views.iter().map(|view| view.bytes).sum::<u64>() < 16 << 10);
        let last = read(folder.path(), "srv1-main-2.cast").pop().unwrap();
        assert_eq!(last[2], format!("{END_MARKER}{LAB_FULL}"));
        // Neither is there for who counts anew.
        let again = LabRecordings::limited_to(16 << 10);
        assert!(again.take_file(&folder.path().join("lab")).await.unwrap());
        assert!(!again.take(8 << 10));
    }

    #[tokio::test]
    async fn on_a_full_disk_a_recording_gives_way_and_goes_on_when_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, seen) = watch::channel(look(DiskSpace::Ample));
        let mut recording = Recording::begin(RecordingOptions {
            disk: seen,
            ..plan(folder.path(), 1 << 20)
        });
        let path = folder.path().join("lab/srv1-main-1.cast");
        let holds = async |text: &str| {
            let wait = async {
                while !std::fs::read_to_string(&path).is_ok_and(|file| file.contains(text)) {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(20), wait)
                .await
                .unwrap();
        };
        recording.add(RecordingEventKind::Output("before".to_owned()));
        holds("before").await;
        disk.send_replace(look(DiskSpace::Full));
        // More than is handed over at once, so that it is known to be dealt with before what follows.
        recording.add(RecordingEventKind::Output(format!(
            "lost{}",
            "x".repeat(PIECE)
        )));
        let dealt_with = async {
            while recording.events.capacity() < WAITING {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), dealt_with)
            .await
            .unwrap();
        disk.send_replace(look(DiskSpace::Ample));
        recording.add(RecordingEventKind::Output("after".to_owned()));
        recording.end().await;
        let lines = read(folder.path(), "srv1-main-1.cast");
        let texts: Vec<&str> = lines[1..]
            .iter()
            .map(|line| line[2].as_str().unwrap())
            .collect();
        let missing = "something is missing here: the disk was full";
        assert_eq!(texts, ["before", missing, "after"]);
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
