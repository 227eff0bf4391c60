//! Exam sessions: what is arranged, who sits in them, and the conductor that carries them out.
//!
//! What a session or an attempt is stands in the database alone. An order moves it there, with its
//! entry in the log, and wakes the conductor; the conductor does what the state asks for, however
//! often it has to begin, and moves it on when that is done. So a daemon that is killed anywhere
//! goes on where the database says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use plateau_core::exam::clock::{ClockReading, read};
use plateau_core::exam::deliverable::SubmissionView;
use plateau_core::exam::log::LogEntry;
use plateau_core::proof::Proof;
use plateau_labs::lab::LabError;
use plateau_labs::labs::Labs;
use plateau_labs::store::{Store, StoreError, on_disk};
use plateau_labs::terminals::Terminals;
use tokio::sync::{Notify, Semaphore, broadcast};
use tokio_util::sync::CancellationToken;

use crate::clock::heartbeat::{self, Heartbeat};
use crate::clock::{Clock, later};
use crate::deliverables::Deliverables;
use crate::judging::Judging;
use crate::store::Database;
use crate::store::database::DatabaseError;

use crate::scenarios::Scenarios;
use crate::secret_file::SecretFile;
use crate::store::attempts::AttemptRow;
use crate::store::seats::SeatRow;
use crate::store::sessions::{ScenarioRow, SessionRow};

mod arranging;
mod candidates;
mod conducting;
mod context;
pub mod error;
mod rehearsal_lock;

use conducting::conductor;
use context::history::{Histories, History};
use context::log_action::grant;

pub use candidates::deliverables::DeliverableUpload;
pub use error::SessionError;

/// Who acts where nobody does: the daemon itself.
pub const SYSTEM: &str = "system";

/// Changes that a slow listener may fall behind before it loses the oldest.
const CHANGES: usize = 4096;

/// How long labs may take to be adopted before their candidates' clocks are stopped for it.
const GRACE: Duration = Duration::from_secs(2);

/// Bytes of the key that access codes follow from.
const KEY: usize = 32;

/// All sessions of the daemon. Clones share them.
#[derive(Clone, Debug)]
pub struct Sessions {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    labs: Labs,
    terminals: Terminals,
    database: Database,
    scenarios: Scenarios,
    /// Their logs, as far as they were read.
    histories: Histories,
    clock: Clock,
    heartbeat: Heartbeat,
    judging: Judging,
    deliverables: Deliverables,
    /// What access codes follow from.
    key: [u8; KEY],
    /// Labs that may be built at the same time.
    building: Semaphore,
    /// Labs that may be kept and graded at the same time.
    grading: Semaphore,
    /// Session → held by whoever moves it.
    gates: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Sessions that were told that the disk is nearly full.
    alarmed: Mutex<BTreeSet<String>>,
    /// Attempts that somebody works on.
    busy: Mutex<BTreeSet<String>>,
    /// Sessions that are being rehearsed.
    rehearsing: Mutex<BTreeSet<String>>,
    wake: Notify,
    changes: broadcast::Sender<SessionChange>,
    stop: CancellationToken,
}

/// Something changed in a session: an entry was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionChange {
    /// The session's identifier.
    pub session: String,
    /// The entry.
    pub entry: LogEntry,
}

/// A session with all there is of it.
#[derive(Debug)]
struct SessionSnapshot {
    session: SessionRow,
    scenarios: Vec<ScenarioRow>,
    seats: BTreeMap<String, SeatRow>,
    attempts: Vec<AttemptRow>,
    log: Arc<History>,
    /// What counts of each attempt's deliverables, where somebody is to be shown it.
    counting: BTreeMap<String, Vec<SubmissionView>>,
}

impl SessionSnapshot {
    fn seat(&self, attempt: &AttemptRow) -> Option<&SeatRow> {
        self.seats.get(&attempt.seat)
    }

    fn scenario(&self, attempt: &AttemptRow) -> Option<&ScenarioRow> {
        let mut scenarios = self.scenarios.iter();
        scenarios.find(|scenario| scenario.scenario == attempt.scenario)
    }

    /// What an attempt's clock shows. One whose seat or scenario is gone has no time at all.
    fn reading(&self, attempt: &AttemptRow, now_ms: u64) -> Option<ClockReading> {
        let grant = grant(self.seat(attempt)?, self.scenario(attempt)?);
        Some(read(&grant, self.log.ticks(&attempt.id), now_ms))
    }
}

