//! Viewers of a terminal: the side of the terminal, and the handle of the viewer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use plateau_core::terminal::DATA_LIMIT;
use tokio::sync::{mpsc, oneshot};

use super::emulator::Drawing;
use super::terminal::Command;
use super::{ViewerMode, WindowSize};

/// Things said that may wait for a viewer. Who falls further behind is drawn the screen anew.
const WAITING: usize = 64;

/// What a terminal says to a viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerMessage {
    /// Its window has this size.
    Size(WindowSize),
    /// It shows this.
    Data(Bytes),
    /// Its shell ended with this status; nothing follows.
    Exit(i32),
}

/// What a viewer sees.
#[derive(Debug)]
pub struct ViewerOutput {
    number: u64,
    said: mpsc::Receiver<ServerMessage>,
    behind: Arc<AtomicBool>,
    ended: Arc<OnceLock<i32>>,
    told_end: bool,
    commands: mpsc::Sender<Command>,
}

/// What a viewer does. Clones are the same person's.
#[derive(Clone, Debug)]
pub struct ViewerInput {
    mode: ViewerMode,
    keys: mpsc::Sender<Bytes>,
    commands: mpsc::Sender<Command>,
}

/// What the terminal gives to a viewer who has joined.
#[derive(Debug)]
pub(super) struct Joined {
    number: u64,
    said: mpsc::Receiver<ServerMessage>,
    behind: Arc<AtomicBool>,
    ended: Arc<OnceLock<i32>>,
    keys: mpsc::Sender<Bytes>,
}

/// Joins a terminal; `None` where it is ending.
pub(super) async fn join(
    commands: &mpsc::Sender<Command>,
    mode: ViewerMode,
    size: Option<WindowSize>,
) -> Option<(ViewerOutput, ViewerInput)> {
    let (reply, joined) = oneshot::channel();
    commands.send(Command::Join(size, reply)).await.ok()?;
    let Joined {
        number,
        said,
        behind,
        ended,
        keys,
    } = joined.await.ok()?;
    let sight = ViewerOutput {
        number,
        said,
        behind,
        ended,
        told_end: false,
        commands: commands.clone(),
    };
    let hands = ViewerInput {
        mode,
        keys,
        commands: commands.clone(),
    };
    Some((sight, hands))
}

impl ViewerOutput {
    /// The next message; `None` when the terminal is closed.
    pub async fn next(&mut self) -> Option<ServerMessage> {
        if self.said.is_empty() && self.behind.load(Ordering::Acquire) {
            // Where it cannot be asked, it has ended, which shows below.
            let _ = self.commands.send(Command::Redraw(self.number)).await;
        }
        if let Some(said) = self.said.recv().await {
            return Some(said);
        }
        let status = self.ended.get().filter(|_| !self.told_end)?;
        self.told_end = true;
        Some(ServerMessage::Exit(*status))
    }
}

impl ViewerInput {
    /// Sends input; that of a watcher is ignored, and all input while the node restarts.
    /// Returns whether the terminal is still open.
    pub async fn type_in(&self, bytes: Bytes) -> bool {
        match self.mode {
            ViewerMode::TakePart => self.keys.send(bytes).await.is_ok(),
            ViewerMode::Watch => !self.keys.is_closed(),
        }
    }

    /// Resizes the window; ignored for a watcher. Returns whether the terminal is still open.
    pub async fn resize(&self, size: WindowSize) -> bool {
        match self.mode {
            ViewerMode::TakePart => self.commands.send(Command::Resize(size)).await.is_ok(),
            ViewerMode::Watch => !self.commands.is_closed(),
        }
    }
}

/// All viewers of a terminal.
#[derive(Debug, Default)]
pub(super) struct Viewers {
    all: BTreeMap<u64, Viewer>,
    joined: u64,
    ended: Arc<OnceLock<i32>>,
}

#[derive(Debug)]
struct Viewer {
    said: mpsc::Sender<ServerMessage>,
    /// Set when the viewer was too slow and has missed output.
    behind: Arc<AtomicBool>,
}

impl Viewers {
    /// A new viewer, who is drawn the screen.
    pub(super) fn join(&mut self, drawing: &Drawing, keys: mpsc::Sender<Bytes>) -> Joined {
        self.joined += 1;
        let (say, said) = mpsc::channel(WAITING);
        let behind = Arc::new(AtomicBool::default());
        let mut viewer = Viewer {
            said: say,
            behind: Arc::clone(&behind),
        };
        viewer.draw(drawing);
        self.all.insert(self.joined, viewer);
        Joined {
            number: self.joined,
            said,
            behind,
            ended: Arc::clone(&self.ended),
            keys,
        }
    }

    /// Says something to all of them, and forgets those who have left.
    pub(super) fn say(&mut self, said: &ServerMessage) {
        self.all.retain(|_, viewer| viewer.say(said));
    }

    /// Draws the screen for all of them.
    pub(super) fn draw(&mut self, drawing: &Drawing) {
        self.all.retain(|_, viewer| viewer.draw(drawing));
    }

    /// Draws the screen for one who has missed something.
    pub(super) fn catch_up(&mut self, number: u64, drawing: &Drawing) {
        if let Some(viewer) = self.all.get_mut(&number) {
            viewer.behind.store(false, Ordering::Release);
            viewer.draw(drawing);
        }
    }

    /// Notes how the shell ended, which they hear when they have seen everything else.
    pub(super) fn end(&self, status: i32) {
        // It ends once.
        let _ = self.ended.set(status);
    }
}

impl Viewer {
    fn draw(&mut self, drawing: &Drawing) -> bool {
        let bytes = Bytes::from([drawing.text.as_bytes(), &drawing.rest].concat());
        let mut there = self.say(&ServerMessage::Size(drawing.size));
        let mut from = 0;
        while from < bytes.len() {
            let to = bytes.len().min(from + DATA_LIMIT);
            there = self.say(&ServerMessage::Data(bytes.slice(from..to)));
            from = to;
        }
        there
    }

    /// Returns whether the viewer is still there.
    fn say(&mut self, said: &ServerMessage) -> bool {
        if self.behind.load(Ordering::Acquire) {
            return !self.said.is_closed();
        }
        match self.said.try_send(said.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.behind.store(true, Ordering::Release);
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }
}
