//! Communicates with the node's systemd over its private socket, without a message bus.

use anyhow::Context;
use plateau_core::question::schedule::Job;
use tokio::net::UnixStream;
use zbus::Connection;
use zbus::zvariant::{ObjectPath, OwnedObjectPath};

use super::context::ProbeContext;
use crate::peer;

mod sender;

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_path = "/org/freedesktop/systemd1",
    gen_blocking = false
)]
pub(super) trait Manager {
    #[zbus(property(emits_changed_signal = "false"))]
    fn system_state(&self) -> zbus::Result<String>;
    fn load_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
    fn get_unit_file_state(&self, name: &str) -> zbus::Result<String>;
    fn list_unit_files_by_patterns(
        &self,
        states: &[&str],
        patterns: &[&str],
    ) -> zbus::Result<Vec<(String, String)>>;
    fn list_units_by_patterns(
        &self,
        states: &[&str],
        patterns: &[&str],
    ) -> zbus::Result<Vec<ListedUnit>>;
}

/// Name, description, load, active and sub state, followed unit, path, job number, type and path.
type ListedUnit = (
    String,
    String,
    String,
    String,
    String,
    String,
    OwnedObjectPath,
    u32,
    String,
    OwnedObjectPath,
);

#[zbus::proxy(interface = "org.freedesktop.systemd1.Unit", gen_blocking = false)]
pub(super) trait Unit {
    #[zbus(property(emits_changed_signal = "false"))]
    fn id(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn load_state(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn active_state(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn unit_file_state(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn fragment_path(&self) -> zbus::Result<String>;
}

#[zbus::proxy(interface = "org.freedesktop.systemd1.Timer", gen_blocking = false)]
trait Timer {
    #[zbus(property(emits_changed_signal = "false"))]
    fn unit(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn timers_calendar(&self) -> zbus::Result<Vec<(String, String, u64)>>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn timers_monotonic(&self) -> zbus::Result<Vec<(String, u64, u64)>>;
}

#[zbus::proxy(interface = "org.freedesktop.systemd1.Service", gen_blocking = false)]
trait Service {
    #[zbus(property(emits_changed_signal = "false"))]
    fn user(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn exec_start(&self) -> zbus::Result<Vec<ExecCommand>>;
}

/// Path, arguments, whether failure is ignored, four times, process, code and status.
type ExecCommand = (String, Vec<String>, bool, u64, u64, u64, u64, u32, i32, i32);

/// The connection that the whole batch shares.
pub(super) async fn connection(context: &ProbeContext) -> anyhow::Result<&Connection> {
    context.batch.systemd.get_or_try_init(connect).await
}

async fn connect() -> anyhow::Result<Connection> {
    let stream = tokio::task::spawn_blocking(peer::connect_to_systemd)
        .await
        .context("cannot connect to systemd")??;
    stream
        .set_nonblocking(true)
        .context("cannot use the connection to systemd")?;
    let stream = UnixStream::from_std(stream).context("cannot use the connection to systemd")?;
    let stream = sender::with_unique_sender(stream).context("cannot relay to systemd")?;
    zbus::connection::Builder::unix_stream(stream)
        .p2p()
        .build()
        .await
        .context("cannot communicate with systemd")
}

/// The manager of all units.
pub(super) async fn manager_proxy(connection: &Connection) -> zbus::Result<ManagerProxy<'_>> {
    ManagerProxy::builder(connection)
        .destination("org.freedesktop.systemd1")?
        .cache_properties(zbus::proxy::CacheProperties::No)
        .build()
        .await
}

/// The state of the whole system: `starting`, `running`, `degraded`, …
pub(crate) async fn system_state() -> anyhow::Result<String> {
    let connection = connect().await?;
    let manager = manager_proxy(&connection)
        .await
        .context("cannot ask systemd")?;
    manager.system_state().await.context("cannot ask systemd")
}

/// One unit.
pub(super) async fn unit_proxy<'a>(
    connection: &'a Connection,
    path: ObjectPath<'a>,
) -> zbus::Result<UnitProxy<'a>> {
    UnitProxy::builder(connection)
        .destination("org.freedesktop.systemd1")?
        .path(path)?
        .cache_properties(zbus::proxy::CacheProperties::No)
        .build()
        .await
}

/// The jobs of timers that are enabled or running.
pub(super) async fn timer_jobs(context: &ProbeContext) -> anyhow::Result<Vec<Job>> {
    if !tokio::task::spawn_blocking(runs_systemd).await?? {
        return Ok(Vec::new());
    }
    let connection = connection(context).await?;
    let listed = "cannot list the timers";
    let manager = manager_proxy(connection).await.context(listed)?;
    let files = manager
        .list_unit_files_by_patterns(&["enabled", "enabled-runtime"], &["*.timer"])
        .await
        .context(listed)?;
    let running = manager
        .list_units_by_patterns(&["active"], &["*.timer"])
        .await
        .context(listed)?;
    let files = files.into_iter().map(|(path, _)| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name.to_owned()
    });
    // A template starts nothing itself.
    let files = files.filter(|name| !name.ends_with("@.timer"));
    let names: std::collections::BTreeSet<String> = files
        .chain(running.into_iter().map(|unit| unit.0))
        .collect();
    let mut jobs = Vec::new();
    for name in names {
        let job = timer_job(connection, &manager, &name).await;
        jobs.push(job.with_context(|| format!("cannot look at `{name}`"))?);
    }
    Ok(jobs)
}

/// Whether process 1 is systemd; other processes cannot change its name in the kernel.
fn runs_systemd() -> anyhow::Result<bool> {
    let init = procfs::process::Process::new(1).context("cannot look at process 1")?;
    let comm = init.stat().context("cannot look at process 1")?.comm;
    Ok(comm == "systemd")
}

async fn timer_job(
    connection: &Connection,
    manager: &ManagerProxy<'_>,
    name: &str,
) -> zbus::Result<Job> {
    let path = manager.load_unit(name).await?;
    let timer = TimerProxy::builder(connection)
        .destination("org.freedesktop.systemd1")?
        .path(path.as_ref())?
        .cache_properties(zbus::proxy::CacheProperties::No)
        .build()
        .await?;
    let calendar = timer.timers_calendar().await?.into_iter();
    let calendar = calendar.map(|(_, specification, _)| specification);
    let monotonic = timer.timers_monotonic().await?.into_iter();
    let monotonic = monotonic.map(|(base, microseconds, _)| {
        let base = base.strip_suffix("USec").unwrap_or(&base);
        format!("{base}Sec={}s", microseconds / 1_000_000)
    });
    let when: Vec<String> = calendar.chain(monotonic).collect();

    let triggered = manager.load_unit(&timer.unit().await?).await?;
    let (user, command) = match service_command(connection, triggered.as_ref()).await {
        // A timer may start something other than a service.
        Err(zbus::Error::MethodError(..)) | Err(zbus::Error::FDO(_)) => {
            ("root".to_owned(), timer.unit().await?)
        }
        ran => ran?,
    };
    Ok(Job {
        kind: "timer".to_owned(),
        source: unit_proxy(connection, path.as_ref())
            .await?
            .fragment_path()
            .await?,
        when: when.join("; "),
        user,
        command,
    })
}

/// The user of a service, and its command lines.
async fn service_command(
    connection: &Connection,
    path: ObjectPath<'_>,
) -> zbus::Result<(String, String)> {
    let service = ServiceProxy::builder(connection)
        .destination("org.freedesktop.systemd1")?
        .path(path)?
        .cache_properties(zbus::proxy::CacheProperties::No)
        .build()
        .await?;
    let user = match service.user().await? {
        none if none.is_empty() => "root".to_owned(),
        user => user,
    };
    let commands = service.exec_start().await?.into_iter();
    let commands: Vec<String> = commands.map(|executed| executed.1.join(" ")).collect();
    Ok((user, commands.join("; ")))
}
