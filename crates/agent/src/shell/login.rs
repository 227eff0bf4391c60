//! Becomes a user's login shell in the terminal that is its standard input.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use rustix::process::{Gid, Uid};

use super::{Login, account};

const ROOT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const USER_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games";

/// Takes the terminal, becomes the user, and becomes his shell. Comes back only with an error,
/// which the terminal shows.
pub(crate) fn run(login: &Login) -> anyhow::Result<()> {
    let passwd = std::fs::read_to_string("/etc/passwd").context("read `/etc/passwd`")?;
    let account = account::find(&passwd, &login.user)
        .with_context(|| format!("there is no user `{}`", login.user))?;
    let group = std::fs::read_to_string("/etc/group").unwrap_or_default();

    rustix::process::setsid().context("begin a session")?;
    let terminal = std::io::stdin();
    rustix::process::ioctl_tiocsctty(&terminal).context("take the terminal")?;
    let uid = Uid::from_raw(account.uid);
    let gid = Gid::from_raw(account.gid);
    // So that what runs in it can open it again, as `screen` and `ssh` do.
    rustix::fs::fchown(&terminal, Some(uid), None).context("hand over the terminal")?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));

    // This process has one thread, so that of the thread is that of the process.
    let groups: Vec<Gid> = account::groups(&group, &account)
        .into_iter()
        .map(Gid::from_raw)
        .collect();
    rustix::thread::set_thread_groups(&groups).context("join the groups")?;
    rustix::thread::set_thread_res_gid(gid, gid, gid).context("become the group")?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).context("become the user")?;

    let mut shell = Command::new(&account.shell);
    let name = Path::new(&account.shell)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    // The dash is how a shell knows that it is a login shell.
    shell.arg0(format!("-{name}")).env_clear();
    shell
        .env("HOME", &account.home)
        .env("USER", &account.name)
        .env("LOGNAME", &account.name)
        .env("SHELL", &account.shell)
        .env("TERM", "xterm-256color")
        .env(
            "PATH",
            if account.uid == 0 {
                ROOT_PATH
            } else {
                USER_PATH
            },
        );
    let locale = ["/etc/default/locale", "/etc/locale.conf"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok())
        .unwrap_or_default();
    shell.envs(account::locale(&locale));
    if std::env::set_current_dir(&account.home).is_err() {
        std::env::set_current_dir("/").context("go to `/`")?;
    }
    Err(shell.exec()).with_context(|| format!("become `{}`", account.shell))
}
