//! Looks for the jobs of cron, wherever Debian's cron takes them from.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use plateau_core::question::schedule::{Job, ScheduleSeen};

use super::accounts::{self, User};
use super::bounded::{cut, is_absent, text_of};
use super::crontab::{Owner, jobs};

const TABLE_LIMIT: u64 = 1 << 20;
const MOST_JOBS: usize = 500;
const COMMAND_LIMIT: usize = 4 << 10;
const FOLDERS: [(&str, &str); 4] = [
    ("/etc/cron.hourly", "@hourly"),
    ("/etc/cron.daily", "@daily"),
    ("/etc/cron.weekly", "@weekly"),
    ("/etc/cron.monthly", "@monthly"),
];

/// All jobs of cron.
pub(super) fn cron_jobs() -> anyhow::Result<Vec<Job>> {
    let mut found = Vec::new();
    system_table(Path::new("/etc/crontab"), &mut found)?;
    for path in entries("/etc/cron.d")? {
        if is_run_part(&path) {
            system_table(&path, &mut found)?;
        }
    }
    let tables = entries("/var/spool/cron/crontabs")?;
    if !tables.is_empty() {
        let users = accounts::users()?;
        for path in tables {
            user_table(&path, &users, &mut found)?;
        }
    }
    for (folder, when) in FOLDERS {
        for path in entries(folder)? {
            scripts(&path, when, &mut found)?;
        }
    }
    Ok(found)
}

/// Puts the jobs together, at most as many as an answer may hold.
pub(super) fn seen(mut jobs: Vec<Job>) -> ScheduleSeen {
    jobs.truncate(MOST_JOBS);
    for job in &mut jobs {
        job.command = cut(std::mem::take(&mut job.command), COMMAND_LIMIT);
        job.when = cut(std::mem::take(&mut job.when), COMMAND_LIMIT);
    }
    ScheduleSeen { jobs }
}

/// What lies in a folder, sorted; nothing where it does not exist.
fn entries(folder: &str) -> anyhow::Result<Vec<PathBuf>> {
    let named = || format!("cannot read `{folder}`");
    let listing = match std::fs::read_dir(folder) {
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        listing => listing.with_context(named)?,
    };
    let mut paths = Vec::new();
    for entry in listing {
        paths.push(entry.with_context(named)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Debian's cron passes over names with dots, as of packaging leftovers, and so does `run-parts`.
fn is_run_part(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy());
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    name.is_some_and(|name| name.bytes().all(allowed))
}

/// A table that only root may write; cron takes no other.
fn system_table(path: &Path, found: &mut Vec<Job>) -> anyhow::Result<()> {
    let Some(file) = regular(path)? else {
        return Ok(());
    };
    if file.uid() == 0 && file.mode() & 0o022 == 0 {
        table(path, Owner::Named, found)?;
    }
    Ok(())
}

/// A table of `crontab -e`, named after its user; cron takes only what nobody else can write.
fn user_table(path: &Path, users: &[User], found: &mut Vec<Job>) -> anyhow::Result<()> {
    let name = path.file_name().map(|name| name.to_string_lossy());
    let user = users
        .iter()
        .find(|user| name.as_deref() == Some(&user.name));
    let (Some(user), Some(file)) = (user, regular(path)?) else {
        return Ok(());
    };
    let owned = file.uid() == 0 || file.uid() == user.uid;
    if owned && file.mode() & 0o7777 == 0o600 {
        table(path, Owner::Everywhere(&user.name), found)?;
    }
    Ok(())
}

fn table(path: &Path, owner: Owner<'_>, found: &mut Vec<Job>) -> anyhow::Result<()> {
    let text = text_of(path, TABLE_LIMIT)?.unwrap_or_default();
    // Debian's cron takes nothing from a table whose last line does not end.
    if !text.ends_with('\n') {
        return Ok(());
    }
    let source = path.to_string_lossy();
    let room = MOST_JOBS.saturating_sub(found.len());
    found.extend(jobs(&text, &source, owner).take(room));
    Ok(())
}

fn scripts(path: &Path, when: &str, found: &mut Vec<Job>) -> anyhow::Result<()> {
    let runs = regular(path)?.is_some_and(|file| file.mode() & 0o111 != 0);
    if runs && is_run_part(path) {
        let path = path.to_string_lossy().into_owned();
        found.push(Job {
            kind: "cron".to_owned(),
            source: path.clone(),
            when: when.to_owned(),
            user: "root".to_owned(),
            command: path,
        });
    }
    Ok(())
}

/// The regular file at a path, also behind a link.
fn regular(path: &Path) -> anyhow::Result<Option<std::fs::Metadata>> {
    match std::fs::metadata(path) {
        Ok(file) => Ok(file.is_file().then_some(file)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot look at `{}`", path.display())),
    }
}
