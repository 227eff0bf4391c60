//! A container engine beside the host's, which may be killed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::{root, wait_until};

/// Most that starting or ending it may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// Starts a daemon in a network namespace of its own, where the loopback alone is up: an engine makes
/// and removes bridges, addresses and rules, and the host's are not its own. Sockets on the file
/// system are reached across namespaces all the same.
const APART: &[&str] = &[
    "--net",
    "--",
    "sh",
    "-c",
    "ip link set lo up && exec \"$@\"",
    "sh",
];

/// A `dockerd` with data, socket, log and network namespace of its own, without networks; all of it
/// ends with it. Only root can start one.
pub struct Engine {
    /// With its sockets, whose paths may not be long.
    folder: TempDir,
    /// On a disk, where layers can lie over one another.
    data: TempDir,
    child: Option<Child>,
}

impl Engine {
    /// Starts one that has these images of the host's.
    ///
    /// # Panics
    /// Where it does not answer, or the host has no such image.
    #[must_use]
    pub fn with_images(images: &[&str]) -> Self {
        let target = root().join("target");
        let mut data = tempfile::Builder::new();
        let data = data.prefix("engine-").tempdir_in(target);
        let mut engine = Self {
            folder: tempfile::tempdir().expect("a folder"),
            data: data.expect("a folder"),
            child: None,
        };
        engine.start();
        for image in images {
            engine.copy(image);
        }
        engine
    }

    /// Starts it, again after it was ended, and waits until it answers.
    ///
    /// # Panics
    /// Where it does not.
    pub fn start(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path("log"));
        let log = log.expect("a log");
        let child = Command::new("unshare")
            .args(APART)
            .arg("dockerd")
            .arg("--data-root")
            .arg(self.data.path())
            .arg("--exec-root")
            .arg(self.path("exec"))
            .arg("--pidfile")
            .arg(self.path("pid"))
            .arg(format!("--host=unix://{}", self.socket().display()))
            .args(["--bridge=none", "--iptables=false", "--ip-forward=false"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn();
        self.child = Some(child.expect("dockerd starts"));
        wait_until("the engine answers", PATIENCE, || {
            let ended = self.child.as_mut().map(Child::try_wait);
            assert!(
                matches!(ended, Some(Ok(None))),
                "dockerd ended: {}",
                fs::read_to_string(self.path("log")).unwrap_or_default()
            );
            self.answers()
        });
    }

    /// Kills it as a power cut would; what runs in containers is not asked.
    ///
    /// # Panics
    /// Where it cannot be killed.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it is killed");
        child.wait().expect("it is gone");
        let _ = fs::remove_file(self.path("pid"));
    }

    /// Ends it as whoever updates it does: containers are stopped.
    ///
    /// # Panics
    /// Where it does not end.
    pub fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        end(child.id());
        wait_until("the engine ends", PATIENCE, || {
            matches!(child.try_wait(), Ok(Some(_)))
        });
    }

    /// The socket that it listens on.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path("docker.sock")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn answers(&self) -> bool {
        let asked = api(&self.socket(), "_ping").output();
        asked.is_ok_and(|asked| asked.status.success())
    }

    fn copy(&self, image: &str) {
        let mut saved = api(&host_socket(), &format!("images/{image}/get"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("curl starts");
        let image = saved.stdout.take().expect("its output");
        let loaded = api(&self.socket(), "images/load")
            .args(["--request", "POST", "--upload-file", "-"])
            .args(["--header", "Content-Type: application/x-tar"])
            .stdin(image)
            .output()
            .expect("curl starts");
        let saved = saved.wait().expect("it ends");
        assert!(saved.success() && loaded.status.success(), "{loaded:?}");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Ended in order, it takes its mounts and its containers' processes along, also those that
        // one before it left when it was killed.
        if self.child.is_none() && !std::thread::panicking() {
            self.start();
        }
        if let Some(mut child) = self.child.take() {
            end(child.id());
            let _ = child.wait();
        }
        let containerd = fs::read_to_string(self.path("exec/containerd/containerd.pid"));
        if let Some(pid) = containerd.ok().and_then(|pid| pid.trim().parse().ok()) {
            end(pid);
        }
        // An engine that was killed leaves its data mounted over itself.
        let unmount = || Command::new("umount").arg(self.data.path()).output();
        while unmount().is_ok_and(|done| done.status.success()) {}
    }
}

/// The socket of the engine that the tests run on: `DOCKER_HOST`'s, or the usual one.
#[must_use]
pub fn host_socket() -> PathBuf {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    let socket = host.strip_prefix("unix://");
    PathBuf::from(socket.unwrap_or("/var/run/docker.sock"))
}

fn end(pid: u32) {
    // One that has ended is none to be ended.
    let _ = Command::new("kill").arg(pid.to_string()).status();
}

fn api(socket: &Path, path: &str) -> Command {
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--fail", "--unix-socket"])
        .arg(socket)
        .arg(format!("http://localhost/{path}"));
    command
}
