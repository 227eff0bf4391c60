//! One terminal: the task that owns its attachment, its screen, its recording and its viewers.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use plateau_core::terminal::{Backlog, Frame, RESTORE};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::attachment::{Attachment, may_come_back};
use super::emulator::Emulator;
use super::recording::{Recording, RecordingEventKind, RecordingOptions};
use super::recordings::stem;
use super::repetitions::Repetitions;
use super::viewer::{Joined, ServerMessage, Viewers};
use super::{Inner, LabQuota, TerminalId, WindowSize};

/// KiB a second that a terminal may show for long: no program is in nobody's way, and a flood leaves
/// room for the others.
const FLOW: NonZeroU32 = NonZeroU32::new(4 << 10).unwrap();

/// Things typed that may wait for the node.
const KEYS: usize = 64;

/// What the task can be told.
#[derive(Debug)]
pub(super) enum Command {
    /// Somebody comes, perhaps with a window that the terminal takes the size of.
    Join(Option<WindowSize>, oneshot::Sender<Joined>),
    /// The window of somebody who takes part has another size.
    Resize(WindowSize),
    /// A viewer has missed something.
    Redraw(u64),
}

/// How a stay at an attachment ended.
enum DetachReason {
    /// The shell ended.
    Exit(i32),
    /// The exec is gone; the shell may not be.
    Broken,
}

/// Output that is not shown yet.
struct Pending {
    bytes: Bytes,
    /// Whether the screen is rebuilt from it, and drawn for the viewers when that is done.
    rebuilds: bool,
}

/// A terminal and all who look at it.
pub(super) struct Terminal {
    hub: Arc<Inner>,
    place: TerminalId,
    view: Display,
    commands: mpsc::Receiver<Command>,
    keys: mpsc::Receiver<Bytes>,
    flow: DefaultDirectRateLimiter,
}

/// What changes when something is shown or somebody comes.
struct Display {
    emulator: Emulator,
    repetitions: Repetitions,
    viewers: Viewers,
    recording: Recording,
    keys: mpsc::Sender<Bytes>,
    /// The size that somebody gave the window last.
    size: watch::Sender<Option<WindowSize>>,
    /// Which terminal of the agent's, and how much of it was seen.
    seen: Option<(u64, u64)>,
    /// Whether the screen shows something that the terminal did not.
    disturbed: bool,
}

impl Terminal {
    /// One that has shown nothing yet.
    pub(super) fn new(
        hub: &Arc<Inner>,
        quota: &LabQuota,
        place: TerminalId,
        commands: mpsc::Receiver<Command>,
        size: Option<WindowSize>,
    ) -> Self {
        let (typed, keys) = mpsc::channel(KEYS);
        let settings = hub.labs.settings();
        let at_first = size.unwrap_or(WindowSize::USUAL).bounded();
        let recording = Recording::begin(RecordingOptions {
            folder: super::recordings::folder(&settings.state, &place.lab),
            stem: stem(&place),
            size: at_first,
            title: format!("{} {}", place.node, place.name),
            limit: settings.recording_limit,
            shared: Arc::clone(&quota.recordings),
            disk: hub.labs.disk().watch(),
        });
        Self {
            hub: Arc::clone(hub),
            place,
            view: Display {
                emulator: Emulator::new(at_first, quota.places.clone()),
                repetitions: Repetitions::default(),
                viewers: Viewers::default(),
                recording,
                keys: typed,
                size: watch::Sender::new(size.map(WindowSize::bounded)),
                seen: None,
                disturbed: false,
            },
            commands,
            keys,
            flow: RateLimiter::direct(Quota::per_second(FLOW)),
        }
    }

    /// Owns it until its shell ends, its lab is gone, or it is closed.
    pub(super) async fn own(
        mut self,
        attachment: Attachment,
        close: &CancellationToken,
        forget: impl FnOnce(),
    ) {
        let exit = tokio::select! {
            exit = self.follow_attachment(attachment) => exit,
            () = close.cancelled() => None,
        };
        // Whoever comes from now on gets another.
        forget();
        if let Some(status) = exit {
            self.view.recording.add(RecordingEventKind::Exit(status));
            self.view.viewers.end(status);
        }
        let recording = self.view.recording;
        // The viewers hear of it now, and whoever closed it when the recording is on disk.
        drop((self.view.viewers, self.keys, self.commands));
        recording.end().await;
    }

    /// Stays attached, also over restarts of the node, until the shell ends or the lab is gone.
    async fn follow_attachment(&mut self, mut attachment: Attachment) -> Option<i32> {
        loop {
            match self.serve(attachment).await {
                DetachReason::Exit(status) => return Some(status),
                DetachReason::Broken => attachment = self.attach_again().await?,
            }
        }
    }