impl Sessions {
    /// Opens the sessions in a database, gives back the time for which nobody was there, and begins
    /// to conduct them, until `stop` is cancelled.
    ///
    /// # Errors
    /// The database or the state folder cannot be used.
    pub async fn open(
        labs: Labs,
        database: Database,
        terminals: Terminals,
        stop: CancellationToken,
    ) -> Result<Self, SessionError> {
        let state = labs.settings().state.clone();
        let heartbeat = state.join(heartbeat::FILE);
        let last = later(database.clock().read().await?, Heartbeat::last(&heartbeat));
        let clock = Clock::start(last.as_ref());
        // What they take counts as time for which nobody was there.
        labs.brought_back(GRACE).await;
        let root = state.clone();
        let opened = on_disk(move || Ok((Store::open(&root)?, key(&root)?))).await;
        let (store, key) = opened.map_err(LabError::from)?;
        let scenarios = Scenarios::new(store);
        let judging = Judging::open(database.clone(), scenarios.clone(), &state, clock.clone())?;
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let sessions = Self {
            inner: Arc::new(Inner {
                labs,
                terminals,
                deliverables: Deliverables::new(database.clone(), clock.clone()),
                database,
                scenarios,
                histories: Histories::new(),
                judging,
                heartbeat: Heartbeat::begin(clock.clone(), &heartbeat)
                    .map_err(|error| LabError::from(StoreError::io("open", &heartbeat)(error)))?,
                clock,
                key,
                building: Semaphore::new(2 * cores),
                grading: Semaphore::new(2 * cores),
                gates: Mutex::default(),
                alarmed: Mutex::default(),
                busy: Mutex::default(),
                rehearsing: Mutex::default(),
                wake: Notify::new(),
                changes: broadcast::Sender::new(CHANGES),
                stop,
            }),
        };
        if let Some(last) = last {
            let away = sessions.inner.clock.now_ms().saturating_sub(last.showed_ms);
            sessions.give_back(away).await?;
        }
        sessions.beat().await?;
        tokio::spawn(conductor::conduct(sessions.clone()));
        Ok(sessions)
    }

    /// The daemon's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// Gradings and judgements.
    #[must_use]
    pub fn judging(&self) -> &Judging {
        &self.inner.judging
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.inner.database
    }

    /// What changes from now on. A receiver that is too slow loses the oldest changes.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<SessionChange> {
        self.inner.changes.subscribe()
    }

    /// Whether the candidate may be in this lab now; a lab that belongs to no attempt is nobody's
    /// to close.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn is_open(&self, lab: &str) -> Result<bool, SessionError> {
        let attempt = self.inner.database.attempts().of_lab(lab).await?;
        Ok(attempt.is_none_or(|attempt| attempt.state.is_open()))
    }

    async fn find(&self, named: &str) -> Result<SessionRow, SessionError> {
        let found = self.inner.database.sessions().find(named).await?;
        found.ok_or_else(|| SessionError::NoSuchSession {
            session: named.to_owned(),
        })
    }

    async fn snapshot(&self, session: SessionRow) -> Result<SessionSnapshot, SessionError> {
        let database = &self.inner.database;
        let seats = database.seats().of_session(&session.id).await?;
        Ok(SessionSnapshot {
            scenarios: database.sessions().scenarios(&session.id).await?,
            seats: seats
                .into_iter()
                .map(|seat| (seat.id.clone(), seat))
                .collect(),
            attempts: database.attempts().of_session(&session.id).await?,
            log: self.history(&session.id).await?,
            counting: BTreeMap::new(),
            session,
        })
    }

    /// What keeps a session's moves one after the other.
    fn gate(&self, session: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut gates = self
            .inner
            .gates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(session.to_owned()).or_default())
    }

    /// Tells everybody of entries that are in the log, and wakes the conductor.
    fn tell(&self, session: &str, entries: Vec<LogEntry>) {
        for entry in entries {
            // Nobody may be listening.
            let _ = self.inner.changes.send(SessionChange {
                session: session.to_owned(),
                entry,
            });
        }
        self.inner.wake.notify_one();
    }

    async fn beat(&self) -> Result<(), DatabaseError> {
        let beat = self.inner.clock.beat();
        self.inner.database.clock().write(&beat).await
    }

    /// A session's log, of which only what is new is read.
    async fn history(&self, session: &str) -> Result<Arc<History>, DatabaseError> {
        let log = self.inner.database.log();
        self.inner.histories.of(&log, session).await
    }

    /// The frozen scenarios.
    #[must_use]
    pub fn scenarios(&self) -> &Scenarios {
        &self.inner.scenarios
    }

    /// Keeps that a scenario's folder was proven, where the proof holds and is complete: sessions take
    /// it from now on. That it could not be kept is told in the log alone, since the proof was given.
    pub async fn record_proof(&self, hash: &str, proof: &Proof) {
        if !proof.holds || !proof.complete {
            return;
        }
        let kept = match serde_json::to_string(proof) {
            Ok(text) => {
                let now = self.inner.clock.now_ms();
                self.inner.database.proofs().keep(hash, now, &text).await
            }
            Err(error) => Err(DatabaseError::kept("keep a proof")(error)),
        };
        if let Err(error) = kept {
            tracing::error!(
                hash,
                error = plateau_labs::error::chain(&error),
                "a proof is not kept"
            );
        }
    }
}

/// The key of the state folder, drawn at its first use; only its owner can read the file.
fn key(state: &Path) -> Result<[u8; KEY], StoreError> {
    let file = SecretFile::new(state, "codes.key");
    let failed = |doing, source| StoreError::io(doing, file.path())(source);
    let drawn = || {
        let mut key = vec![0; KEY];
        let filled = getrandom::fill(&mut key);
        filled.map_err(|error| failed("draw", std::io::Error::other(error)))?;
        Ok(key)
    };
    let kept = file.open(drawn, |source| failed("keep", source))?;
    kept.try_into().map_err(|_| {
        let other = std::io::Error::other("it does not hold 32 bytes");
        failed("use", other)
    })
}
