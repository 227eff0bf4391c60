//! Programs in containers.

use std::time::Duration;

use backon::{ConstantBuilder, Retryable};
use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio_util::io::StreamReader;

use super::failure::{failed, of_container};
use crate::runtime::{
    Attached, ExecOutput, ExecSpec, OutputEnd, ProcessOutput, Result, Running, RuntimeError,
};

type Output = std::pin::Pin<
    Box<
        dyn futures_util::Stream<Item = std::result::Result<LogOutput, bollard::errors::Error>>
            + Send,
    >,
>;
type Input = std::pin::Pin<Box<dyn AsyncWrite + Send>>;

/// Runs a program and waits for its end.
pub(super) async fn run(
    client: &bollard::Docker,
    container: &str,
    exec: &ExecSpec,
) -> Result<ExecOutput> {
    let limit = exec.timeout;
    let attempt = || async {
        let output = to_the_end(client, container, exec).await?;
        match never_begun(&output) {
            None => Ok(output),
            Some(message) => Err(RuntimeError::Engine {
                status: 500,
                message,
            }),
        }
    };
    let again = ConstantBuilder::default()
        .with_delay(Duration::from_millis(50))
        .with_max_times(5);
    let attempts = attempt
        .retry(again)
        .when(|error| matches!(error, RuntimeError::Engine { message, .. } if message.starts_with(NEVER_BEGUN)));
    tokio::time::timeout(limit, attempts)
        .await
        .unwrap_or_else(|_| {
            let program = exec.argv.first().map_or("", String::as_str);
            Err(RuntimeError::Timeout {
                doing: format!("`{program}` in `{container}`"),
                limit,
            })
        })
}

/// How the runtime beneath the engine says, in the program's place, that it failed.
const NEVER_BEGUN: &str = "OCI runtime exec failed";

/// What the runtime beneath the engine said, where it could not enter the container: now and then
/// it fails so when the container has just been started. The program has not begun then.
fn never_begun(output: &ExecOutput) -> Option<String> {
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = output.exit == 126 && said.starts_with(NEVER_BEGUN) && said.contains("setns");
    failed.then(|| said.trim().to_owned())
}

/// Runs a program with its input and output attached.
pub(super) async fn attach(
    client: &bollard::Docker,
    container: &str,
    argv: &[String],
) -> Result<Attached> {
    let (_, output, input) = start(client, container, argv, vec![], true).await?;
    let bytes = output.try_filter_map(async |part| {
        Ok(match part {
            LogOutput::StdOut { message } => Some(message),
            LogOutput::StdErr { .. } | LogOutput::StdIn { .. } | LogOutput::Console { .. } => None,
        })
    });
    let output = StreamReader::new(bytes.map_err(std::io::Error::other).boxed());
    Ok(Attached {
        input,
        output: Box::pin(output),
    })
}

/// Runs a program with its input and both outputs attached, and its exit status after them.
pub(super) async fn attach_all(
    client: &bollard::Docker,
    container: &str,
    argv: &[String],
) -> Result<Running> {
    let (id, output, input) = start(client, container, argv, vec![], true).await?;
    let printed = output.map_err(failed).try_filter_map(async |part| {
        Ok(match part {
            LogOutput::StdOut { message } | LogOutput::Console { message } => {
                Some(ProcessOutput::Stdout(message))
            }
            LogOutput::StdErr { message } => Some(ProcessOutput::Stderr(message)),
            LogOutput::StdIn { .. } => None,
        })
    });
    let (client, container) = (client.clone(), container.to_owned());
    let ended = futures_util::stream::once(async move {
        let status = exit_status(&client, &container, &id).await?;
        Ok(ProcessOutput::Exit(status))
    });
    Ok(Running {
        input,
        output: printed.chain(ended).boxed(),
    })
}

async fn start(
    client: &bollard::Docker,
    container: &str,
    argv: &[String],
    env: Vec<String>,
    stdin: bool,
) -> Result<(String, Output, Input)> {
    let options = CreateExecOptions {
        attach_stdin: Some(stdin),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(argv.to_vec()),
        env: Some(env),
        // The image may name another user.
        user: Some("0:0".to_owned()),
        ..CreateExecOptions::default()
    };
    let created = client.create_exec(container, options).await;
    let id = created.map_err(of_container(container))?.id;
    let options = StartExecOptions {
        output_capacity: Some(64 * 1024),
        ..StartExecOptions::default()
    };
    let started = client.start_exec(&id, Some(options)).await;
    match started.map_err(of_container(container))? {
        StartExecResults::Attached { output, input } => Ok((id, output, input)),
        StartExecResults::Detached => Err(RuntimeError::Engine {
            status: 500,
            message: "the engine detached from an exec".to_owned(),
        }),
    }
}

