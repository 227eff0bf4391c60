//! Finds the jobs of cron, in all places that Debian's cron reads.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use plateau_core::question::schedule::{Job, ScheduleSeen};

use super::crontab::{JobUser, parse_jobs};
use crate::accounts::{self, PasswdEntry};
use crate::bounded::{is_not_found, read_text, truncated};

const TABLE_LIMIT: u64 = 1 << 20;
const MAX_JOBS: usize = 500;
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
    read_system_table(Path::new("/etc/crontab"), &mut found)?;
    for path in list_folder("/etc/cron.d")? {
        if is_run_part(&path) {
            read_system_table(&path, &mut found)?;
        }
    }
    let tables = list_folder("/var/spool/cron/crontabs")?;
    if !tables.is_empty() {
        let users = accounts::read_passwd()?;
        for path in tables {
            read_user_table(&path, &users, &mut found)?;
        }
    }
    for (folder, when) in FOLDERS {
        for path in list_folder(folder)? {
            add_script(&path, when, &mut found)?;
        }
    }
    Ok(found)
}

/// Builds the observation, with at most as many jobs as an answer may hold.
pub(super) fn to_observation(mut jobs: Vec<Job>) -> ScheduleSeen {
    jobs.truncate(MAX_JOBS);
    for job in &mut jobs {
        job.command = truncated(std::mem::take(&mut job.command), COMMAND_LIMIT);
        job.when = truncated(std::mem::take(&mut job.when), COMMAND_LIMIT);
    }
    ScheduleSeen { jobs }
}

/// The paths in a folder, sorted; empty if it does not exist.
fn list_folder(folder: &str) -> anyhow::Result<Vec<PathBuf>> {
    let named = || format!("cannot read `{folder}`");
    let listing = match std::fs::read_dir(folder) {
        Err(error) if is_not_found(&error) => return Ok(Vec::new()),
        listing => listing.with_context(named)?,
    };
    let mut paths = Vec::new();
    for entry in listing {
        paths.push(entry.with_context(named)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Debian's cron and `run-parts` skip names with dots, such as leftovers of packages.
fn is_run_part(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy());
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    name.is_some_and(|name| name.bytes().all(allowed))
}

/// Reads a table that only root may write; cron ignores others.
fn read_system_table(path: &Path, found: &mut Vec<Job>) -> anyhow::Result<()> {
    let Some(file) = regular_file(path)? else {
        return Ok(());
    };
    if file.uid() == 0 && file.mode() & 0o022 == 0 {
        read_table(path, JobUser::InLine, found)?;
    }
    Ok(())
}

/// Reads a table of `crontab -e`, named after its user; cron ignores it if others can write it.
fn read_user_table(path: &Path, users: &[PasswdEntry], found: &mut Vec<Job>) -> anyhow::Result<()> {
    let name = path.file_name().map(|name| name.to_string_lossy());
    let user = users
        .iter()
        .find(|user| name.as_deref() == Some(&user.name));
    let (Some(user), Some(file)) = (user, regular_file(path)?) else {
        return Ok(());
    };
    let owned = file.uid() == 0 || file.uid() == user.uid;
    if owned && file.mode() & 0o7777 == 0o600 {
        read_table(path, JobUser::Fixed(&user.name), found)?;
    }
    Ok(())
}

fn read_table(path: &Path, user_source: JobUser<'_>, found: &mut Vec<Job>) -> anyhow::Result<()> {
    let text = read_text(path, TABLE_LIMIT)?.unwrap_or_default();
    // Debian's cron ignores a table whose last line does not end.
    if !text.ends_with('\n') {
        return Ok(());
    }
    let source = path.to_string_lossy();
    let room = MAX_JOBS.saturating_sub(found.len());
    let jobs = parse_jobs(&text, &source, user_source);
    found.extend(jobs.into_iter().take(room));
    Ok(())
}

fn add_script(path: &Path, when: &str, found: &mut Vec<Job>) -> anyhow::Result<()> {
    let runs = regular_file(path)?.is_some_and(|file| file.mode() & 0o111 != 0);
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
fn regular_file(path: &Path) -> anyhow::Result<Option<std::fs::Metadata>> {
    match std::fs::metadata(path) {
        Ok(file) => Ok(file.is_file().then_some(file)),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot look at `{}`", path.display())),
    }
}
