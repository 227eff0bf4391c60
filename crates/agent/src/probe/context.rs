//! What a question needs besides itself.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use plateau_core::question::{Observation, Question};
use tokio::sync::OnceCell;

/// Longest that a server is waited for before it counts as silent.
const NETWORK_LIMIT: Duration = Duration::from_secs(5);

/// How much earlier than its question an attempt over the network ends: silence is an observation.
const NETWORK_MARGIN: Duration = Duration::from_millis(500);

/// Answers a question about the network with a client for its protocol.
pub(crate) type AskClient =
    fn(Question, ProbeContext) -> Pin<Box<dyn Future<Output = anyhow::Result<Observation>> + Send>>;

/// What all questions of a batch share.
pub(super) struct Shared {
    /// `None` in `plateau-agent`, which has no clients.
    pub(super) ask_client: Option<AskClient>,
    pub(super) systemd: OnceCell<zbus::Connection>,
}

impl Shared {
    pub(super) fn new(ask_client: Option<AskClient>) -> Self {
        Self {
            ask_client,
            systemd: OnceCell::new(),
        }
    }
}

/// What a question needs besides itself: the wanted attributes, its time limit and what its batch
/// shares.
pub(crate) struct ProbeContext {
    wants: BTreeSet<String>,
    limit: Duration,
    pub(super) shared: Arc<Shared>,
}

impl ProbeContext {
    pub(super) fn new(wants: BTreeSet<String>, limit: Duration, shared: Arc<Shared>) -> Self {
        Self {
            wants,
            limit,
            shared,
        }
    }

    /// Whether the attribute is to be looked at.
    pub(super) fn wants(&self, attribute: &str) -> bool {
        self.wants.contains(attribute)
    }

    /// How long the whole question may take, less what it needs to report what it saw until then.
    pub(super) fn patience(&self) -> Duration {
        self.limit
            .checked_sub(NETWORK_MARGIN)
            .unwrap_or(self.limit / 2)
    }

    /// How long a server may keep silent.
    pub(super) fn network_limit(&self) -> Duration {
        self.patience().min(NETWORK_LIMIT)
    }
}
