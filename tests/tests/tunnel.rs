//! Ports in a lab over a WebSocket, where nothing is published.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use plateau_tests::{Daemon, scenario};
use tokio::net::UnixStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

const LIMIT: Duration = Duration::from_secs(60);

async fn open(daemon: &Daemon, query: &str) -> Result<WebSocketStream<UnixStream>, Error> {
    let stream = UnixStream::connect(daemon.socket())
        .await
        .expect("a connection");
    let address = format!("ws://plateaud/v1/labs/tunnel/nodes/srv1/tunnel?{query}");
    client_async(address, stream)
        .await
        .map(|(socket, _)| socket)
}

/// Everything that comes until the end, and how it ended.
async fn heard(socket: &mut WebSocketStream<UnixStream>) -> (Vec<u8>, CloseCode, String) {
    let mut heard = Vec::new();
    loop {
        let message = tokio::time::timeout(LIMIT, socket.next()).await;
        match message
            .expect("it ends")
            .expect("it is open")
            .expect("it is whole")
        {
            Message::Binary(bytes) => heard.extend_from_slice(&bytes),
            Message::Close(Some(close)) => return (heard, close.code, close.reason.to_string()),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_port_in_a_lab_is_reached_without_being_published() {
    let daemon = Daemon::new();
    let folder = scenario(&[
        ("b.md", "x"),
        (
            "scenario.yaml",
            "plateau: 1\nid: tunnel\ntitle: { en: Tunnel }\nduration: 1m\nbrief: { en: b.md }\n\
             networks: { lan: {} }\n\
             nodes:\n  srv1: { image: debian-server, interfaces: { eth0: { network: lan, address: 10.7.0.1/24 } } }\n  \
             far: { image: debian-server, interfaces: { eth0: { network: lan, address: 10.7.0.2/24 } } }\n\
             tasks:\n  - { id: t, skill: tsgeri/1.2, title: { en: T }, deliverable: { accept: [md], at_most: 1MiB } }\n",
        ),
    ]);
    daemon.up(folder.path(), "tunnel");
    let serve = "mkdir -p /srv/w && cd /srv/w && echo from-$(hostname) > who && head -c 3000000 /dev/zero > big && \
                 for it in 8080:who 8081:big; do \
                 systemd-run --quiet systemd-socket-activate --listen=${it%:*} --accept --inetd cat /srv/w/${it#*:}; done; \
                 for i in $(seq 100); do [ $(ss -Hltn | grep -c :808) = 2 ] && exit 0; sleep 0.1; done; exit 1";
    for node in ["srv1", "far"] {
        daemon.sh("tunnel", node, serve);
    }
    for (query, answer) in [
        ("port=8080", "from-srv1\n"),
        ("port=8080&host=10.7.0.2", "from-far\n"),
    ] {
        let mut socket = open(&daemon, query).await.expect("a tunnel");
        let (heard, code, reason) = heard(&mut socket).await;
        assert_eq!(String::from_utf8_lossy(&heard), answer);
        assert_eq!((code, reason.as_str()), (CloseCode::Normal, ""));
    }
    let mut socket = open(&daemon, "port=8081").await.expect("a tunnel");
    let (big, code, _) = heard(&mut socket).await;
    assert_eq!((big.len(), code), (3_000_000, CloseCode::Normal));
    let echo = "systemd-run --quiet systemd-socket-activate --listen=8082 --accept --inetd cat; \
                    for i in $(seq 100); do ss -Hltn | grep -q :8082 && exit 0; sleep 0.1; done; exit 1";
    daemon.sh("tunnel", "srv1", echo);
    let mut socket = open(&daemon, "port=8082").await.expect("a tunnel");
    for word in ["one", "two"] {
        let message = Message::binary(word.as_bytes().to_vec());
        socket.send(message).await.expect("it is sent");
        let echoed = tokio::time::timeout(LIMIT, socket.next()).await;
        let echoed = echoed
            .expect("it comes")
            .expect("it is open")
            .expect("it is whole");
        assert_eq!(echoed.into_data().as_ref(), word.as_bytes());
    }
    drop(socket);

    let mut nothing = open(&daemon, "port=81").await.expect("a tunnel");
    let (empty, code, reason) = heard(&mut nothing).await;
    assert_eq!((empty.len(), code), (0, CloseCode::Error));
    assert!(reason.contains("connect to 127.0.0.1:81"), "{reason}");
    for wrong in ["", "port=70000", "port=80&host=example.org"] {
        let Err(Error::Http(response)) = open(&daemon, wrong).await else {
            panic!("{wrong} was opened");
        };
        assert_eq!(response.status(), 400, "{wrong}");
    }
}
