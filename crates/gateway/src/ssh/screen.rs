//! A terminal of a node in the client's terminal: the same screen as in the browser.

use std::sync::Arc;

use plateau_core::terminal::RESTORE;
use plateau_labs::error::chain;
use plateau_labs::terminals::{
    ServerMessage, TerminalId, ViewerInput, ViewerMode, ViewerOutput, WindowSize,
};
use russh::server::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::sync::watch;

use super::{ServerContext, command};

/// What a session ends with whose terminal was closed.
const CLOSED: u32 = 255;

/// Shows a terminal until its shell ends, the client leaves, or it is closed.
pub(super) async fn serve(
    channel: Channel<Msg>,
    context: Arc<ServerContext>,
    place: TerminalId,
    window: watch::Receiver<Option<WindowSize>>,
) {
    let size = *window.borrow();
    let (output, input) = match context
        .terminals
        .join(&place, ViewerMode::TakePart, size)
        .await
    {
        Ok(joined) => joined,
        Err(error) => return command::refuse(channel, chain(&error)).await,
    };
    let (from, to) = channel.split();
    // All at once: a client that does not read must still be able to type.
    let done = tokio::select! {
        done = show(output, &to) => done,
        () = type_in(from, &input) => Ok(()),
        () = follow(window, &input) => Ok(()),
    };
    if let Err(error) = done {
        tracing::debug!(?place, %error, "a terminal over SSH was left");
    }
}

async fn show(mut output: ViewerOutput, to: &ChannelWriteHalf<Msg>) -> Result<(), russh::Error> {
    let mut status = CLOSED;
    while let Some(said) = output.next().await {
        match said {
            ServerMessage::Data(bytes) => to.data_bytes(bytes).await?,
            // The client's window is what it is.
            ServerMessage::Size(_) => {}
            ServerMessage::Exit(exit) => status = u32::try_from(exit).unwrap_or(CLOSED),
        }
    }
    // The client's terminal goes on with something else.
    to.data_bytes(RESTORE.as_bytes()).await?;
    command::end(to, status).await
}

/// Passes on what is typed; comes back when the client has left.
async fn type_in(mut from: ChannelReadHalf, input: &ViewerInput) {
    while let Some(message) = from.wait().await {
        if let ChannelMsg::Data { data } = message {
            if !input.type_in(data).await {
                // What the terminal said last is still on its way.
                return std::future::pending().await;
            }
        } else if matches!(message, ChannelMsg::Close) {
            return;
        }
    }
}

async fn follow(mut window: watch::Receiver<Option<WindowSize>>, input: &ViewerInput) {
    while window.changed().await.is_ok() {
        let size = *window.borrow_and_update();
        if let Some(size) = size {
            input.resize(size).await;
        }
    }
    // The channel was closed, which is heard elsewhere.
    std::future::pending().await
}
