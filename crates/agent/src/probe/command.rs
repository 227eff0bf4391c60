//! Runs a shell command. No other kind trusts a program of the node.

use std::os::unix::process::ExitStatusExt;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use plateau_core::quantity::Span;
use plateau_core::question::command::{CommandQuestion, CommandSeen};
use plateau_core::question::{Observation, Question};
use rustix::process::{Gid, Pid, Signal, Uid, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::context::ProbeContext;
use crate::accounts;
use crate::bounded::output_text;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const DEFAULT_LIMIT: Span = Span(10_000);
const OUTPUT_LIMIT: usize = 64 << 10;

/// How long the output may stay open after the shell's end: a daemon that it started may hold it.
const DRAIN: Duration = Duration::from_millis(200);

/// The user who runs a command.
struct Credentials {
    name: String,
    home: String,
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

/// Answers `command` alone, as [`Observe`](super::context::Observe) wants it.
pub(crate) fn observe_commands(
    question: Question,
    context: ProbeContext,
) -> Pin<Box<dyn Future<Output = anyhow::Result<Observation>> + Send>> {
    Box::pin(async move {
        let Question::Command(question) = question else {
            anyhow::bail!("`{}` is for the observer to ask", question.kind());
        };
        Ok(Observation::Command(observe(&question, &context).await?))
    })
}

async fn observe(
    question: &CommandQuestion,
    context: &ProbeContext,
) -> anyhow::Result<CommandSeen> {
    let name = question.user.clone();
    let credentials = match name {
        None => None,
        Some(name) => {
            let found = tokio::task::spawn_blocking(move || find_credentials(&name)).await??;
            // The candidate did not create the user: the command cannot run.
            let Some(found) = found else {
                return Ok(CommandSeen::default());
            };
            Some(found)
        }
    };
    let span = question.timeout.unwrap_or(DEFAULT_LIMIT);
    let limit = Duration::from_millis(span.0).min(context.time_limit());

    let mut child = build_command(question, credentials)
        .spawn()
        .context("cannot start `/bin/sh`")?;
    let group = ProcessGroup::of(&child);
    let (stdout, stderr) = (CapturedOutput::default(), CapturedOutput::default());
    let reading = tokio::spawn(futures_util::future::join(
        capture(child.stdout.take(), Arc::clone(&stdout)),
        capture(child.stderr.take(), Arc::clone(&stderr)),
    ));
    let Ok(ended) = timeout(limit, child.wait()).await else {
        drop(group);
        anyhow::bail!(
            "the command took longer than {}",
            Span(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))
        );
    };
    let status = ended.context("cannot wait for the command")?;
    // Nothing that a question started outlives it, except for daemons in sessions of their own.
    drop(group);
    let _ = timeout(DRAIN, reading).await;
    Ok(CommandSeen {
        exit: Some(exit_code(status)),
        stdout: Some(captured_text(&stdout)),
        stderr: Some(captured_text(&stderr)),
    })
}

fn find_credentials(name: &str) -> anyhow::Result<Option<Credentials>> {
    let users = accounts::read_passwd()?;
    let Some(user) = users.into_iter().find(|user| user.name == name) else {
        return Ok(None);
    };
    let groups = accounts::read_group()?;
    let supplementary = accounts::supplementary_groups(&groups, name).into_iter();
    let mut numbers: Vec<u32> = supplementary.map(|group| group.gid).collect();
    numbers.push(user.gid);
    numbers.sort_unstable();
    numbers.dedup();
    Ok(Some(Credentials {
        name: user.name,
        home: user.home,
        uid: Uid::from_raw(user.uid),
        gid: Gid::from_raw(user.gid),
        groups: numbers.into_iter().map(Gid::from_raw).collect(),
    }))
}

fn build_command(question: &CommandQuestion, credentials: Option<Credentials>) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", &question.run])
        .env_clear()
        .env("PATH", PATH)
        .env("LANG", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let (name, home) = match &credentials {
        Some(credentials) => (credentials.name.as_str(), credentials.home.as_str()),
        None => ("root", "/root"),
    };
    command
        .env("HOME", home)
        .env("USER", name)
        .env("LOGNAME", name);
    if let Some(credentials) = credentials {
        become_user(&mut command, credentials);
    }
    command
}

/// Makes the command run as a user, with only that user's groups.
#[expect(
    unsafe_code,
    reason = "no safe interface changes the user after the fork"
)]
fn become_user(command: &mut Command, credentials: Credentials) {
    use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
    let change = move || {
        let Credentials {
            uid, gid, groups, ..
        } = &credentials;
        set_thread_groups(groups)?;
        set_thread_res_gid(*gid, *gid, *gid)?;
        set_thread_res_uid(*uid, *uid, *uid)?;
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes three system calls and allocates nothing. The
    // child has one thread, so that changing the thread changes the process.
    unsafe {
        command.pre_exec(change);
    }
}

/// A group of processes that is killed when this value is dropped.
struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    fn of(child: &tokio::process::Child) -> Self {
        let number = child.id().and_then(|id| i32::try_from(id).ok());
        Self(number.and_then(Pid::from_raw))
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Usually no process is left in it.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// What has been read so far; shared, because a daemon may hold the pipe open for ever.
type CapturedOutput = Arc<Mutex<Vec<u8>>>;

/// Reads to the end, so that the program never blocks, and stores the first part.
async fn capture(stream: Option<impl AsyncRead + Unpin>, captured: CapturedOutput) {
    let Some(mut stream) = stream else {
        return;
    };
    let mut part = vec![0; 16 << 10];
    while let Ok(length @ 1..) = stream.read(&mut part).await {
        let mut captured = captured.lock().unwrap_or_else(PoisonError::into_inner);
        let room = OUTPUT_LIMIT - captured.len();
        captured.extend(&part[..length.min(room)]);
    }
}

fn captured_text(captured: &CapturedOutput) -> String {
    output_text(&captured.lock().unwrap_or_else(PoisonError::into_inner))
}

fn exit_code(status: ExitStatus) -> i64 {
    let by_signal = || 128 + status.signal().unwrap_or(0);
    i64::from(status.code().unwrap_or_else(by_signal))
}
