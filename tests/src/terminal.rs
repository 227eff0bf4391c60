//! A client at a node's terminal, with a screen of its own, as a browser has one.

use std::path::Path;
use std::time::Duration;

use avt::ScreenKind;
use futures_util::{SinkExt, StreamExt};
use plateau_core::terminal::Frame;
use tokio::net::UnixStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// Most that anything may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A client over a WebSocket.
pub struct Client {
    socket: WebSocketStream<UnixStream>,
    /// What it shows.
    pub screen: Screen,
}

/// A screen that is drawn.
pub struct Screen {
    terminal: avt::Terminal,
    /// The bytes of a character that has only begun.
    rest: Vec<u8>,
}

impl Default for Screen {
    fn default() -> Self {
        Self {
            terminal: avt::Terminal::with_scrollback(80, 24, Some(1000)).expect("a size"),
            rest: Vec::new(),
        }
    }
}

impl Screen {
    /// Shows output, which may end within a character.
    pub fn show(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.rest) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let rest = self.rest.split_off(whole);
        self.terminal
            .feed(String::from_utf8_lossy(&self.rest).as_ref());
        self.rest = rest;
    }

    /// Has another size.
    pub fn resize(&mut self, cols: usize, rows: usize) {
        self.terminal.resize(cols, rows);
    }

    /// Columns and lines.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.terminal.size()
    }

    /// The lines of the screen, without the spaces at their ends.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let lines = self.terminal.screen().visible_lines();
        lines
            .map(|line| line.text().trim_end().to_owned())
            .collect()
    }

    /// Whether it shows a full-screen program.
    #[must_use]
    pub fn is_alternate(&self) -> bool {
        self.terminal.active_screen_kind() == ScreenKind::Alternate
    }

    /// Everything about it, to be compared.
    #[must_use]
    pub fn dump(&self) -> String {
        self.terminal.dump()
    }
}

impl Client {
    /// Joins a terminal of a node.
    ///
    /// # Panics
    /// Where it cannot.
    pub async fn join(socket: &Path, lab: &str, node: &str, query: &str) -> Self {
        let stream = UnixStream::connect(socket).await.expect("a connection");
        let address = format!("ws://plateaud/v1/labs/{lab}/nodes/{node}/shell?{query}");
        let (socket, _) = client_async(address, stream).await.expect("a terminal");
        Self {
            socket,
            screen: Screen::default(),
        }
    }

    /// Sends a frame.
    ///
    /// # Panics
    /// Where the terminal is gone.
    pub async fn say(&mut self, frame: Frame) {
        let message = Message::binary(frame.encode());
        self.socket.send(message).await.expect("it is sent");
    }

    /// Types a text.
    ///
    /// # Panics
    /// Where the terminal is gone.
    pub async fn type_in(&mut self, text: &str) {
        self.say(Frame::Data(text.as_bytes().to_vec())).await;
    }

    /// Hears something, and shows it. Returns what was heard.
    ///
    /// # Panics
    /// Where nothing comes in time.
    pub async fn hear(&mut self) -> Frame {
        loop {
            let heard = tokio::time::timeout(LIMIT, self.socket.next()).await;
            let heard =
                heard.unwrap_or_else(|_| panic!("nothing comes after {:#?}", self.screen.lines()));
            let message = heard.expect("it is open").expect("it is whole");
            let Message::Binary(bytes) = message else {
                continue;
            };
            let frame = Frame::decode(&bytes).expect("a frame");
            match &frame {
                Frame::Data(bytes) => self.screen.show(bytes),
                Frame::Resize { cols, rows } => self.screen.resize((*cols).into(), (*rows).into()),
                Frame::Exit(_) | Frame::Backlog(_) => {}
            }
            return frame;
        }
    }

    /// Waits until the screen is as it should be.
    ///
    /// # Panics
    /// Where it is not in time.
    pub async fn until(&mut self, mut is_so: impl FnMut(&Screen) -> bool) {
        while !is_so(&self.screen) {
            self.hear().await;
        }
    }

    /// Waits until a line of the screen is just this.
    ///
    /// # Panics
    /// Where none is in time.
    pub async fn sees(&mut self, line: &str) {
        self.until(|screen| screen.lines().iter().any(|one| one == line))
            .await;
    }
}
