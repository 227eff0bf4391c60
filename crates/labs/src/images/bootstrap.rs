//! The base image: Debian, made by mmdebstrap.

use std::collections::VecDeque;
use std::process::Stdio;

use plateau_core::error::ErrorCode;
use rustix::process::{Pid, Signal, kill_process_group};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use super::build::{Build, no_network};
use super::recipe::{BASE, Base};

/// Lines of output that an error repeats.
const TAIL: usize = 20;

/// Why there is no first image.
#[derive(Debug, Error)]
pub enum BootstrapError {
    /// It is not installed.
    #[error("mmdebstrap is not installed")]
    Missing,
    /// It could not be run.
    #[error("run mmdebstrap")]
    Run(#[source] std::io::Error),
    /// It ended with an error.
    #[error("mmdebstrap ended with {status}; its last lines:\n{tail}")]
    Failed {
        /// How it ended.
        status: std::process::ExitStatus,
        /// The last lines of its output.
        tail: String,
    },
}

impl BootstrapError {
    /// What it is in the API.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Missing => ErrorCode::MmdebstrapMissing,
            Self::Run(_) => ErrorCode::MmdebstrapNotRun,
            Self::Failed { tail, .. } if no_network(tail).is_some() => ErrorCode::NoNetwork,
            Self::Failed { .. } => ErrorCode::MmdebstrapFailed,
        }
    }

    /// A hint that fits better than that of the code.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing | Self::Run(_) => None,
            Self::Failed { tail, .. } => no_network(tail),
        }
    }
}

/// The process and all that it starts: ended together when nobody waits any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Asked rather than killed, so that it takes its temporary folder away.
        let group = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = group.and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::TERM);
        }
    }
}

/// Makes a Debian and returns it as a tar; each line that it says is told.
pub(super) async fn bootstrap(base: &Base, build: &Build<'_>) -> Result<Vec<u8>, BootstrapError> {
    let mut child = Running(start(base)?);
    let (Some(mut output), Some(lines)) = (child.0.stdout.take(), child.0.stderr.take()) else {
        return Err(BootstrapError::Run(std::io::Error::other("no pipes")));
    };
    let mut tail = VecDeque::new();
    let mut tar = Vec::new();
    let listen = async {
        let mut lines = BufReader::new(lines).split(b'\n');
        while let Some(line) = lines.next_segment().await? {
            let line = String::from_utf8_lossy(&line).into_owned();
            if tail.len() == TAIL {
                tail.pop_front();
            }
            tail.push_back(line.clone());
            build.line(BASE, line).await;
        }
        Ok(())
    };
    tokio::try_join!(output.read_to_end(&mut tar), listen).map_err(BootstrapError::Run)?;
    let status = child.0.wait().await.map_err(BootstrapError::Run)?;
    if status.success() {
        Ok(tar)
    } else {
        Err(BootstrapError::Failed {
            status,
            tail: Vec::from(tail).join("\n"),
        })
    }
}

fn start(base: &Base) -> Result<Child, BootstrapError> {
    Command::new("mmdebstrap")
        .arg(format!("--variant={}", base.variant))
        .arg(format!("--include={}", base.include.join(",")))
        .arg("--format=tar")
        .args([&base.suite, "-"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                BootstrapError::Missing
            } else {
                BootstrapError::Run(error)
            }
        })
}
