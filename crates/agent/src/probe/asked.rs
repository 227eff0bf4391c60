//! One question on its way to the file that knows how to look.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use plateau_core::question::{Observation, Question};
use tokio::sync::OnceCell;

use super::{
    address, command, file, group, interface, mount, package, port, process, resolver, route,
    schedule, service, sysctl, systemd, user,
};

/// Longest that a server is waited for before it counts as silent.
const NETWORK_LIMIT: Duration = Duration::from_secs(5);

/// How much earlier than its question an attempt over the network ends: silence is an observation.
const NETWORK_MARGIN: Duration = Duration::from_millis(500);

/// What all questions of a batch share.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) systemd: OnceCell<zbus::Connection>,
}

/// What is looked at, and for how long.
pub(super) struct Look {
    wants: BTreeSet<String>,
    limit: Duration,
    pub(super) shared: Arc<Shared>,
}

impl Look {
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

/// Runs what reads files on a thread where it may block.
async fn blocking<T: Send + 'static>(
    look: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(look)
        .await
        .context("the question broke down")?
}

/// Looks, and gives what was seen or why nothing could be seen.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the other kinds are all in one place, which spells them out"
)]
pub(super) async fn see(question: Question, look: Look) -> anyhow::Result<Observation> {
    use Observation as O;
    use Question as Q;
    Ok(match question {
        Q::File(q) => O::File(blocking(move || file::see(&q, &look)).await?),
        Q::Package(q) => O::Package(blocking(move || package::see(&q)).await?),
        Q::Service(q) => O::Service(service::see(&q, &look).await?),
        Q::Process(q) => O::Process(blocking(move || process::see(&q)).await?),
        Q::Port(q) => O::Port(blocking(move || port::see(&q, &look)).await?),
        Q::User(q) => O::User(blocking(move || user::see(&q, &look)).await?),
        Q::Group(q) => O::Group(blocking(move || group::see(&q)).await?),
        Q::Mount(q) => O::Mount(blocking(move || mount::see(&q)).await?),
        Q::Interface(q) => O::Interface(interface::see(&q).await?),
        Q::Address(q) => O::Address(address::see(&q).await?),
        Q::Route(q) => O::Route(route::see(&q).await?),
        Q::Resolver(_) => O::Resolver(blocking(resolver::see).await?),
        Q::Sysctl(q) => O::Sysctl(blocking(move || sysctl::see(&q)).await?),
        Q::Schedule(_) => {
            let mut jobs = blocking(schedule::cron_jobs).await?;
            jobs.extend(systemd::timer_jobs(&look).await?);
            O::Schedule(schedule::seen(jobs))
        }
        Q::Command(q) => O::Command(command::see(&q, &look).await?),
        across => return see_across(across, look).await,
    })
}

/// What is asked across the network takes clients, which the agent in every node goes without.
#[cfg(feature = "clients")]
async fn see_across(question: Question, look: Look) -> anyhow::Result<Observation> {
    super::clients::see(question, look).await
}

#[cfg(not(feature = "clients"))]
async fn see_across(question: Question, _look: Look) -> anyhow::Result<Observation> {
    anyhow::bail!("`{}` is for the grader to ask", question.kind())
}
