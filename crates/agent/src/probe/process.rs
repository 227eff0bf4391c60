//! Finds running processes by the name of their program.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use plateau_core::question::process::{ProcessQuestion, ProcessSeen};
use procfs::ProcError;
use procfs::process::{Process, all_processes};
use rustix::io::Errno;

use crate::accounts;
use crate::bounded::truncated;

const COMMAND_LIMIT: usize = 4 << 10;
const MAX_COMMANDS: usize = 256;

pub(super) fn observe(question: &ProcessQuestion) -> anyhow::Result<ProcessSeen> {
    let mut count = 0;
    let mut uids = BTreeSet::new();
    let mut commands = BTreeSet::new();
    for process in all_processes().context("cannot read `/proc`")? {
        let process = match process {
            Err(ref error) if has_exited(error) => continue,
            process => process.context("cannot look at a process")?,
        };
        let Some((uid, command)) = (match match_program(&process, &question.name) {
            Err(ref error) if has_exited(error) => None,
            match_program => {
                match_program.with_context(|| format!("cannot look at process {}", process.pid))?
            }
        }) else {
            continue;
        };
        count += 1;
        uids.insert(uid);
        if commands.len() < MAX_COMMANDS {
            commands.insert(truncated(command, COMMAND_LIMIT));
        }
    }
    let users = accounts::read_passwd()?;
    let names: BTreeSet<String> = uids
        .into_iter()
        .map(|uid| accounts::user_name(&users, uid))
        .collect();
    let there = count > 0;
    Ok(ProcessSeen {
        running: Some(there),
        count: Some(count),
        users: there.then(|| names.into_iter().collect()),
        commands: there.then(|| commands.into_iter().collect()),
    })
}

/// The user and command line of a process if it runs this program.
///
/// The executable decides, because a process can change its own name.
pub(crate) fn match_program(
    process: &Process,
    name: &str,
) -> Result<Option<(u32, String)>, ProcError> {
    let words = process.cmdline()?;
    // Kernel threads and zombies have no command line.
    if words.is_empty() {
        return Ok(None);
    }
    let runs = match process.exe() {
        Ok(executable) => base_name(&executable).as_deref() == Some(name),
        // Some kernels hide the executables of some processes from everybody. If the kernel's short name
        // matches, the process may run the program, which cannot be decided.
        Err(ProcError::PermissionDenied(_)) if !comm_may_match(&process.stat()?.comm, name) => {
            false
        }
        Err(error) => return Err(error),
    };
    if !runs {
        return Ok(None);
    }
    let uid = process.status()?.euid;
    Ok(Some((uid, words.join(" ").trim_end().to_owned())))
}

/// Base name of the executable, where the kernel lets us see it.
pub(super) fn program_name(process: &Process) -> Option<String> {
    base_name(&process.exe().ok()?)
}

/// Whether the kernel's name of a process, its first 15 bytes, may be this program's.
fn comm_may_match(comm: &str, name: &str) -> bool {
    comm == name || comm.len() >= 15 && name.starts_with(comm)
}

fn base_name(executable: &Path) -> Option<String> {
    let name = executable.file_name()?.to_string_lossy().into_owned();
    // The kernel marks a replaced executable like this, for example after an update.
    Some(name.strip_suffix(" (deleted)").unwrap_or(&name).to_owned())
}

/// Whether an error says that the process ended meanwhile.
pub(crate) fn has_exited(error: &ProcError) -> bool {
    match error {
        ProcError::NotFound(_) => true,
        ProcError::Io(error, _) => Errno::from_io_error(error) == Some(Errno::SRCH),
        ProcError::PermissionDenied(_)
        | ProcError::Incomplete(_)
        | ProcError::Other(_)
        | ProcError::InternalError(_) => false,
    }
}
