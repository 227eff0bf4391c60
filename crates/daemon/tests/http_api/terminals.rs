//! Terminals: who sees what, who may type, and what is recorded. The fake's shell shows what is
//! typed in it.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use plateau_core::terminal::{Frame, RecordingView};
use plateau_labs::terminals::{ServerMessage, TerminalId, ViewerMode, ViewerOutput, WindowSize};
use reqwest::{Method, StatusCode};
use tokio::net::UnixStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::house::{House, PATIENCE, error};

/// A client at a terminal of `srv1` in the lab `first`.
struct Client {
    socket: WebSocketStream<UnixStream>,
    shown: String,
    size: (u16, u16),
}

/// What a client hears last.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Exit(i32),
    Closed(CloseCode),
}

async fn open(house: &House, path: &str) -> Result<WebSocketStream<UnixStream>, Error> {
    let stream = UnixStream::connect(&house.socket).await.unwrap();
    let opened = client_async(format!("ws://plateaud/v1/{path}"), stream).await;
    opened.map(|(socket, _)| socket)
}

impl Client {
    async fn join(house: &House, query: &str) -> Self {
        let path = format!("labs/first/nodes/srv1/shell?{query}");
        Self {
            socket: open(house, &path).await.unwrap(),
            shown: String::new(),
            size: (0, 0),
        }
    }

    async fn say(&mut self, frame: Frame) {
        let message = Message::binary(frame.encode());
        self.socket.send(message).await.unwrap();
    }

    async fn type_in(&mut self, text: &str) {
        self.say(Frame::Data(text.as_bytes().to_vec())).await;
    }

    async fn hear(&mut self) -> Option<End> {
        let heard = tokio::time::timeout(PATIENCE, self.socket.next()).await;
        match heard.unwrap()?.unwrap() {
            Message::Binary(bytes) => match Frame::decode(&bytes).unwrap() {
                Frame::Data(bytes) => self.shown += std::str::from_utf8(&bytes).unwrap(),
                Frame::Resize { cols, rows } => self.size = (cols, rows),
                Frame::Exit(status) => return Some(End::Exit(status)),
                Frame::Backlog(past) => panic!("{past:?}"),
            },
            Message::Close(close) => return Some(End::Closed(close.unwrap().code)),
            other
            @ (Message::Text(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {
                panic!("{other:?}")
            }
        }
        None
    }

    async fn sees(&mut self, text: &str) {
        while !self.shown.contains(text) {
            assert_eq!(self.hear().await, None, "after {:?}", self.shown);
        }
    }

    async fn has_size(&mut self, size: (u16, u16)) {
        while self.size != size {
            assert_eq!(self.hear().await, None);
        }
    }

    async fn ends_with(&mut self) -> End {
        loop {
            if let Some(end) = self.hear().await {
                return end;
            }
        }
    }
}

async fn house() -> House {
    let house = House::open().await;
    house.create("first").await;
    house.ready("first").await;
    house
}

#[tokio::test]
async fn a_terminal_is_drawn_and_then_carries_frames_both_ways() {
    let house = house().await;
    let mut client = Client::join(&house, "cols=132&rows=50").await;
    assert_eq!(client.hear().await, None);
    assert_eq!(client.size, (132, 50));
    client.sees("\u{1b}c").await;
    client.type_in("ls\r").await;
    client.sees("ls\r").await;
    client.type_in("exit\r").await;
    assert_eq!(client.ends_with().await, End::Exit(0));
    assert_eq!(client.ends_with().await, End::Closed(CloseCode::Normal));
    // The next one is new.
    let mut next = Client::join(&house, "").await;
    next.type_in("new").await;
    next.sees("new").await;
    assert!(!next.shown.contains("ls"));
    assert_eq!(next.size, (80, 24));
}

#[tokio::test]
async fn all_see_the_same_and_who_comes_later_is_drawn_it() {
    let house = house().await;
    let mut one = Client::join(&house, "cols=100&rows=30").await;
    one.type_in("\u{1b}[?1049h\u{1b}[?2004hfull screen").await;
    one.sees("full screen").await;
    let mut two = Client::join(&house, "").await;
    two.sees("full screen").await;
    assert!(two.shown.contains("\u{1b}[?1047h"), "{:?}", two.shown);
    assert!(two.shown.contains("\u{1b}[?2004h"));
    assert_eq!(two.size, (100, 30));
    two.say(Frame::Resize { cols: 90, rows: 20 }).await;
    one.has_size((90, 20)).await;
    for (typist, text) in [(0, "from one"), (1, "from two")] {
        [&mut one, &mut two][typist].type_in(text).await;
        one.sees(text).await;
        two.sees(text).await;
    }
    let mut other = Client::join(&house, "name=other").await;
    other.type_in("elsewhere").await;
    other.sees("elsewhere").await;
    assert!(!other.shown.contains("full screen"));
}

#[tokio::test]
async fn who_watches_changes_nothing() {
    let house = house().await;
    let mut candidate = Client::join(&house, "cols=100&rows=30").await;
    candidate.sees("\u{1b}c").await;
    let mut watcher = Client::join(&house, "mode=watch&cols=20&rows=10").await;
    watcher.has_size((100, 30)).await;
    watcher.type_in("rm -rf /").await;
    watcher.say(Frame::Resize { cols: 20, rows: 10 }).await;
    candidate.type_in("mine").await;
    for client in [&mut candidate, &mut watcher] {
        client.sees("mine").await;
        assert!(!client.shown.contains("rm"));
        assert_eq!(client.size, (100, 30));
    }
}

#[tokio::test]
async fn closed_terminals_let_nobody_in_until_they_are_opened() {
    let house = house().await;
    let lab = house.create("second").await.id;
    house.ready("second").await;
    let first: plateau_core::api::LabView = house.get("/v1/labs/first").await.json().await.unwrap();
    let mut client = Client::join(&house, "").await;
    let mut elsewhere = open(&house, "labs/second/nodes/srv1/shell").await.unwrap();
    client.type_in("handed in").await;
    client.sees("handed in").await;
    house.terminals.close(&first.id).await;
    assert_eq!(client.ends_with().await, End::Closed(CloseCode::Away));
    let refused = open(&house, "labs/first/nodes/srv1/shell").await;
    let Err(Error::Http(response)) = refused else {
        panic!("it was opened");
    };
    assert_eq!(response.status(), StatusCode::CONFLICT);
    elsewhere.next().await.unwrap().unwrap();
    house.terminals.open(&first.id);
    let mut again = Client::join(&house, "").await;
    again.type_in("back").await;
    again.sees("back").await;
    house.terminals.close(&lab).await;
}

#[tokio::test]
async fn a_terminal_is_recorded_and_passwords_are_not() {
    let house = house().await;
    let path = "/v1/labs/first/recordings";
    let none: Vec<RecordingView> = house.get(path).await.json().await.unwrap();
    assert_eq!(none, []);
    let mut client = Client::join(&house, "cols=100&rows=30").await;
    client.type_in("é€").await;
    client.sees("é€").await;
    client.say(Frame::Resize { cols: 90, rows: 20 }).await;
    client.has_size((90, 20)).await;
    client.type_in("exit\r").await;
    assert_eq!(client.ends_with().await, End::Exit(0));
    house.terminals.shut_down().await;
    let listed: Vec<RecordingView> = house.get(path).await.json().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].name, "srv1-main-1.cast");
    let response = house.get(&format!("{path}/srv1-main-1.cast")).await;
    assert_eq!(
        response.headers()["content-type"],
        "application/x-asciicast"
    );
    let text = response.text().await.unwrap();
    assert_eq!(text.len() as u64, listed[0].bytes);
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["term"]["cols"], 100);
    let codes: Vec<&str> = lines[1..]
        .iter()
        .map(|line| line[1].as_str().unwrap())
        .collect();
    assert!(codes.contains(&"o") && codes.contains(&"r"), "{codes:?}");
    assert!(!codes.contains(&"i"));
    assert_eq!(codes.last(), Some(&"x"));
    for name in ["none.cast", "..%2Fx.cast", ".hidden"] {
        let missing = house.get(&format!("{path}/{name}")).await;
        error(missing, StatusCode::NOT_FOUND, "recording-not-found").await;
    }
    let gone = house.get("/v1/labs/none/recordings").await;
    error(gone, StatusCode::NOT_FOUND, "lab-not-found").await;
}

