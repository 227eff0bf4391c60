//! A house with a real application at port 80 of every node, and a browser that goes there.

use std::net::SocketAddr;
use std::path::Path;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::http::{HeaderMap, Uri};
use axum::response::IntoResponse;
use axum::routing::{any, get, post};
use futures_util::StreamExt as _;
use plateau_core::api::WebAppAccess;
use plateau_gateway::tls::Tls;
use reqwest::{Client, Method, Response, StatusCode, redirect};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::house::{House, PATIENCE, builder};

/// The name below which the applications are.
pub(crate) const BASE: &str = "labs.localhost";

/// A house with applications.
pub(crate) struct Shop {
    pub(crate) house: House,
}

/// Somebody who was let in.
pub(crate) struct Visitor {
    /// Origin of the application.
    pub(crate) origin: String,
    /// What the browser sends back.
    pub(crate) cookie: String,
    client: Client,
    door: SocketAddr,
}

/// An application that tells what it is asked.
pub(crate) async fn application() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let told = |uri: Uri, headers: HeaderMap| async move {
        let headers = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
        format!("{uri}\n{}", headers.collect::<String>())
    };
    let set = || async {
        let cookies = [
            "theirs=1; Domain=localhost; Path=/",
            "plateau-web=stolen; Path=/",
        ];
        let cookies = cookies.map(|cookie| ("set-cookie", cookie));
        let more = [
            ("strict-transport-security", "max-age=1"),
            ("clear-site-data", "\"*\""),
            ("x-own", "1"),
        ];
        (axum::response::AppendHeaders(cookies), more, "set")
    };
    let endless = || async {
        let first = futures_util::stream::iter([Ok::<_, std::io::Error>("first")]);
        Body::from_stream(first.chain(futures_util::stream::pending()))
    };
    let socket = |upgrade: WebSocketUpgrade| async {
        upgrade.protocols(["chat"]).on_upgrade(async |mut socket| {
            while let Some(Ok(message)) = socket.next().await {
                if matches!(message, Message::Binary(_)) && socket.send(message).await.is_err() {
                    return;
                }
            }
        })
    };
    let count = |body: Body| async {
        let all = body.into_data_stream();
        let all = all.fold(0, |sum, part| async move { sum + part.unwrap().len() });
        all.await.to_string()
    };
    let led = |headers: HeaderMap| async move {
        let host = headers["host"].to_str().unwrap().to_owned();
        (
            StatusCode::FOUND,
            [("location", format!("http://{host}/led/"))],
        )
            .into_response()
    };
    let router = Router::new()
        .route("/set", get(set))
        .route("/endless", get(endless))
        .route("/socket", any(socket))
        .route("/count", post(count))
        .route("/led", get(led))
        .fallback(told)
        .layer(axum::extract::DefaultBodyLimit::disable());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

impl Shop {
    /// One without TLS, with a lab `first`.
    pub(crate) async fn open() -> Self {
        let shop = Self::in_house(House::open_web(BASE, |_| None).await).await;
        shop.house.create("first").await;
        shop.house.ready("first").await;
        shop
    }

    /// One with TLS below another name, with a lab `first`.
    pub(crate) async fn open_secured(base: &str, tls: impl FnOnce(&Path) -> Tls) -> Self {
        let shop = Self::in_house(House::open_web(base, |state| Some(tls(state))).await).await;
        shop.house.create("first").await;
        shop.house.ready("first").await;
        shop
    }

    /// One in a house that is there.
    pub(crate) async fn in_house(house: House) -> Self {
        house.fake.lead(80, application().await);
        Self { house }
    }

    /// Where the port is.
    pub(crate) fn door(&self) -> SocketAddr {
        let (_, address) = self.house.url.split_once("://").unwrap();
        address.parse().unwrap()
    }

    /// An address that lets somebody in, as the local administrator asks for it.
    pub(crate) async fn address(&self, port: u16) -> String {
        let path = "/v1/labs/first/nodes/srv1/web";
        let response = self.house.post(path, json!({ "port": port })).await;
        view(response).await.address
    }

    /// Somebody who is let in by an address.
    pub(crate) async fn enter(&self, address: &str) -> Visitor {
        let client = self.browser(builder(), address);
        Visitor::enter(client, self.door(), address).await
    }

    /// A browser that finds the name of an address here.
    pub(crate) fn browser(&self, builder: reqwest::ClientBuilder, address: &str) -> Client {
        let url = reqwest::Url::parse(address).unwrap();
        let name = url.host_str().unwrap();
        let builder = builder.no_proxy().redirect(redirect::Policy::none());
        builder.resolve(name, self.door()).build().unwrap()
    }
}

/// What was answered to whoever asked for an address.
pub(crate) async fn view(response: Response) -> WebAppAccess {
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.unwrap()
}

impl Visitor {
    /// Is let in by an address.
    pub(crate) async fn enter(client: Client, door: SocketAddr, address: &str) -> Self {
        let response = client.get(address).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let set = response.headers()["set-cookie"].to_str().unwrap();
        Self {
            origin: reqwest::Url::parse(address)
                .unwrap()
                .origin()
                .ascii_serialization(),
            cookie: set.split(';').next().unwrap().to_owned(),
            client,
            door,
        }
    }

    /// Asks for a path of the application.
    pub(crate) fn ask(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self
            .client
            .request(method, format!("{}{path}", self.origin));
        request.header("cookie", &self.cookie).timeout(PATIENCE)
    }

    /// Status and text of what is at a path.
    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        let response = self.ask(Method::GET, path).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// Opens the application's WebSocket, as a page of some origin does.
    pub(crate) async fn socket(
        &self,
        origin: Option<&str>,
    ) -> Result<WebSocketStream<TcpStream>, Error> {
        let stream = TcpStream::connect(self.door).await.unwrap();
        let address = format!("{}/socket", self.origin.replace("http", "ws"));
        let mut request = address.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("cookie", self.cookie.parse().unwrap());
        headers.insert("sec-websocket-protocol", "chat".parse().unwrap());
        if let Some(origin) = origin {
            headers.insert("origin", origin.parse().unwrap());
        }
        client_async(request, stream)
            .await
            .map(|(socket, _)| socket)
    }
}
