//! Becomes a user's login shell in the terminal that is its standard input.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use rustix::process::{Gid, Uid};

use super::arguments::LoginArgs;
use super::locale::locale;
use crate::accounts;

const ROOT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const USER_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games";

/// Takes the terminal, becomes the user, and becomes their shell. Returns only with an error, which
/// the terminal shows.
pub(crate) fn run(arguments: &LoginArgs) -> anyhow::Result<()> {
    let passwd = std::fs::read_to_string("/etc/passwd").context("cannot read `/etc/passwd`")?;
    let user = accounts::find_login(&passwd, &arguments.user)
        .with_context(|| format!("no user named `{}`", arguments.user))?;
    let group = std::fs::read_to_string("/etc/group").unwrap_or_default();

    rustix::process::setsid().context("cannot start a session")?;
    let terminal = std::io::stdin();
    rustix::process::ioctl_tiocsctty(&terminal).context("cannot take the terminal")?;
    let uid = Uid::from_raw(user.uid);
    let gid = Gid::from_raw(user.gid);
    // Programs in the terminal, such as `screen` and `ssh`, open it again.
    rustix::fs::fchown(&terminal, Some(uid), None)
        .context("cannot give the terminal to the user")?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));

    // This process has one thread, so that changing the thread changes the process.
    let groups: Vec<Gid> = accounts::group_ids(&group, &user)
        .into_iter()
        .map(Gid::from_raw)
        .collect();
    rustix::thread::set_thread_groups(&groups).context("cannot set the groups")?;
    rustix::thread::set_thread_res_gid(gid, gid, gid).context("cannot set the group")?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).context("cannot set the user")?;

    let mut shell = Command::new(&user.shell);
    let name = Path::new(&user.shell)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    // The dash tells a shell that it is a login shell.
    shell.arg0(format!("-{name}")).env_clear();
    shell
        .env("HOME", &user.home)
        .env("USER", &user.name)
        .env("LOGNAME", &user.name)
        .env("SHELL", &user.shell)
        .env("TERM", "xterm-256color")
        .env("PATH", if user.uid == 0 { ROOT_PATH } else { USER_PATH });
    let locale_file = ["/etc/default/locale", "/etc/locale.conf"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok())
        .unwrap_or_default();
    shell.envs(locale(&locale_file));
    if std::env::set_current_dir(&user.home).is_err() {
        std::env::set_current_dir("/").context("cannot change to `/`")?;
    }
    Err(shell.exec()).with_context(|| format!("cannot run `{}`", user.shell))
}
