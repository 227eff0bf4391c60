//! A terminal in a node: frames over a WebSocket, which goes over the daemon's socket like all else.

use futures_util::{SinkExt, StreamExt};
use plateau_core::terminal::Frame;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Request, header};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{Client, Endpoint, node_path, segment, unexpected_response};
use crate::failure::Failure;

/// What carries the bytes.
pub(crate) trait Carrier: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Carrier for T {}

/// An attached terminal. Dropping it detaches; the shell lives on.
pub(crate) struct Terminal {
    socket: WebSocketStream<Box<dyn Carrier>>,
}

impl Client {
    /// Attaches to a terminal of a node, which is started when it is not there yet.
    pub(crate) async fn terminal(
        &self,
        lab: &str,
        node: &str,
        user: Option<&str>,
        (cols, rows): (u16, u16),
    ) -> Result<Terminal, Failure> {
        let mut path = node_path(lab, node, "shell");
        path.push_str(&format!("?cols={cols}&rows={rows}"));
        if let Some(user) = user {
            path.push_str(&format!("&user={}", segment(user)));
        }
        let (carrier, request) = self.carrier(&path).await?;
        match client_async(request, carrier).await {
            Ok((socket, _)) => Ok(Terminal { socket }),
            Err(Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                Err(match serde_json::from_slice(&body) {
                    Ok(error) => Failure::Answered(error),
                    Err(_) => unexpected_response(response.status(), &body),
                })
            }
            Err(error) => Err(Failure::Broken(error.into())),
        }
    }

    async fn carrier(&self, path: &str) -> Result<(Box<dyn Carrier>, Request<()>), Failure> {
        let (carrier, host): (Box<dyn Carrier>, &str) = match &self.at {
            Endpoint::Socket(socket) => {
                let stream = UnixStream::connect(socket)
                    .await
                    .map_err(|error| self.unreachable(&error))?;
                (Box::new(stream), "plateaud")
            }
            Endpoint::Url(url) => {
                let host = url
                    .strip_prefix("http://")
                    .ok_or_else(|| Failure::Address(url.clone()))?;
                let stream = TcpStream::connect(host)
                    .await
                    .map_err(|error| self.unreachable(&error))?;
                (Box::new(stream), host)
            }
        };
        let address = format!("ws://{host}{path}");
        let mut request = address
            .as_str()
            .into_client_request()
            .map_err(|_| Failure::Address(address.clone()))?;
        if let Some(token) = &self.token {
            let value = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| Failure::Address("a token with line breaks".to_owned()))?;
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        Ok((carrier, request))
    }
}

impl Terminal {
    /// Sends a frame.
    pub(crate) async fn send(&mut self, frame: &Frame) -> Result<(), Failure> {
        let message = Message::binary(frame.encode());
        let sent = self.socket.send(message).await;
        sent.map_err(|error| Failure::Broken(error.into()))
    }

    /// The next frame; `None` when the other side is gone.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>, Failure> {
        while let Some(message) = self.socket.next().await {
            match message {
                Ok(Message::Binary(bytes)) => {
                    let frame = Frame::decode(&bytes);
                    return frame
                        .map(Some)
                        .map_err(|error| Failure::Broken(error.into()));
                }
                Ok(Message::Close(_)) | Err(Error::ConnectionClosed) => return Ok(None),
                Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Err(error) => return Err(Failure::Broken(error.into())),
            }
        }
        Ok(None)
    }
}
