//! Dispatches each question to the module that answers its kind.

use std::pin::Pin;

use anyhow::Context;
use plateau_core::question::{Observation, Question};

use super::context::ProbeContext;
use super::{
    address, certificate, clients, file, firewall, group, interface, journal, mount, package, port,
    process, resolver, route, schedule, service, sysctl, systemd, user,
};

/// Runs code that reads files on a thread where it may block.
async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .context("the question panicked")?
}

/// Answers every kind but `command`, as [`Observe`](super::context::Observe) wants it.
pub(crate) fn observe_all(
    question: Question,
    context: ProbeContext,
) -> Pin<Box<dyn Future<Output = anyhow::Result<Observation>> + Send>> {
    Box::pin(observe(question, context))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other kinds are listed where the clients are called"
)]
async fn observe(question: Question, context: ProbeContext) -> anyhow::Result<Observation> {
    use Observation as O;
    use Question as Q;
    Ok(match question {
        Q::File(q) => O::File(run_blocking(move || file::observe(&q, &context)).await?),
        Q::Package(q) => O::Package(run_blocking(move || package::observe(&q)).await?),
        Q::Service(q) => O::Service(service::observe(&q, &context).await?),
        Q::Process(q) => O::Process(run_blocking(move || process::observe(&q)).await?),
        Q::Port(q) => O::Port(run_blocking(move || port::observe(&q, &context)).await?),
        Q::User(q) => O::User(run_blocking(move || user::observe(&q, &context)).await?),
        Q::Group(q) => O::Group(run_blocking(move || group::observe(&q)).await?),
        Q::Mount(q) => O::Mount(run_blocking(move || mount::observe(&q)).await?),
        Q::Interface(q) => O::Interface(interface::observe(&q).await?),
        Q::Address(q) => O::Address(address::observe(&q).await?),
        Q::Route(q) => O::Route(route::observe(&q).await?),
        Q::Resolver(_) => O::Resolver(run_blocking(resolver::observe).await?),
        Q::Sysctl(q) => O::Sysctl(run_blocking(move || sysctl::observe(&q)).await?),
        Q::Schedule(_) => {
            let mut jobs = run_blocking(schedule::cron_jobs).await?;
            jobs.extend(systemd::timer_jobs(&context).await?);
            O::Schedule(schedule::to_observation(jobs))
        }
        Q::Command(_) => anyhow::bail!("a command runs in the node, and is for its agent"),
        Q::Firewall(q) => O::Firewall(firewall::observe(&q, &context).await?),
        Q::Certificate(q) => {
            O::Certificate(run_blocking(move || certificate::observe(&q, &context)).await?)
        }
        Q::Journal(q) => O::Journal(run_blocking(move || journal::observe(&q)).await?),
        // Watched separately, from before the others are asked.
        Q::Availability(_) => anyhow::bail!("availability cannot be nested in another question"),
        network => return clients::observe(network, context).await,
    })
}
