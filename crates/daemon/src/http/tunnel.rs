//! TCP connections into a lab over a WebSocket: raw bytes in binary messages.

use std::net::{IpAddr, Ipv4Addr};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use plateau_core::error::ErrorCode;
use plateau_exam::access::Principal;
use plateau_labs::tunnel::{Tunnel, TunnelError};
use serde::Deserialize;

use super::Api;
use super::failure::{ApiResult, Failure, Failures, PathParams, QueryParams};
use super::labs::find;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(open_tunnel))
}

/// Longest message.
const MESSAGE: usize = 1 << 20;

/// Subprotocol that some remote desktop clients require.
const BYTES: &str = "binary";

/// Most bytes of one read.
const PART: usize = 32 << 10;

/// Most bytes of a reason (RFC 6455, 5.5: a control frame has 125, two of which are the code).
const REASON: usize = 123;

/// Query of a tunnel.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct TunnelQuery {
    /// TCP port
    port: u16,
    /// IP address of the node or reachable from it; absent for the node itself
    #[serde(default = "itself")]
    #[param(required = false, value_type = String)]
    host: IpAddr,
}

fn itself() -> IpAddr {
    Ipv4Addr::LOCALHOST.into()
}

/// Opens a TCP connection from a node as a WebSocket; binary messages carry its raw bytes
#[utoipa::path(get, path = "/v1/labs/{lab}/nodes/{node}/tunnel", tag = "labs", operation_id = "openTunnel",
    params(("lab" = String, Path, description = "Name, identifier, or its first characters"),
           ("node" = String, Path, description = "Name of the node"), TunnelQuery),
    responses((status = 101, description = "Raw bytes. Closed with code 1000 when the port closes, with 1011 and a reason when it cannot be reached, with 1001 when access to the lab closes or the log-in ends. The subprotocol `binary` is accepted if it is requested"), Failures))]
pub(super) async fn open_tunnel(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams((lab, node)): PathParams<(String, String)>,
    QueryParams(TunnelQuery { port, host }): QueryParams<TunnelQuery>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> ApiResult<Response> {
    let upgrade = upgrade
        .map_err(|rejection| Failure::new(ErrorCode::NotAWebsocket, rejection.body_text()))?
        .max_message_size(MESSAGE)
        .max_frame_size(MESSAGE)
        .protocols([BYTES]);
    let lab = find(&api, &lab)?.id;
    let closed = api.terminals.closing(&lab)?;
    let tunnel = Tunnel::open(&api.labs, &lab, &node, host, port).await?;
    let stop = api.stop.clone();
    let ended = api.access.until_ended(principal);
    let over = async move {
        tokio::select! {
            () = closed.cancelled() => {}
            () = stop.cancelled() => {}
            () = ended => {}
        }
    };
    Ok(upgrade.on_upgrade(move |socket| carry(socket, tunnel, over)))
}

/// Relays bytes both ways until one side ends.
async fn carry(socket: WebSocket, tunnel: Tunnel, over: impl Future<Output = ()>) {
    let (mut client, asked) = socket.split();
    let (answers, requests) = tunnel.split();
    let (code, reason) = tokio::select! {
        ended = answer(&mut client, answers) => match ended {
            Ok(()) => (close_code::NORMAL, String::new()),
            Err(error) => (close_code::ERROR, error.to_string()),
        },
        () = ask(asked, requests) => return,
        () = over => (close_code::AWAY, String::new()),
    };
    let close = CloseFrame {
        code,
        reason: shortened(&reason).into(),
    };
    if let Err(error) = client.send(Message::Close(Some(close))).await {
        tracing::debug!(%error, "a client left a tunnel first");
    }
}

/// A reason cut to what a close frame can hold.
fn shortened(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(REASON)]
}

async fn answer(
    client: &mut SplitSink<WebSocket, Message>,
    mut answers: plateau_labs::tunnel::TunnelReader,
) -> Result<(), TunnelError> {
    while let Some(bytes) = answers.next().await {
        for part in parts(bytes?) {
            if client.send(Message::Binary(part)).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn parts(mut bytes: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || (!bytes.is_empty()).then(|| bytes.split_to(bytes.len().min(PART))))
}

/// Passes on what the client sends; returns when it has left.
async fn ask(mut asked: SplitStream<WebSocket>, mut requests: plateau_labs::tunnel::TunnelWriter) {
    while let Some(Ok(message)) = asked.next().await {
        match message {
            Message::Binary(bytes) => {
                if requests.send(&bytes).await.is_err() {
                    // What the port answered last is still on its way.
                    return std::future::pending().await;
                }
            }
            Message::Text(_) | Message::Close(_) => return,
            Message::Ping(_) | Message::Pong(_) => {}
        }
    }
}
