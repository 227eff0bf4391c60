//! Shared terminals of nodes: one screen each, for all viewers.
//!
//! The shell and its pseudoterminal belong to the agent in the node. This module has the one attachment
//! to it, the screen, the recording, and the viewers over HTTP and SSH. A new viewer gets the present
//! screen, then new output. A viewer that is too slow gets the screen again. Without viewers the
//! attachment stays, so that screen and recording continue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use plateau_core::terminal::RecordingView;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::labs::Labs;

mod attachment;
mod display;
mod emulator;
mod error;
mod modes;
mod recording;
mod recordings;
mod repetitions;
mod screen;
mod terminal;
mod viewer;

pub use error::TerminalError;
pub use recordings::Recorded;
pub use viewer::{ServerMessage, ViewerInput, ViewerOutput};

use attachment::Attachment;
use emulator::Workplaces;
use recordings::LabRecordings;
use terminal::Command;

/// Most terminals of a lab at the same time. One that nobody looks at gives way to a new one.
const OPEN: usize = 8;

/// How often a terminal may end between being found and being joined.
const ATTEMPTS: usize = 5;

/// Identifier of a terminal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TerminalId {
    /// The lab's identifier.
    pub lab: String,
    /// The node.
    pub node: String,
    /// The terminal's name.
    pub name: String,
    /// The user whose login shell it runs.
    pub user: String,
}

/// Size of a window in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSize {
    /// Width.
    pub cols: u16,
    /// Height.
    pub rows: u16,
}

impl WindowSize {
    /// Default size of a terminal.
    pub const USUAL: Self = Self { cols: 80, rows: 24 };

    /// Largest size of a screen: no window is larger.
    pub const LARGEST: Self = Self {
        cols: 500,
        rows: 300,
    };

    /// One that a screen can have: neither empty nor larger than any window.
    #[must_use]
    pub fn bounded(self) -> Self {
        Self {
            cols: self.cols.clamp(1, Self::LARGEST.cols),
            rows: self.rows.clamp(1, Self::LARGEST.rows),
        }
    }
}

/// How a viewer uses a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewerMode {
    /// Sends input, and sets the size of the window.
    TakePart,
    /// Only shows the terminal: input and window size of the viewer change nothing.
    Watch,
}

/// All open terminals; clones share them.
#[derive(Clone, Debug)]
pub struct Terminals {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    labs: Labs,
    known: Mutex<KnownTerminals>,
    /// Where the screens of all labs are worked on.
    places: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct KnownTerminals {
    open: BTreeMap<TerminalId, TerminalHandle>,
    /// Those whose shell has ended and whose recording is not on disk yet.
    leaving: BTreeMap<u64, (TerminalId, TerminalHandle)>,
    /// Labs whose terminals are closed to all.
    closed: BTreeSet<String>,
    /// What is cancelled when a lab's terminals are closed.
    closing: BTreeMap<String, CancellationToken>,
    /// Whether the daemon ends.
    ending: bool,
    opened: u64,
    quotas: BTreeMap<String, LabQuota>,
}

/// What the terminals of a lab share.
#[derive(Clone, Debug)]
struct LabQuota {
    places: Workplaces,
    recordings: Arc<LabRecordings>,
}

/// The way to the task that owns a terminal.
#[derive(Clone, Debug)]
struct TerminalHandle {
    number: u64,
    commands: mpsc::Sender<Command>,
    /// Ends the task.
    close: CancellationToken,
    /// What is said to those who see it when it is closed.
    last_words: Arc<OnceLock<&'static str>>,
    /// That it has ended.
    closed: CancellationToken,
}

impl Terminals {
    /// Nobody has opened one yet.
    #[must_use]
    pub fn new(labs: Labs) -> Self {
        let known = Mutex::default();
        Self {
            inner: Arc::new(Inner {
                labs,
                known,
                places: Workplaces::of_all(),
            }),
        }
    }

