//! Dispatches each question about this node to the module that answers its kind.

use anyhow::Context;
use plateau_core::question::{Observation, Question};

use super::context::ProbeContext;
use super::{
    address, certificate, command, file, firewall, group, interface, journal, mount, package, port,
    process, resolver, route, schedule, service, sysctl, systemd, user,
};

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
pub(super) async fn see(question: Question, look: ProbeContext) -> anyhow::Result<Observation> {
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
        Q::Firewall(q) => O::Firewall(firewall::see(&q, &look).await?),
        Q::Certificate(q) => {
            O::Certificate(blocking(move || certificate::file::see(&q, &look)).await?)
        }
        Q::Journal(q) => O::Journal(blocking(move || journal::see(&q)).await?),
        // Watched apart from the others, from before the batch is asked.
        Q::Availability(_) => anyhow::bail!("it was asked within another question"),
        across => return see_across(across, look).await,
    })
}

/// Questions about the network need clients, which `plateau-agent` does not have.
async fn see_across(question: Question, look: ProbeContext) -> anyhow::Result<Observation> {
    match look.shared.ask_client {
        Some(ask_client) => ask_client(question, look).await,
        None => anyhow::bail!("`{}` is for the grader to ask", question.kind()),
    }
}
