//! Makes the links of a lab: bridges in the fabric, cables from there into the nodes.
//!
//! One call does everything for one lab, so that one exec is enough. All work in a network
//! namespace goes through a socket that was opened there. The process itself never changes its
//! namespace, and the host's namespaces are refused.

mod cgroups;
mod container;
mod error;
mod fabric;
mod files;
mod links;
pub(crate) mod process;
mod release;
pub(crate) mod users;

use std::time::Instant;

use anyhow::Context;
use plateau_core::wire::{WireRequest, WireResponse};

use crate::{message, runtime};
use error::{ProcessError, WireError};
use fabric::Fabric;
use process::Processes;

/// Answers every request, a line of standard input, with a line of standard output.
pub(crate) fn run() -> anyhow::Result<()> {
    let runtime = runtime::single_threaded()?;
    let mut requests = std::io::stdin().lock();
    loop {
        let line = message::read_line(&mut requests, "request")?;
        if line.is_empty() {
            return Ok(());
        }
        let request: WireRequest =
            serde_json::from_slice(&line).context("cannot read the request")?;
        message::write_line(&answer(&runtime, &request))?;
    }
}

fn answer(runtime: &tokio::runtime::Runtime, request: &WireRequest) -> WireResponse {
    let began = Instant::now();
    match runtime.block_on(wire(request)) {
        Ok(()) => WireResponse::Done {
            took_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        },
        Err(error) => WireResponse::Failed {
            doing: error.to_string(),
            reason: reason(&error),
        },
    }
}

/// The causes of an error, without its own message.
fn reason(error: &WireError) -> String {
    let mut parts = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        parts.push(error.to_string());
        cause = error.source();
    }
    parts.join(": ")
}

/// Carries out a request, in the order that the protocol defines.
async fn wire(request: &WireRequest) -> Result<(), WireError> {
    let processes = Processes::open(request)?;
    let fabric_process = processes.get(request.fabric)?;
    let done = async {
        let mut fabric = Fabric::open(fabric_process).await?;
        for bridge in &request.bridges {
            fabric.ensure_bridge(&bridge.name).await?;
        }
        release::release(&processes, request)?;
        for port in &request.ports {
            fabric.plug(processes.get(port.node)?, port).await?;
        }
        Ok(())
    }
    .await;
    done.map_err(|error| attribute_to_ended_process(error, &processes))
}

/// Reports that a process has ended in place of the error that this caused.
fn attribute_to_ended_process(error: WireError, processes: &Processes) -> WireError {
    match processes.first_ended() {
        Some(process) => WireError::Refused {
            process,
            source: ProcessError::Ended,
        },
        None => error,
    }
}