    /// Joins a terminal, and starts it if it is not open. `size` is that of the viewer's window, if they
    /// take part.
    ///
    /// # Errors
    /// There is no such lab or node, it does not run, or the lab's terminals are closed.
    pub async fn join(
        &self,
        place: &TerminalId,
        mode: ViewerMode,
        size: Option<WindowSize>,
    ) -> Result<(ViewerOutput, ViewerInput), TerminalError> {
        let size = size.filter(|_| mode == ViewerMode::TakePart);
        for _ in 0..ATTEMPTS {
            let door = match self.inner.door(place)? {
                Some(door) => door,
                None => {
                    // Asked before anything is begun in the node.
                    self.inner.known().make_room(&place.lab)?;
                    let attachment = Attachment::open(&self.inner.labs, place).await?;
                    self.start(place, attachment, size)?
                }
            };
            // It may be ending just now.
            if let Some(joined) = viewer::join(&door.commands, mode, size).await {
                return Ok(joined);
            }
            door.closed.cancelled().await;
        }
        Err(TerminalError::Ended {
            node: place.node.clone(),
        })
    }

    fn start(
        &self,
        place: &TerminalId,
        attachment: Attachment,
        size: Option<WindowSize>,
    ) -> Result<TerminalHandle, TerminalError> {
        let mut known = self.inner.known();
        known.check_not_closed(&place.lab)?;
        if let Some(door) = known.open.get(place) {
            // Somebody else was faster; our attachment goes.
            return Ok(door.clone());
        }
        known.make_room(&place.lab)?;
        let quota = self.inner.quota(&mut known, &place.lab);
        known.opened += 1;
        let (commands, told) = mpsc::channel(64);
        let door = TerminalHandle {
            number: known.opened,
            commands,
            close: CancellationToken::new(),
            last_words: Arc::default(),
            closed: CancellationToken::new(),
        };
        known.open.insert(place.clone(), door.clone());
        let terminal = terminal::Terminal::new(&self.inner, &quota, place.clone(), told, size);
        let (inner, place, number) = (Arc::clone(&self.inner), place.clone(), door.number);
        let (close, closed) = (door.close.clone(), door.closed.clone());
        let last_words = Arc::clone(&door.last_words);
        tokio::spawn(async move {
            // Also where the task panics, nobody may wait for ever.
            let _ended = closed.drop_guard();
            let forget = || inner.forget(&place, number);
            let closing = (&close, last_words.as_ref());
            terminal.own(attachment, closing, forget).await;
            inner.known().leaving.remove(&number);
        });
        Ok(door)
    }

    /// Closes all terminals of a lab, and refuses new ones until it is opened again. Shells keep
    /// running in the nodes. Returns when no input is accepted any more and all recordings are on disk.
    pub async fn close(&self, lab: &str) {
        self.close_lab(lab, None).await;
    }

    /// The same, and says why to those who are in one.
    pub async fn close_saying(&self, lab: &str, why: &'static str) {
        self.close_lab(lab, Some(why)).await;
    }

    async fn close_lab(&self, lab: &str, why: Option<&'static str>) {
        let doors: Vec<TerminalHandle> = {
            let mut known = self.inner.known();
            known.closed.insert(lab.to_owned());
            if let Some(closing) = known.closing.remove(lab) {
                closing.cancel();
            }
            known.doors(|place| place.lab == lab)
        };
        if let Some(why) = why {
            for door in &doors {
                // It may be closing already, for another reason.
                let _ = door.last_words.set(why);
            }
        }
        end(doors).await;
    }

    /// Closes all open terminals and other connections of a lab. New ones can be opened at once.
    pub async fn close_open_terminals(&self, lab: &str) {
        let doors: Vec<TerminalHandle> = {
            let mut known = self.inner.known();
            if let Some(closing) = known.closing.remove(lab) {
                closing.cancel();
            }
            known.doors(|place| place.lab == lab)
        };
        end(doors).await;
    }

