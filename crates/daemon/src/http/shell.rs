//! A terminal of a node over a WebSocket: each binary message is one frame of `plateau_core::terminal`.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures_util::{SinkExt, StreamExt};
use plateau_core::terminal::{FRAME_LIMIT, Frame};
use serde::Deserialize;
use thiserror::Error;
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

use super::Api;
use super::failure::{Answer, Asked, Failure, Failures, Named};
use super::labs::find;
use crate::access::Principal;
use crate::runtime::Attached;

/// Longest name of a terminal or a user.
const NAME: usize = 32;

/// Which terminal, and how large it is shown.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Window {
    /// The terminal's name; terminals of the same name are the same terminal
    #[serde(default = "main")]
    #[param(required = false)]
    name: String,
    /// User to be
    #[serde(default = "root")]
    #[param(required = false)]
    user: String,
    /// Width in characters
    cols: Option<u16>,
    /// Height in lines
    rows: Option<u16>,
}

fn main() -> String {
    "main".to_owned()
}

fn root() -> String {
    "root".to_owned()
}

/// Why a terminal was left.
#[derive(Debug, Error)]
enum ShellError {
    #[error("the connection to the client broke")]
    Client(#[source] axum::Error),
    #[error("the connection to the node broke")]
    Node(#[source] std::io::Error),
    #[error("the client sent something that is no frame")]
    Frame(#[source] plateau_core::terminal::FrameError),
    #[error("the client sent a text where a frame is binary")]
    Text,
}

/// Opens a terminal as a WebSocket; each binary message in either direction is a frame of kind and body
#[utoipa::path(get, path = "/v1/labs/{lab}/nodes/{node}/shell", tag = "labs",
    params(("lab" = String, Path, description = "Name, identifier, or its first characters"),
           ("node" = String, Path, description = "Name of the node"), Window),
    responses((status = 101, description = "Frames: kind 0 data, 1 resize, 2 exit"), Failures))]
pub(super) async fn shell(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Named((lab, node)): Named<(String, String)>,
    Asked(window): Asked<Window>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    let upgrade = upgrade
        .map_err(|rejection| Failure::input("not-a-websocket", rejection.body_text()))?
        .max_message_size(FRAME_LIMIT)
        .max_frame_size(FRAME_LIMIT);
    for name in [&window.name, &window.user] {
        check(name)?;
    }
    let lab = find(&api, &lab)?.id;
    let attached = api
        .labs
        .terminal(&lab, &node, &window.name, &window.user)
        .await?;
    Ok(upgrade.on_upgrade(async move |socket| {
        let done = tokio::select! {
            done = relay(socket, attached, &window) => done,
            () = api.stop.cancelled() => Ok(()),
            () = api.access.until_ended(principal) => Ok(()),
        };
        if let Err(error) = done {
            tracing::debug!(lab, node, error = %crate::runtime::error::chain(&error), "a terminal was left");
        }
    }))
}

/// What becomes an argument of the agent looks like a name and not like an option.
fn check(name: &str) -> Answer<()> {
    let fits = (1..=NAME).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if fits {
        return Ok(());
    }
    Err(
        Failure::input("bad-query", format!("`{name}` cannot be a name here")).hint(format!(
            "1 to {NAME} letters, digits, `-` and `_`, beginning with a letter, a digit or `_`"
        )),
    )
}

/// Carries frames both ways until one side ends.
async fn relay(socket: WebSocket, attached: Attached, window: &Window) -> Result<(), ShellError> {
    let (mut client, mut typed) = socket.split();
    let mut input = FramedWrite::new(attached.input, codec());
    let mut output = FramedRead::new(attached.output, codec());
    if let (Some(cols), Some(rows)) = (window.cols, window.rows) {
        let size = Bytes::from(Frame::Resize { cols, rows }.encode());
        input.send(size).await.map_err(ShellError::Node)?;
    }
    let shown = async {
        while let Some(frame) = output.next().await {
            let frame = frame.map_err(ShellError::Node)?.freeze();
            client
                .send(Message::Binary(frame))
                .await
                .map_err(ShellError::Client)?;
        }
        client.close().await.map_err(ShellError::Client)
    };
    let typed = async {
        while let Some(message) = typed.next().await {
            match message.map_err(ShellError::Client)? {
                Message::Binary(frame) => {
                    Frame::decode(&frame).map_err(ShellError::Frame)?;
                    input.send(frame).await.map_err(ShellError::Node)?;
                }
                Message::Text(_) => return Err(ShellError::Text),
                Message::Ping(_) | Message::Pong(_) => {}
                Message::Close(_) => break,
            }
        }
        Ok(())
    };
    tokio::select! { done = shown => done, done = typed => done }
}

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder()
        .max_frame_length(FRAME_LIMIT)
        .new_codec()
}