    async fn serve(&mut self, attachment: Attachment) -> DetachReason {
        let Attachment {
            first,
            mut shown,
            mut typed,
        } = attachment;
        let Self {
            place,
            view,
            commands,
            keys,
            flow,
            hub,
        } = self;
        let mut rebuild = view.begins_again(&first);
        let mut owed = weight(&first);
        let mut pending = match view.take(first, &mut rebuild, &place.node).await {
            Ok(pending) => pending,
            Err(left) => return left,
        };
        let records_keys = hub.labs.settings().record_input;
        let (tell, mut heard) = mpsc::channel(KEYS);
        let mut size = view.size.subscribe();
        let typing = typed.follow(keys, &mut size, records_keys.then_some(tell));
        tokio::pin!(typing);
        let mut types = true;
        loop {
            // What is typed gets through while the screen waits: it may be what ends a flood.
            let free_at = view.emulator.free_at();
            let is_free = free_at <= Instant::now();
            tokio::select! {
                () = sleep_until(free_at), if !is_free => {}
                () = std::future::ready(()), if is_free && pending.is_some() => {
                    pending = view.show_slice(pending).await;
                }
                frame = shown.next(), if is_free && owed.is_none() && pending.is_none() => {
                    let Some(frame) = frame else { return DetachReason::Broken };
                    owed = weight(&frame);
                    match view.take(frame, &mut rebuild, &place.node).await {
                        Ok(more) => pending = more,
                        Err(left) => return left,
                    }
                }
                () = await_budget(flow, owed), if owed.is_some() => owed = None,
                command = commands.recv(), if is_free => if let Some(command) = command {
                    view.handle_command(command).await;
                },
                Some(keys) = heard.recv(), if records_keys => view.record_input(&keys),
                // How the shell ended may still come.
                _ = &mut typing, if types => types = false,
            }
        }
    }

    /// Attaches again as soon as that is possible; `None` where it never is.
    async fn attach_again(&mut self) -> Option<Attachment> {
        let Self {
            hub,
            place,
            view,
            commands,
            keys,
            ..
        } = self;
        let open = || Attachment::open(&hub.labs, place);
        match open().await {
            Ok(attachment) => return Some(attachment),
            Err(error) if may_come_back(&error) => view.interrupt(&place.node).await,
            Err(_) => return None,
        }
        let again = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_secs(1))
            .without_max_times();
        let attached = open.retry(again).when(may_come_back);
        tokio::pin!(attached);
        loop {
            tokio::select! {
                attached = &mut attached => return attached.ok(),
                command = commands.recv() => if let Some(command) = command {
                    sleep_until(view.emulator.free_at()).await;
                    view.handle_command(command).await;
                },
                // Nobody is there to read it.
                _ = keys.recv() => {}
            }
        }
    }
}

/// KiB that a frame shows, where it is worth counting.
fn weight(frame: &Frame) -> Option<NonZeroU32> {
    match frame {
        Frame::Data(bytes) | Frame::Backlog(Backlog { bytes, .. }) => {
            NonZeroU32::new(u32::try_from(bytes.len() >> 10).ok()?)
        }
        Frame::Exit(_) | Frame::Resize { .. } => None,
    }
}

/// Waits until so much may be shown.
async fn await_budget(flow: &DefaultDirectRateLimiter, owed: Option<NonZeroU32>) {
    if let Some(kib) = owed {
        // A frame is smaller than what is allowed in a second, so that this does not fail.
        let _ = flow.until_n_ready(kib).await;
    }
}

impl Display {
    async fn handle_command(&mut self, command: Command) {
        match command {
            Command::Join(size, reply) => {
                if let Some(size) = size {
                    self.resize(size).await;
                }
                let drawing = self.emulator.draw().await;
                // Whoever wanted to come may have left.
                let _ = reply.send(self.viewers.join(&drawing, self.keys.clone()));
            }
            Command::Resize(size) => self.resize(size).await,
            Command::Redraw(viewer) => {
                let drawing = self.emulator.draw().await;
                self.viewers.catch_up(viewer, &drawing);
            }
        }
    }

    async fn resize(&mut self, size: WindowSize) {
        let size = size.bounded();
        self.size.send_replace(Some(size));
        self.adopt(size).await;
    }

    /// Gives the screen the size that the window has.
    async fn adopt(&mut self, size: WindowSize) {
        if self.emulator.size() != size {
            self.emulator.resize(size).await;
            self.recording.add(RecordingEventKind::Resize(size));
            self.viewers.say(&ServerMessage::Size(size));
        }
    }

