//! Makes the links of a lab: bridges in the fabric, cables from there into the nodes.
//!
//! One call does everything for one lab, so that the engine is asked for one exec only. All work
//! in a network namespace goes through a socket that was opened there; nothing here ever changes
//! the namespace of the process itself, and the host's namespaces are refused.

mod files;
mod links;
mod plug;
mod process;
mod release;

use std::io::{BufRead, Read, Write};
use std::time::Instant;

use anyhow::Context;
use plateau_core::probe::MESSAGE_LIMIT;
use plateau_core::wire::{WireAnswer, WireRequest};
use thiserror::Error;

use process::{Process, Processes};

/// What went wrong while wiring; the text says what was being done, the source what the kernel answered.
#[derive(Debug, Error)]
pub(crate) enum WireError {
    #[error("look at process `{process}`")]
    Look {
        process: u32,
        source: std::io::Error,
    },
    #[error("enter process `{process}`")]
    Refused { process: u32, source: Refusal },
    #[error("make bridge `{bridge}`: {step}")]
    Bridge {
        bridge: String,
        step: &'static str,
        source: nlink::Error,
    },
    #[error("release process `{process}`: {step}")]
    Release {
        process: u32,
        step: String,
        source: std::io::Error,
    },
    #[error("write `{path}` in process `{process}`")]
    File {
        process: u32,
        path: String,
        source: std::io::Error,
    },
    #[error("plug `{interface}` of process `{process}` into `{bridge}`: {step}")]
    Plug {
        interface: String,
        process: u32,
        bridge: String,
        step: &'static str,
        source: plug::PlugError,
    },
}

/// Why a process is not touched.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    #[error("its `{namespace}` namespace is not its own, but that of the host or of the wirer")]
    NotItsOwn { namespace: &'static str },
    #[error("the process ended meanwhile")]
    Ended,
}

/// Answers every line of standard input, a request, with a line of standard output.
pub(crate) fn run() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start")?;
    let mut requests = std::io::stdin().lock();
    loop {
        let mut line = Vec::new();
        (&mut requests)
            .take(MESSAGE_LIMIT + 1)
            .read_until(b'\n', &mut line)
            .context("read the request")?;
        if line.is_empty() {
            return Ok(());
        }
        anyhow::ensure!(
            line.len() as u64 <= MESSAGE_LIMIT,
            "the request has more than {MESSAGE_LIMIT} bytes"
        );
        let request: WireRequest = serde_json::from_slice(&line).context("read the request")?;
        let answer = answer(&runtime, &request);
        let mut line = serde_json::to_vec(&answer).context("write the answer")?;
        line.push(b'\n');
        let mut answers = std::io::stdout().lock();
        answers
            .write_all(&line)
            .and_then(|()| answers.flush())
            .context("write the answer")?;
    }
}

fn answer(runtime: &tokio::runtime::Runtime, request: &WireRequest) -> WireAnswer {
    let began = Instant::now();
    match runtime.block_on(wire(request)) {
        Ok(()) => WireAnswer::Done {
            took_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        },
        Err(error) => WireAnswer::Failed {
            doing: error.to_string(),
            reason: reason(&error),
        },
    }
}

/// The chain of causes, without the text of the error itself.
fn reason(error: &WireError) -> String {
    let mut parts = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        parts.push(error.to_string());
        cause = error.source();
    }
    parts.join(": ")
}

/// Does everything that is asked, in the order of the contract.
async fn wire(request: &WireRequest) -> Result<(), WireError> {
    let processes = Processes::open(request)?;
    let fabric = processes.get(request.fabric)?;
    let done = async {
        let mut plugs = plug::Plugs::open(fabric).await?;
        for bridge in &request.bridges {
            plugs.bridge(&bridge.name).await?;
        }
        release::release(&processes, request)?;
        for port in &request.ports {
            plugs.plug(processes.get(port.node)?, port).await?;
        }
        Ok(())
    }
    .await;
    done.map_err(|error| blame(error, &processes))
}

/// What fails in a process that ended fails because it ended, whatever the kernel called it.
fn blame(error: WireError, processes: &Processes) -> WireError {
    match processes.ended() {
        Some(process) => WireError::Refused {
            process,
            source: Refusal::Ended,
        },
        None => error,
    }
}
