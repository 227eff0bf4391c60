//! What a question needs besides itself.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use plateau_core::question::{Observation, Question};
use tokio::sync::OnceCell;

/// Longest wait for a server before it counts as silent.
const NETWORK_LIMIT: Duration = Duration::from_secs(5);

/// How much earlier than its question a network attempt ends, so that silence can be reported.
const NETWORK_MARGIN: Duration = Duration::from_millis(500);

/// Answers a question, or says why that is not possible.
pub(crate) type Observe =
    fn(Question, ProbeContext) -> Pin<Box<dyn Future<Output = anyhow::Result<Observation>> + Send>>;

/// What all questions of a batch share.
pub(super) struct BatchState {
    /// Answers the questions that this program can answer.
    pub(super) observe: Observe,
    pub(super) systemd: OnceCell<zbus::Connection>,
}

impl BatchState {
    pub(super) fn new(observe: Observe) -> Self {
        Self {
            observe,
            systemd: OnceCell::new(),
        }
    }
}

/// What a question needs besides itself: the wanted attributes, its time limit and what its batch
/// shares.
pub(crate) struct ProbeContext {
    wants: BTreeSet<String>,
    limit: Duration,
    pub(super) batch: Arc<BatchState>,
}

impl ProbeContext {
    pub(super) fn new(wants: BTreeSet<String>, limit: Duration, batch: Arc<BatchState>) -> Self {
        Self {
            wants,
            limit,
            batch,
        }
    }

    /// Whether the attribute is wanted.
    pub(super) fn wants(&self, attribute: &str) -> bool {
        self.wants.contains(attribute)
    }

    /// The time limit of the whole question, less the time to report what has been observed.
    pub(super) fn time_limit(&self) -> Duration {
        self.limit
            .checked_sub(NETWORK_MARGIN)
            .unwrap_or(self.limit / 2)
    }

    /// How long a server may be silent.
    pub(super) fn network_limit(&self) -> Duration {
        self.time_limit().min(NETWORK_LIMIT)
    }
}