async fn said(sight: &mut ViewerOutput) -> ServerMessage {
    let said = tokio::time::timeout(PATIENCE, sight.next()).await;
    said.unwrap().unwrap()
}

#[tokio::test]
async fn who_is_too_slow_is_drawn_the_screen_anew() {
    let house = house().await;
    let view: plateau_core::api::LabView = house.get("/v1/labs/first").await.json().await.unwrap();
    let place = TerminalId {
        lab: view.id,
        node: "srv1".to_owned(),
        name: "main".to_owned(),
        user: "root".to_owned(),
    };
    let size = Some(WindowSize {
        cols: 100,
        rows: 30,
    });
    let join = async |mode| house.terminals.join(&place, mode, size).await.unwrap();
    let (mut slow, _) = join(ViewerMode::Watch).await;
    let (mut quick, hands) = join(ViewerMode::TakePart).await;
    let mut seen = String::new();
    for line in 0..500 {
        let text = format!("line {line}\r\n");
        assert!(hands.type_in(Bytes::from(text.clone())).await);
        while !seen.contains(&text) {
            if let ServerMessage::Data(bytes) = said(&mut quick).await {
                seen += std::str::from_utf8(&bytes).unwrap();
            }
        }
    }
    let (mut heard, mut drawings) = (0, 0);
    let mut last = String::new();
    while !last.contains("line 499") {
        heard += 1;
        if let ServerMessage::Data(bytes) = said(&mut slow).await {
            last = String::from_utf8(bytes.to_vec()).unwrap();
            drawings += usize::from(last.starts_with("\u{1b}c"));
        }
    }
    // What waited for it, and one drawing of what it missed.
    assert!(heard < 100, "{heard}");
    assert!(drawings >= 2, "{drawings}");
    assert!(last.contains("line 1\r\n") && last.contains("line 498"));
}

#[tokio::test]
async fn a_terminal_that_cannot_be_is_refused_before_it_opens() {
    let house = house().await;
    for (path, status, code) in [
        ("labs/none/nodes/srv1/shell", 404, "lab-not-found"),
        ("labs/first/nodes/none/shell", 404, "node-not-found"),
        ("labs/first/nodes/srv1/shell?user=--help", 400, "bad-query"),
        ("labs/first/nodes/srv1/shell?cols=wide", 400, "bad-query"),
        ("labs/first/nodes/srv1/shell?mode=look", 400, "bad-query"),
    ] {
        let Err(Error::Http(response)) = open(&house, path).await else {
            panic!("{path} was opened");
        };
        assert_eq!(response.status().as_u16(), status, "{path}");
        let body = response.body().clone().unwrap_or_default();
        let body = String::from_utf8(body).unwrap();
        assert!(body.contains(code), "{path}: {body}");
    }
    let plain = house
        .ask(Method::GET, "/v1/labs/first/nodes/srv1/shell", None)
        .await;
    error(plain, StatusCode::BAD_REQUEST, "not-a-websocket").await;
}
