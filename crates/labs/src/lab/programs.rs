//! Programs in nodes: a person's commands, and the scenario's scripts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use plateau_core::api::{ExecRequest, ExecResult, ScriptRun};
use plateau_core::topology::Script;

use super::LabError;
use super::containers::Containers;
use super::core::LabCore;
use super::quota::{ProgramQuota, ProgramUse};
use crate::layout;
use crate::runtime::{Attached, ExecOutput, ExecSpec, OutputEnd, Running, RuntimeError};

/// Marks the processes of one program, so that they are found when it takes too long.
const MARK: &str = "PLATEAU_PROGRAM";

/// Reads all of the script before the first line is run: a command that reads its standard input
/// would eat the rest of it otherwise.
const SHELL: [&str; 5] = ["/bin/bash", "-euo", "pipefail", "-c", r#"eval "$(cat)""#];

/// Ends what carries a mark. An engine cannot end a program, and from outside the node's pid
/// namespace its processes have other numbers.
const END: &str = r#"for process in /proc/[0-9]*; do
  if grep -qzxF "$1" "$process/environ" 2>/dev/null; then kill -KILL "${process##*/}"; fi
done"#;

const EXEC_TIMEOUT: Duration = Duration::from_secs(60);
const EXEC_LIMIT: usize = 1 << 20;
const SCRIPT_LIMIT: usize = 8 << 10;

/// What `timeout` ends with.
const TIMED_OUT: i64 = 124;

/// Runs programs in nodes: people's, and the scenario's.
#[derive(Debug)]
pub(super) struct Programs {
    core: Arc<LabCore>,
    containers: Arc<Containers>,
    quota: ProgramQuota,
}

impl Programs {
    pub(super) fn new(core: Arc<LabCore>, containers: Arc<Containers>) -> Self {
        let quota = ProgramQuota::new();
        Self {
            core,
            containers,
            quota,
        }
    }

    /// Runs a person's command.
    pub(super) async fn exec(&self, node: &str, exec: ExecRequest) -> Result<ExecResult, LabError> {
        self.core.running(node)?;
        if exec.argv.is_empty() {
            return Err(LabError::NothingToRun);
        }
        let lab = &self.core.marker.name;
        let _place = self.quota.take(ProgramUse::Person, lab).await?;
        let spec = ExecSpec {
            argv: exec.argv,
            env: BTreeMap::new(),
            stdin: exec.stdin.unwrap_or_default().into_bytes(),
            timeout: exec.timeout_ms.map_or(EXEC_TIMEOUT, Duration::from_millis),
            limit: EXEC_LIMIT,
            keep: OutputEnd::Head,
        };
        match self.bounded(node, spec).await {
            Ok(output) => Ok(result_of(output)),
            Err(RuntimeError::Timeout { limit, .. }) => Err(LabError::CommandTimeout {
                node: node.to_owned(),
                limit,
            }),
            Err(error) => {
                let doing = format!("run a command in node `{node}`");
                Err(LabError::runtime(doing)(error))
            }
        }
    }

    /// Runs one of the scenario's scripts as root. A script that fails or never ends is not an error.
    pub(super) async fn run_script(
        &self,
        node: &str,
        script: &Script,
    ) -> Result<ScriptRun, LabError> {
        self.core.running(node)?;
        let spec = ExecSpec {
            argv: SHELL.map(str::to_owned).to_vec(),
            env: BTreeMap::new(),
            stdin: script.text.clone().into_bytes(),
            timeout: self.core.context.settings.script_timeout,
            limit: SCRIPT_LIMIT,
            keep: OutputEnd::Tail,
        };
        let result = match self.bounded(node, spec).await {
            Ok(output) => result_of(output),
            Err(RuntimeError::Timeout { limit, .. }) => ExecResult {
                exit: TIMED_OUT,
                stdout: String::new(),
                stderr: format!("it took longer than {limit:?} and was ended"),
            },
            Err(error) => {
                let doing = format!("run script `{}` in node `{node}`", script.source);
                return Err(LabError::runtime(doing)(error));
            }
        };
        Ok(ScriptRun {
            node: node.to_owned(),
            script: script.source.clone(),
            result,
        })
    }

    /// Opens a terminal.
    pub(super) async fn terminal(
        &self,
        node: &str,
        name: &str,
        user: &str,
    ) -> Result<Attached, LabError> {
        self.core.running(node)?;
        // Two people's terminals are two, also where they call them the same.
        let name = match user {
            "root" => name.to_owned(),
            user => format!("{name}.{user}"),
        };
        let argv = [layout::AGENT, "shell", "--name", &name, "--user", user].map(str::to_owned);
        let doing = format!("open a terminal of node `{node}`");
        self.core
            .context
            .runtime
            .attach(&self.containers.current(node), &argv)
            .await
            .map_err(LabError::runtime(doing))
    }

    /// Runs a program with its streams attached, for as long as it likes.
    pub(super) async fn run(
        &self,
        node: &str,
        argv: &[String],
        used: ProgramUse,
    ) -> Result<Running, LabError> {
        self.core.running(node)?;
        if argv.is_empty() {
            return Err(LabError::NothingToRun);
        }
        let place = self.quota.take(used, &self.core.marker.name).await?;
        let doing = format!("run a program in node `{node}`");
        let running = self
            .core
            .context
            .runtime
            .exec_attached(&self.containers.current(node), argv)
            .await;
        let Running { input, output } = running.map_err(LabError::runtime(doing))?;
        // Its place is free when nobody listens to it any more.
        let held = output.inspect(move |_| {
            let _ = &place;
        });
        Ok(Running {
            input,
            output: held.boxed(),
        })
    }

    /// A program that takes too long is ended, with all that it started itself.
    async fn bounded(&self, node: &str, mut spec: ExecSpec) -> Result<ExecOutput, RuntimeError> {
        let mark = uuid::Uuid::now_v7().simple().to_string();
        spec.env.insert(MARK.to_owned(), mark.clone());
        let container = self.containers.current(node);
        let output = self.core.context.runtime.exec(&container, &spec).await;
        if matches!(output, Err(RuntimeError::Timeout { .. })) {
            let end = ExecSpec {
                argv: vec![
                    "/bin/bash".to_owned(),
                    "-c".to_owned(),
                    END.to_owned(),
                    "end".to_owned(),
                    format!("{MARK}={mark}"),
                ],
                env: BTreeMap::new(),
                stdin: vec![],
                timeout: Duration::from_secs(10),
                limit: SCRIPT_LIMIT,
                keep: OutputEnd::Tail,
            };
            if let Err(error) = self.core.context.runtime.exec(&container, &end).await {
                tracing::warn!(container, %error, "a program that took too long runs on");
            }
        }
        output
    }
}

fn result_of(output: ExecOutput) -> ExecResult {
    ExecResult {
        exit: output.exit,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The end of what a script said, on one line.
pub(super) fn last_lines(stderr: &str, stdout: &str) -> String {
    let said = if stderr.trim().is_empty() {
        stdout
    } else {
        stderr
    };
    let lines: Vec<&str> = said.trim().lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
}
