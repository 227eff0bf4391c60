//! A Podman service for one run of the suite: its data are empty at the start and gone at the end.
//!
//! Its configuration and the users that it may give to nodes are in files of its own, which lie over the
//! host's in a mount namespace of its own.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command::{as_root, command, run, say, succeeds, tail};
use crate::{build, engine, wait};

/// Most that its start and its end may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Of users that no host has of its own: a thousand nodes.
const SUBORDINATE: &str = "containers:1000000000:65536000\n";

/// Becomes the service, in a folder with its configuration.
const SERVE: &str = r#"
    export CONTAINERS_CONF="$0/containers.conf" CONTAINERS_STORAGE_CONF="$0/storage.conf"
    touch /etc/subuid /etc/subgid
    exec unshare --mount -- sh -c '
        mount --bind "$0/subordinate" /etc/subuid
        mount --bind "$0/subordinate" /etc/subgid
        exec podman system service --time=0 "unix://$0/podman.sock"
    ' "$0"
"#;

/// A running service.
pub(crate) struct Podman {
    child: Child,
    folder: PathBuf,
    data: PathBuf,
    log: PathBuf,
}

impl Podman {
    /// Starts one and waits until it answers.
    pub(crate) fn start() -> Result<Self> {
        let unique = std::process::id();
        // Paths of sockets may not be long.
        let folder = PathBuf::from(format!("/tmp/plateau-podman-{unique}"));
        let data = build::target_folder().join(format!("suite-engine-podman-{unique}"));
        let log = build::target_folder().join("podman.log");
        say(&format!(
            "starting a Podman service for this run, in {}; its log is {}",
            data.display(),
            log.display()
        ));
        fs::create_dir_all(&folder).context("cannot make the service's folder")?;
        fs::create_dir_all(&data).context("cannot make the service's data")?;
        let data = fs::canonicalize(&data).context("the service's data")?;
        for (name, content) in [
            ("subordinate", SUBORDINATE.to_owned()),
            ("storage.conf", storage(&folder, &data)),
            ("containers.conf", containers(&folder)),
        ] {
            fs::write(folder.join(name), content)
                .with_context(|| format!("cannot write `{name}`"))?;
        }
        let file = File::create(&log).context("cannot write the service's log")?;
        let mut serve = as_root("sh", &["-c", SERVE, &folder.display().to_string()]);
        serve
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            // Ctrl-C is for us: it ends after what talks to it.
            .process_group(0);
        let child = serve.spawn().context("cannot start Podman")?;
        let mut podman = Self {
            child,
            folder,
            data,
            log,
        };
        if wait::until(PATIENCE, || succeeds(podman.ask("GET", "_ping"))) {
            return Ok(podman);
        }
        let _ = podman.close();
        bail!(
            "the Podman service does not answer; the end of its log:\n{}",
            tail(&podman.log)
        )
    }

    /// What `DOCKER_HOST` has to be for whoever talks to it.
    pub(crate) fn docker_host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Gives it some images of the engine that the suite runs on.
    pub(crate) fn copy_images(&self, images: &[&str]) -> Result<()> {
        let names: Vec<String> = images.iter().map(|name| format!("names={name}")).collect();
        let mut saved = engine::request(&format!("/images/get?{}", names.join("&")));
        let mut saved = saved
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot read images")?;
        let archive = saved.stdout.take().context("no archive of images")?;
        let mut load = self.ask("POST", "images/load");
        load.args([
            "--upload-file",
            "-",
            "--header",
            "Content-Type: application/x-tar",
        ])
        .stdin(archive)
        .stdout(Stdio::null());
        run(load).context("cannot give Podman the images")?;
        let status = saved.wait().context("cannot read images")?;
        if !status.success() {
            bail!("the engine has not all of {}", images.join(", "));
        }
        Ok(())
    }

    /// Ends it and removes everything of it.
    pub(crate) fn end(mut self) -> Result<()> {
        let listed = crate::command::output(self.ask("GET", "containers/json?all=1"))?;
        let listed: Vec<serde_json::Value> =
            serde_json::from_str(&listed).context("the service's containers")?;
        for id in listed
            .iter()
            .filter_map(|container| container["Id"].as_str())
        {
            run(self.ask("DELETE", &format!("containers/{id}?force=1")))?;
        }
        self.close()
    }

    fn close(&mut self) -> Result<()> {
        let id = self.child.id().to_string();
        succeeds(as_root("kill", &[&id]));
        let ended = wait::until(PATIENCE, || !matches!(self.child.try_wait(), Ok(None)));
        // Monitors of commands stay for five minutes, and then clean up after them in folders that are gone.
        // The brackets keep the pattern from matching who asks for it.
        let monitors = format!("[c]onmon.*{}", self.data.display());
        succeeds(as_root("pkill", &["-KILL", "-f", &monitors]));
        let (folder, data) = (
            self.folder.display().to_string(),
            self.data.display().to_string(),
        );
        run(as_root("rm", &["-rf", "--one-file-system", &folder, &data]))?;
        if ended {
            return Ok(());
        }
        bail!("the Podman service did not end");
    }

    fn ask(&self, method: &str, path: &str) -> Command {
        let socket = self.socket().display().to_string();
        let quiet = ["--silent", "--show-error", "--fail", "--request", method];
        let mut words = quiet.to_vec();
        let address = format!("http://podman/{path}");
        words.extend(["--unix-socket", &socket, &address]);
        if crate::command::is_root() {
            command("curl", &words)
        } else {
            as_root("curl", &words)
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("podman.sock")
    }
}

fn storage(folder: &Path, data: &Path) -> String {
    format!(
        "[storage]\ndriver = \"overlay\"\ngraphroot = \"{}/storage\"\nrunroot = \"{}/run\"\n",
        data.display(),
        folder.display()
    )
}

/// crun refuses hosts with both versions of control groups, so runc it is. Whoever listens to events loses
/// their connection when their file is rotated, so it has room for a whole run.
fn containers(folder: &Path) -> String {
    format!(
        "[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n\
         events_logfile_max_size = \"1000m\"\nlock_type = \"file\"\ntmp_dir = \"{}/tmp\"\n",
        folder.display()
    )
}