    /// Token that is cancelled when a lab's terminals are closed, for other connections into the lab.
    ///
    /// # Errors
    /// They are closed already.
    pub fn closing(&self, lab: &str) -> Result<CancellationToken, TerminalError> {
        let mut known = self.inner.known();
        known.check_not_closed(lab)?;
        Ok(known.closing.entry(lab.to_owned()).or_default().clone())
    }

    /// Allows terminals of a lab to be opened again.
    pub fn open(&self, lab: &str) {
        self.inner.known().closed.remove(lab);
    }

    /// Closes all terminals at the end of the daemon, and returns when all recordings are on disk.
    pub async fn shut_down(&self) {
        let doors = {
            let mut known = self.inner.known();
            known.ending = true;
            known.doors(|_| true)
        };
        end(doors).await;
    }

    /// The recordings of a lab, also of a removed one.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub async fn recordings(&self, lab: &str) -> Result<Vec<RecordingView>, TerminalError> {
        recordings::list(&self.inner.labs.settings().state, lab).await
    }

    /// A recording, as far as it is written.
    ///
    /// # Errors
    /// No recording has the name, or it cannot be read.
    pub async fn recording(&self, lab: &str, name: &str) -> Result<Recorded, TerminalError> {
        recordings::open(&self.inner.labs.settings().state, lab, name).await
    }
}

async fn end(doors: Vec<TerminalHandle>) {
    for door in &doors {
        door.close.cancel();
    }
    for door in doors {
        door.closed.cancelled().await;
    }
}

impl Inner {
    fn known(&self) -> MutexGuard<'_, KnownTerminals> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn door(&self, place: &TerminalId) -> Result<Option<TerminalHandle>, TerminalError> {
        let known = self.known();
        known.check_not_closed(&place.lab)?;
        Ok(known.open.get(place).cloned())
    }

    fn quota(&self, known: &mut KnownTerminals, lab: &str) -> LabQuota {
        let quota = known.quotas.entry(lab.to_owned());
        let new = || LabQuota {
            places: Workplaces::of_lab(&self.places),
            recordings: Arc::default(),
        };
        quota.or_insert_with(new).clone()
    }

    /// Forgets a terminal that has ended.
    fn forget(&self, place: &TerminalId, number: u64) {
        let mut known = self.known();
        if known
            .open
            .get(place)
            .is_some_and(|door| door.number == number)
            && let Some(door) = known.open.remove(place)
        {
            known.leaving.insert(number, (place.clone(), door));
        }
    }
}

impl KnownTerminals {
    /// The ways to all terminals of some places, and to those that are just ending.
    fn doors(&self, wanted: impl Fn(&TerminalId) -> bool) -> Vec<TerminalHandle> {
        let leaving = self.leaving.values().map(|(place, door)| (place, door));
        let all = self.open.iter().chain(leaving);
        all.filter(|(place, _)| wanted(place))
            .map(|(_, door)| door.clone())
            .collect()
    }

    /// Makes sure that a lab may have one more terminal: the oldest one that nobody looks at is closed
    /// for it. Its shell keeps running in the node, and can be joined again.
    fn make_room(&mut self, lab: &str) -> Result<(), TerminalError> {
        let of_the_lab = self.open.iter().filter(|(open, _)| open.lab == lab);
        if of_the_lab.clone().count() < OPEN {
            return Ok(());
        }
        // Each viewer has a sender.
        let unseen = of_the_lab.filter(|(_, door)| door.commands.strong_count() == 1);
        let oldest = unseen.min_by_key(|(_, door)| door.number);
        let oldest = oldest.map(|(place, _)| place.clone());
        let Some((place, door)) = oldest.and_then(|place| self.open.remove_entry(&place)) else {
            return Err(TerminalError::TooMany {
                lab: lab.to_owned(),
                most: OPEN,
            });
        };
        door.close.cancel();
        self.leaving.insert(door.number, (place, door));
        Ok(())
    }

    fn check_not_closed(&self, lab: &str) -> Result<(), TerminalError> {
        if self.ending || self.closed.contains(lab) {
            return Err(TerminalError::Closed {
                lab: lab.to_owned(),
            });
        }
        Ok(())
    }
}
