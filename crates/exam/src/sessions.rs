//! Exam sessions. [`Arranging`] describes them and their seats, [`Conducting`] moves them, and
//! [`Candidates`] is the side of those who sit in them.
//!
//! What a session or an attempt is stands in the database alone. An order moves it there, with its
//! entry in the log, and wakes the conductor; the conductor does what the state asks for, however
//! often it has to begin, and moves it on when that is done. So a daemon that is killed anywhere
//! goes on where the database says.

use std::sync::Arc;
use std::time::Duration;

use plateau_core::exam::log::LogEntry;
use plateau_labs::lab::LabError;
use plateau_labs::labs::Labs;
use plateau_labs::store::{Store, StoreError, on_disk};
use plateau_labs::terminals::Terminals;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::clock::heartbeat::{self, Heartbeat};
use crate::clock::{Clock, later};
use crate::evidence_key::EvidenceKey;
use crate::judging::Judging;
use crate::scenarios::Scenarios;
use crate::store::Database;

mod arranging;
mod candidates;
mod codes;
mod conducting;
mod context;
pub mod error;
mod permits;
mod rehearsal_lock;

use arranging::ArrangingParts;
use codes::AccessCodes;
use conducting::ConductingParts;
use context::SessionContext;
use permits::LabPermits;
use rehearsal_lock::RehearsalLocks;

pub use arranging::Arranging;
pub use candidates::{Candidates, DeliverableUpload};
pub use conducting::Conducting;
pub use error::SessionError;

/// Who acts where nobody does: the daemon itself.
pub const SYSTEM: &str = "system";

/// How long labs may take to be adopted before their candidates' clocks are stopped for it.
const GRACE: Duration = Duration::from_secs(2);

/// The sessions of the daemon, in three parts that know of each other only what they need. Clones share
/// them.
#[derive(Clone, Debug)]
pub struct Sessions {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    context: SessionContext,
    judging: Judging,
    arranging: Arranging,
    conducting: Conducting,
    candidates: Candidates,
}

/// Something changed in a session: an entry was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionChange {
    /// The session's identifier.
    pub session: String,
    /// The entry.
    pub entry: LogEntry,
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
        let opened = on_disk(move || Ok((Store::open(&root)?, AccessCodes::open(&root)?))).await;
        let (store, codes) = opened.map_err(LabError::from)?;
        let scenarios = Scenarios::new(store);
        let key = EvidenceKey::open(&state)?;
        let database = database.signed_by(key.clone());
        let judging = Judging::new(database.clone(), scenarios.clone(), key, clock.clone());
        let heartbeat = Heartbeat::begin(clock.clone(), &heartbeat)
            .map_err(|error| LabError::from(StoreError::io("open", &heartbeat)(error)))?;
        let context = SessionContext::new(database, scenarios, clock, judging.public_key());
        let (permits, rehearsals) = (LabPermits::for_this_host(), RehearsalLocks::default());
        let arranging = ArrangingParts {
            labs: labs.clone(),
            terminals: terminals.clone(),
            judging: judging.clone(),
            codes,
            permits: permits.clone(),
            rehearsals: rehearsals.clone(),
            stop: stop.clone(),
        };
        let conducting = ConductingParts {
            labs,
            terminals,
            judging: judging.clone(),
            permits,
            rehearsals,
            heartbeat,
            stop,
        };
        let away_ms = last.map(|last| context.now_ms().saturating_sub(last.showed_ms));
        let conducting = Conducting::open(context.clone(), conducting, away_ms).await?;
        Ok(Self {
            parts: Arc::new(Parts {
                arranging: Arranging::new(context.clone(), arranging),
                candidates: Candidates::new(context.clone(), conducting.clone()),
                conducting,
                judging,
                context,
            }),
        })
    }

    /// Describing sessions, their seats and codes; rehearsals; what staff are shown.
    #[must_use]
    pub fn arranging(&self) -> &Arranging {
        &self.parts.arranging
    }

    /// Orders, and the conductor.
    #[must_use]
    pub fn conducting(&self) -> &Conducting {
        &self.parts.conducting
    }

    /// What candidates see and do.
    #[must_use]
    pub fn candidates(&self) -> &Candidates {
        &self.parts.candidates
    }

    /// The daemon's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.parts.context.clock()
    }

    /// Gradings and judgements.
    #[must_use]
    pub fn judging(&self) -> &Judging {
        &self.parts.judging
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &Database {
        self.parts.context.database()
    }

    /// The frozen scenarios.
    #[must_use]
    pub fn scenarios(&self) -> &Scenarios {
        self.parts.context.scenarios()
    }

    /// What changes from now on. A receiver that is too slow loses the oldest changes.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<SessionChange> {
        self.parts.context.subscribe()
    }
}
