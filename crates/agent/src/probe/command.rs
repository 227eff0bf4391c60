//! Runs a shell command: the one kind that trusts a program of the node.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use plateau_core::quantity::Span;
use plateau_core::question::command::{CommandQuestion, CommandSeen};
use rustix::process::{Gid, Pid, Signal, Uid, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::accounts;
use super::bounded::output;
use super::context::ProbeContext;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const USUAL_LIMIT: Span = Span(10_000);
const OUTPUT_LIMIT: usize = 64 << 10;

/// How long the output may stay open after the shell's end, which a daemon started by it does.
const DRAIN: Duration = Duration::from_millis(200);

/// Who runs a command.
struct Account {
    name: String,
    home: String,
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

pub(super) async fn see(
    question: &CommandQuestion,
    look: &ProbeContext,
) -> anyhow::Result<CommandSeen> {
    let name = question.user.clone();
    let account = match name {
        None => None,
        Some(name) => {
            let found = tokio::task::spawn_blocking(move || account(&name)).await??;
            // The candidate did not make the user: nothing of the kind is there, and nobody runs it.
            let Some(found) = found else {
                return Ok(CommandSeen::default());
            };
            Some(found)
        }
    };
    let span = question.timeout.unwrap_or(USUAL_LIMIT);
    let limit = Duration::from_millis(span.0).min(look.patience());

    let mut child = prepared(question, account)
        .spawn()
        .context("cannot start `/bin/sh`")?;
    let group = Group::of(&child);
    let (stdout, stderr) = (Kept::default(), Kept::default());
    let reading = tokio::spawn(futures_util::future::join(
        keep_first_part(child.stdout.take(), Arc::clone(&stdout)),
        keep_first_part(child.stderr.take(), Arc::clone(&stderr)),
    ));
    let Ok(ended) = timeout(limit, child.wait()).await else {
        drop(group);
        anyhow::bail!(
            "the command took longer than {}",
            Span(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))
        );
    };
    let status = ended.context("cannot wait for the command")?;
    // Nothing that a question started outlives it, but for what made itself a daemon.
    drop(group);
    let _ = timeout(DRAIN, reading).await;
    Ok(CommandSeen {
        exit: Some(exit(status)),
        stdout: Some(text(&stdout)),
        stderr: Some(text(&stderr)),
    })
}

fn account(name: &str) -> anyhow::Result<Option<Account>> {
    let users = accounts::users()?;
    let Some(user) = users.into_iter().find(|user| user.name == name) else {
        return Ok(None);
    };
    let groups = accounts::groups()?;
    let supplementary = accounts::groups_of(&groups, name).into_iter();
    let mut numbers: Vec<u32> = supplementary.map(|group| group.gid).collect();
    numbers.push(user.gid);
    numbers.sort_unstable();
    numbers.dedup();
    Ok(Some(Account {
        name: user.name,
        home: user.home,
        uid: Uid::from_raw(user.uid),
        gid: Gid::from_raw(user.gid),
        groups: numbers.into_iter().map(Gid::from_raw).collect(),
    }))
}

fn prepared(question: &CommandQuestion, account: Option<Account>) -> Command {
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
    let (name, home) = match &account {
        Some(account) => (account.name.as_str(), account.home.as_str()),
        None => ("root", "/root"),
    };
    command
        .env("HOME", home)
        .env("USER", name)
        .env("LOGNAME", name);
    if let Some(account) = account {
        become_user(&mut command, account);
    }
    command
}

/// Makes the command run as a user, with that user's groups and no others.
#[allow(unsafe_code)]
fn become_user(command: &mut Command, account: Account) {
    use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
    let change = move || {
        let Account {
            uid, gid, groups, ..
        } = &account;
        set_thread_groups(groups)?;
        set_thread_res_gid(*gid, *gid, *gid)?;
        set_thread_res_uid(*uid, *uid, *uid)?;
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes three system calls and allocates nothing; the
    // child has one thread, so that changing the thread is changing the process.
    unsafe {
        command.pre_exec(change);
    }
}

/// A group of processes that ends with this value.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        let number = child.id().and_then(|id| i32::try_from(id).ok());
        Self(number.and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Usually nobody is left in it.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// What was read so far; shared, because a daemon may hold the pipe open for ever.
type Kept = Arc<Mutex<Vec<u8>>>;

/// Reads to the end, lest the program wait for us, and keeps the first part.
async fn keep_first_part(stream: Option<impl AsyncRead + Unpin>, kept: Kept) {
    let Some(mut stream) = stream else {
        return;
    };
    let mut part = vec![0; 16 << 10];
    while let Ok(length @ 1..) = stream.read(&mut part).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let room = OUTPUT_LIMIT - kept.len();
        kept.extend(&part[..length.min(room)]);
    }
}

fn text(kept: &Kept) -> String {
    output(&kept.lock().unwrap_or_else(PoisonError::into_inner))
}

fn exit(status: ExitStatus) -> i64 {
    let by_signal = || 128 + status.signal().unwrap_or(0);
    i64::from(status.code().unwrap_or_else(by_signal))
}
