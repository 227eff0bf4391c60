//! One terminal: the task that owns its attachment, its screen, its recording and its viewers.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use plateau_core::terminal::{Backlog, Frame, RESTORE};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::attachment::{Attachment, may_come_back};
use super::recording::{Recording, RecordingEventKind, RecordingOptions};
use super::recordings::stem;
use super::screen::Screen;
use super::viewer::{Joined, ServerMessage, Viewers};
use super::{Inner, TerminalId, WindowSize};

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
    screen: Screen,
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
            disk: hub.labs.disk().watch(),
        });
        Self {
            hub: Arc::clone(hub),
            place,
            view: Display {
                screen: Screen::new(at_first),
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
        if let Some(left) = view.take(first, &mut rebuild, &place.node) {
            return left;
        }
        let records_keys = hub.labs.settings().record_input;
        let (tell, mut heard) = mpsc::channel(KEYS);
        let mut size = view.size.subscribe();
        let typing = typed.follow(keys, &mut size, records_keys.then_some(tell));
        tokio::pin!(typing);
        let mut types = true;
        let mut owed = None;
        loop {
            tokio::select! {
                frame = shown.next(), if owed.is_none() => {
                    let Some(frame) = frame else { return DetachReason::Broken };
                    owed = weight(&frame);
                    if let Some(left) = view.take(frame, &mut rebuild, &place.node) {
                        return left;
                    }
                }
                () = await_budget(flow, owed), if owed.is_some() => owed = None,
                command = commands.recv() => if let Some(command) = command {
                    view.handle_command(command);
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
            Err(error) if may_come_back(&error) => view.interrupt(&place.node),
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
                    view.handle_command(command);
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
        Frame::Data(bytes) => NonZeroU32::new(u32::try_from(bytes.len() >> 10).ok()?),
        Frame::Backlog(_) | Frame::Exit(_) | Frame::Resize { .. } => None,
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
    fn handle_command(&mut self, command: Command) {
        match command {
            Command::Join(size, reply) => {
                if let Some(size) = size {
                    self.resize(size);
                }
                // Whoever wanted to come may have left.
                let _ = reply.send(self.viewers.join(&self.screen, self.keys.clone()));
            }
            Command::Resize(size) => self.resize(size),
            Command::Redraw(viewer) => self.viewers.catch_up(viewer, &self.screen),
        }
    }

    fn resize(&mut self, size: WindowSize) {
        let size = size.bounded();
        self.size.send_replace(Some(size));
        self.adopt(size);
    }

    /// Gives the screen the size that the window has.
    fn adopt(&mut self, size: WindowSize) {
        if self.screen.size() != size {
            self.screen.resize(size);
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

    /// Takes what the agent says. Says itself how the stay ends, where it does.
    fn take(&mut self, frame: Frame, rebuild: &mut bool, node: &str) -> Option<DetachReason> {
        match frame {
            Frame::Data(bytes) => {
                if let Some((_, seen)) = &mut self.seen {
                    *seen += bytes.len() as u64;
                }
                self.show(bytes.into());
                None
            }
            Frame::Backlog(past) => {
                self.recall(past, rebuild, node);
                None
            }
            Frame::Exit(status) => Some(DetachReason::Exit(status)),
            // The agent never tells one.
            Frame::Resize { .. } => None,
        }
    }

    fn recall(&mut self, past: Backlog, rebuild: &mut bool, node: &str) {
        let size = WindowSize {
            cols: past.cols,
            rows: past.rows,
        };
        let end = past.place + past.bytes.len() as u64;
        let same = self.seen.filter(|(terminal, _)| *terminal == past.terminal);
        if *rebuild {
            let first = self.disturbed || same.is_none_or(|(_, seen)| past.place > seen);
            if first {
                self.screen = Screen::new(size);
                self.disturbed = false;
            }
            self.screen.resize(size);
            self.screen.show(&past.bytes);
            self.draw();
        } else if let Some((_, seen)) = same {
            let known = usize::try_from(seen.saturating_sub(past.place)).unwrap_or(usize::MAX);
            if known <= past.bytes.len() {
                self.adopt(size);
                self.show(Bytes::from(past.bytes).slice(known..));
            }
        } else {
            // Another shell: that of a node that has restarted.
            if !self.disturbed {
                self.interrupt(node);
            }
            self.disturbed = false;
            self.show(past.bytes.into());
        }
        self.seen = Some((past.terminal, end));
        // Somebody may have given the window its size before anything was shown.
        let wanted = *self.size.borrow();
        if let Some(size) = wanted {
            self.adopt(size);
        }
    }

    /// Shows something to everybody, then to ourselves.
    fn show(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let said = ServerMessage::Data(bytes.clone());
        self.viewers.say(&said);
        let text = self.screen.show(&bytes);
        self.recording.add(RecordingEventKind::Output(text));
    }

    /// Records what somebody typed.
    fn record_input(&mut self, keys: &[u8]) {
        let text = String::from_utf8_lossy(keys).into_owned();
        self.recording.add(RecordingEventKind::Input(text));
    }

    /// Draws the screen for everybody and in the recording.
    fn draw(&mut self) {
        self.viewers.draw(&self.screen);
        self.recording
            .add(RecordingEventKind::Resize(self.screen.size()));
        self.recording
            .add(RecordingEventKind::Output(self.screen.redraw_sequence()));
    }

    /// Shows, in no language, that the node restarts, and takes back what its programs did to the
    /// terminal.
    fn interrupt(&mut self, node: &str) {
        self.recording
            .add(RecordingEventKind::Marker(format!("{node} restarts")));
        // The next shell's window has the size of this one's.
        self.size.send_replace(Some(self.screen.size()));
        self.show(format!("{RESTORE}\r\n── {node} ↻ ──\r\n").into());
        self.disturbed = true;
    }
}
