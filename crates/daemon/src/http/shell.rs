//! A terminal of a node over a WebSocket: each binary message is one frame of `plateau_core::terminal`.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use plateau_core::error::ErrorCode;
use plateau_core::terminal::{FRAME_LIMIT, Frame};
use plateau_exam::access::Principal;
use plateau_labs::terminals::{
    ServerMessage, TerminalId, ViewerInput, ViewerMode, ViewerOutput, WindowSize,
};
use serde::Deserialize;
use thiserror::Error;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::failure::{ApiResult, Failure, Failures, PathParams, QueryParams};
use super::labs::find;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(attach_terminal))
        .routes(routes!(watch_terminal))
}

/// Longest name of a terminal or of a user.
const NAME: usize = 32;

/// Query of a terminal.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct TerminalQuery {
    /// Name of the terminal; connections with the same name and user share one terminal
    #[serde(default = "main")]
    #[param(required = false)]
    name: String,
    /// User in the node
    #[serde(default = "root")]
    #[param(required = false)]
    user: String,
    /// Whether to take part, or only to watch
    #[serde(default)]
    #[param(required = false, inline)]
    mode: WindowMode,
    /// Width in characters
    cols: Option<u16>,
    /// Height in lines
    rows: Option<u16>,
}

/// How a client uses a terminal.
#[derive(Clone, Copy, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
enum WindowMode {
    /// Sends input, and sets the size of the window.
    #[default]
    TakePart,
    /// Watches; input and the size of the window are ignored.
    Watch,
}

impl From<WindowMode> for ViewerMode {
    fn from(mode: WindowMode) -> Self {
        match mode {
            WindowMode::TakePart => Self::TakePart,
            WindowMode::Watch => Self::Watch,
        }
    }
}

fn main() -> String {
    "main".to_owned()
}

fn root() -> String {
    "root".to_owned()
}

/// Why a terminal connection ended.
#[derive(Debug, Error)]
enum ShellError {
    #[error("the connection to the client broke")]
    Client(#[source] axum::Error),
    #[error("the client sent a message that is not a frame")]
    Frame(#[source] plateau_core::terminal::FrameError),
    #[error("the client sent a frame that only terminals send")]
    Foreign,
    #[error("the client sent a text where a frame is binary")]
    Text,
}

/// Opens a terminal as a WebSocket; each binary message in either direction is a frame: a byte of kind, then the body
#[utoipa::path(get, path = "/v1/labs/{lab}/nodes/{node}/shell", tag = "labs", operation_id = "openTerminal",
    params(("lab" = String, Path, description = "Name, identifier, or its first characters"),
           ("node" = String, Path, description = "Name of the node"), TerminalQuery),
    responses((status = 101, description = "Frames: kind 0 is data, 1 resize, 2 exit. The first frame has the size of the window, the next ones draw the present screen. Closed with code 1001 when the terminal is closed"), Failures))]
pub(super) async fn attach_terminal(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams((lab, node)): PathParams<(String, String)>,
    QueryParams(window): QueryParams<TerminalQuery>,
    upgrade: Upgrade,
) -> ApiResult<Response> {
    enter(api, principal, (lab, node), window, upgrade).await
}

/// Watches a terminal as a WebSocket: shows its output, and takes no input
#[utoipa::path(get, path = "/v1/labs/{lab}/nodes/{node}/watch", tag = "labs", operation_id = "watchTerminal",
    params(("lab" = String, Path, description = "Name, identifier, or its first characters"),
           ("node" = String, Path, description = "Name of the node"), TerminalQuery),
    responses((status = 101, description = "Frames as of `openTerminal`"), Failures))]
pub(super) async fn watch_terminal(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams((lab, node)): PathParams<(String, String)>,
    QueryParams(window): QueryParams<TerminalQuery>,
    upgrade: Upgrade,
) -> ApiResult<Response> {
    let window = TerminalQuery {
        mode: WindowMode::Watch,
        ..window
    };
    enter(api, principal, (lab, node), window, upgrade).await
}

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

