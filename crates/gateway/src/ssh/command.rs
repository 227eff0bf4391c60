//! Commands and file transfers: a program in the node, with its three streams on a channel.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use plateau_labs::error::chain;
use plateau_labs::layout;
use plateau_labs::runtime::{ProcessOutput, Running};
use plateau_labs::terminals::{TerminalError, TerminalId};
use russh::server::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::io::AsyncWriteExt;

use super::ServerContext;

type Input = std::pin::Pin<Box<dyn tokio::io::AsyncWrite + Send>>;

/// Number of the standard error among a channel's extended data (RFC 4254, 5.2).
const STDERR: u32 = 1;

/// What a command ends with that could not be run, as `ssh` has it.
const FAILED: u32 = 255;

/// Goes home, where a login begins, and leaves the rest to the shell that is there.
const AT_HOME: &str = r#"cd
if [ -x /bin/bash ]; then exec /bin/bash "$@"; fi
exec /bin/sh "$@""#;

fn in_home_folder(args: &[&str]) -> Vec<String> {
    let words = ["/bin/sh", "-c", AT_HOME, "sh"];
    let words = words.iter().chain(args);
    words.map(|word| (*word).to_owned()).collect()
}

/// A command line, as a shell reads it.
pub(super) fn line(text: String) -> Vec<String> {
    in_home_folder(&["-c", &text])
}

/// A login shell without a terminal.
pub(super) fn login() -> Vec<String> {
    in_home_folder(&["-l"])
}

/// The node's files over SFTP.
pub(super) fn files() -> Vec<String> {
    [layout::GRADER, "sftp"].map(str::to_owned).to_vec()
}

/// Runs a program of a node until it or the client ends, or the lab's doors are closed.
pub(super) async fn serve(
    channel: Channel<Msg>,
    context: Arc<ServerContext>,
    place: TerminalId,
    argv: Vec<String>,
) {
    let closed = match context.terminals.closing(&place.lab) {
        Ok(closed) => closed,
        Err(error) => return refuse(channel, error.to_string()).await,
    };
    let running = context.labs.run(&place.lab, &place.node, argv).await;
    let running = match running.map_err(TerminalError::from) {
        Ok(running) => running,
        Err(error) => return refuse(channel, chain(&error)).await,
    };
    let (from, to) = channel.split();
    let Running { input, output } = running;
    let done = tokio::select! {
        done = print(output, &to) => done,
        () = forward_input(from, input) => return,
        () = closed.cancelled() => {
            let why = TerminalError::Closed { lab: place.lab };
            say(&to, &why.to_string(), FAILED).await
        }
    };
    if let Err(error) = done {
        tracing::debug!(%error, "a command over SSH was left");
    }
}

/// Says why nothing can be done, and closes.
pub(super) async fn refuse(channel: Channel<Msg>, reason: String) {
    let (_from, to) = channel.split();
    if let Err(error) = say(&to, &reason, FAILED).await {
        tracing::debug!(%error, "a client did not want to know why");
    }
}

async fn say(to: &ChannelWriteHalf<Msg>, reason: &str, status: u32) -> Result<(), russh::Error> {
    let line = Bytes::from(format!("{reason}\r\n"));
    to.extended_data_bytes(STDERR, line).await?;
    end(to, status).await
}

/// Ends a channel with a status.
pub(super) async fn end(to: &ChannelWriteHalf<Msg>, status: u32) -> Result<(), russh::Error> {
    to.eof().await?;
    to.exit_status(status).await?;
    to.close().await
}

/// Passes on what the program says.
async fn print(
    mut output: futures_util::stream::BoxStream<
        'static,
        plateau_labs::runtime::Result<ProcessOutput>,
    >,
    to: &ChannelWriteHalf<Msg>,
) -> Result<(), russh::Error> {
    while let Some(printed) = output.next().await {
        match printed {
            Ok(ProcessOutput::Stdout(bytes)) => to.data_bytes(bytes).await?,
            Ok(ProcessOutput::Stderr(bytes)) => to.extended_data_bytes(STDERR, bytes).await?,
            Ok(ProcessOutput::Exit(status)) => {
                return end(to, u32::try_from(status).unwrap_or(FAILED)).await;
            }
            Err(error) => return say(to, &chain(&error), FAILED).await,
        }
    }
    end(to, FAILED).await
}

/// Passes on what the client sends; returns when it has left.
async fn forward_input(mut from: ChannelReadHalf, mut input: Input) {
    let mut takes = true;
    while let Some(message) = from.wait().await {
        if let ChannelMsg::Data { data } = message {
            // A program may end without reading all of it, which is its own affair.
            takes = takes && pass_on(&mut input, &data).await.is_ok();
        } else if matches!(message, ChannelMsg::Eof) {
            // Held on to all the same: dropping it may close both directions.
            let _ = input.shutdown().await;
            takes = false;
        } else if matches!(message, ChannelMsg::Close) {
            return;
        }
    }
}

async fn pass_on(input: &mut Input, data: &[u8]) -> std::io::Result<()> {
    input.write_all(data).await?;
    input.flush().await
}
