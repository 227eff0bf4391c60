//! `plateau backup` and `plateau restore`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use futures_util::{Stream, StreamExt as _};
use plateau_core::backup::{Manifest, read};

use crate::args::{BackupArgs, RestoreArgs};
use crate::client::Client;
use crate::failure::{Ending, Failure};
use crate::screen::Screen;

/// Program that puts backups back, since it alone knows folder and database.
const DAEMON: &str = "plateaud";

/// Takes a backup into a file, which is there whole or not at all.
pub(crate) async fn take(
    args: &BackupArgs,
    screen: Screen,
    daemon: &Client,
) -> Result<Ending, Failure> {
    let file = &args.output;
    refuse_taken(file, args.force)?;
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = file.with_file_name(name);
    let manifest = match fetch(&part, daemon).await {
        Ok(manifest) => manifest,
        Err(failure) => {
            // What is of no use must not take the space of the next try.
            let _ = fs::remove_file(&part);
            return Err(failure);
        }
    };
    refuse_taken(file, args.force)?;
    let placed = fs::rename(&part, file).and_then(|()| sync_folder(file));
    placed.map_err(|source| Failure::WriteFile {
        path: file.clone(),
        source,
    })?;
    screen.show(&manifest, |manifest| summary(manifest, file))?;
    Ok(Ending::Good)
}

fn refuse_taken(file: &Path, force: bool) -> Result<(), Failure> {
    match !force && fs::symlink_metadata(file).is_ok() {
        true => Err(Failure::BackupExists(file.to_owned())),
        false => Ok(()),
    }
}

/// Writes what the daemon sends, and reads it again as it is on the disk.
async fn fetch(part: &Path, daemon: &Client) -> Result<Manifest, Failure> {
    let failed = |source| Failure::WriteFile {
        path: part.to_owned(),
        source,
    };
    // Asked first: where the daemon refuses, no file is made.
    let mut pieces = daemon.backup().await?;
    // Of an earlier try that was killed.
    match fs::remove_file(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    // It holds keys.
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(part);
    let mut file = file.map_err(failed)?;
    write(&mut pieces, &mut file, part).await?;
    file.sync_all().map_err(failed)?;
    drop(file);
    let written = File::open(part).map_err(failed)?;
    let manifest = read(BufReader::new(written), |_, _| Ok(()));
    manifest.map_err(|source| Failure::Backup {
        path: part.to_owned(),
        source,
    })
}

async fn write(
    pieces: &mut (impl Stream<Item = Result<impl AsRef<[u8]>, Failure>> + Unpin),
    file: &mut File,
    part: &Path,
) -> Result<(), Failure> {
    while let Some(piece) = pieces.next().await {
        let written = file.write_all(piece?.as_ref());
        written.map_err(|source| Failure::WriteFile {
            path: part.to_owned(),
            source,
        })?;
    }
    Ok(())
}

fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|path| !path.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn summary(manifest: &Manifest, file: &Path) -> String {
    let bytes: u64 = manifest.members.iter().map(|member| member.bytes).sum();
    format!(
        "`{}` is a whole backup of {}: {} members, {} MiB before they were packed\n",
        file.display(),
        manifest.taken,
        manifest.members.len(),
        bytes.div_ceil(1 << 20)
    )
}

/// Has `plateaud` put a backup back, and ends as it ends.
pub(crate) fn put_back(args: &RestoreArgs) -> Result<Ending, Failure> {
    let beside = std::env::current_exe().ok();
    let beside = beside.and_then(|us| Some(us.parent()?.join(DAEMON)));
    let program = beside
        .filter(|path| path.exists())
        .unwrap_or_else(|| PathBuf::from(DAEMON));
    let mut command = Command::new(&program);
    for (option, value) in [
        ("--config", args.config.as_deref().map(Path::as_os_str)),
        ("--state", args.state.as_deref().map(Path::as_os_str)),
        ("--database", args.database.as_deref().map(str::as_ref)),
    ] {
        if let Some(value) = value {
            command.arg(option).arg(value);
        }
    }
    command.arg("restore");
    if args.force {
        command.arg("--force");
    }
    // It comes back only where there is no such program.
    let source = command.arg("--").arg(&args.file).exec();
    Err(Failure::NoProgram { program, source })
}