    /// Whether an attachment that begins so brings the screen from its beginning: at the first one,
    /// and where something was missed or does not belong there.
    fn begins_again(&mut self, first: &Frame) -> bool {
        let Frame::Backlog(past) = first else {
            return false;
        };
        match self.seen {
            None => true,
            Some((terminal, seen)) => {
                terminal == past.terminal && (self.disturbed || past.place > seen)
            }
        }
    }

    /// Takes what the agent says. Returns what is to be shown of it, or how the stay ends.
    async fn take(
        &mut self,
        frame: Frame,
        rebuild: &mut bool,
        node: &str,
    ) -> Result<Option<Pending>, DetachReason> {
        match frame {
            Frame::Data(bytes) => {
                if let Some((_, seen)) = &mut self.seen {
                    *seen += bytes.len() as u64;
                }
                Ok(Some(self.pending(bytes)))
            }
            Frame::Backlog(past) => Ok(self.recall(past, rebuild, node).await),
            Frame::Exit(status) => Err(DetachReason::Exit(status)),
            // The agent never tells one.
            Frame::Resize { .. } => Ok(None),
        }
    }

    async fn recall(&mut self, past: Backlog, rebuild: &mut bool, node: &str) -> Option<Pending> {
        let size = WindowSize {
            cols: past.cols,
            rows: past.rows,
        };
        let end = past.place + past.bytes.len() as u64;
        let same = self.seen.filter(|(terminal, _)| *terminal == past.terminal);
        let mut bytes = past.bytes;
        if *rebuild {
            let first = self.disturbed || same.is_none_or(|(_, seen)| past.place > seen);
            if first {
                self.emulator.clear(size).await;
                self.repetitions = Repetitions::default();
                self.disturbed = false;
            }
            self.emulator.resize(size).await;
        } else if let Some((_, seen)) = same {
            let known = usize::try_from(seen.saturating_sub(past.place)).unwrap_or(usize::MAX);
            if known <= bytes.len() {
                self.adopt(size.bounded()).await;
            }
            bytes.drain(..known.min(bytes.len()));
        } else {
            // Another shell: that of a node that has restarted.
            if !self.disturbed {
                self.interrupt(node).await;
            }
            self.disturbed = false;
        }
        self.seen = Some((past.terminal, end));
        let pending = self.pending(bytes);
        Some(Pending {
            rebuilds: *rebuild,
            ..pending
        })
    }

    /// Output that is to be shown.
    fn pending(&mut self, mut bytes: Vec<u8>) -> Pending {
        self.repetitions.bound(&mut bytes);
        Pending {
            bytes: bytes.into(),
            rebuilds: false,
        }
    }

    /// Shows a slice of output to ourselves, then to everybody. Returns what is left of it.
    async fn show_slice(&mut self, pending: Option<Pending>) -> Option<Pending> {
        let mut pending = pending?;
        let (count, text) = self.emulator.show(pending.bytes.clone()).await;
        let shown = pending.bytes.split_to(count);
        if !pending.rebuilds && !shown.is_empty() {
            self.viewers.say(&ServerMessage::Data(shown));
            self.recording.add(RecordingEventKind::Output(text));
        }
        if !pending.bytes.is_empty() {
            return Some(pending);
        }
        if pending.rebuilds {
            self.draw().await;
        }
        // Somebody may have given the window its size before anything was shown.
        let wanted = *self.size.borrow();
        if let Some(size) = wanted {
            self.adopt(size).await;
        }
        None
    }

    /// Records what somebody typed.
    fn record_input(&mut self, keys: &[u8]) {
        let text = String::from_utf8_lossy(keys).into_owned();
        self.recording.add(RecordingEventKind::Input(text));
    }

    /// Draws the screen for everybody and in the recording.
    async fn draw(&mut self) {
        let drawing = self.emulator.draw().await;
        self.viewers.draw(&drawing);
        self.recording.add(RecordingEventKind::Resize(drawing.size));
        self.recording.add(RecordingEventKind::Output(drawing.text));
    }

    /// Shows, in no language, that the node restarts, and takes back what its programs did to the
    /// terminal.
    async fn interrupt(&mut self, node: &str) {
        self.recording
            .add(RecordingEventKind::Marker(format!("{node} restarts")));
        // The next shell's window has the size of this one's.
        self.size.send_replace(Some(self.emulator.size()));
        let notice = format!("{RESTORE}\r\n── {node} ↻ ──\r\n").into_bytes();
        let mut pending = Some(self.pending(notice));
        while pending.is_some() {
            pending = self.show_slice(pending).await;
        }
        self.disturbed = true;
    }
}
