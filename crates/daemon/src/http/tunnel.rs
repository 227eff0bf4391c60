//! A TCP port in a lab over a WebSocket: the bytes as they are, in binary messages.

use std::net::{IpAddr, Ipv4Addr};

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use plateau_core::error::ErrorCode;
use plateau_labs::tunnel::{Tunnel, TunnelError};
use serde::Deserialize;

use super::Api;
use super::failure::{ApiResult, Failure, Failures, PathParams, QueryParams};
use super::labs::find;
use crate::access::Principal;

/// Longest message.
const MESSAGE: usize = 1 << 20;

/// What some clients for desktops ask for, and want to be answered with.
const BYTES: &str = "binary";

/// Bytes that are read at once.
const PART: usize = 32 << 10;

/// Most bytes of a reason (RFC 6455, 5.5: a control frame has 125, two of which are the code).
const REASON: usize = 123;

/// Where to.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct TunnelQuery {
    /// TCP port
    port: u16,
    /// Address in the node or reachable from it; the node itself where absent
    #[serde(default = "itself")]
    #[param(required = false, value_type = String)]
    host: IpAddr,
}

fn itself() -> IpAddr {
    Ipv4Addr::LOCALHOST.into()
}

/// Opens a TCP connection from a node as a WebSocket; binary messages carry its bytes as they are
#[utoipa::path(get, path = "/v1/labs/{lab}/nodes/{node}/tunnel", tag = "labs", operation_id = "openTunnel",
    params(("lab" = String, Path, description = "Name, identifier, or its first characters"),
           ("node" = String, Path, description = "Name of the node"), TunnelQuery),
    responses((status = 101, description = "Bytes. Closed with 1000 when the port is, with 1011 and a reason when it cannot be reached, with 1001 when the lab's doors are closed or the log-in ends. The subprotocol `binary` is answered where it is asked for"), Failures))]
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

/// Carries bytes both ways until one side ends.
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

/// As much as a closing has room for.
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

/// Passes on what the client sends; comes back when he has left.
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
