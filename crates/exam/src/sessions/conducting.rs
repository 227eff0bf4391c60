//! Conducting sessions: the orders of those who watch over them, and the conductor, which does what the
//! states of attempts ask for.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use plateau_labs::labs::Labs;
use plateau_labs::terminals::Terminals;
use tokio_util::sync::CancellationToken;

use super::context::SessionContext;
use super::permits::LabPermits;
use super::rehearsal_lock::RehearsalLocks;
use crate::clock::heartbeat::Heartbeat;
use crate::judging::Judging;
use crate::sessions::SessionError;
use crate::store::database::DatabaseError;

mod capacity;
mod conductor;
mod disk_warning;
mod freezing;
mod interruptions;
mod jobs;
mod orders;
mod reopening;
mod transitions;

pub(super) use interruptions::is_paused_by_staff;

/// Moves sessions and attempts, by orders and by itself. Clones share all of it.
#[derive(Clone, Debug)]
pub struct Conducting {
    context: SessionContext,
    labs: Labs,
    terminals: Terminals,
    judging: Judging,
    permits: LabPermits,
    rehearsals: RehearsalLocks,
    heartbeat: Arc<Heartbeat>,
    /// Sessions that were told that the disk is nearly full, and what was told of full disks of nodes.
    alarmed: Arc<Mutex<BTreeSet<String>>>,
    /// Attempts that a job works on.
    busy: Arc<Mutex<BTreeSet<String>>>,
    stop: CancellationToken,
}

/// What conducting needs besides the context.
#[derive(Debug)]
pub(super) struct ConductingParts {
    pub(super) labs: Labs,
    pub(super) terminals: Terminals,
    pub(super) judging: Judging,
    pub(super) permits: LabPermits,
    pub(super) rehearsals: RehearsalLocks,
    pub(super) heartbeat: Heartbeat,
    pub(super) stop: CancellationToken,
}

impl Conducting {
    /// Gives back `away_ms`, the time for which the daemon was not there, and starts the conductor, which
    /// runs until `stop` is cancelled.
    pub(super) async fn open(
        context: SessionContext,
        parts: ConductingParts,
        away_ms: Option<u64>,
    ) -> Result<Self, SessionError> {
        let conducting = Self {
            context,
            labs: parts.labs,
            terminals: parts.terminals,
            judging: parts.judging,
            permits: parts.permits,
            rehearsals: parts.rehearsals,
            heartbeat: Arc::new(parts.heartbeat),
            alarmed: Arc::default(),
            busy: Arc::default(),
            stop: parts.stop,
        };
        if let Some(away_ms) = away_ms {
            conducting.give_back(away_ms).await?;
        }
        conducting.beat().await?;
        tokio::spawn(conductor::conduct(conducting.clone()));
        Ok(conducting)
    }

    async fn beat(&self) -> Result<(), DatabaseError> {
        let beat = self.context.clock().beat();
        self.context.database().clock().write(&beat).await
    }
}