async fn to_the_end(
    client: &bollard::Docker,
    container: &str,
    exec: &ExecSpec,
) -> Result<ExecOutput> {
    let env = exec.env.iter().map(|(key, value)| format!("{key}={value}"));
    let with_input = !exec.stdin.is_empty();
    let (id, mut output, mut input) =
        start(client, container, &exec.argv, env.collect(), with_input).await?;
    let mut stdout = BoundedOutput::new(exec);
    let mut stderr = BoundedOutput::new(exec);
    let feed = async {
        // A program may end without reading all of it, which is its own affair.
        let _ = input.write_all(&exec.stdin).await;
        let _ = input.shutdown().await;
        // Held until the output ends: dropping it may close both directions.
        input
    };
    let read = async {
        while let Some(part) = output.try_next().await.map_err(failed)? {
            match part {
                LogOutput::StdOut { message } | LogOutput::Console { message } => {
                    stdout.push(&message);
                }
                LogOutput::StdErr { message } => stderr.push(&message),
                LogOutput::StdIn { .. } => {}
            }
        }
        Ok::<_, RuntimeError>(())
    };
    // Both at once: a program that answers while it reads would block on either alone.
    let (_input, read) = tokio::join!(feed, read);
    read?;
    Ok(ExecOutput {
        exit: exit_status(client, container, &id).await?,
        truncated: stdout.truncated || stderr.truncated,
        stdout: stdout.bytes.into(),
        stderr: stderr.bytes.into(),
    })
}

/// The engine may close the output a moment before it knows the exit status.
async fn exit_status(client: &bollard::Docker, container: &str, id: &str) -> Result<i64> {
    let look = || async {
        let seen = client.inspect_exec(id).await;
        let seen = seen.map_err(of_container(container))?;
        seen.exit_code
            .filter(|_| seen.running != Some(true))
            .ok_or(RuntimeError::Timeout {
                doing: format!("the end of a program in `{container}`"),
                limit: Duration::from_secs(2),
            })
    };
    let patience = ConstantBuilder::default()
        .with_delay(Duration::from_millis(10))
        .with_max_times(200);
    look.retry(patience)
        .when(|error| matches!(error, RuntimeError::Timeout { .. }))
        .await
}

/// As much of an output as is wanted.
struct BoundedOutput {
    bytes: BytesMut,
    limit: usize,
    keep: OutputEnd,
    truncated: bool,
}

impl BoundedOutput {
    fn new(exec: &ExecSpec) -> Self {
        Self {
            bytes: BytesMut::new(),
            limit: exec.limit,
            keep: exec.keep,
            truncated: false,
        }
    }

    fn push(&mut self, part: &Bytes) {
        match self.keep {
            OutputEnd::Head => {
                let room = self.limit - self.bytes.len();
                self.bytes.extend_from_slice(&part[..part.len().min(room)]);
                self.truncated |= part.len() > room;
            }
            OutputEnd::Tail => {
                self.bytes.extend_from_slice(part);
                let over = self.bytes.len().saturating_sub(self.limit);
                let _ = self.bytes.split_to(over);
                self.truncated |= over > 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(keep: OutputEnd, parts: &[&'static str]) -> (String, bool) {
        let mut kept = BoundedOutput {
            bytes: BytesMut::new(),
            limit: 4,
            keep,
            truncated: false,
        };
        for part in parts {
            kept.push(&Bytes::from_static(part.as_bytes()));
        }
        (
            String::from_utf8(kept.bytes.to_vec()).unwrap(),
            kept.truncated,
        )
    }

    #[test]
    fn an_output_is_kept_up_to_its_limit_from_the_wanted_end() {
        assert_eq!(
            kept(OutputEnd::Head, &["ab", "cd"]),
            ("abcd".to_owned(), false)
        );
        assert_eq!(
            kept(OutputEnd::Head, &["abc", "def", "g"]),
            ("abcd".to_owned(), true)
        );
        assert_eq!(
            kept(OutputEnd::Tail, &["abc", "def"]),
            ("cdef".to_owned(), true)
        );
        assert_eq!(
            kept(OutputEnd::Tail, &["abcdefgh", ""]),
            ("efgh".to_owned(), true)
        );
    }
}