async fn enter(
    api: Api,
    principal: Principal,
    (lab, node): (String, String),
    window: TerminalQuery,
    upgrade: Upgrade,
) -> ApiResult<Response> {
    let upgrade = upgrade
        .map_err(|rejection| Failure::new(ErrorCode::NotAWebsocket, rejection.body_text()))?
        .max_message_size(FRAME_LIMIT)
        .max_frame_size(FRAME_LIMIT);
    for name in [&window.name, &window.user] {
        check(name)?;
    }
    let place = TerminalId {
        lab: find(&api, &lab)?.id,
        node,
        name: window.name,
        user: window.user,
    };
    let size = window.cols.zip(window.rows);
    let size = size.map(|(cols, rows)| WindowSize { cols, rows });
    let (output, input) = api.terminals.join(&place, window.mode.into(), size).await?;
    Ok(upgrade.on_upgrade(async move |socket| {
        let done = tokio::select! {
            done = relay(socket, output, input) => done,
            () = api.stop.cancelled() => Ok(()),
            () = api.access.until_ended(principal) => Ok(()),
        };
        if let Err(error) = done {
            tracing::debug!(?place, error = %plateau_labs::error::chain(&error), "a terminal was left");
        }
    }))
}

/// Refuses a name that the agent could take for an option.
fn check(name: &str) -> ApiResult<()> {
    let fits = (1..=NAME).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if fits {
        return Ok(());
    }
    Err(Failure::new(
        ErrorCode::BadQuery,
        format!("`{name}` cannot be a name here"),
    )
    .hint(format!(
        "1 to {NAME} letters, digits, `-` and `_`, beginning with a letter, a digit or `_`"
    )))
}

/// Relays frames both ways until one side ends.
async fn relay(
    socket: WebSocket,
    output: ViewerOutput,
    input: ViewerInput,
) -> Result<(), ShellError> {
    let (client, typed) = socket.split();
    // Both at once: a client that does not read must still be able to type.
    tokio::select! {
        done = show(client, output) => done,
        done = type_in(typed, input) => done,
    }
}

async fn show(
    mut client: SplitSink<WebSocket, Message>,
    mut output: ViewerOutput,
) -> Result<(), ShellError> {
    let mut code = close_code::AWAY;
    while let Some(said) = output.next().await {
        let frame = match said {
            ServerMessage::Size(WindowSize { cols, rows }) => Frame::Resize { cols, rows },
            ServerMessage::Data(bytes) => Frame::Data(bytes.into()),
            ServerMessage::Exit(status) => {
                code = close_code::NORMAL;
                Frame::Exit(status)
            }
        };
        let message = Message::Binary(Bytes::from(frame.encode()));
        client.send(message).await.map_err(ShellError::Client)?;
    }
    let close = CloseFrame {
        code,
        reason: "".into(),
    };
    let closed = client.send(Message::Close(Some(close))).await;
    closed.map_err(ShellError::Client)
}

async fn type_in(mut typed: SplitStream<WebSocket>, input: ViewerInput) -> Result<(), ShellError> {
    while let Some(message) = typed.next().await {
        let there = match message.map_err(ShellError::Client)? {
            Message::Binary(frame) => match Frame::decode(&frame).map_err(ShellError::Frame)? {
                Frame::Data(_) => input.type_in(frame.slice(1..)).await,
                Frame::Resize { cols, rows } => input.resize(WindowSize { cols, rows }).await,
                Frame::Exit(_) | Frame::Backlog(_) => return Err(ShellError::Foreign),
            },
            Message::Text(_) => return Err(ShellError::Text),
            Message::Ping(_) | Message::Pong(_) => true,
            Message::Close(_) => return Ok(()),
        };
        if !there {
            // What the terminal said last is still on its way.
            return std::future::pending().await;
        }
    }
    Ok(())
}
