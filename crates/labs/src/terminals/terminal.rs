//! One terminal: the task that owns its attachment, its screen, its recording and its viewers.

use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use plateau_core::terminal::{Backlog, Frame, RESTORE};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::attachment::{Attachment, may_come_back};
use super::display::{DetachReason, Display};
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

/// A terminal and all who look at it.
pub(super) struct Terminal {
    hub: Arc<Inner>,
    place: TerminalId,
    view: Display,
    commands: mpsc::Receiver<Command>,
    keys: mpsc::Receiver<Bytes>,
    flow: DefaultDirectRateLimiter,
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
        (close, last_words): (&CancellationToken, &OnceLock<&'static str>),
        forget: impl FnOnce(),
    ) {
        let exit = tokio::select! {
            exit = self.follow_attachment(attachment) => exit,
            () = close.cancelled() => None,
        };
        if let (None, Some(why)) = (exit, last_words.get()) {
            // Whatever program was on the screen.
            let shown = format!("{RESTORE}\r\n{why}\r\n");
            self.view.viewers.say(&ServerMessage::Data(shown.into()));
        }
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
