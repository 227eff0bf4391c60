//! What a terminal shows: its screen, its viewers and its recording.

use bytes::Bytes;
use plateau_core::terminal::{Backlog, Frame, RESTORE};
use tokio::sync::{mpsc, watch};

use super::WindowSize;
use super::emulator::Emulator;
use super::recording::{Recording, RecordingEventKind};
use super::repetitions::Repetitions;
use super::terminal::Command;
use super::viewer::{ServerMessage, Viewers};

/// How a stay at an attachment ended.
pub(super) enum DetachReason {
    /// The shell ended.
    Exit(i32),
    /// The exec is gone; the shell may not be.
    Broken,
}

/// Output that is not shown yet.
pub(super) struct Pending {
    bytes: Bytes,
    /// Whether the screen is rebuilt from it, and drawn for the viewers when that is done.
    rebuilds: bool,
}

/// What changes when something is shown or somebody comes.
pub(super) struct Display {
    pub(super) emulator: Emulator,
    pub(super) repetitions: Repetitions,
    pub(super) viewers: Viewers,
    pub(super) recording: Recording,
    pub(super) keys: mpsc::Sender<Bytes>,
    /// The size that somebody gave the window last.
    pub(super) size: watch::Sender<Option<WindowSize>>,
    /// Which terminal of the agent's, and how much of it was seen.
    pub(super) seen: Option<(u64, u64)>,
    /// Whether the screen shows something that the terminal did not.
    pub(super) disturbed: bool,
}

impl Display {
    pub(super) async fn handle_command(&mut self, command: Command) {
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
    pub(super) fn begins_again(&mut self, first: &Frame) -> bool {
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
    pub(super) async fn take(
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
    pub(super) async fn show_slice(&mut self, pending: Option<Pending>) -> Option<Pending> {
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
    pub(super) fn record_input(&mut self, keys: &[u8]) {
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
    pub(super) async fn interrupt(&mut self, node: &str) {
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
