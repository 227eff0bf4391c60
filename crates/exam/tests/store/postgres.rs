//! A real PostgreSQL of a test's own: on a Unix socket in a temporary folder, gone with the test.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Users that it may run as, since it refuses root; the first that is there.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// Superuser of the cluster.
const SUPERUSER: &str = "plateau";

/// A server that runs.
pub(crate) struct Postgres {
    server: Child,
    folder: tempfile::TempDir,
}

impl Postgres {
    /// Starts one with an empty cluster, and returns when it accepts connections.
    pub(crate) fn start() -> Self {
        let programs = programs();
        let folder = tempfile::tempdir().unwrap();
        let user = is_root().then(user);
        if let Some(user) = user {
            finish(Command::new("chown").arg(user).arg(folder.path()));
        }
        let data = folder.path().join("data");
        let mut initdb = as_user(user, &programs.join("initdb"), folder.path());
        initdb.args(["--no-sync", "--locale=C", "--encoding=UTF8", "--auth=trust"]);
        initdb
            .args(["--username", SUPERUSER, "--pgdata"])
            .arg(&data);
        finish(&mut initdb);

        let mut server = as_user(user, &programs.join("postgres"), folder.path());
        server.arg("-D").arg(&data);
        server.arg("-k").arg(folder.path());
        // Nobody needs what a test wrote after a power cut.
        for setting in ["listen_addresses=", "fsync=off", "full_page_writes=off"] {
            server.args(["-c", setting]);
        }
        let mut server = server.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(server.stderr.take().unwrap()).lines();
        let mut told = String::new();
        let ready = log.by_ref().map_while(Result::ok).any(|line| {
            told.push_str(&line);
            told.push('\n');
            line.contains("ready to accept connections")
        });
        assert!(ready, "PostgreSQL does not start:\n{told}");
        // Somebody has to read on, or the server would wait for it.
        std::thread::spawn(move || log.for_each(drop));
        Self { server, folder }
    }

    /// The URL of its one database.
    pub(crate) fn url(&self) -> String {
        let folder = self.folder.path().display();
        format!("postgres://{SUPERUSER}@localhost/postgres?host={folder}")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // An error says that it is gone already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Folder of the newest PostgreSQL's programs, where Debian puts them.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql");
    let newest = versions
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        });
    let (_, programs) = newest
        .max()
        .expect("PostgreSQL is not installed: `cargo xtask setup` does it");
    programs
}

/// A program that ends with the thread that started it, as a user.
fn as_user(user: Option<&str>, program: &Path, folder: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if let Some(user) = user {
        command.args(["--reuid", user, "--clear-groups"]);
        command.args(["--regid", &group_of(user)]);
    }
    command.arg(program).current_dir(folder);
    command.env("LC_ALL", "C").stdin(Stdio::null());
    command
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

fn user() -> &'static str {
    let there = |user: &&str| id(&["-u", user]).is_some();
    USERS.into_iter().find(there).unwrap()
}

fn group_of(user: &str) -> String {
    id(&["-g", user]).unwrap()
}

fn id(args: &[&str]) -> Option<String> {
    let output = Command::new("id").args(args).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| text.trim().to_owned())
}

fn finish(command: &mut Command) {
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
}
